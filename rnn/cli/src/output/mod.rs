//! Output files. A flag that names one has the type [`OutFile`], and nothing else in this crate writes a file.
//!
//! So every command is guarded: before it runs, `guard` finds all flags of this type and compares them with all
//! inputs.

mod guard;
mod kind;

pub use guard::{guard, with_force};
pub use kind::Kind;

use crate::plot::{Chart, PngError, pdf, png};
use clap::builder::{PathBufValueParser, TypedValueParser};
use rnn::files::{FileError, write_whole};
use rnn::train::Save;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// An output file, as named by a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutFile {
    path: PathBuf,
    what: What,
}

/// What is written at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// One file of one of these kinds.
    One(&'static [Kind]),
    /// A checkpoint, and beside it the state from which a run resumes.
    Run,
    /// A folder with files of these names.
    Folder(&'static [&'static str]),
}

/// The parser of a flag's value into an [`OutFile`].
#[derive(Clone, Copy, Debug)]
pub struct Files {
    what: What,
    /// Whether an extension that identifies no kind is accepted.
    open: bool,
}

/// A file whose extension must give one of these kinds.
pub const fn told_by_ending(kinds: &'static [Kind]) -> Files {
    Files { what: What::One(kinds), open: false }
}

/// A file of one of these kinds, possibly given by another flag.
pub const fn told_otherwise(kinds: &'static [Kind]) -> Files {
    Files { what: What::One(kinds), open: true }
}

/// The best model of a run, and beside it the state from which it resumes.
pub const RUN: Files = Files { what: What::Run, open: true };

/// A folder for files with these names.
pub const fn folder(names: &'static [&'static str]) -> Files {
    Files { what: What::Folder(names), open: true }
}

impl OutFile {
    /// The path as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kind given by the file's extension, among those that the command writes.
    pub fn kind(&self) -> Option<Kind> {
        let What::One(kinds) = self.what else { return None };
        let ending = ending(&self.path)?;
        kinds.iter().copied().find(|kind| kind.endings().contains(&&*ending))
    }

    /// Checks that the extension does not contradict the kind to write.
    ///
    /// # Errors
    /// If it does.
    pub fn fits(&self, kind: Kind) -> Result<(), String> {
        match self.kind() {
            Some(told)
                if told != kind && !ending(&self.path).is_some_and(|e| kind.endings().contains(&&*e)) =>
            {
                let endings = kind.endings().join(", .");
                Err(format!(
                    "`{self}` would hold {kind}, and its ending tells {told}: let it end in .{endings}"
                ))
            }
            _ => Ok(()),
        }
    }

    /// Writes the file atomically: on failure the old file remains.
    ///
    /// # Errors
    /// If it cannot be written.
    #[allow(clippy::disallowed_methods)] // this is the one place
    pub fn write(&self, bytes: &[u8]) -> Result<(), FileError> {
        write_whole(&self.path, bytes)
    }

    /// Draws a chart, as pixels or a page if the ending tells so.
    ///
    /// # Errors
    /// If it is too large for pixels, or cannot be written.
    pub fn draw(&self, chart: &Chart) -> Result<(), Box<dyn Error>> {
        Ok(self.write(&picture(chart.svg(), self.kind().unwrap_or(Kind::Svg))?)?)
    }

    /// Writes a file of a folder.
    ///
    /// # Errors
    /// If it cannot be written.
    #[allow(clippy::disallowed_methods)] // this is the one place
    pub fn write_in(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, FileError> {
        debug_assert!(matches!(self.what, What::Folder(names) if names.contains(&name)), "{name}");
        let path = self.path.join(name);
        write_whole(&path, bytes)?;
        Ok(path)
    }

    /// All output files, with the kinds that each may hold.
    fn files(&self) -> Vec<(PathBuf, Vec<Kind>)> {
        match self.what {
            What::One(kinds) => {
                let kinds = self.kind().map_or(kinds.to_vec(), |kind| vec![kind]);
                vec![(self.path.clone(), kinds)]
            }
            What::Run => {
                let Save { best, last, .. } = Save::at(&self.path);
                vec![(best, vec![Kind::Checkpoint]), (last, vec![Kind::LastState])]
            }
            What::Folder(names) => {
                let file = |name: &&str| {
                    let path = self.path.join(name);
                    let kind = match ending(&path).as_deref() {
                        Some("safetensors") => Some(Kind::Arguments),
                        ending => ending.and_then(Kind::of_ending),
                    };
                    (path, kind.into_iter().collect())
                };
                names.iter().map(file).collect()
            }
        }
    }

    fn is_folder(&self) -> bool {
        matches!(self.what, What::Folder(_))
    }

    /// The file that a run rewrites while it lasts: another run must not.
    fn held(&self) -> Option<&Path> {
        let held = matches!(self.what, What::Run) || self.what == What::One(&[Kind::Log]);
        held.then_some(&*self.path)
    }
}

impl fmt::Display for OutFile {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

/// A picture, given as SVG, in the form of a kind of file.
///
/// # Errors
/// If it is too large for pixels, or for a page.
pub fn picture(svg: String, kind: Kind) -> Result<Vec<u8>, PngError> {
    match kind {
        Kind::Png => png(&svg),
        Kind::Pdf => pdf(&svg),
        _ => Ok(svg.into_bytes()),
    }
}

fn ending(path: &Path) -> Option<String> {
    Some(path.extension()?.to_string_lossy().to_lowercase())
}

impl Files {
    fn take(self, path: PathBuf) -> Result<OutFile, String> {
        let file = OutFile { path, what: self.what };
        let kinds = match self.what {
            What::One(kinds) => kinds,
            What::Run => &[Kind::Checkpoint],
            What::Folder(_) => return Ok(file),
        };
        let endings = || kinds.iter().flat_map(|kind| kind.endings()).copied();
        let fits = match ending(&file.path) {
            None => self.open,
            Some(ending) => endings().any(|e| e == ending) || (self.open && !kind::is_known(&ending)),
        };
        if fits {
            return Ok(file);
        }
        let all: Vec<String> = endings().map(|ending| format!(".{ending}")).collect();
        Err(format!("the name of this file must end in {}", all.join(", ")))
    }
}

impl TypedValueParser for Files {
    type Value = OutFile;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<OutFile, clap::Error> {
        let files = *self;
        PathBufValueParser::new().try_map(move |path| files.take(path)).parse_ref(command, arg, value)
    }
}

#[cfg(test)]
mod tests;

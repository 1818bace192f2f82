//! Protects files: a command never overwrites its inputs, nor, without `--force`, a file that this program did not
//! write.

use super::{Kind, OutFile};
use clap::{Arg, ArgAction, ArgMatches, Command};
use rnn::files::{Lock, check_writable, is_temporary_of, remove_stale, resolved};
use std::any::TypeId;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// The flag that allows replacing a file which is not of this program.
const FORCE: &str = "force";

/// The help headings that have output files, for the flag.
const HEADINGS: [&str; 4] = ["Files", "Output", "Data", "Check"];

/// Holds the output files of a run for this process, until it is dropped.
#[must_use = "the files are free again when it is dropped"]
#[derive(Debug)]
pub struct Guard {
    _locks: Vec<Lock>,
}

/// Whether an argument names output files.
pub fn is_output(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == TypeId::of::<OutFile>()
}

/// Adds the flag `--force` to each command that writes a file.
pub fn with_force(command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_string()).collect();
    let command = names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_force));
    let Some(output) = command.get_arguments().find(|arg| is_output(arg)) else { return command };
    let heading = HEADINGS.into_iter().find(|heading| output.get_help_heading() == Some(heading));
    let force = Arg::new(FORCE)
        .long(FORCE)
        .action(ArgAction::SetTrue)
        .help("Replace a file that this program did not write; one that the command reads is never replaced");
    command.arg(match heading {
        Some(heading) => force.help_heading(heading),
        None => force,
    })
}

/// Compares all output files of a command with its inputs and with existing files.
///
/// # Errors
/// If an output is also an input or another output; if a file cannot be written, or exists and was not written by
/// this program; if another run writes it.
pub fn guard(command: &Command, matches: &ArgMatches) -> Result<Guard, Box<dyn Error>> {
    if let Some((name, matches)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        return guard(command, matches);
    }
    let mut inputs: Vec<(String, PathBuf)> = Vec::new();
    let mut outputs: Vec<(String, &OutFile)> = Vec::new();
    for arg in command.get_arguments() {
        let (id, flag) = (arg.get_id().as_str(), flag(arg));
        if is_output(arg) {
            let files = matches.try_get_many::<OutFile>(id).ok().flatten();
            outputs.extend(files.into_iter().flatten().map(|file| (flag.clone(), file)));
        } else if let Ok(Some(values)) = matches.try_get_raw(id) {
            // Of any type: a value that names an existing file counts as an input.
            let paths = values.flat_map(|value| paths_in(Path::new(value)));
            inputs.extend(paths.map(|path| (flag.clone(), path)));
        }
    }
    let is_set = |id| matches.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or(false);
    let force = is_set(FORCE);
    let files: Vec<(&str, PathBuf, Vec<Kind>)> = outputs
        .iter()
        .flat_map(|(flag, file)| file.files().into_iter().map(move |(path, kinds)| (&**flag, path, kinds)))
        .collect();
    // A resumed run reads its own checkpoint, and reports faults in it.
    let is_state =
        |(_, path, kinds): &(_, PathBuf, Vec<Kind>)| kinds[..] == [Kind::LastState] && path.exists();
    let goes_on = is_set("resume") && files.iter().any(is_state);
    for (place, (flag, path, kinds)) in files.iter().enumerate() {
        if let Some((other, _, _)) = files[..place].iter().find(|(_, other, _)| is_one(other, path)) {
            let path = path.display();
            return Err(format!("{other} and {flag} are one file, `{path}`: give each its own").into());
        }
        if let Some((other, input)) =
            inputs.iter().find(|(_, input)| is_one(input, path) || is_temporary_of(input, path))
        {
            return Err(format!(
                "{flag} would write over `{}`, which {other} reads: give it another name",
                input.display()
            )
            .into());
        }
        let folder_is_there = path.parent().is_none_or(|folder| folder == Path::new("") || folder.is_dir());
        if folder_is_there || !outputs.iter().any(|(_, file)| file.is_folder()) {
            check_writable(path).map_err(|error| format!("{flag}: {error}"))?;
        }
        let is_checkpoint = matches!(kinds[..], [Kind::Checkpoint | Kind::LastState]);
        if !(force || goes_on && is_checkpoint) && is_foreign(path, kinds) {
            let kind = kinds.first().map_or_else(String::new, ToString::to_string);
            let what = match Kind::ALL.into_iter().find(|kind| kind.is_of(path).unwrap_or(false)) {
                Some(other) => format!("is {other}, not {kind}"),
                None => format!("is not {kind} that this program wrote"),
            };
            return Err(format!(
                "{flag}: `{}` exists, and {what}: give another name, or --force to replace it",
                path.display()
            )
            .into());
        }
    }
    let held = outputs.iter().filter_map(|(flag, file)| Some((flag, file.held()?)));
    let lock = |(flag, path)| Lock::take(path).map_err(|error| format!("{flag}: {error}"));
    let locks = held.map(lock).collect::<Result<_, _>>()?;
    files.iter().for_each(|(_, path, _)| remove_stale(path));
    Ok(Guard { _locks: locks })
}

/// The flag as typed.
fn flag(arg: &Arg) -> String {
    arg.get_long().map_or_else(|| arg.get_id().to_string(), |long| format!("--{long}"))
}

/// The files that a value names: all of it, or the items of a list.
fn paths_in(value: &Path) -> Vec<PathBuf> {
    if value.is_file() {
        return vec![value.into()];
    }
    let text = value.to_string_lossy();
    let parts =
        text.split(|c: char| c == ',' || c == '=' || c.is_whitespace()).filter(|part| !part.is_empty());
    // A sentence of a thousand words is not a list of files.
    parts.take(100).map(PathBuf::from).filter(|path| path.is_file()).collect()
}

/// Whether two paths are the same file.
fn is_one(a: &Path, b: &Path) -> bool {
    resolved(a) == resolved(b) || number(a).is_some_and(|a| Some(a) == number(b))
}

/// The identity of an existing file.
#[cfg(unix)]
fn number(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
}

#[cfg(not(unix))]
fn number(_: &Path) -> Option<(u64, u64)> {
    None
}

/// Whether the file exists and was not written by this program.
fn is_foreign(path: &Path, kinds: &[Kind]) -> bool {
    let is_file = fs::metadata(path).is_ok_and(|data| data.is_file());
    // A file that cannot be read counts as foreign.
    is_file && !kinds.iter().any(|kind| kind.is_of(path).unwrap_or(false))
}

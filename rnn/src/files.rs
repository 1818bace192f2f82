//! Atomic file writes.
//!
//! The bytes go to a temporary file in the same folder, are synced to disk, and the file is renamed. A crash, a full
//! disk or an interrupt at any moment leaves the old file intact.

mod lock;
mod temporary;

pub use lock::{Lock, LockError};
pub use temporary::{is_temporary_of, remove_stale};

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use temporary::temporary_in;

/// A file that cannot be read or written: which, why, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`: {source}; {}", path.display(), self.mend())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// The attempted action.
    pub action: Action,
    /// The reason of the operating system.
    pub source: io::Error,
}

/// An action on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// To read it.
    Read,
    /// To write it.
    Write,
}

impl FileError {
    /// What the user should do.
    fn mend(&self) -> String {
        match (self.source.kind(), self.action) {
            (ErrorKind::NotFound, Action::Read) => "check the name and the folder".into(),
            (ErrorKind::NotFound, Action::Write) => match self.path.parent() {
                Some(folder) => format!("make the folder `{}` first", folder.display()),
                None => "give the name of a file".into(),
            },
            (ErrorKind::PermissionDenied, action) => {
                format!("allow yourself to {action} it or choose another place")
            }
            (ErrorKind::StorageFull | ErrorKind::QuotaExceeded, _) => {
                "free some space and save again; the old file, if any, is untouched".into()
            }
            (ErrorKind::IsADirectory, _) => "give the name of a file, not of a folder".into(),
            (ErrorKind::NotADirectory, _) => "a part of the path is a file: give a folder there".into(),
            (ErrorKind::InvalidInput, Action::Write) => "give the name of a file".into(),
            (ErrorKind::FileTooLarge, _) => {
                "raise the limit (`ulimit -f`) and save again; the old file, if any, is untouched".into()
            }
            (_, Action::Read) => "check that the disk is there and well".into(),
            (_, Action::Write) => "choose another place; the old file, if any, is untouched".into(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// Writes the file atomically: on failure the old file remains.
///
/// A symbolic link stays a link and its target is replaced; an existing file keeps its permissions. Devices and pipes
/// are refused.
///
/// # Errors
///
/// [`FileError`] if any step fails; no temporary file is left behind.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_with(path, |file| file.write_all(bytes)).map_err(|source| FileError {
        path: path.to_owned(),
        action: Action::Write,
        source,
    })
}

/// Checks that [`write_whole`] could write the file now, so that hours of work are not lost. Changes nothing.
///
/// # Errors
///
/// [`FileError`] as [`write_whole`] would give it.
pub fn check_writable(path: &Path) -> Result<(), FileError> {
    let check = || place(path).and_then(|place| temporary_in(&place.folder, &place.target).map(drop));
    check().map_err(|source| FileError { path: path.to_owned(), action: Action::Write, source })
}

/// Reads the whole file.
///
/// # Errors
///
/// [`FileError`] if it cannot be opened or read.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|source| FileError { path: path.to_owned(), action: Action::Read, source })
}

/// The file that a path denotes, whether it exists or not: absolute, without `..`, with every link followed, the last
/// one too. Two paths of one file resolve to the same path.
///
/// ```
/// use rnn::files::resolved;
///
/// let folder = tempfile::tempdir()?;
/// assert_eq!(resolved(&folder.path().join("./a")), resolved(&folder.path().join("a")));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn resolved(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // A dangling link: the system follows it when it writes. 40 links are treated as a loop.
    for _ in 0..40 {
        if let Ok(whole) = fs::canonicalize(&path) {
            return whole;
        }
        let Ok(next) = fs::read_link(&path) else { break };
        path = folder_of(&path).join(next);
    }
    match (fs::canonicalize(folder_of(&path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The destination of a write: a temporary file in `folder` that is renamed to `target`.
struct Place {
    target: PathBuf,
    folder: PathBuf,
    permissions: Option<fs::Permissions>,
}

fn place(path: &Path) -> io::Result<Place> {
    let target = resolved(path);
    let old = fs::metadata(&target).ok();
    if path.file_name().is_none() || old.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(ErrorKind::IsADirectory.into());
    }
    let permissions = match old {
        Some(old) if !old.is_file() => {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is a device or a pipe"));
        }
        // A rename ignores the old file's permissions; its owner may have made it read-only on purpose.
        Some(old) if old.permissions().readonly() => return Err(ErrorKind::PermissionDenied.into()),
        old => old.map(|old| old.permissions()),
    };
    let folder = folder_of(&target).to_owned();
    Ok(Place { target, folder, permissions })
}

fn write_with(path: &Path, mut write: impl FnMut(&mut File) -> io::Result<()>) -> io::Result<()> {
    let Place { target, folder, permissions } = place(path)?;
    let mut again = true;
    loop {
        let mut temporary = temporary_in(&folder, &target)?;
        // From here on, an early return drops `temporary`, which removes it.
        write(temporary.as_file_mut())?;
        if let Some(permissions) = &permissions {
            temporary.as_file().set_permissions(permissions.clone())?;
        }
        temporary.as_file().sync_all()?;
        match temporary.persist(&target) {
            // Another process took it for a stale file, between its creation and its locking.
            Err(error) if again && error.error.kind() == ErrorKind::NotFound => again = false,
            Err(error) => return Err(error.error),
            Ok(_) => break,
        }
    }
    // Syncing the folder makes the rename durable. Where that fails, a crash may bring the old file back, still
    // whole.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        fs::read_dir(folder).unwrap().map(name).collect()
    }

    #[test]
    fn a_new_and_an_old_file_are_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for text in ["long content", "short"] {
            write_whole(&path, text.as_bytes()).unwrap();
            assert_eq!(read(&path).unwrap(), text.as_bytes());
        }
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn asking_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        check_writable(&path).unwrap();
        assert!(names(folder.path()).is_empty());
        write_whole(&path, b"old").unwrap();
        check_writable(&path).unwrap();
        assert_eq!((read(&path).unwrap(), names(folder.path()).len()), (b"old".to_vec(), 1));
    }

    #[test]
    fn an_error_half_way_leaves_the_old_file_and_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_whole(&path, b"old").unwrap();
        let half = |file: &mut File| {
            file.write_all(b"ne")?;
            Err(ErrorKind::StorageFull.into())
        };
        assert_eq!(write_with(&path, half).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[track_caller]
    fn assert_refused(path: &Path, reason: ErrorKind, mend: &str) {
        let error = write_whole(path, b"x").unwrap_err();
        assert_eq!(error.source.kind(), reason, "{error}");
        assert_eq!(check_writable(path).map_err(|error| error.source.kind()), Err(reason));
        let text = error.to_string();
        assert!(text.contains(mend) && text.contains(&path.display().to_string()), "{text}");
    }

    #[test]
    fn refusals_name_the_path_the_reason_and_the_mend() {
        let folder = tempfile::tempdir().unwrap();
        let inside = |name| folder.path().join(name);
        write_whole(&inside("file"), b"old").unwrap();
        assert_refused(&inside("no/file"), ErrorKind::NotFound, "no` first");
        assert_refused(&inside("file/a"), ErrorKind::NotADirectory, "a part of the path is a file");
        assert_refused(folder.path(), ErrorKind::IsADirectory, "not of a folder");
        assert_refused(Path::new(""), ErrorKind::IsADirectory, "not of a folder");

        let mut locked = fs::metadata(inside("file")).unwrap().permissions();
        locked.set_readonly(true);
        fs::set_permissions(inside("file"), locked).unwrap();
        assert_refused(&inside("file"), ErrorKind::PermissionDenied, "allow yourself to write it");
        assert_eq!(read(&inside("file")).unwrap(), b"old");
    }

    #[test]
    fn a_missing_file_cannot_be_read() {
        let text = read(Path::new("/no/such")).unwrap_err().to_string();
        assert!(text.starts_with("cannot read `/no/such`: ") && text.contains("check the name"), "{text}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_is_no_file() {
        assert_refused(Path::new("/dev/full"), ErrorKind::InvalidInput, "give the name of a file");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        write_whole(&file, b"old").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o626)).unwrap();
        symlink(&file, &link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o626);
    }
}

//! A file that one process at a time may write.

use std::fs::{self, File, TryLockError};
#[cfg(unix)]
use std::io;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Action, FileError, folder_of, resolved};

/// Holds a file for this process until it is dropped, or the process ends in whatever way.
///
/// The lock is on `.NAME.lock` beside the file, since a file that is written whole is a new one each time. It holds the
/// number of the process.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

/// Those of this process, for an end that drops nothing.
static HELD: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn held() -> MutexGuard<'static, Vec<PathBuf>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process has it.
    #[error("`{}` is being written by another run{}: wait for its end or choose another place", path.display(), .process)]
    Held {
        /// The file.
        path: PathBuf,
        /// Which process it is, if that can be told: ` (process 123)`.
        process: String,
    },
    /// The lock cannot be made.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Lock {
    /// Takes the file, whether it exists or not.
    ///
    /// # Errors
    /// If another process has it, or nothing can be written beside it.
    pub fn take(file: &Path) -> Result<Self, LockError> {
        let target = resolved(file);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let path = folder_of(&target).join(format!(".{name}.lock"));
        loop {
            let fail = |source| FileError { path: file.into(), action: Action::Write, source };
            let mut options = File::options();
            let mut lock =
                options.read(true).write(true).create(true).truncate(false).open(&path).map_err(fail)?;
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    let process = match lock.read_to_string(&mut text) {
                        Ok(1..) => format!(" (process {})", text.trim()),
                        _ => String::new(),
                    };
                    return Err(LockError::Held { path: file.into(), process });
                }
                // A file system without locks: nobody can be told, and nobody is hindered.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            // Whoever had it may have removed it between our opening and our locking.
            if !is_at(&lock, &path) {
                continue;
            }
            let written = lock.set_len(0).and_then(|()| lock.rewind());
            let _ = written.and_then(|()| writeln!(lock, "{}", std::process::id()));
            held().push(path.clone());
            return Ok(Self { path, _file: lock });
        }
    }

    /// Removes the locks of this process, which is about to end without dropping them.
    pub fn release_all() {
        held().drain(..).for_each(|path| _ = fs::remove_file(path));
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        held().retain(|path| *path != self.path);
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the open file is the one that now has the name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let number = |data: io::Result<fs::Metadata>| data.map(|data| (data.dev(), data.ino())).ok();
    number(file.metadata()) == number(fs::metadata(path))
}

/// An open file cannot be removed there.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_had_once_at_a_time_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let (a, again) = (folder.path().join("a"), folder.path().join("./a"));
        let lock = Lock::take(&a).unwrap();
        let said = Lock::take(&again).unwrap_err().to_string();
        assert!(said.contains(&format!("(process {})", std::process::id())), "{said}");
        let _other = Lock::take(&folder.path().join("b")).unwrap();
        drop(lock);
        drop(Lock::take(&again).unwrap());
        assert!(!folder.path().join(".a.lock").exists());
    }
}

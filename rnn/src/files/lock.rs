//! A lock that lets one process at a time write a file.

use std::fs::{self, File, TryLockError};
#[cfg(unix)]
use std::io;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Action, FileError, folder_of, resolved};

/// Holds a file for this process until it is dropped or the process ends.
///
/// The lock is on `.NAME.lock` beside the file, since an atomic write replaces the file itself. It contains the
/// process id.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

/// The locks of this process, to release on an exit that drops nothing.
static HELD: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn held() -> MutexGuard<'static, Vec<PathBuf>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a file cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process holds it.
    #[error("`{}` is being written by another run{}: wait for its end or choose another place", path.display(), .process)]
    Held {
        /// The file.
        path: PathBuf,
        /// The holder, if known: ` (process 123)`.
        process: String,
    },
    /// The lock file cannot be created.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Lock {
    /// Locks the file, whether it exists or not.
    ///
    /// # Errors
    /// If another process holds it, or the folder is not writable.
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
                // The file system has no locks: proceed without one.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            // The previous holder may have removed the file between opening and locking it.
            if !is_at(&lock, &path) {
                continue;
            }
            let written = lock.set_len(0).and_then(|()| lock.rewind());
            let _ = written.and_then(|()| writeln!(lock, "{}", std::process::id()));
            held().push(path.clone());
            return Ok(Self { path, _file: lock });
        }
    }

    /// Removes the locks of this process before an exit that drops nothing.
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

/// Whether the open file still has this path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let number = |data: io::Result<fs::Metadata>| data.map(|data| (data.dev(), data.ino())).ok();
    number(file.metadata()) == number(fs::metadata(path))
}

/// An open file cannot be removed on this platform.
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

//! Temporary files for atomic writes: `.NAME.XXXXXX.part` beside the target, locked while its process lives. An
//! unlocked one was left by a process that was killed.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{folder_of, resolved};

const SUFFIX: &str = ".part";
/// The number of random characters in a temporary's name.
const RANDOM: usize = 6;
/// The maximum length of the target's name in a temporary's: systems limit names to 255 bytes.
const NAME: usize = 200;

/// `.NAME.`
fn prefix(file: &Path) -> OsString {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut end = name.len().min(NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}.", &name[..end]).into()
}

/// A temporary file for `target` with the default permissions of a new file.
pub(super) fn temporary_in(folder: &Path, target: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(target);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX).rand_bytes(RANDOM);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
    // The error names the temporary, which means nothing to the reader: only its kind is kept.
    let file = builder.tempfile_in(folder).map_err(|error| io::Error::from(error.kind()))?;
    let _ = file.as_file().try_lock(); // without locks in a file system, no file counts as stale either
    Ok(file)
}

/// Whether a path has the name of a temporary of the file.
pub fn is_temporary_of(path: &Path, file: &Path) -> bool {
    let (path, file) = (resolved(path), resolved(file));
    let Some(name) = path.file_name() else { return false };
    path.parent() == file.parent() && has_name_of_temporary(&name.to_string_lossy(), &file)
}

fn has_name_of_temporary(name: &str, file: &Path) -> bool {
    let prefix = prefix(file);
    let random = name.strip_prefix(&*prefix.to_string_lossy()).and_then(|rest| rest.strip_suffix(SUFFIX));
    random.is_some_and(|random| random.len() == RANDOM && random.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Removes temporaries of a file whose processes have ended. Errors are ignored.
pub fn remove_stale(file: &Path) {
    let file = resolved(file);
    let Ok(entries) = fs::read_dir(folder_of(&file)) else { return };
    let names = entries.flatten().filter(|e| has_name_of_temporary(&e.file_name().to_string_lossy(), &file));
    let stale = |path: &PathBuf| match File::open(path).map(|file| file.try_lock()) {
        Ok(Ok(())) => true,
        Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) | Err(_) => false,
    };
    for path in names.map(|entry| entry.path()).filter(stale) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.safetensors");
        let living = temporary_in(folder.path(), &file).unwrap();
        let others =
            ["a.safetensors", ".a.safetensors.abc.part", ".a.safetensors.abcdef.txt", ".b.abcdef.part"];
        for name in others.iter().chain(&[".a.safetensors.abcdef.part"]) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_stale(&file);
        let names = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path());
        let mut left: Vec<PathBuf> = names.collect();
        let mut kept: Vec<PathBuf> = others.iter().map(|name| folder.path().join(name)).collect();
        kept.push(living.path().to_owned());
        left.sort();
        kept.sort();
        assert_eq!(left, kept);
        assert!(is_temporary_of(living.path(), &file) && !is_temporary_of(&file, &file));
    }

    #[test]
    fn a_name_as_long_as_names_can_be_has_a_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("é".repeat(127));
        crate::files::write_whole(&file, b"a").unwrap();
        assert_eq!(fs::read(file).unwrap(), b"a");
    }
}

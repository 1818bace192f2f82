//! Text files, read whole.

use std::fs;
use std::path::Path;

use super::{Error, Result};

/// Reads a UTF-8 text file. A byte order mark at its start is taken off; all else stays, line ends included.
///
/// # Errors
/// The file cannot be opened; it is empty or holds white space alone; it is not UTF-8 (the error names the line and
/// the byte).
pub fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).map_err(|reason| Error::Open { path: path.into(), reason })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let line = 1 + line_ends(&error.as_bytes()[..offset]);
        Error::NotUtf8 { path: path.into(), line, offset }
    })?;
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    if text.trim().is_empty() { Err(Error::Empty { path: path.into() }) } else { Ok(text) }
}

/// How many lines end in these bytes: a line ends in `\n`, which covers `\r\n`.
#[expect(clippy::naive_bytecount, reason = "each byte of a file is counted once")]
pub(super) fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A directory that holds one file of this name and content, and the file's path.
    pub fn written(name: &str, content: impl AsRef<[u8]>) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        (directory, path)
    }

    fn outcome(content: impl AsRef<[u8]>) -> Result<String> {
        let (_directory, path) = written("text.txt", content);
        read(&path)
    }

    #[test]
    fn a_text_comes_back_as_it_is_but_for_the_byte_order_mark() {
        assert_eq!(outcome("\u{feff}é\r\n\ta \n\n").unwrap(), "é\r\n\ta \n\n");
        assert_eq!(outcome("a\u{feff}b").unwrap(), "a\u{feff}b");
    }

    #[test]
    fn bad_files_are_named() {
        let missing = read(Path::new("no/such/file.txt")).unwrap_err().to_string();
        assert!(missing.starts_with("cannot open no/such/file.txt: "), "{missing}");
        for empty in ["", "\u{feff}", " \n\n"] {
            assert!(matches!(outcome(empty), Err(Error::Empty { .. })), "{empty:?}");
        }
        let latin1 = outcome(b"one\ntwo\ncaf\xe9\n").unwrap_err();
        assert!(matches!(latin1, Error::NotUtf8 { line: 3, offset: 11, .. }), "{latin1}");
        assert!(latin1.to_string().contains("iconv -f latin1 -t utf-8"));
    }
}

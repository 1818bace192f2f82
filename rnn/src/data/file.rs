//! Text files, read whole.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use chardetng::EncodingDetector;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::{Error, Result};

/// A character encoding, by its name in the WHATWG standard: `utf-8`, `utf-16le`, `windows-1252` …
///
/// ```
/// use rnn::data::file::Encoding;
///
/// assert_eq!("latin1".parse::<Encoding>()?.to_string(), "windows-1252"); // as that standard has it
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

impl FromStr for Encoding {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        encoding_rs::Encoding::for_label(name.as_bytes()).map(Self).ok_or_else(|| {
            "no encoding has this name; common ones are utf-8, utf-16le, utf-16be, windows-1252, windows-1251, \
             shift_jis, gb18030, euc-kr"
                .into()
        })
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0.name().to_lowercase())
    }
}

/// Reads a text file in UTF-8, as [`read_as`].
///
/// # Errors
/// As [`read_as`].
pub fn read(path: &Path) -> Result<String> {
    read_as(path, None)
}

/// Reads a text file as UTF-8, or in `encoding`. A byte order mark is removed and letters are composed (NFC); all
/// else is unchanged, line ends included.
///
/// # Errors
/// The file cannot be opened; it is empty or blank; it is not valid in that encoding (the error names the line, the
/// byte, and the likely encoding).
pub fn read_as(path: &Path, encoding: Option<Encoding>) -> Result<String> {
    let bytes = fs::read(path).map_err(|reason| Error::Open { path: path.into(), reason })?;
    let text = decode(&bytes, encoding).map_err(|fault| match fault {
        Fault::Marked(found) => Error::Encoded { path: path.into(), found },
        Fault::Malformed { line, offset, byte, guess, reads } => {
            Error::NotUtf8 { path: path.into(), line, offset, byte, guess, reads }
        }
        Fault::Not { encoding, line } => Error::NotOf { path: path.into(), line, encoding },
    })?;
    if text.trim().is_empty() { Err(Error::Empty { path: path.into() }) } else { Ok(text) }
}

/// Why bytes cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A byte order mark or zero bytes show another encoding.
    Marked(Encoding),
    /// A byte is not UTF-8.
    Malformed {
        /// The line of the first wrong byte, from 1.
        line: usize,
        /// The offset of that byte, from 0.
        offset: usize,
        /// That byte.
        byte: u8,
        /// The likely encoding of the whole.
        guess: Encoding,
        /// The text around that byte as `guess` decodes it, if that is possible.
        reads: String,
    },
    /// The bytes are invalid in the requested encoding.
    Not {
        /// The encoding.
        encoding: Encoding,
        /// The first line with an invalid character.
        line: usize,
    },
}

/// Bytes as text, composed (NFC), without a byte order mark.
///
/// # Errors
/// If the bytes are invalid in the encoding; UTF-8 if none is given.
pub fn decode(bytes: &[u8], encoding: Option<Encoding>) -> std::result::Result<String, Fault> {
    let text = match (encoding, encoding_rs::Encoding::for_bom(bytes)) {
        (Some(Encoding(encoding)), _) => {
            let (text, _, malformed) = encoding.decode(bytes);
            if malformed {
                let before = text.split(char::REPLACEMENT_CHARACTER).next().unwrap_or_default();
                let line = 1 + line_ends(before.as_bytes());
                return Err(Fault::Not { encoding: Encoding(encoding), line });
            }
            text.into_owned()
        }
        (None, Some((marked, _))) if marked != encoding_rs::UTF_8 => {
            return Err(Fault::Marked(Encoding(marked)));
        }
        (None, mark) => {
            let bytes = &bytes[mark.map_or(0, |(_, length)| length)..];
            if let Some(wide) = wide(bytes) {
                return Err(Fault::Marked(wide));
            }
            let skipped = mark.map_or(0, |(_, length)| length);
            std::str::from_utf8(bytes)
                .map_err(|error| malformed(bytes, error.valid_up_to(), skipped))?
                .to_owned()
        }
    };
    Ok(if is_nfc(&text) { text } else { text.nfc().collect() })
}

/// UTF-16 without a byte order mark: every second byte of Latin letters is zero.
fn wide(bytes: &[u8]) -> Option<Encoding> {
    let head = &bytes[..bytes.len().min(4096)];
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count();
    let many = |zeros: usize| zeros > 0 && 5 * zeros >= head.len();
    match (zeros(0), zeros(1)) {
        (even, 0) if many(even) => Some(Encoding(encoding_rs::UTF_16BE)),
        (0, odd) if many(odd) => Some(Encoding(encoding_rs::UTF_16LE)),
        _ => None,
    }
}

/// The likely encoding of bytes that are not UTF-8.
fn malformed(bytes: &[u8], at: usize, skipped: usize) -> Fault {
    let mut detector = EncodingDetector::new();
    detector.feed(bytes, true);
    let guess = detector.guess(None, true);
    // Some characters around the byte, within its line.
    let start = bytes[..at]
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1)
        .max(at.saturating_sub(12));
    let end =
        bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| at + end).min(at + 12);
    let (reads, _) = guess.decode_without_bom_handling(&bytes[start..end]);
    let reads = reads.chars().filter(|c| !c.is_control()).collect();
    let (line, offset) = (1 + line_ends(&bytes[..at]), skipped + at);
    Fault::Malformed { line, offset, byte: bytes[at], guess: Encoding(guess), reads }
}

/// The number of line ends in these bytes; `\n` also covers `\r\n`.
#[expect(clippy::naive_bytecount, reason = "each byte of a file is counted once")]
pub(super) fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A temporary directory that holds one file of this name and content, and the file's path.
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

    /// Encodes a text.
    fn encoded(text: &str, name: &str) -> Vec<u8> {
        match name {
            "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            _ => encoding_rs::Encoding::for_label(name.as_bytes()).unwrap().encode(text).0.into_owned(),
        }
    }

    #[test]
    fn a_text_comes_back_as_it_is_but_for_the_byte_order_mark() {
        assert_eq!(outcome("\u{feff}é\r\n\ta \n\n").unwrap(), "é\r\n\ta \n\n");
        assert_eq!(outcome("a\u{feff}b").unwrap(), "a\u{feff}b");
        assert_eq!(outcome("e\u{301}").unwrap(), "é");
    }

    #[test]
    fn bad_files_are_named() {
        let missing = read(Path::new("no/such/file.txt")).unwrap_err().to_string();
        assert!(missing.starts_with("cannot open no/such/file.txt: "), "{missing}");
        for empty in ["", "\u{feff}", " \n\n"] {
            assert!(matches!(outcome(empty), Err(Error::Empty { .. })), "{empty:?}");
        }
        let latin1 = outcome(b"one\ntwo\ncaf\xe9 au lait\n").unwrap_err();
        assert!(matches!(latin1, Error::NotUtf8 { line: 3, offset: 11, byte: 0xe9, .. }), "{latin1}");
        assert!(latin1.to_string().contains("windows-1252, in which this is `café au lait`"), "{latin1}");
    }

    #[test]
    fn an_encoding_is_told_by_its_own_name() {
        for (text, name) in [
            ("it’s fine, isn’t it? “Yes”\n", "windows-1252"),
            ("Привет, мир. Это простой текст на русском языке.\n", "windows-1251"),
            ("これは日本語の文章です。とても良い映画でした。\n", "shift_jis"),
            ("这部电影很好，我很喜欢。\n", "gbk"),
        ] {
            let error = outcome(encoded(&text.repeat(20), name)).unwrap_err().to_string();
            assert!(error.contains(&format!("like {name}")), "{error}");
            let (_directory, path) = written("t.txt", encoded(text, name));
            assert_eq!(read_as(&path, Some(name.parse().unwrap())).unwrap(), text, "{name}");
        }
        for name in ["utf-16le", "utf-16be"] {
            for mark in ["\u{feff}", ""] {
                let bytes = encoded(&format!("{mark}good\t1\n"), name);
                let error = outcome(&bytes).unwrap_err().to_string();
                assert!(error.contains(&format!("is {name}")), "{error}");
                assert_eq!(decode(&bytes, Some(name.parse().unwrap())).unwrap(), "good\t1\n");
            }
        }
        let error = decode(b"a\n\xff\xff", Some("shift_jis".parse().unwrap())).unwrap_err();
        assert!(matches!(error, Fault::Not { line: 2, .. }), "{error:?}");
        assert!("latin-33".parse::<Encoding>().unwrap_err().contains("windows-1252"));
    }
}

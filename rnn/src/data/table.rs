//! Tables: CSV and TSV files with a header line.
//!
//! The delimiter follows from the file's extension (`.tsv`, `.tab`, `.csv`), else from the header line: a tab if it
//! has one, else a comma. Comma-separated files are quoted as in RFC 4180. Tab-separated files are not quoted at all:
//! in the corpora with that format (SST-2) a `"` is an ordinary character, and a reader that takes it for the start
//! of a quoted field silently swallows rows.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};

use super::file::{self, Encoding, line_ends};
use super::{Error, Result};

/// The rows of a file under its header.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    /// The line of the header.
    first: usize,
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    line: usize,
    /// The line on which it ends.
    last: usize,
    fields: StringRecord,
}

impl Table {
    /// Reads a file and skips empty lines.
    ///
    /// # Errors
    /// Those of [`file::read_as`]; no rows; a row whose number of fields is not the header's; an unclosed quote, or
    /// one that closes before the end of a field.
    pub fn read(path: &Path, encoding: Option<Encoding>) -> Result<Self> {
        Self::of(path, &file::read_as(path, encoding)?)
    }

    /// Parses a table from text. The path gives the delimiter, and the place in errors.
    ///
    /// # Errors
    /// As [`Table::read`], except for I/O errors.
    pub fn of(path: &Path, text: &str) -> Result<Self> {
        let delimiter = delimiter(path, text);
        let mut rows = rows(path, text, delimiter)?.into_iter();
        let header = rows.next().ok_or_else(|| Error::Empty { path: path.into() })?;
        let columns: Vec<String> = header.fields.iter().map(|name| name.trim().to_owned()).collect();
        let mut rows: Vec<Row> = rows.collect();
        if columns.len() == 1 {
            rows = with_blank_lines(rows);
        }
        if let Some(ragged) = rows.iter().find(|row| row.fields.len() != columns.len()) {
            return Err(Error::Ragged {
                path: path.into(),
                line: ragged.line,
                expected: columns.len(),
                found: ragged.fields.len(),
                mend: match delimiter {
                    b'\t' => "tabs separate fields, so a tab within a field must become a space",
                    _ => "put double quotes around a field that has a comma in it",
                },
            });
        }
        if rows.is_empty() {
            Err(Error::NoRows { path: path.into() })
        } else {
            Ok(Self { path: path.into(), first: header.line, columns, rows })
        }
    }

    /// The file the table was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the columns, in the order of the file.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The error for a first line that is not a header.
    pub(super) fn no_header(&self) -> Error {
        Error::NoHeader { path: self.path.clone(), line: self.first, found: self.columns.clone() }
    }

    /// The fields of one column, each with the line on which its row starts in the file.
    ///
    /// # Errors
    /// No column, or two columns, of this name.
    pub fn column<'a>(
        &'a self,
        name: &str,
    ) -> Result<impl ExactSizeIterator<Item = (usize, &'a str)> + use<'a>> {
        let mut places = (0..self.columns.len()).filter(|&at| self.columns[at] == name);
        let at = places.next().ok_or_else(|| Error::Column {
            path: self.path.clone(),
            name: name.into(),
            columns: self.columns.clone(),
        })?;
        match places.next() {
            Some(_) => Err(Error::TwoColumns { path: self.path.clone(), name: name.into() }),
            None => Ok(self.rows.iter().map(move |row| (row.line, &row.fields[at]))),
        }
    }
}

fn delimiter(path: &Path, text: &str) -> u8 {
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    let header = text.trim_start_matches(['\r', '\n']).lines().next().unwrap_or_default();
    match extension.as_deref() {
        Some("tsv" | "tab") => b'\t',
        Some("csv") => b',',
        _ if header.contains('\t') => b'\t',
        _ => b',',
    }
}

/// A quoting error in a row.
enum Quotes {
    /// A quoted field is never closed.
    Open,
    /// A quote at this byte closes a field whose text continues.
    Stray(usize),
}

/// Finds a quoting error in a row of comma-separated fields. In a field that does not start with a quote, a quote is
/// an ordinary character.
fn quotes(row: &str) -> Option<Quotes> {
    let bytes = row.as_bytes();
    let find = |wanted: u8, from: usize| bytes[from..].iter().position(|&b| b == wanted).map(|at| from + at);
    let mut at = 0;
    loop {
        if bytes.get(at) == Some(&b'"') {
            at += 1;
            loop {
                let Some(quote) = find(b'"', at) else { return Some(Quotes::Open) };
                match bytes.get(quote + 1) {
                    Some(b'"') => at = quote + 2,
                    Some(b',') => break at = quote + 1,
                    None => return None,
                    Some(_) => return Some(Quotes::Stray(quote)),
                }
            }
        }
        at = find(b',', at)? + 1;
    }
}

/// In a table of one column, an empty line between rows is an empty field, not a separator.
fn with_blank_lines(rows: Vec<Row>) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let from = all.last().map_or(row.line, |before| before.last + 1);
        all.extend((from..row.line).map(|line| Row {
            line,
            last: line,
            fields: StringRecord::from(vec![""]),
        }));
        all.push(row);
    }
    all
}

/// All records, header first. Lines are counted here: the csv crate's count is wrong after `\r\n` and empty lines.
fn rows(path: &Path, text: &str, delimiter: u8) -> Result<Vec<Row>> {
    let quoting = delimiter == b',';
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .quoting(quoting)
        .from_reader(text.as_bytes());
    let (mut rows, mut fields) = (Vec::new(), StringRecord::new());
    let (mut line, mut counted) = (1, 0);
    let byte = |reader: &csv::Reader<_>| {
        usize::try_from(reader.position().byte()).map_or(text.len(), |at| at.min(text.len()))
    };
    loop {
        let before = byte(&reader);
        // No reader error can arise: the text is in memory, valid UTF-8, and rows may have any length.
        if !reader.read_record(&mut fields).unwrap_or(false) {
            return Ok(rows);
        }
        let raw = &text[before..byte(&reader)];
        let start = before + raw.len() - raw.trim_start_matches(['\r', '\n']).len();
        line += line_ends(&text.as_bytes()[counted..start]);
        counted = start;
        let row = raw.trim_matches(['\r', '\n']);
        match quotes(row).filter(|_| quoting) {
            None => {}
            Some(Quotes::Open) => return Err(Error::Quote { path: path.into(), line }),
            Some(Quotes::Stray(at)) => {
                let stray = line + line_ends(&row.as_bytes()[..at]);
                return Err(Error::QuoteEnd { path: path.into(), line: stray, start: line });
            }
        }
        let last = line + line_ends(row.as_bytes());
        rows.push(Row { line, last, fields: std::mem::take(&mut fields) });
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::written;
    use super::*;

    fn table(name: &str, content: &str) -> Result<Table> {
        let (_directory, path) = written(name, content);
        Table::read(&path, None)
    }

    fn column(table: &Table, name: &str) -> Vec<(usize, String)> {
        table.column(name).unwrap().map(|(line, field)| (line, field.to_owned())).collect()
    }

    #[test]
    fn quotes_quote_in_csv_and_nowhere_else() {
        let csv = table("t.csv", "text,label\n\"a, \"\"b\"\"\nc\",1\nd,0\n").unwrap();
        assert_eq!(column(&csv, "text"), [(2, "a, \"b\"\nc".into()), (4, "d".into())]);
        let tsv = table("t.tsv", "text\tlabel\n\"open\t1\na, b\"c\t0\n").unwrap();
        assert_eq!(column(&tsv, "text"), [(2, "\"open".into()), (3, "a, b\"c".into())]);
    }

    #[test]
    fn the_delimiter_is_that_of_the_name_else_of_the_header() {
        for (name, content) in [
            ("t.TSV", "a\tb,c\n1\t2,3\n"),
            ("t.tab", "a\tb,c\n1\t2,3\n"),
            ("t.txt", "a\tb,c\n1\t2,3\n"),
            ("t", "a,b\n1,2\n"),
            ("t.csv", "a,b\tc\n1,2\n"),
        ] {
            assert_eq!(column(&table(name, content).unwrap(), "a"), [(2, "1".into())], "{name}");
        }
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let table = table("t.csv", "\u{feff}\r\na,b\r\n1,0\r\n\r\n\"2\r\n2\",0\r\n3,0").unwrap();
        assert_eq!(column(&table, "a"), [(3, "1".into()), (5, "2\r\n2".into()), (7, "3".into())]);
    }

    /// The grammar of RFC 4180; in a field that does not start with a quote, a quote is an ordinary character, as
    /// programs write it.
    #[test]
    fn a_quote_closes_at_the_end_of_a_field() {
        let stray = table("t.csv", "a,b\n\"x,1\ny,0\n\"z,0\nw,1\n").unwrap_err();
        assert!(matches!(stray, Error::QuoteEnd { line: 4, start: 2, .. }), "{stray}");
        let closed = table("t.csv", "a,b\n\"x\"y,1\n").unwrap_err();
        assert!(matches!(closed, Error::QuoteEnd { line: 2, start: 2, .. }), "{closed}");
        for (content, field) in [
            ("a,b\n5\" pipe,1\n", "5\" pipe"),
            ("a,b\n\"\",1\n", ""),
            ("a,b\n\"\"\"\",1\n", "\""),
            ("a,b\r\n\"x, y\",\"1\"\r\n", "x, y"),
        ] {
            let table = table("t.csv", content).unwrap();
            assert_eq!(table.column("a").unwrap().next().unwrap().1, field, "{content:?}");
        }
    }

    #[test]
    fn a_blank_line_is_a_value_that_is_missing() {
        for end in ["\n", "\r\n"] {
            let text = ["x", "", "1", "", "", "2", "", ""].join(end);
            let found = column(&table("t.csv", &text).unwrap(), "x");
            let (empty, one, two) = (String::new(), "1".to_string(), "2".to_string());
            assert_eq!(found, [(3, one), (4, empty.clone()), (5, empty), (6, two)]);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let ragged = table("t.csv", "a,b\n1,2\n\n1,2,3\n").unwrap_err();
        assert!(matches!(ragged, Error::Ragged { line: 4, expected: 2, found: 3, .. }), "{ragged}");
        let open = table("t.csv", "a,b\n1,2\n1,\"2\n1,2\n").unwrap_err();
        assert!(matches!(open, Error::Quote { line: 3, .. }), "{open}");
        assert!(matches!(table("t.csv", "a,b\n"), Err(Error::NoRows { .. })));
        let good = table("t.csv", "a,b,b\n1,2,3\n").unwrap();
        let missing = good.column("c").err().unwrap().to_string();
        assert!(missing.ends_with("has no column `c`; its columns are `a`, `b`, `b`"), "{missing}");
        assert!(matches!(good.column("b"), Err(Error::TwoColumns { .. })));
    }
}

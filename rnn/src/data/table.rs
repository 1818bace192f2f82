//! Tables: CSV and TSV files with a header line.
//!
//! Columns are asked for by name. The delimiter follows from the file's name (`.tsv`, `.tab`, `.csv`), else from the
//! header line: a tab if it has one, else a comma. Comma-separated files are quoted as RFC 4180 says. Tab-separated
//! files are not quoted at all: in the corpora that come this way (SST-2) a `"` is a character like any other, and
//! a reader that takes it for the start of a quoted field swallows rows without a word.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};

use super::file::{self, line_ends};
use super::{Error, Result};

/// The rows of a file under its header.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    line: usize,
    fields: StringRecord,
}

impl Table {
    /// Reads a file. Lines without any character are passed over.
    ///
    /// # Errors
    /// Those of [`file::read`]; no rows; a row whose number of fields is not the header's; a quote left open.
    pub fn read(path: &Path) -> Result<Self> {
        let text = file::read(path)?;
        let delimiter = delimiter(path, &text);
        let mut rows = rows(path, &text, delimiter)?.into_iter();
        let header = rows.next().ok_or_else(|| Error::Empty { path: path.into() })?.fields;
        let columns: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        let rows: Vec<Row> = rows.collect();
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
            Ok(Self { path: path.into(), columns, rows })
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

    /// The fields of one column, each with the line on which its row starts in the file.
    ///
    /// # Errors
    /// No column or two columns of this name.
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

/// All records, header first. Lines are counted here: the reader's own count is off after `\r\n` and empty lines.
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
        // Reading from memory, text known to be UTF-8, rows of any length: none of the reader's errors can arise.
        if !reader.read_record(&mut fields).unwrap_or(false) {
            return Ok(rows);
        }
        let raw = &text[before..byte(&reader)];
        let start = before + raw.len() - raw.trim_start_matches(['\r', '\n']).len();
        line += line_ends(&text.as_bytes()[counted..start]);
        counted = start;
        if quoting && raw.matches('"').count() % 2 == 1 {
            return Err(Error::Quote { path: path.into(), line });
        }
        rows.push(Row { line, fields: std::mem::take(&mut fields) });
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::written;
    use super::*;

    fn table(name: &str, content: &str) -> Result<Table> {
        let (_directory, path) = written(name, content);
        Table::read(&path)
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
        let table = table("t.csv", "\u{feff}\r\na\r\n1\r\n\r\n\"2\r\n2\"\r\n3").unwrap();
        assert_eq!(column(&table, "a"), [(3, "1".into()), (5, "2\r\n2".into()), (7, "3".into())]);
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

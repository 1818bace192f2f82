//! Labelled sentences, for classification.

use std::path::Path;

use unicode_normalization::UnicodeNormalization;

use super::file::Encoding;
use super::{Error, Result, Table};

/// Sentences and their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// The sentences, in the order of the file.
    pub sentences: Vec<String>,
    /// The class of each sentence: an index into `classes`.
    pub labels: Vec<usize>,
    /// The names of the classes.
    pub classes: Vec<String>,
}

const TEXT: [&str; 3] = ["sentence", "text", "review"];
const LABEL: [&str; 2] = ["label", "sentiment"];

/// The labels that need no list of classes. In each pair, index 0 is "negative" and 1 is "positive".
const SENTIMENT: [[&str; 2]; 3] = [["0", "1"], ["neg", "pos"], ["negative", "positive"]];

/// Reads the labelled sentences of a CSV or TSV file ([`Table`]).
///
/// Unnamed columns default to the first called `sentence`, `text` or `review` and the first called `label` or
/// `sentiment`, in any case. With `classes`, a label is the exact name of a class. Without, it is 0/1, neg/pos or
/// negative/positive in any case, and the classes are `["negative", "positive"]`. White space around a label or a
/// class is ignored.
///
/// # Errors
/// Those of [`Table::read`] and [`Table::column`]; no column is named and none is found; a label is not accepted; a
/// sentence is blank; there are fewer than three sentences, which cannot be split, or all have one class.
pub fn read(
    path: &Path,
    text: Option<&str>,
    label: Option<&str>,
    classes: Option<&[String]>,
    encoding: Option<Encoding>,
) -> Result<Labelled> {
    // Check the list of classes before reading a large file.
    Accepted::new(classes)?;
    of(&Table::read(path, encoding)?, text, label, classes)
}

/// The labelled sentences of a table, as [`read`].
///
/// # Errors
/// As [`read`], except for I/O errors.
pub fn of(
    table: &Table,
    text: Option<&str>,
    label: Option<&str>,
    classes: Option<&[String]>,
) -> Result<Labelled> {
    let (accepted, path) = (Accepted::new(classes)?, table.path());
    let is_data = table.columns().iter().any(|name| accepted.class(name).is_some());
    let told = |error: Error| if is_data { table.no_header() } else { error };
    let text = named_or_found(table, text, &TEXT, "text").map_err(told)?;
    let label = named_or_found(table, label, &LABEL, "label").map_err(told)?;

    let mut sentences = Vec::new();
    for (line, sentence) in table.column(text)? {
        if sentence.trim().is_empty() {
            return Err(Error::NoSentence { path: path.into(), line });
        }
        sentences.push(sentence.to_owned());
    }
    let labels = table
        .column(label)?
        .map(|(line, label)| accepted.class(label.trim()).ok_or_else(|| accepted.refusal(path, line, label)))
        .collect::<Result<Vec<_>>>()?;

    if sentences.len() < 3 {
        return Err(Error::FewSentences { path: path.into(), found: sentences.len() });
    }
    if labels.iter().all(|&class| class == labels[0]) {
        return Err(Error::OneClass { path: path.into(), class: accepted.names()[labels[0]].clone() });
    }
    Ok(Labelled { sentences, labels, classes: accepted.names() })
}

fn named_or_found<'a>(
    table: &'a Table,
    named: Option<&'a str>,
    candidates: &[&str],
    what: &'static str,
) -> Result<&'a str> {
    let is_candidate = |column: &&String| candidates.iter().any(|name| column.eq_ignore_ascii_case(name));
    named.or_else(|| table.columns().iter().find(is_candidate).map(String::as_str)).ok_or_else(|| {
        Error::WhichColumn { path: table.path().into(), what, columns: table.columns().to_vec() }
    })
}

/// The accepted labels and their classes.
enum Accepted {
    Sentiment,
    Named(Vec<String>),
}

impl Accepted {
    fn new(classes: Option<&[String]>) -> Result<Self> {
        let Some(classes) = classes else { return Ok(Self::Sentiment) };
        let names: Vec<String> = classes.iter().map(|name| name.trim().nfc().collect()).collect();
        let is_bad = |(at, name): (usize, &String)| name.is_empty() || names[..at].contains(name);
        if names.len() < 2 || names.iter().enumerate().any(is_bad) {
            return Err(Error::Classes { classes: names });
        }
        Ok(Self::Named(names))
    }

    fn class(&self, label: &str) -> Option<usize> {
        match self {
            Self::Sentiment => SENTIMENT
                .iter()
                .find_map(|pair| pair.iter().position(|name| label.eq_ignore_ascii_case(name))),
            Self::Named(names) => names.iter().position(|name| name == label),
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Sentiment => vec!["negative".into(), "positive".into()],
            Self::Named(names) => names.clone(),
        }
    }

    fn refusal(&self, path: &Path, line: usize, label: &str) -> Error {
        let (accepted, mend) = match self {
            Self::Sentiment => {
                ("0/1, neg/pos, negative/positive".to_owned(), "correct it, or name the classes of the file")
            }
            Self::Named(names) => (names.join(", "), "correct it, or add it to the classes"),
        };
        Error::Label { path: path.into(), line, label: label.trim().into(), accepted, mend }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::written;
    use super::*;

    fn labelled(content: &str, classes: Option<&[&str]>) -> Result<Labelled> {
        let (_directory, path) = written("t.tsv", content);
        let classes: Option<Vec<String>> =
            classes.map(|names| names.iter().map(ToString::to_string).collect());
        read(&path, None, None, classes.as_deref(), None)
    }

    fn said(content: &str, classes: Option<&[&str]>) -> String {
        labelled(content, classes).unwrap_err().to_string()
    }

    #[test]
    fn the_three_ways_to_write_a_sentiment_mean_the_same() {
        for labels in [["0", "1", "1"], ["neg", "POS", "pos"], ["Negative", "positive", " Positive "]] {
            let [a, b, c] = labels;
            let found =
                labelled(&format!("Label\tid\tREVIEW\n{a}\t1\tbad\n{b}\t2\tgood\n{c}\t3\tfine\n"), None)
                    .unwrap();
            assert_eq!(found.sentences, ["bad", "good", "fine"]);
            assert_eq!(found.labels, [0, 1, 1]);
            assert_eq!(found.classes, ["negative", "positive"]);
        }
    }

    #[test]
    fn named_classes_are_indexed_in_the_order_of_the_list() {
        let content = "text\tlabel\nx\tsport\ny\tnews\nz\tsport\n";
        let found = labelled(content, Some(&["news", "art", "sport"])).unwrap();
        assert_eq!(found.labels, [2, 0, 2]);
        assert_eq!(found.classes, ["news", "art", "sport"]);
    }

    #[test]
    fn a_class_is_its_name_however_it_is_written() {
        let found =
            labelled("text\tlabel\na\tvery bad\nb\té\nc\té\n", Some(&["very bad", " e\u{301}"])).unwrap();
        assert_eq!((found.labels, found.classes), (vec![0, 1, 1], vec!["very bad".into(), "é".to_string()]));
    }

    #[test]
    fn named_columns_win() {
        let (_directory, path) = written("t.csv", "text,body,label,stars\na,b,0,1\nc,d,0,0\ne,f,0,1\n");
        let found = read(&path, Some("body"), Some("stars"), None, None).unwrap();
        assert_eq!((found.sentences[1].as_str(), found.labels), ("d", vec![1, 0, 1]));
        assert!(matches!(read(&path, Some("title"), None, None, None), Err(Error::Column { .. })));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let label = said("text\tlabel\na\t0\nb\t2\nc\t1\n", None);
        assert!(
            label.contains("t.tsv:3: label `2` is not one of 0/1, neg/pos, negative/positive"),
            "{label}"
        );
        assert!(label.contains("name the classes of the file"), "{label}");
        assert!(said("text\tlabel\na\tx\nb\ty\nc\tX\n", Some(&["x", "y"])).contains(":4: label `X`"));
        assert!(
            said("text\tlabel\na\t0\n", None)
                .contains("has 1 labelled sentence: training, validation and test")
        );
        assert!(said("text\tlabel\na\t0\nb\t1\n", None).contains("has 2 labelled sentences"));
        assert!(
            said("text\tlabel\na\t1\nb\tpos\nc\t1\n", None).contains("every sentence is labelled `positive`")
        );
        assert!(said("text\tlabel\na\t0\n \t1\nc\t1\n", None).contains(":3: the sentence is empty"));
        assert!(said("text\tlabel\n", None).contains("no rows"));
        assert!(
            said("line\tlabel\na\t0\n", None)
                .contains("which column holds the text? name one of `line`, `label`")
        );
        let data = said("fine\t1\nbad\t0\ngood\t1\n", None);
        assert!(data.contains("t.tsv:1: the first line, `fine`, `1`, looks like data"), "{data}");
        for bad in [&["x"][..], &["x", "x"], &["x", ""]] {
            assert!(said("text\tlabel\na\tx\n", Some(bad)).starts_with("classes `x"));
        }
    }
}

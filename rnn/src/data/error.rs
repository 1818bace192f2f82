//! Errors in data. Each message names the fault, the place and the mend.

use super::file::Encoding;
use std::io;
use std::path::PathBuf;

/// The result of a data function.
pub type Result<T> = std::result::Result<T, Error>;

/// An error in data. Lines count from 1, as an editor shows them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("cannot open {}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
    /// The file holds nothing, or nothing but white space.
    #[error("{} is empty: give a file that holds text", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A byte of the file is not UTF-8.
    #[error(
        "{}:{line}: not UTF-8 at byte {offset} of the file (0x{byte:02x}); it looks like {guess}, in which this is {}: \
         name its encoding, or convert it with `iconv -f {guess} -t utf-8`",
        path.display(), quoted(reads)
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first wrong byte.
        line: usize,
        /// The offset of that byte from the start of the file, from 0.
        offset: usize,
        /// That byte.
        byte: u8,
        /// What the file looks like.
        guess: Encoding,
        /// The text around that byte as `guess` decodes it, if that is possible.
        reads: String,
    },
    /// The file's first bytes (byte order mark) declare another encoding.
    #[error(
        "{} is {found}, and not UTF-8: name its encoding, or convert it with `iconv -f {found} -t utf-8`", path.display()
    )]
    Encoded {
        /// The file.
        path: PathBuf,
        /// The declared encoding.
        found: Encoding,
    },
    /// The file is not valid in the encoding that was named.
    #[error("{}:{line}: this cannot be {encoding}: name the encoding that the file has", path.display())]
    NotOf {
        /// The file.
        path: PathBuf,
        /// The first invalid line.
        line: usize,
        /// The encoding.
        encoding: Encoding,
    },
    /// The first line of a table is data, not column names.
    #[error(
        "{}:{line}: the first line, {}, looks like data and not like a header: put a line with the names of the columns above it",
        path.display(), listed(found)
    )]
    NoHeader {
        /// The file.
        path: PathBuf,
        /// The first line that is not empty.
        line: usize,
        /// The fields of that line.
        found: Vec<String>,
    },
    /// The table has a header and no row.
    #[error("{} has a header line and no rows: add data under the header", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// A row has more or fewer fields than the header.
    #[error("{}:{line}: {found} fields where the header has {expected}; {mend}", path.display())]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The line on which the row starts.
        line: usize,
        /// The number of fields in the header.
        expected: usize,
        /// The number of fields in the row.
        found: usize,
        /// What to do, which depends on the delimiter.
        mend: &'static str,
    },
    /// A row of a CSV file has an odd number of quotes, so a quoted field is never closed.
    #[error(
        "{}:{line}: a double quote is left open in the row that starts here; \
         close it, and write a quote inside a quoted field twice (RFC 4180)",
        path.display()
    )]
    Quote {
        /// The file.
        path: PathBuf,
        /// The line on which the row starts.
        line: usize,
    },
    /// A closing quote is followed by text inside the same field.
    #[error(
        "{}:{line}: a double quote closes the field that began on line {start}, and neither a comma nor the end of the \
         line follows: take the stray quote out, or write a quote inside a quoted field twice (RFC 4180)",
        path.display()
    )]
    QuoteEnd {
        /// The file.
        path: PathBuf,
        /// The line of the quote.
        line: usize,
        /// The line on which the row starts.
        start: usize,
    },
    /// There is no column of this name.
    #[error("{} has no column {}; its columns are {}", path.display(), quoted(name), listed(columns))]
    Column {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        name: String,
        /// The names that exist.
        columns: Vec<String>,
    },
    /// Two columns have this name.
    #[error("{} has two columns {}: rename one of them in the header", path.display(), quoted(name))]
    TwoColumns {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// No column was named and none could be inferred.
    #[error("{}: which column holds the {what}? name one of {}", path.display(), listed(columns))]
    WhichColumn {
        /// The file.
        path: PathBuf,
        /// The quantity that needs a column.
        what: &'static str,
        /// The names that exist.
        columns: Vec<String>,
    },
    /// A label is not an accepted one.
    #[error("{}:{line}: label {} is not one of {accepted}; {mend}", path.display(), quoted(label))]
    Label {
        /// The file.
        path: PathBuf,
        /// The line on which the row starts.
        line: usize,
        /// The label as the file has it.
        label: String,
        /// The accepted labels.
        accepted: String,
        /// What to do.
        mend: &'static str,
    },
    /// A sentence is blank.
    #[error("{}:{line}: the sentence is empty: write one, or take the row out", path.display())]
    NoSentence {
        /// The file.
        path: PathBuf,
        /// The line on which the row starts.
        line: usize,
    },
    /// Fewer than three sentences.
    #[error(
        "{} has {found} labelled sentence{}: training, validation and test need at least one each, so give three or more",
        path.display(), if *found == 1 { "" } else { "s" }
    )]
    FewSentences {
        /// The file.
        path: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// All sentences have one label.
    #[error("{}: every sentence is labelled {}: give sentences of at least two classes", path.display(), quoted(class))]
    OneClass {
        /// The file.
        path: PathBuf,
        /// The class they all have.
        class: String,
    },
    /// The list of classes does not have two or more distinct names.
    #[error("classes `{}`: give two or more different names", classes.join(","))]
    Classes {
        /// The list as given.
        classes: Vec<String>,
    },
    /// A field is not a finite number.
    #[error(
        "{}:{line}: {} in column {} is not a finite number; write it like -12.5, or leave the field empty for a value that is \
         missing",
        path.display(), quoted(text), quoted(column)
    )]
    Number {
        /// The file.
        path: PathBuf,
        /// The line on which the row starts.
        line: usize,
        /// The name of the column.
        column: String,
        /// The field as the file has it.
        text: String,
    },
    /// A table of features has another number of columns than the model reads.
    #[error(
        "{} has the columns {}, and the model reads {features} features: give a column for each, in their order",
        path.display(), listed(columns)
    )]
    Features {
        /// The file.
        path: PathBuf,
        /// Its columns, without that of the sequences' names.
        columns: Vec<String>,
        /// The number of features.
        features: usize,
    },
    /// A feature is missing, or is no number.
    #[error(
        "{}:{line}: {} in column {} is not a finite number: a net needs one for each feature at each step",
        path.display(), quoted(text), quoted(column)
    )]
    Feature {
        /// The file.
        path: PathBuf,
        /// The line on which the row starts.
        line: usize,
        /// The name of the column.
        column: String,
        /// The field as the file has it.
        text: String,
    },
    /// Some values of a series are missing.
    #[error(
        "{}: {count} of {all} values in column {} are missing, the first on line {line}, at most {run} in a row: fill them, \
         or say how they are to be filled",
        path.display(), quoted(column)
    )]
    Gaps {
        /// The file.
        path: PathBuf,
        /// The name of the column.
        column: String,
        /// How many are missing.
        count: usize,
        /// How many rows there are.
        all: usize,
        /// The line of the first.
        line: usize,
        /// The longest run of them.
        run: usize,
    },
    /// A number overflows the model's single precision.
    #[error(
        "{}:{line}: {} in column {} is beyond {:.1e}, the largest number of single precision: correct it, or change the unit",
        path.display(), quoted(text), quoted(column), f32::MAX
    )]
    Large {
        /// The file.
        path: PathBuf,
        /// The line on which the row starts.
        line: usize,
        /// The name of the column.
        column: String,
        /// The field as the file has it.
        text: String,
    },
    /// A value lies so far from the training values that its square overflows the model's arithmetic.
    #[error(
        "{at} ({value:e}) lies {far:.1e} standard deviations from the mean of the training part: the model's arithmetic \
         cannot hold that; correct it, or train on values like it"
    )]
    Far {
        /// Where it stands: its line, or its place in the series from 1.
        at: String,
        /// The value.
        value: f64,
        /// Its distance, in standard deviations.
        far: f64,
    },
    /// All training values of a series are equal, so the series cannot be standardised.
    #[error(
        "the series is constant ({value}) over its {count} training values: there is nothing to learn from it"
    )]
    Constant {
        /// The value.
        value: f64,
        /// How many training values there are.
        count: usize,
    },
    /// The spread of a series is too small or too large for 64-bit arithmetic.
    #[error("the standard deviation of the series comes out as {std} in 64-bit arithmetic: change its unit")]
    Spread {
        /// The standard deviation as computed.
        std: f64,
    },
    /// The windows do not fit into memory.
    #[error(
        "{count} windows of {window} steps take about {:.1} GB, and {:.1} GB are free: give a smaller window or fewer values",
        2.0 * bytes / 1e9, free / 1e9
    )]
    Windows {
        /// How many windows.
        count: usize,
        /// Steps of a window.
        window: usize,
        /// Bytes of their inputs.
        bytes: f64,
        /// The free memory in bytes.
        free: f64,
    },
    /// A series has too few values.
    #[error(
        "the series has {found} values; a window of {window} and a horizon of {horizon} need at least {needed}: \
         give more values or a smaller window"
    )]
    ShortSeries {
        /// How many values there are.
        found: usize,
        /// The steps in a window.
        window: usize,
        /// The steps from the last input to the target.
        horizon: usize,
        /// The smallest number of values for which the training part holds a window and its target.
        needed: usize,
    },
    /// No word is frequent enough for the vocabulary.
    #[error(
        "the vocabulary is `<unk>` alone: of {distinct} different {what} none is kept, and a net would learn nothing; ask for \
         fewer occurrences or a larger vocabulary, or give more text"
    )]
    NoWords {
        /// Words or characters.
        what: &'static str,
        /// How many different ones there are in the training part.
        distinct: usize,
    },
    /// A text has too few symbols.
    #[error(
        "{found} symbol{} of {part} do{} not fill {batch} parallel stream{}, which need{} at least {needed}: \
         give more text{}",
        if *found == 1 { "" } else { "s" }, if *found == 1 { "es" } else { "" },
        if *batch == 1 { "" } else { "s" }, if *batch == 1 { "s" } else { "" },
        if *batch == 1 { "" } else { " or take fewer streams" }
    )]
    ShortText {
        /// The text, or a part of it.
        part: &'static str,
        /// How many symbols there are.
        found: usize,
        /// The number of streams.
        batch: usize,
        /// The smallest number of symbols that gives every stream an input and a target.
        needed: usize,
    },
    /// There are too few items to split.
    #[error("{found} cannot be split into training, validation and test: give three or more")]
    FewToSplit {
        /// How many there are.
        found: usize,
    },
    /// Fractions of a split are out of range.
    #[error(
        "fractions {validation} for validation and {test} for test: both must be above 0, and their sum below 1"
    )]
    Fractions {
        /// The validation fraction.
        validation: f64,
        /// The test fraction.
        test: f64,
    },
    /// The training fraction of a text is out of range.
    #[error("a training fraction of {train}: it must be above 0 and below 1")]
    TrainFraction {
        /// The fraction.
        train: f64,
    },
    /// A symbol is not in the vocabulary, which has no unknown symbol.
    #[error(
        "{} is not in the vocabulary, which has no symbol for the unknown: \
         take it out, or train on a text that has it",
        described(symbol)
    )]
    Unknown {
        /// The symbol.
        symbol: String,
    },
    /// A stored vocabulary is invalid: a symbol occurs twice, or its unknown symbol is not in it.
    #[error("not a vocabulary: {reason}; the file is damaged, train the model again")]
    Vocabulary {
        /// What is wrong.
        reason: String,
    },
    /// A size is too small.
    #[error("{what} is {found}: it must be at least {least}")]
    Size {
        /// Which size.
        what: &'static str,
        /// The minimum.
        least: usize,
        /// What was asked for.
        found: usize,
    },
}

/// Refuses a size below the minimum.
pub(super) fn at_least(least: usize, what: &'static str, found: usize) -> Result<()> {
    if found < least { Err(Error::Size { what, least, found }) } else { Ok(()) }
}

/// The maximum number of names in a list.
const LISTED: usize = 20;

fn listed(names: &[String]) -> String {
    let first = names.iter().take(LISTED).map(|name| quoted(name));
    let more =
        names.len().checked_sub(LISTED).filter(|&more| more > 0).map(|more| format!("and {more} more"));
    first.chain(more).collect::<Vec<_>>().join(", ")
}

/// The maximum number of characters of a text that are shown.
const SHOWN: usize = 60;

/// Text from a file or a person, for a message: shortened, and without control characters.
///
/// ```
/// assert_eq!(rnn::data::quoted("\u{1b}[2J"), r"`\u{1b}[2J`");
/// ```
pub fn quoted(text: &str) -> String {
    let mut shown = String::from("`");
    for c in text.chars().take(SHOWN) {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    let all = text.chars().count();
    if all > SHOWN { format!("{shown}…` ({all} characters)") } else { shown + "`" }
}

/// A single character with its code point, since many unknown characters are invisible.
fn described(symbol: &str) -> String {
    let mut characters = symbol.chars();
    match (characters.next(), characters.next()) {
        (Some(c), None) => format!("the character {c:?} (U+{:04X})", u32::from(c)),
        _ => format!("the word {}", quoted(symbol)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(quoted("a b"), "`a b`");
        assert_eq!(quoted("\u{1b}[2J\n"), "`\\u{1b}[2J\\n`");
        assert_eq!(quoted(&"x".repeat(1_000_000)), format!("`{}…` (1000000 characters)", "x".repeat(60)));
        let names: Vec<String> = (0..100_000).map(|i| i.to_string()).collect();
        assert!(listed(&names).ends_with("`19`, and 99980 more"));
    }

    #[test]
    fn an_unknown_character_is_shown_with_its_code_point() {
        let said = |symbol: &str| Error::Unknown { symbol: symbol.into() }.to_string();
        assert!(said("é").starts_with("the character 'é' (U+00E9) is not in the vocabulary"));
        assert!(said("\u{200b}").starts_with("the character '\\u{200b}' (U+200B)"));
        assert!(said("whale").starts_with("the word `whale`"));
    }
}

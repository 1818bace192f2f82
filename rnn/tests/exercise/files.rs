//! Properties of any bytes given as a data file: they are refused with a message, or read.

use rnn::checkpoint::Checkpoint;
use rnn::data::series::Gaps;
use rnn::data::{Fractions, Table, Vocabulary, file, labelled, series, words};
use std::path::Path;

/// Whether the bytes are a table, by the first byte of sentences or of numbers, with commas or with tabs.
///
/// # Panics
/// If a property is violated.
pub fn is_table(bytes: &[u8]) -> bool {
    let path = Path::new(if bytes.first().is_some_and(|b| b % 2 == 0) { "any.csv" } else { "any.tsv" });
    let Ok(text) = file::decode(bytes, None) else { return false };
    let table = match Table::of(path, &text) {
        Ok(table) => table,
        Err(error) => {
            let said = error.to_string();
            assert!(said.starts_with("any.") && said.len() < 4000 && !said.contains('\u{1b}'), "{said}");
            return false;
        }
    };
    if let Ok(sentences) = labelled::of(&table, None, None, None) {
        let tokens = sentences.sentences.iter().flat_map(|sentence| words(sentence));
        let vocabulary = Vocabulary::words(tokens, 1, Some(100));
        assert!(
            sentences.labels.iter().all(|&label| label < sentences.classes.len()) && vocabulary.len() <= 100
        );
    }
    for name in table.columns().iter().take(3) {
        for gaps in [Gaps::Refuse, Gaps::Interpolate, Gaps::Carry] {
            let Ok(column) = series::of(&table, Some(name), gaps) else { continue };
            assert!(column.values.iter().all(|value| value.is_finite()));
            assert_eq!(column.values.len(), column.lines.len());
            if let Ok(series) = column.series(Fractions::default()) {
                let _ = series.windows(&series.test, 3, 1);
            }
        }
    }
    true
}

/// Whether the bytes are a checkpoint. A loaded one can be saved, and loads the same again.
///
/// # Panics
/// If it does not.
pub fn is_checkpoint(bytes: &[u8]) -> bool {
    let path = Path::new("any.safetensors");
    match Checkpoint::of(bytes, path) {
        Ok(checkpoint) => {
            let again = checkpoint.to_bytes().map(|bytes| Checkpoint::of(&bytes, path));
            // Reserved names may clash.
            assert!(again.is_err() || again.is_ok_and(|read| read.is_ok_and(|read| read == checkpoint)));
            true
        }
        Err(error) => {
            assert!(error.to_string().contains("any.safetensors"), "{error}");
            false
        }
    }
}

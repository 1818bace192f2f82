//! Vocabularies: symbols (characters or words) and their ids.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Error, Result};

/// The symbol for every word outside the vocabulary.
pub const UNKNOWN: &str = "<unk>";

/// A list of symbols; a symbol's id is its index in the list. Stored as the list and, if there is one, the unknown
/// symbol: `{"symbols": ["<unk>", "the"], "unknown": "<unk>"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Vocabulary {
    symbols: Vec<String>,
    unknown: Option<usize>,
    ids: HashMap<String, usize>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    symbols: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
}

impl Vocabulary {
    /// The characters of a text, in the order of their code points. There is no unknown symbol:
    /// [`encode`](Self::encode) refuses any other character.
    pub fn characters(text: &str) -> Self {
        let mut characters: Vec<char> =
            text.chars().collect::<std::collections::HashSet<_>>().into_iter().collect();
        characters.sort_unstable();
        Self::of(characters.into_iter().map(String::from).collect(), None)
    }

    /// The words that occur at least `minimum` times, by descending frequency and then alphabetically, after
    /// [`UNKNOWN`] as id 0. A `limit` bounds the total number of symbols.
    ///
    /// ```
    /// use rnn::data::Vocabulary;
    ///
    /// let vocabulary = Vocabulary::words(["b", "a", "c", "c"], 1, Some(3));
    /// assert_eq!(vocabulary.symbols(), ["<unk>", "c", "a"]);
    /// assert_eq!(vocabulary.encode("b")?, 0);
    /// # Ok::<(), rnn::data::Error>(())
    /// ```
    pub fn words<T: AsRef<str>>(
        tokens: impl IntoIterator<Item = T>,
        minimum: usize,
        limit: Option<usize>,
    ) -> Self {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for token in tokens {
            // The entry API would allocate a string for every token, not only for new ones.
            match counts.get_mut(token.as_ref()) {
                Some(count) => *count += 1,
                None => _ = counts.insert(token.as_ref().to_owned(), 1),
            }
        }
        counts.retain(|word, count| *count >= minimum && word != UNKNOWN);
        let mut counted: Vec<(String, usize)> = counts.into_iter().collect();
        counted.sort_unstable_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.cmp(b)));
        let words = counted
            .into_iter()
            .map(|(word, _)| word)
            .take(limit.map_or(usize::MAX, |all| all.saturating_sub(1)));
        Self::of(std::iter::once(UNKNOWN.to_owned()).chain(words).collect(), Some(0))
    }

    /// The fraction of ids that are the unknown symbol; 0 for no ids.
    pub fn unknown_share(&self, ids: &[usize]) -> f64 {
        let unknown = ids.iter().filter(|&&id| Some(id) == self.unknown).count();
        unknown as f64 / ids.len().max(1) as f64
    }

    /// The id of a symbol, or of the unknown symbol if the vocabulary lacks it.
    ///
    /// # Errors
    /// The symbol is not in the vocabulary, which has no unknown symbol.
    pub fn encode(&self, symbol: &str) -> Result<usize> {
        let id = self.ids.get(symbol).copied().or(self.unknown);
        id.ok_or_else(|| Error::Unknown { symbol: symbol.to_owned() })
    }

    /// The ids of many symbols.
    ///
    /// # Errors
    /// Those of [`encode`](Self::encode), for the first symbol that fails.
    pub fn encode_all<T: AsRef<str>>(&self, symbols: impl IntoIterator<Item = T>) -> Result<Vec<usize>> {
        symbols.into_iter().map(|symbol| self.encode(symbol.as_ref())).collect()
    }

    /// The symbol of an id, if the id is below [`len`](Self::len).
    pub fn decode(&self, id: usize) -> Option<&str> {
        self.symbols.get(id).map(String::as_str)
    }

    /// The symbols in the order of their ids.
    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }

    /// The id of the unknown symbol, if there is one.
    pub fn unknown(&self) -> Option<usize> {
        self.unknown
    }

    /// The number of symbols, the unknown one included.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether the vocabulary has no symbols.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    fn of(symbols: Vec<String>, unknown: Option<usize>) -> Self {
        let ids = symbols.iter().cloned().enumerate().map(|(id, symbol)| (symbol, id)).collect();
        Self { symbols, unknown, ids }
    }
}

impl From<Vocabulary> for Stored {
    fn from(vocabulary: Vocabulary) -> Self {
        let unknown = vocabulary.unknown.map(|id| vocabulary.symbols[id].clone());
        Self { symbols: vocabulary.symbols, unknown }
    }
}

impl TryFrom<Stored> for Vocabulary {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        let mut vocabulary = Self::of(stored.symbols, None);
        if let Some((id, symbol)) =
            vocabulary.symbols.iter().enumerate().find(|(id, s)| vocabulary.ids[*s] != *id)
        {
            let reason = format!("symbols {id} and {} are both `{symbol}`", vocabulary.ids[symbol]);
            return Err(Error::Vocabulary { reason });
        }
        if let Some(unknown) = stored.unknown {
            let Some(&id) = vocabulary.ids.get(&unknown) else {
                return Err(Error::Vocabulary {
                    reason: format!("its unknown symbol `{unknown}` is not in it"),
                });
            };
            vocabulary.unknown = Some(id);
        }
        Ok(vocabulary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_stand_in_the_order_of_code_points() {
        let vocabulary = Vocabulary::characters("née\nbé A");
        assert_eq!(vocabulary.symbols(), ["\n", " ", "A", "b", "e", "n", "é"]);
        assert_eq!(vocabulary.encode("é").unwrap(), 6);
        assert_eq!(vocabulary.decode(6), Some("é"));
        assert_eq!(vocabulary.decode(7), None);
        assert!(matches!(vocabulary.encode("z"), Err(Error::Unknown { symbol }) if symbol == "z"));
    }

    #[test]
    fn words_stand_by_count_then_alphabet() {
        let tokens = "the cat the dog a dog <unk> the <unk> ant".split(' ');
        let of = |minimum, limit| Vocabulary::words(tokens.clone(), minimum, limit).symbols().join(" ");
        assert_eq!(of(1, None), "<unk> the dog a ant cat");
        assert_eq!(of(2, None), "<unk> the dog");
        assert_eq!(of(1, Some(4)), "<unk> the dog a");
        assert_eq!(of(9, Some(0)), "<unk>");
        assert_eq!(
            Vocabulary::words(tokens, 2, None).encode_all(["dog", "cat", "<unk>"]).unwrap(),
            [2, 0, 0]
        );
    }

    #[test]
    fn storing_loses_nothing() {
        let words = Vocabulary::words(["a", "b", "b"], 1, None);
        let json = serde_json::to_string(&words).unwrap();
        assert_eq!(json, r#"{"symbols":["<unk>","b","a"],"unknown":"<unk>"}"#);
        assert_eq!(serde_json::from_str::<Vocabulary>(&json).unwrap(), words);
        let characters = Vocabulary::characters("ab");
        let json = serde_json::to_string(&characters).unwrap();
        assert_eq!(json, r#"{"symbols":["a","b"]}"#);
        assert_eq!(serde_json::from_str::<Vocabulary>(&json).unwrap(), characters);
    }

    #[test]
    fn a_damaged_store_is_refused() {
        let said = |json| serde_json::from_str::<Vocabulary>(json).unwrap_err().to_string();
        assert!(said(r#"{"symbols":["a","b","a"]}"#).contains("symbols 0 and 2 are both `a`"));
        assert!(said(r#"{"symbols":["a"],"unknown":"b"}"#).contains("its unknown symbol `b` is not in it"));
    }
}

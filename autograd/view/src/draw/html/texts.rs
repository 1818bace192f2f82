//! Deduplicated texts of many steps: `l0/h[3]` at step 3 and `l0/h[4]` at step 4 are one text.

use serde::Serialize;
use std::collections::HashMap;

/// A piece of text relative to a step.
#[derive(PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
enum Piece {
    /// Literal text.
    Plain(String),
    /// A step number: the current one plus this lag.
    Lag(i64),
}

/// A table of texts.
#[derive(Default)]
pub(super) struct Texts {
    ids: HashMap<Vec<Piece>, usize>,
}

impl Texts {
    /// The index of a text with names in it, at a step. A bracketed number alone is a step; the digits of `l1` and
    /// `h2` are not, and do not change when the text is written at another step, or at step t.
    pub fn id(&mut self, text: &str, step: Option<u32>) -> usize {
        self.insert(pieces(text, step, |before, after| before.ends_with('[') && after.starts_with(']')))
    }

    /// The index of a formula: all its numbers can be relative, since it is only written at its own step.
    pub fn formula(&mut self, text: &str, step: Option<u32>) -> usize {
        self.insert(pieces(text, step, |_, _| true))
    }

    fn insert(&mut self, pieces: Vec<Piece>) -> usize {
        let next = self.ids.len();
        *self.ids.entry(pieces).or_insert(next)
    }

    /// The table ordered by index: lists of strings and lags.
    pub fn table(self) -> impl Serialize {
        let mut table: Vec<(Vec<Piece>, usize)> = self.ids.into_iter().collect();
        table.sort_unstable_by_key(|(_, id)| *id);
        table.into_iter().map(|(pieces, _)| pieces).collect::<Vec<_>>()
    }
}

/// `is_step` gets the text before a number and after it. A number is stored relative to the step only if it is
/// restored exactly.
fn pieces(text: &str, step: Option<u32>, is_step: impl Fn(&str, &str) -> bool) -> Vec<Piece> {
    let Some(step) = step else { return vec![Piece::Plain(text.into())] };
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (run, after) = rest.split_at(if digits > 0 { digits } else { first.len_utf8() });
        let before = &text[..text.len() - rest.len()];
        match lag(run, step).filter(|_| is_step(before, after)) {
            Some(lag) => {
                if !plain.is_empty() {
                    pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Lag(lag));
            }
            None => plain.push_str(run),
        }
        rest = after;
    }
    if !plain.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Plain(plain));
    }
    pieces
}

/// The lag of a number relative to the step, if it is adjacent and in canonical form.
fn lag(run: &str, step: u32) -> Option<i64> {
    let number: i64 = run.parse().ok()?;
    let lag = number - i64::from(step);
    (lag.abs() <= 1 && number.to_string() == run).then_some(lag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pieces: &[Piece], step: i64) -> String {
        let piece = |p: &Piece| match p {
            Piece::Plain(text) => text.clone(),
            Piece::Lag(lag) => (step + lag).to_string(),
        };
        pieces.iter().map(piece).collect()
    }

    #[test]
    fn steps_share_a_text() {
        let mut texts = Texts::default();
        assert_eq!(texts.id("∂(l0/h[30])#2 of h[29]", Some(30)), texts.id("∂(l0/h[7])#2 of h[6]", Some(7)));
        assert_ne!(texts.id("W", None), texts.id("W[3]", None));
    }

    #[test]
    fn digits_of_names_are_no_steps() {
        let mut texts = Texts::default();
        assert_eq!(texts.id("l0/h[1]", Some(1)), texts.id("l0/h[2]", Some(2)));
        assert_eq!(texts.id("l1/h2[1]", Some(1)), texts.id("l1/h2[2]", Some(2)));
        assert_ne!(texts.id("l0/h[1]", Some(1)), texts.id("l1/h[2]", Some(2)));
    }

    #[test]
    fn every_text_comes_back() {
        for text in ["", "h[3]", "W₂[03] 3.03 33 4 2", "−3", "é3", "99999999999999999999"] {
            for step in [0, 2, 3, 33] {
                assert_eq!(written(&pieces(text, Some(step), |_, _| true), i64::from(step)), text);
            }
        }
    }
}

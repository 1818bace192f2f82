//! How a net comes to its judgement: a line a word.

use super::strip::{per_block, strip};
use crate::infer::{Judgement, Step};
use std::io::{self, Write};

/// For each word, the probability of the class if the sentence ended there, and the state. Words that the vocabulary
/// does not have are marked.
pub fn write_trace(
    out: &mut impl Write,
    judgement: &Judgement,
    steps: &[Step],
    class: &str,
) -> io::Result<()> {
    let wide = |text: &str| text.chars().count();
    let word = steps.iter().map(|step| wide(&step.word)).fold(wide("word"), usize::max);
    let name = wide(class).max(4);
    let largest = steps.iter().flat_map(|step| &step.state).fold(0.0, |a: f32, b| a.max(b.abs()));
    let units = steps.first().map_or(0, |step| step.state.len());
    let group = match per_block(units) {
        1 => "one block a unit".into(),
        n => format!("each block the furthest from 0 of {n}"),
    };
    writeln!(
        out,
        "  {:<word$}  {class:>name$}  state h, {units} units, ▁ −{largest:.2}, █ +{largest:.2}, {group}",
        "word"
    )?;
    for step in steps {
        let p = step.probabilities[judgement.class];
        let unknown = if step.known { "" } else { "  unknown word" };
        writeln!(out, "  {:<word$}  {p:>name$.2}  {}{unknown}", step.word, strip(&step.state, largest))?;
    }
    if !judgement.unknown.is_empty() {
        let unknown: Vec<String> = judgement.unknown.iter().map(|word| format!("`{word}`")).collect();
        writeln!(out, "  not in the vocabulary: {}", unknown.join(", "))?;
    }
    writeln!(out)
}

//! A net's prediction word by word: one line per word, within the width of a page.

use super::paint;
use super::strip::{per_block, strip};
use rnn::infer::{Judgement, Step};
use std::io::{self, Write};

/// The maximum number of columns of a word and of a class name.
const WORD: usize = 20;
/// The mark after the state of an unknown word.
const UNKNOWN: &str = "  unknown word";

/// Writes, for each word, the probability of the class if the sentence ended there, and the state. Unknown words are
/// marked.
pub fn write_trace(
    out: &mut impl Write,
    judgement: &Judgement,
    steps: &[Step],
    class: &str,
) -> io::Result<()> {
    let wide = |text: &str| text.chars().count();
    let class = short(class);
    let words: Vec<String> = steps.iter().map(|step| short(&step.word)).collect();
    let word = words.iter().map(|word| wide(word)).fold(wide("word"), usize::max);
    let name = wide(&class).max(4);
    let largest = steps.iter().flat_map(|step| &step.state).fold(0.0, |a: f32, b| a.max(b.abs()));
    let units = steps.first().map_or(0, |step| step.state.len());
    let mark = if steps.iter().all(|step| step.known) { 0 } else { wide(UNKNOWN) };
    // Words and class leave room for some blocks.
    let blocks = paint::WIDTH.saturating_sub(2 + word + 2 + name + 2 + mark);
    writeln!(out, "  {:word$}  {class:>name$}  h, {units} units, ▁ −{largest:.2}, █ +{largest:.2}", "word")?;
    for (step, its_word) in steps.iter().zip(&words) {
        let p = step.probabilities[judgement.class];
        let unknown = if step.known { "" } else { UNKNOWN };
        let state = strip(&step.state, largest, blocks);
        writeln!(out, "  {its_word:<word$}  {p:>name$.2}  {state}{unknown}")?;
    }
    match per_block(units, blocks) {
        1 => {}
        group => writeln!(out, "  each block is the unit furthest from 0 of {group}")?,
    }
    if !judgement.unknown.is_empty() {
        let unknown: Vec<String> =
            judgement.unknown.iter().map(|word| format!("`{}`", paint::harmless(word))).collect();
        let line = format!("not in the vocabulary: {}", unknown.join(", "));
        paint::wrap(&line, paint::WIDTH - 2).iter().try_for_each(|line| writeln!(out, "  {line}"))?;
    }
    writeln!(out)
}

/// Shortens a text to [`WORD`] columns.
fn short(text: &str) -> String {
    let text = &paint::harmless(text);
    if text.chars().count() <= WORD {
        text.clone()
    } else {
        text.chars().take(WORD - 1).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(units: usize, words: &[&str], class: &str) -> String {
        let step = |(i, word): (usize, &&str)| Step {
            word: (*word).into(),
            known: i % 2 == 0,
            probabilities: vec![0.25, 0.75],
            state: (0..units).map(|unit| if unit == units / 2 { -0.5 } else { 0.1 }).collect(),
        };
        let unknown = words.iter().skip(1).step_by(2).map(ToString::to_string).collect();
        let judgement = Judgement { class: 1, probabilities: vec![0.25, 0.75], unknown };
        let steps: Vec<Step> = words.iter().enumerate().map(step).collect();
        let mut out = Vec::new();
        write_trace(&mut out, &judgement, &steps, class).unwrap();
        anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()
    }

    #[test]
    fn no_line_is_wider_than_a_page() {
        let long = "w".repeat(90);
        for units in [1, 12, 64, 65, 128, 1000] {
            for words in [vec!["a"], vec!["a", "zebra"], vec![&long[..], &long[..]]] {
                for class in ["pos", "positive", &long] {
                    let text = trace(units, &words, class);
                    let blocks = |line: &str| line.chars().filter(|c| ('▁'..='█').contains(c)).count();
                    let widest = text.lines().filter(|line| !line.contains("not in") && !line.contains("`w"));
                    let widest = widest.map(|line| line.chars().count()).max().unwrap();
                    assert!(widest <= 80, "{widest} columns\n{text}");
                    // Every unit is in a block, whose size the last line states.
                    let drawn = blocks(text.lines().nth(1).unwrap());
                    let group = text.lines().find_map(|line| line.split(" from 0 of ").nth(1));
                    let group: usize = group.map_or(1, |group| group.parse().unwrap());
                    assert_eq!(drawn, units.div_ceil(group), "{text}");
                    assert!(text.lines().nth(1).unwrap().contains('▁'), "{text}");
                }
            }
        }
    }
}

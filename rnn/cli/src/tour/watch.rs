//! Chapter 2: the hidden state and the prediction, word by word.

use super::learn::Learned;
use super::{SENTENCE, bar, say};
use crate::paint;
use crate::strip::strip;
use std::io::Write;

/// Shows the net reading the sentence.
pub fn watch(out: &mut impl Write, net: &Learned) -> Result<(), Box<dyn std::error::Error>> {
    let steps = net.classifier()?.trace(SENTENCE)?;
    let unknown: Vec<&str> = steps.iter().filter(|step| !step.known).map(|step| step.word.as_str()).collect();
    say(
        out,
        &format!(
            "\"{SENTENCE}\". Below is the state h[t] after each word, one column a unit: low is near −1, middle 0, \
             high near +1. Units are sorted by their weight in the verdict: those on the right raise \"positive\", \
             those on the left lower it. Beside it is what the net would answer if the sentence ended there.",
        ),
    )?;
    let order = votes(net);
    let hidden = order.len();
    let f = paint::FAINT;
    writeln!(out, "  {f}{:8}  {:hidden$}   positive{f:#}", "", "h[t]")?;
    for step in &steps {
        let mark = if step.known { "" } else { "*" };
        let state: Vec<f32> = order.iter().map(|&unit| step.state[unit]).collect();
        let p = step.probabilities[net.positive];
        let (word, state) = (format!("{}{mark}", step.word), strip(&state, 1.0, order.len()));
        writeln!(out, "  {word:8}  {state}  {:5.1} %  {}", 100.0 * p, bar(p))?;
    }
    writeln!(out)?;
    if !unknown.is_empty() {
        say(
            out,
            &format!(
                "* The net does not know \"{}\": the word is not in its vocabulary, and it reads <unk>, as it does for \
                 every rare word. What came before decides.",
                unknown.join("\", \"")
            ),
        )?;
    }
    Ok(())
}

/// The units, ordered from the strongest vote against "positive" to the strongest for it.
fn votes(net: &Learned) -> Vec<usize> {
    let head = &net.parameters["head.weight"];
    let vote = |unit: &usize| head[[net.positive, *unit]] - head[[1 - net.positive, *unit]];
    let mut units: Vec<usize> = (0..net.model.hidden).collect();
    units.sort_by(|a, b| vote(a).total_cmp(&vote(b)));
    units
}

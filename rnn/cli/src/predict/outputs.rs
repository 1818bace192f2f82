//! The outputs of a net that reads real features, or its states if it has no head.

use super::Predict;
use crate::paint::harmless;
use rnn::data::Sequences;
use rnn::infer::{self, Outputs};
use rnn::model::{Head, Input, Model};
use rnn::parameters::Parameters;
use rnn::tasks::{Described, Saved};
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// The number of features that a net reads at each step; `None` if it reads symbols.
pub fn features(model: &Model) -> Option<usize> {
    match model.input {
        Input::Reals { size } => Some(size),
        Input::Embedding { .. } | Input::OneHot { .. } => None,
    }
}

/// The name of what a net gives, and of each of its numbers.
fn names(saved: &Saved) -> (&'static str, Vec<String>) {
    let count = |letter: &str, n: usize| (1..=n).map(|k| format!("{letter}{k}")).collect::<Vec<_>>();
    if let Described::Layers { head: None, .. } = saved.task {
        let ahead = count("h", saved.model.hidden);
        let back = ahead.iter().filter(|_| saved.model.bidirectional).map(|name| format!("{name}_reverse"));
        return ("state", ahead.iter().cloned().chain(back).collect());
    }
    match saved.model.loss.into() {
        Outputs::Values => ("outputs", count("y", saved.model.outputs)),
        Outputs::Classes | Outputs::Probabilities => ("probabilities", count("p", saved.model.outputs)),
    }
}

impl Predict {
    /// Writes a line for each step of each sequence of a table, or one for each sequence.
    #[allow(clippy::cast_possible_truncation)] // nets are in single precision
    pub(super) fn outputs(
        &self,
        saved: &Saved,
        parameters: &Parameters,
        (path, features): (&Path, usize),
    ) -> Result<(), Box<dyn std::error::Error>> {
        let sequences = Sequences::read(path, features, self.reading.encoding)?;
        let (what, names) = names(saved);
        let each = saved.model.head == Head::EachStep;
        let mut out = std::io::stdout().lock();
        if !self.json {
            let before = sequences.named.then_some("sequence").into_iter().chain(each.then_some("step"));
            let all: Vec<&str> = before.chain(names.iter().map(String::as_str)).collect();
            writeln!(out, "{}", all.join("\t"))?;
        }
        for (name, x) in &sequences.all {
            let rows = infer::outputs(&saved.model, parameters, x)?;
            let first = if self.last { rows.nrows() - 1 } else { 0 };
            for (t, row) in rows.rows().into_iter().enumerate().skip(first) {
                let (name, step) = (sequences.named.then_some(name), each.then_some(t + 1));
                let row = row.iter().map(|&value| value as f32);
                if self.json {
                    let mut line = json!({ what: row.collect::<Vec<f32>>() });
                    name.inspect(|name| line["sequence"] = json!(name));
                    step.inspect(|step| line["step"] = json!(step));
                    writeln!(out, "{line}")?;
                } else {
                    let before =
                        name.map(|name| harmless(name)).into_iter().chain(step.map(|t| t.to_string()));
                    let fields: Vec<String> = before.chain(row.map(|value| value.to_string())).collect();
                    writeln!(out, "{}", fields.join("\t"))?;
                }
            }
        }
        Ok(())
    }
}

//! The confusion matrix of a classifier.

use autograd::Value;
use ndarray::Array2;
use rnn::model::{Batch, Outcome};
use std::fmt;

/// The counts of sentences by class and prediction: `[class, predicted]`.
pub struct Confusion<'a> {
    classes: &'a [String],
    counts: Array2<usize>,
}

impl<'a> Confusion<'a> {
    /// An empty matrix.
    pub fn new(classes: &'a [String]) -> Self {
        Self { classes, counts: Array2::zeros((classes.len(), classes.len())) }
    }

    /// Counts the sentences of a batch.
    pub fn add(&mut self, feed: &Batch, outcome: &Outcome) {
        let (Value::Index(classes), Some(outputs)) = (&feed.y, outcome.outputs.first()) else { return };
        for (row, &class) in outputs.outer_iter().zip(classes) {
            let row: Vec<f32> = row.iter().copied().collect();
            let said = (0..row.len()).reduce(|best, i| if row[i] > row[best] { i } else { best });
            if let Some(count) = said.and_then(|said| self.counts.get_mut([class, said])) {
                *count += 1;
            }
        }
    }
}

/// A line per class: the number of its sentences, the fraction of them that is predicted right (recall), and the
/// fraction of its predictions that is right (precision).
impl fmt::Display for Confusion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let width = self.classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(5, 20);
        writeln!(f, "  {:width$}  sentences    found  of those said", "class")?;
        for (class, name) in self.classes.iter().enumerate() {
            let name: String = name.chars().take(width).collect();
            let right = self.counts[[class, class]];
            let (of, said) = (self.counts.row(class).sum(), self.counts.column(class).sum());
            let share = |all: usize| match all {
                0 => "–".to_string(),
                all => format!("{:.1} %", 100.0 * right as f64 / all as f64),
            };
            writeln!(f, "  {name:width$}  {of:>9}  {:>7}  {:>13}", share(of), share(said))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_rows_and_of_columns() {
        let classes = ["bad".to_string(), "good".into(), "none".into()];
        let mut table = Confusion::new(&classes);
        table.counts.assign(&ndarray::array![[3, 1, 0], [0, 4, 0], [0, 0, 0]]);
        let lines: Vec<String> = table.to_string().lines().map(String::from).collect();
        assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["bad", "4", "75.0", "%", "100.0", "%"]);
        assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["good", "4", "100.0", "%", "80.0", "%"]);
        assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["none", "0", "–", "–"]);
    }
}

//! Real-valued series, for forecasts.
//!
//! The parts follow each other in time: training first, test last. The series is standardised by the mean and the
//! standard deviation of its training part, since those of the whole would tell the model about its future. A window
//! belongs to the part that its *target* lies in: its inputs may reach back into the part before, which is the known
//! past at the time of the forecast.

use std::ops::Range;
use std::path::Path;

use ndarray::{Array2, Array3};

use super::error::at_least;
use super::split::share;
use super::{Error, Fractions, Regression, Result, Table};

/// A standardised series and its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// All values, standardised: (value − mean) / std.
    pub values: Vec<f64>,
    /// The mean of the training values, in their own unit.
    pub mean: f64,
    /// The standard deviation of the training values (that of the population: divided by n), in their own unit.
    pub std: f64,
    /// The places of the training values.
    pub train: Range<usize>,
    /// The places of the validation values.
    pub validation: Range<usize>,
    /// The places of the test values.
    pub test: Range<usize>,
    fractions: Fractions,
}

/// Reads one column of a CSV or TSV file ([`Table`]), which may go unnamed if it is the only one.
///
/// # Errors
/// Those of [`Table::read`] and [`Table::column`]; no column is named and there are several; a field is not a finite
/// number.
pub fn read(path: &Path, column: Option<&str>) -> Result<Vec<f64>> {
    let table = Table::read(path)?;
    let column = match (column, table.columns()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, columns) => {
            return Err(Error::WhichColumn { path: path.into(), what: "series", columns: columns.to_vec() });
        }
    };
    let number = |(line, text): (usize, &str)| {
        let value = text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
        value.ok_or_else(|| Error::Number {
            path: path.into(),
            line,
            column: column.into(),
            text: text.into(),
        })
    };
    table.column(column)?.map(number).collect()
}

impl Series {
    /// Splits a series in time and standardises it on its training part.
    ///
    /// # Errors
    /// Fewer than three values; fractions out of range; a training part that is constant, or whose standard deviation
    /// is lost to overflow or underflow.
    #[expect(clippy::float_cmp, reason = "a constant series is one whose values are equal, not nearly so")]
    pub fn new(values: &[f64], fractions: Fractions) -> Result<Self> {
        let [train, validation, _] = fractions.sizes(values.len())?;
        let known = &values[..train];
        if known.iter().all(|value| value == &known[0]) {
            return Err(Error::Constant { value: known[0], count: train });
        }
        let mean = known.iter().sum::<f64>() / train as f64;
        let std = (known.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / train as f64).sqrt();
        if !(std.is_finite() && std > 0.0) {
            return Err(Error::Spread { std });
        }
        Ok(Self {
            values: values.iter().map(|value| (value - mean) / std).collect(),
            mean,
            std,
            train: 0..train,
            validation: train..train + validation,
            test: train + validation..values.len(),
            fractions,
        })
    }

    /// A standardised value in the unit of the series.
    pub fn restore(&self, standardised: f64) -> f64 {
        self.mean + self.std * standardised
    }

    /// All windows whose targets lie in `part`: inputs `[window, batch, 1]`, and as target `[batch, 1]` the value
    /// `horizon` steps after the last input.
    ///
    /// # Errors
    /// `window` or `horizon` is zero; the training part is too short for one window and its target.
    pub fn windows(&self, part: &Range<usize>, window: usize, horizon: usize) -> Result<Regression> {
        at_least(1, "the window", window)?;
        at_least(1, "the horizon", horizon)?;
        let span = window.saturating_add(horizon);
        if self.train.len() < span {
            return Err(self.too_short(window, horizon));
        }
        let targets: Vec<usize> = (part.start.max(span - 1)..part.end).collect();
        Ok(Regression {
            inputs: Array3::from_shape_fn((window, targets.len(), 1), |(t, b, _)| {
                self.values[targets[b] + 1 + t - span]
            }),
            targets: Array2::from_shape_fn((targets.len(), 1), |(b, _)| self.values[targets[b]]),
        })
    }

    /// Names the least greater length whose training part holds a window and its target. Rounding moves the training
    /// part by one at most, so a search from just below the exact proportion ends at once.
    fn too_short(&self, window: usize, horizon: usize) -> Error {
        let span = window.saturating_add(horizon);
        let Fractions { validation, test } = self.fractions;
        let found = self.values.len();
        let start = share(span - 1, 1.0 / (1.0 - validation - test)).saturating_sub(1).max(found);
        let fits = |n: &usize| self.fractions.sizes(*n).is_ok_and(|[train, ..]| train >= span);
        let needed = (start..usize::MAX).find(fits).unwrap_or(usize::MAX);
        Error::ShortSeries { found, window, horizon, needed }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "small whole numbers are exact")]
mod tests {
    use super::super::file::tests::written;
    use super::*;

    fn ramp(n: usize) -> Series {
        Series::new(&(0..n).map(|t| t as f64).collect::<Vec<_>>(), Fractions::default()).unwrap()
    }

    #[test]
    fn a_column_is_read_with_its_mistakes_named() {
        let outcome = |content: &str, column| {
            let (_directory, path) = written("t.csv", content);
            read(&path, column)
        };
        assert_eq!(outcome("year,x\n1, 5 \n2,-1e3\n", Some("x")).unwrap(), [5.0, -1000.0]);
        assert_eq!(outcome("x\n1\n\n2\n", None).unwrap(), [1.0, 2.0]);
        for wrong in ["NA", "", "inf", "NaN", "1e999", "\"1,5\""] {
            let error = outcome(&format!("year,x\n1,5\n2,{wrong}\n"), Some("x")).unwrap_err();
            let text = wrong.trim_matches('"');
            let said = error.to_string();
            assert!(
                said.contains(&format!("t.csv:3: `{text}` in column `x` is not a finite number")),
                "{said}"
            );
        }
        assert!(
            outcome("year,x\n1,5\n", None)
                .unwrap_err()
                .to_string()
                .contains("which column holds the series? name one of `year`, `x`")
        );
    }

    #[test]
    fn only_the_training_part_sets_the_scale() {
        let mut values = vec![1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 90.0, -90.0];
        let series = Series::new(&values, Fractions::default()).unwrap();
        assert_eq!((series.mean, series.std), (2.0, 1.0));
        assert_eq!(
            (series.train.clone(), series.validation.clone(), series.test.clone()),
            (0..8, 8..9, 9..10)
        );
        assert_eq!(series.values[7..], [1.0, 88.0, -92.0]);
        assert_eq!(series.restore(series.values[9]), -90.0);
        values[..8].fill(0.1);
        assert!(matches!(Series::new(&values, Fractions::default()), Err(Error::Constant { count: 8, .. })));
        values[0] = 1e200;
        assert!(matches!(Series::new(&values, Fractions::default()), Err(Error::Spread { .. })));
    }

    /// On a ramp, a value tells its place.
    #[test]
    fn a_target_stands_horizon_steps_after_its_window() {
        let series = ramp(50);
        let place = |value: f64| series.restore(value).round();
        for (part, windows) in [(&series.train, 34), (&series.validation, 5), (&series.test, 5)] {
            let batch = series.windows(part, 4, 3).unwrap();
            assert_eq!(batch.inputs.dim(), (4, windows, 1));
            for b in 0..windows {
                let target = part.end - windows + b;
                assert_eq!(place(batch.targets[[b, 0]]), target as f64);
                for t in 0..4 {
                    assert_eq!(place(batch.inputs[[t, b, 0]]), (target - 6 + t) as f64);
                }
            }
        }
    }

    #[test]
    fn a_short_series_is_told_how_many_values_it_needs() {
        let error = ramp(20).windows(&(0..16), 15, 2).unwrap_err();
        let Error::ShortSeries { found: 20, window: 15, horizon: 2, needed } = error else {
            panic!("{error}")
        };
        assert_eq!(ramp(needed).windows(&ramp(needed).train, 15, 2).unwrap().targets.dim(), (1, 1));
        assert!(ramp(needed - 1).windows(&(0..16), 15, 2).is_err());
        let said = ramp(20).windows(&(0..16), 1_000_000_000, 1).unwrap_err().to_string();
        assert!(said.contains("a horizon of 1 need at least 1250000001:"), "{said}");
        assert!(ramp(20).windows(&(0..16), 0, 1).is_err() && ramp(20).windows(&(0..16), 1, 0).is_err());
    }
}

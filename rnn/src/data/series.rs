//! Real-valued series, for forecasting.
//!
//! The parts follow each other in time: training first, test last. The series is standardised by the mean and the
//! standard deviation of its training part; those of the whole would leak the future into the model. A window belongs
//! to the part that contains its *target*: its inputs may reach back into the part before, which is known at the time
//! of the forecast.

use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3};

use super::error::at_least;
use super::file::Encoding;
use super::split::share;
use super::{Error, Fractions, Regression, Result, Table};
use crate::model::estimate::free;

/// A standardised series and its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// All values, standardised: (value − mean) / std.
    pub values: Vec<f64>,
    /// The mean of the training values, in the unit of the series.
    pub mean: f64,
    /// The (population) standard deviation of the training values, divided by n, in the unit of the series.
    pub std: f64,
    /// The indices of the training values.
    pub train: Range<usize>,
    /// The indices of the validation values.
    pub validation: Range<usize>,
    /// The indices of the test values.
    pub test: Range<usize>,
    fractions: Fractions,
}

/// The treatment of missing values: empty fields, and `NA`, `NaN`, `null`, `none`, `-`, `.` and `?` in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gaps {
    /// Report an error with their count.
    #[default]
    Refuse,
    /// Interpolate linearly between the values before and after.
    Interpolate,
    /// Repeat the value before.
    Carry,
}

/// A column of numbers, evenly spaced in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The values.
    pub values: Vec<f64>,
    /// The line of each value in the file.
    pub lines: Vec<usize>,
    /// How many of them were missing and have been filled.
    pub filled: usize,
    /// The numbers of missing values at the start and at the end, which cannot be filled and are dropped.
    pub left_off: (usize, usize),
    path: PathBuf,
}

/// Reads one column of a CSV or TSV file ([`Table`]). An only column need not be named.
///
/// # Errors
/// Those of [`Table::read`] and [`Table::column`]; no column is named and there are several; a field is not a number,
/// or overflows single precision; values are missing and `gaps` is an error, or no value exists.
pub fn read(path: &Path, column: Option<&str>, gaps: Gaps, encoding: Option<Encoding>) -> Result<Column> {
    of(&Table::read(path, encoding)?, column, gaps)
}

/// The numbers of a column of a table, as [`read`].
///
/// # Errors
/// As [`read`], except for I/O errors.
pub fn of(table: &Table, column: Option<&str>, gaps: Gaps) -> Result<Column> {
    let path = table.path();
    let is_number = |name: &String| name.parse::<f64>().is_ok();
    let is_named = column.is_some_and(|name| table.columns().iter().any(|known| known == name));
    if !is_named && table.columns().iter().all(is_number) {
        return Err(table.no_header());
    }
    let name = match (column, table.columns()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, columns) => {
            return Err(Error::WhichColumn { path: path.into(), what: "series", columns: columns.to_vec() });
        }
    };
    let number = |(line, text): (usize, &str)| number(path, line, name, text).map(|value| (line, value));
    let found: Vec<(usize, Option<f64>)> = table.column(name)?.map(number).collect::<Result<_>>()?;
    let first = found.iter().position(|(_, value)| value.is_some());
    let last = found.iter().rposition(|(_, value)| value.is_some());
    let missing = |found: &[(usize, Option<f64>)]| found.iter().filter(|(_, value)| value.is_none()).count();
    let (count, all) = (missing(&found), found.len());
    let (Some(first), Some(last), true) = (first, last, count == 0 || gaps != Gaps::Refuse) else {
        let line = found.iter().find(|(_, value)| value.is_none()).map_or(0, |(line, _)| *line);
        let runs = found.chunk_by(|(_, a), (_, b)| a.is_none() == b.is_none());
        let run = runs.map(missing).max().unwrap_or(0);
        return Err(Error::Gaps { path: path.into(), column: name.into(), count, all, line, run });
    };
    let within = &found[first..=last];
    let mut values: Vec<f64> = Vec::with_capacity(within.len());
    for (place, (_, value)) in within.iter().enumerate() {
        // Every gap has a value before and after it: missing values at both ends were dropped.
        values.push(value.unwrap_or_else(|| {
            let before = values[place - 1];
            let after = within[place..].iter().enumerate().find_map(|(ahead, (_, v))| Some((ahead, (*v)?)));
            match (gaps, after) {
                (Gaps::Interpolate, Some((ahead, after))) => before + (after - before) / (ahead + 1) as f64,
                _ => before,
            }
        }));
    }
    Ok(Column {
        values,
        lines: within.iter().map(|(line, _)| *line).collect(),
        filled: missing(within),
        left_off: (first, all - 1 - last),
        path: path.into(),
    })
}

/// The spellings of a missing value.
const MISSING: [&str; 9] = ["", "na", "n/a", "nan", "null", "none", "-", ".", "?"];

/// A field as a number; `None` for a missing value.
pub(super) fn number(path: &Path, line: usize, column: &str, text: &str) -> Result<Option<f64>> {
    let trimmed = text.trim();
    if MISSING.iter().any(|missing| trimmed.eq_ignore_ascii_case(missing)) {
        return Ok(None);
    }
    let (path, column) = (path.into(), column.into());
    match trimmed.parse::<f64>() {
        Ok(value) if value.abs() <= f64::from(f32::MAX) => Ok(Some(value)),
        Ok(_) if trimmed.contains(|c: char| c.is_ascii_digit()) => {
            Err(Error::Large { path, line, column, text: trimmed.into() })
        }
        _ => Err(Error::Number { path, line, column, text: trimmed.into() }),
    }
}

impl Column {
    /// Splits and standardises the column, as [`Series::new`].
    ///
    /// # Errors
    /// As [`Series::new`]; the error for an extreme value names its line.
    pub fn series(&self, fractions: Fractions) -> Result<Series> {
        let series = Series::new(&self.values, fractions)?;
        self.check(series.mean, series.std)?;
        Ok(series)
    }

    /// Checks that the model's arithmetic can hold all values, in standard deviations from a mean.
    ///
    /// # Errors
    /// [`Error::Far`], with the line.
    pub fn check(&self, mean: f64, std: f64) -> Result<()> {
        let far = |value: f64| (value - mean) / std;
        match self.values.iter().position(|&value| far(value).abs() > FARTHEST) {
            None => Ok(()),
            Some(place) => {
                let at = format!("{}:{}: the value", self.path.display(), self.lines[place]);
                Err(Error::Far { at, value: self.values[place], far: far(self.values[place]) })
            }
        }
    }
}

/// Standard deviations beyond which the square of a value, a loss, and its gradient are not safe in single precision.
const FARTHEST: f64 = 1e12;

/// Standard deviations beyond which a value counts as unlike the training values.
pub const UNLIKE: f64 = 10.0;

/// How many values are unlike the training values, and the distance of the farthest, in standard deviations.
pub fn unlike(values: &[f64], mean: f64, std: f64) -> Option<(usize, f64)> {
    let far = || values.iter().map(|value| ((value - mean) / std).abs()).filter(|&far| far > UNLIKE);
    far().reduce(f64::max).map(|farthest| (far().count(), farthest))
}

impl Series {
    /// Splits a series in time and standardises it on its training part.
    ///
    /// # Errors
    /// Fewer than three values; fractions out of range; a training part that is constant, or whose standard deviation
    /// overflows or underflows.
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

    /// All windows whose targets lie in `part`: inputs `[window, batch, 1]`, targets `[batch, 1]`, the value
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
        let (bytes, free) = (8.0 * window as f64 * targets.len() as f64, free());
        if 2.0 * bytes > free {
            return Err(Error::Windows { count: targets.len(), window, bytes, free });
        }
        Ok(Regression {
            inputs: Array3::from_shape_fn((window, targets.len(), 1), |(t, b, _)| {
                self.values[targets[b] + 1 + t - span]
            }),
            targets: Array2::from_shape_fn((targets.len(), 1), |(b, _)| self.values[targets[b]]),
        })
    }

    /// Names the smallest sufficient length: its training part holds a window and its target. Rounding moves the
    /// training part by at most one, so a search from just below the exact proportion ends at once.
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
            read(&path, column, Gaps::Refuse, None)
        };
        assert_eq!(outcome("year,x\n1, 5 \n2,-1e3\n", Some("x")).unwrap().values, [5.0, -1000.0]);
        for wrong in ["inf", "two", "\"1,5\""] {
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
    fn gaps_are_counted_and_filled_as_asked() {
        let outcome = |gaps| {
            let (_directory, path) = written("t.csv", "x\nNA\n2\n\nnull\n5\n?\n");
            read(&path, None, gaps, None)
        };
        let error = outcome(Gaps::Refuse).unwrap_err();
        assert!(matches!(error, Error::Gaps { count: 4, all: 6, line: 2, run: 2, .. }), "{error}");
        for (gaps, values) in [(Gaps::Interpolate, [2.0, 3.0, 4.0, 5.0]), (Gaps::Carry, [2.0, 2.0, 2.0, 5.0])]
        {
            let column = outcome(gaps).unwrap();
            assert_eq!((&column.values[..], &column.lines[..]), (&values[..], &[3, 4, 5, 6][..]));
            assert_eq!((column.filled, column.left_off), (2, (1, 1)));
        }
        let (_directory, path) = written("t.csv", "x\nNA\n-\n");
        assert!(matches!(read(&path, None, Gaps::Carry, None), Err(Error::Gaps { count: 2, all: 2, .. })));
    }

    #[test]
    fn a_first_line_of_numbers_is_no_header() {
        let outcome = |content: &str, column| {
            let (_directory, path) = written("t.csv", content);
            read(&path, column, Gaps::Refuse, None)
        };
        let said = outcome("1\n2\n3\n", None).unwrap_err().to_string();
        assert!(said.contains("t.csv:1: the first line, `1`, looks like data"), "{said}");
        assert!(matches!(outcome("1,2\n3,4\n", None), Err(Error::NoHeader { .. })));
        // A number can be a column name if it is asked for.
        assert_eq!(outcome("1999,2000\n3,4\n", Some("2000")).unwrap().values, [4.0]);
    }

    #[test]
    fn what_single_precision_cannot_hold_is_named_with_its_line() {
        let (_directory, path) = written("t.csv", "x\n1\n1e300\n");
        let said = read(&path, None, Gaps::Refuse, None).unwrap_err().to_string();
        assert!(said.contains("t.csv:3: `1e300` in column `x` is beyond 3.4e38"), "{said}");
        let rows: Vec<String> = (0..20).map(|i| format!("{}e-3\n", i % 3)).collect();
        let content = rows.concat();
        let (_directory, path) = written("t.csv", format!("x\n{content}1e20\n"));
        let column = read(&path, None, Gaps::Refuse, None).unwrap();
        let said = column.series(Fractions::default()).unwrap_err().to_string();
        assert!(said.contains("t.csv:22: the value (1e20) lies 1.2e23 standard deviations"), "{said}");
        assert_eq!(unlike(&[0.0, 5.0, 25.0, -300.0], 5.0, 1.0), Some((2, 305.0)));
        assert_eq!(unlike(&[0.0, 5.0], 5.0, 1.0), None);
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

    /// On a ramp, a value equals its position.
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

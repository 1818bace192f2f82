//! Forecasts of a series: on its test part beside the truth, and after its end.

use super::InferError;
use crate::model::{Feed, Mode, Model};
use crate::parameters::Parameters;
use crate::tasks::Forecast;
use crate::train::{Networks, StepError, Task};
use autograd::Value;
use ndarray::{Array2, Array3};

/// For each value of the test part: its place in the series, what it is, and what was forecast, in the unit of the
/// series.
///
/// # Errors
/// If a forecast is not finite.
pub fn forecast(task: &Forecast, parameters: &Parameters) -> Result<Vec<(usize, f64, f64)>, StepError> {
    let mut standardised: Vec<f32> = Vec::new();
    let mut networks = Networks::new(task.model(), task.mode(), 1);
    if let Some(test) = task.test() {
        networks.evaluate(parameters, test, |_, outcome| standardised.extend(&outcome.outputs[0]))?;
    }
    let series = task.series();
    // The windows of the test part end with it, and the first may be missing.
    let first = series.test.end - standardised.len();
    let row = |(i, &value): (usize, &f32)| {
        (first + i, series.restore(series.values[first + i]), series.restore(f64::from(value)))
    };
    Ok(standardised.iter().enumerate().map(row).collect())
}

/// The next values of a series: each of the `horizon` values after its end, forecast directly from the `window`
/// values that lie `horizon` steps before it. A series that is too short for the first ones gives the later ones: pairs
/// of how many steps after the end, and the value.
///
/// # Errors
/// If there are fewer values than a window, or a forecast is not finite.
pub fn forecast_next(
    model: &Model,
    parameters: &Parameters,
    values: &[f64],
    (window, horizon): (usize, usize),
    (mean, std): (f64, f64),
) -> Result<Vec<(usize, f64)>, InferError> {
    let n = values.len();
    if n < window {
        return Err(InferError::ShortSeries { found: n, window });
    }
    // The value `ahead` steps after the end lies `horizon` steps after the last value of a window that ends
    // `horizon − ahead` values before the end.
    let ahead: Vec<usize> = (1..=horizon).filter(|ahead| n >= window + horizon - ahead).collect();
    #[allow(clippy::cast_possible_truncation)] // the model is in single precision
    let x = Array3::from_shape_fn((window, ahead.len(), 1), |(t, b, _)| {
        ((values[n - (horizon - ahead[b]) - window + t] - mean) / std) as f32
    });
    let y = Array2::<f32>::zeros((ahead.len(), 1));
    let feed = Feed { x: Value::Float(x.into_dyn()), y: Value::Float(y.into_dyn()), lengths: None };
    let mut networks = Networks::new(model, Mode::default(), 1);
    let outcome = networks.run(parameters, &feed, &[], 0, false)?;
    Ok(ahead.into_iter().zip(outcome.outputs[0].iter().map(|&x| mean + std * f64::from(x))).collect())
}

//! Forecasts of a series: on its test part beside the true values, and past its end.

use super::InferError;
use crate::model::{Batch, Engine, Mode, Model, Networks, StepError, evaluate};
use crate::parameters::Parameters;
use crate::tasks::Forecast;
use crate::train::Task;
use autograd::Value;
use ndarray::{Array2, Array3};

/// For each value of the test part: its index in the series, the true value, and the forecast, in the unit of the
/// series.
///
/// # Errors
/// If a forecast is not finite.
pub fn forecast(task: &Forecast, parameters: &Parameters) -> Result<Vec<(usize, f64, f64)>, StepError> {
    let mut standardised: Vec<f32> = Vec::new();
    let mut networks = Networks::new(task.model(), task.mode(), 1);
    if let Some(test) = task.test() {
        evaluate(&mut networks, parameters, test, |_, outcome| standardised.extend(&outcome.outputs[0]))?;
    }
    let series = task.series();
    // The windows end with the test part; the first targets may have none.
    let first = series.test.end - standardised.len();
    let row = |(i, &value): (usize, &f32)| {
        (first + i, series.restore(series.values[first + i]), series.restore(f64::from(value)))
    };
    Ok(standardised.iter().enumerate().map(row).collect())
}

/// The next `horizon` values of a series, each forecast directly from the `window` values that lie `horizon` steps
/// before it. A series too short for the first ones gives only the later ones: pairs of the number of steps past the
/// end, and the value.
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
    let feed = Batch { x: Value::Float(x.into_dyn()), y: Value::Float(y.into_dyn()), lengths: None };
    let mut networks = Networks::new(model, Mode::default(), 1);
    let outcome = networks.run(parameters, &feed, &[], 0, false)?;
    Ok(ahead.into_iter().zip(outcome.outputs[0].iter().map(|&x| mean + std * f64::from(x))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Fractions, Series};
    use crate::model::{Head, Inits, Input, Loss, Start};

    #[test]
    fn the_forecast_of_a_value_is_the_next_one_of_the_series_before_it() {
        let model = Model {
            cell: "gru".into(),
            input: Input::Reals { size: 1 },
            hidden: 4,
            layers: 1,
            bidirectional: false,
            dropout: 0.0,
            start: Start::Zero,
            window: None,
            head: Head::Last,
            outputs: 1,
            loss: Loss::MeanSquared,
            init: Inits::default(),
        };
        let parameters = model.first_parameters(1).unwrap();
        let values: Vec<f64> = (0..60).map(|t| f64::from(t * t % 17)).collect();
        let series = Series::new(&values, Fractions { validation: 0.1, test: 0.2 }).unwrap();
        let (mean, std, test) = (series.mean, series.std, series.test.clone());
        let (window, horizon) = (5, 3);
        let task = Forecast::new(model.clone(), series, window, horizon, 4, 1).unwrap();
        let rows = forecast(&task, &parameters).unwrap();
        assert_eq!(rows.len(), test.len());
        for (row, place) in rows.into_iter().zip(test) {
            // The forecasts one, two and three steps ahead.
            for ahead in 1..=horizon {
                let before = &values[..=place - ahead];
                let next =
                    forecast_next(&model, &parameters, before, (window, horizon), (mean, std)).unwrap();
                assert_eq!((row.0, next[ahead - 1].0), (place, ahead));
                assert!((row.1 - values[place]).abs() < 1e-12, "{row:?}");
                assert!((row.2 - next[ahead - 1].1).abs() < 1e-4, "{row:?} {next:?}");
            }
        }
        let few = forecast_next(&model, &parameters, &values[..6], (window, horizon), (mean, std)).unwrap();
        assert_eq!(few.iter().map(|next| next.0).collect::<Vec<_>>(), [2, 3]);
        let none = forecast_next(&model, &parameters, &values[..4], (window, horizon), (mean, std));
        assert!(matches!(none, Err(InferError::ShortSeries { found: 4, window: 5 })));
    }
}

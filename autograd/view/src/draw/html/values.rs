//! The values of all nodes at a point: small ones in full, large ones summarised.

use autograd::graph::Graph;
use autograd::{Error, Point, Value, eval_with, norm};
use ndarray::ArrayD;

/// The maximum size of a value in the page. A larger one is summarised by statistics, and by the entry of largest
/// magnitude in each of that many intervals.
pub(super) const WHOLE: usize = 96;

/// The value of every node, as real numbers.
pub(super) fn values(graph: &Graph, point: &Point<f64>) -> Result<Vec<ArrayD<f64>>, Error> {
    let all: Vec<_> = graph.ids().collect();
    let mut values = vec![ArrayD::default(vec![0]); graph.len()];
    eval_with(graph, point, &all, |id, value| values[id.index()] = reals(value))?;
    Ok(values)
}

fn reals(value: &Value<f64>) -> ArrayD<f64> {
    match value {
        Value::Float(a) => a.clone(),
        Value::Index(a) => a.mapv(|i| i as f64),
        Value::Bool(a) => a.mapv(|b| f64::from(u8::from(b))),
    }
}

/// The page's form of a value: its elements in order; for a large one minimum, maximum, mean and norm, and then the
/// intervals.
pub(super) fn brief(value: &ArrayD<f64>) -> Vec<f32> {
    let n = value.len();
    if n <= WHOLE {
        return value.iter().map(|&x| single(x)).collect();
    }
    let fold = |f: fn(f64, f64) -> f64, start: f64| value.iter().fold(start, |a, &x| f(a, x));
    let statistics = [
        fold(f64::min, f64::INFINITY),
        fold(f64::max, f64::NEG_INFINITY),
        value.sum() / n as f64,
        norm(value),
    ];
    let flat: Vec<f64> = value.iter().copied().collect();
    let stretch = |k: usize| {
        let stretch = &flat[k * n / WHOLE..(k + 1) * n / WHOLE];
        stretch.iter().fold(0.0, |a: f64, &x| if x.abs() > a.abs() { x } else { a })
    };
    statistics.into_iter().chain((0..WHOLE).map(stretch)).map(single).collect()
}

#[allow(clippy::cast_possible_truncation)] // single precision is what is shown
fn single(x: f64) -> f32 {
    x as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array1;

    #[test]
    fn large_values_are_summed_up() {
        let small = Array1::linspace(0.0, 95.0, 96).into_dyn();
        assert_eq!(brief(&small).len(), 96);
        let large = Array1::linspace(1.0, 192.0, 192).into_dyn();
        let brief = brief(&large);
        assert_eq!(brief[..3].to_vec(), [1.0, 192.0, 96.5]);
        // Σ k² = n (n + 1) (2 n + 1) / 6
        assert!((brief[3] - (192.0_f32 * 193.0 * 385.0 / 6.0).sqrt()).abs() < 1e-3);
        assert_eq!(brief[4..].to_vec(), (1..=96).map(|k| 2.0 * k as f32).collect::<Vec<_>>());
    }
}

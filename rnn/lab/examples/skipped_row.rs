//! An Elman net with its gradient in plain loops, whose backward pass starts at the second sequence of the batch; and
//! the checker's report. There is no graph here: a program in any language can be checked like this.
//!
//! ```text
//! cargo run --release -p bptt-lab --example skipped_row
//! ```

use autograd::ops::{Domain, Sampler};
use autograd::{Error, Value};
use autograd_check::{FnCheck, Tier};
use ndarray::{Array2, Array3, ArrayD, ArrayViewD, Axis, Ix2, Ix3, s};

/// `h[t] = tanh(x[t] Wᵀ + h[t−1] Uᵀ)`: all states, the first of which is zero. `x` is `[time, batch, feature]`.
fn states(at: &[ArrayD<f64>]) -> Vec<Array2<f64>> {
    let [x, w, u] = [&at[0], &at[1], &at[2]];
    let matrix = |a: ArrayViewD<'_, f64>| a.into_owned().into_dimensionality::<Ix2>().expect("two axes");
    let (w, u) = (matrix(w.view()), matrix(u.view()));
    let mut h = vec![Array2::zeros((x.shape()[1], u.nrows()))];
    for x in x.axis_iter(Axis(0)) {
        h.push((matrix(x).dot(&w.t()) + h[h.len() - 1].dot(&u.t())).mapv(f64::tanh));
    }
    h
}

/// The sum of the squares of the last state.
fn loss(at: &[ArrayD<f64>]) -> f64 {
    states(at).last().map_or(0.0, |h| h.iter().map(|h| h * h).sum())
}

/// Its gradient by x, W and U.
fn gradient(at: &[ArrayD<f64>]) -> Vec<ArrayD<f64>> {
    let h = states(at);
    let x = at[0].view().into_dimensionality::<Ix3>().expect("three axes");
    let [w, u] = [1, 2].map(|i| at[i].view().into_dimensionality::<Ix2>().expect("two axes"));
    let (steps, batch, _) = x.dim();
    let (mut dx, mut dw, mut du) =
        (Array3::zeros(x.raw_dim()), Array2::zeros(w.raw_dim()), Array2::zeros(u.raw_dim()));
    for n in 1..batch {
        // from 0!
        let mut dh = 2.0 * &h[steps].row(n);
        for t in (0..steps).rev() {
            let da = dh * h[t + 1].row(n).mapv(|h| 1.0 - h * h);
            let column = da.view().insert_axis(Axis(1));
            dx.slice_mut(s![t, n, ..]).assign(&da.dot(&w));
            dw += &column.dot(&x.slice(s![t, n..=n, ..]));
            du += &column.dot(&h[t].slice(s![n..=n, ..]));
            dh = da.dot(&u);
        }
    }
    vec![dx.into_dyn(), dw.into_dyn(), du.into_dyn()]
}

/// Four steps, three sequences: every element of x, W and U.
///
/// # Errors
/// If the net cannot be checked.
pub fn story() -> Result<String, Error> {
    let mut sampler = Sampler::new(1);
    let shapes: [&[usize]; 3] = [&[4, 3, 2], &[3, 2], &[3, 3]];
    let drawn = shapes.map(|shape| sampler.float(shape, Domain::reals(-1.0, 1.0)));
    let at: Vec<_> = sampler.values(&drawn).into_iter().map(Value::into_float).collect();
    let report = FnCheck::new(&at, &gradient(&at)).names(["x", "W", "U"]).tier(Tier::Full).run(loss)?;
    Ok(format!("{report}\n"))
}

fn main() -> Result<(), Error> {
    print!("{}", story()?);
    Ok(())
}

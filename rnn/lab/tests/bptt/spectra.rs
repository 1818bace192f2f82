//! Singular values, eigenvalues and Lyapunov exponents compared with NumPy and mpmath (`data/spectra/make.py`), and
//! with known results.

use super::*;
use rnn_lab::study::{Eigenvalue, Spectrum};
use serde_json::Value as Json;

const SPECTRUM: Ask = Ask { layer: 0, split: false, jacobians: false, spectrum: true };

fn reference() -> Json {
    serde_json::from_str(include_str!("../data/spectra/spectra.json")).unwrap()
}

/// The net of the script: whole numbers over powers of two.
fn net_of_the_script(n: usize, steps: usize) -> (Model, Parameters, Batch) {
    let w = |seed: usize, i: usize, j: usize| {
        f64::from(u8::try_from((37 * i + 101 * j + 59 * seed + 17 * i * j) % 41).unwrap()) / 32.0
            - 20.0 / 32.0
    };
    let net = NetSpec { steps, hidden: n, input: 2, batch: 1, ..small("elman") };
    let (model, mut parameters, mut feed) = net.example(1).unwrap();
    let model = Model { head: Head::Last, ..model };
    #[allow(clippy::cast_possible_truncation)] // exact
    let number = |x: f64| x as f32;
    for (name, value) in parameters.iter_mut() {
        let of: &dyn Fn(usize, usize) -> f64 = match name {
            "rnn.weight_ih_l0" => &|i, j| w(1, i, j),
            "rnn.weight_hh_l0" => &|i, j| w(8, i, j),
            "rnn.bias_ih_l0" => &|i, _| w(3, i, 0) / 4.0,
            "head.weight" => &|i, j| w(4, i, j),
            "rnn.bias_hh_l0" | "head.bias" => &|_, _| 0.0,
            other => panic!("{other}"),
        };
        let columns = value.ndim() > 1;
        value.indexed_iter_mut().for_each(|(at, x)| *x = number(of(at[0], if columns { at[1] } else { 0 })));
    }
    feed.x = Value::Float(ArrayD::from_shape_fn(vec![steps, 1, 2], |at| {
        number(w(5 + at[0], at[2], at[0] % 7) / 2.0)
    }));
    feed.y = Value::Index(ArrayD::from_elem(vec![1], 1));
    (model, parameters, feed)
}

fn spectrum_of((model, parameters, feed): &(Model, Parameters, Batch)) -> (Bptt, Spectrum) {
    let bptt = Bptt::of(model, parameters, feed, SPECTRUM).unwrap();
    let spectrum = bptt.spectra[0].clone();
    (bptt, spectrum)
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[track_caller]
fn near(found: f64, want: f64, within: f64, of: &str) {
    assert!((found - want).abs() <= within, "{of}: {found} and {want}");
}

#[test]
fn twelve_steps_are_those_of_numpy() {
    let want = &reference()["short"];
    let (_, spectrum) = spectrum_of(&net_of_the_script(5, 12));
    assert_eq!((spectrum.steps.len(), spectrum.products.len()), (11, 11));
    let same = |found: &[Eigenvalue], want: &Json, of: &str| {
        assert_eq!(found.len(), want.as_array().unwrap().len(), "{of}");
        for (e, want) in found.iter().zip(want.as_array().unwrap()) {
            let want = numbers(want);
            near(e.modulus.to_f64(), want[0], 1e-12, of);
            near(e.argument.abs(), want[1], 1e-9, of);
        }
    };
    for (step, want) in spectrum.steps.iter().zip(want["steps"].as_array().unwrap()) {
        let of = format!("step {}", step.step);
        assert_eq!(step.step as u64, want["step"]);
        step.singular
            .iter()
            .zip(numbers(&want["singular"]))
            .for_each(|(sigma, want)| near(*sigma, want, 1e-14, &of));
        same(&step.eigenvalues, &want["eigenvalues"], &of);
    }
    for (product, want) in spectrum.products.iter().zip(want["products"].as_array().unwrap()) {
        let of = format!("from step {}", product.step);
        assert_eq!(product.step as u64, want["step"]);
        assert_eq!(product.step + product.lag, 12);
        let wanted = numbers(&want["singular"]);
        product
            .singular
            .iter()
            .zip(&wanted)
            .for_each(|(sigma, want)| near(sigma.to_f64(), *want, 1e-14, &of));
        same(&product.eigenvalues, &want["eigenvalues"], &of);
        near(product.angle.unwrap(), want["angle"].as_f64().unwrap(), 1e-9, &of);
    }
}

/// The gradient falls to 1e-497, the smallest singular value to 1e-838.
#[test]
fn two_thousand_steps_are_those_of_six_thousand_digits() {
    let want = &reference()["long"];
    let (bptt, spectrum) = spectrum_of(&net_of_the_script(3, 2000));
    for (k, want) in want["log10_norms"].as_object().unwrap() {
        let k: usize = k.parse().unwrap();
        near(
            bptt.matrix[[0, k - 1]].log10(),
            want.as_f64().unwrap(),
            1e-9,
            &format!("the gradient at step {k}"),
        );
        near(
            bptt.decay.by_lag[&(2000 - k.cast_signed())].log10(),
            want.as_f64().unwrap(),
            1e-9,
            &format!("at {k}"),
        );
    }
    let mut compared = 0;
    for want in want["products"].as_array().unwrap() {
        let Some(found) = spectrum.products.iter().find(|p| p.step as u64 == want["step"]) else { continue };
        for (sigma, want) in found.singular.iter().zip(numbers(&want["log10_singular"])) {
            near(sigma.log10(), want, 1e-9, &format!("from step {}", found.step));
        }
        compared += 1;
    }
    assert_eq!(compared, 8);
    let exponents = numbers(&want["exponents"]);
    spectrum.exponents.iter().zip(exponents).for_each(|(rate, want)| near(*rate, want, 1e-12, "exponents"));
}

/// Without input, with an orthogonal matrix times ½: every singular value over n steps is 2⁻ⁿ, every exponent ln ½;
/// in both directions, over thousands of steps, and for a matrix so large that products overflow.
#[test]
fn of_an_orthogonal_matrix_all_values_are_powers_of_its_scale() {
    for (scale, steps, bidirectional) in [(0.5, 2000, false), (8.0, 400, true)] {
        let net = NetSpec { steps, hidden: 4, batch: 1, bidirectional, ..small("elman") };
        let (model, _, mut feed) = net.example(2).unwrap();
        let init = Inits { recurrent: Some(Init::Orthogonal { gain: scale }), ..Inits::default() };
        let model = Model { head: Head::Last, init, ..model };
        let mut parameters = model.first_parameters(3).unwrap();
        parameters.iter_mut().filter(|(name, _)| name.starts_with("rnn.bias")).for_each(|(_, b)| b.fill(0.0));
        feed.x = Value::Float(ArrayD::zeros(vec![steps, 1, 3]));
        feed.y = Value::Index(ArrayD::zeros(vec![1]));
        let (_, spectrum) = spectrum_of(&(model, parameters, feed));
        spectrum.exponents.iter().for_each(|rate| near(*rate, f64::ln(scale), 1e-6, "exponent"));
        let last = spectrum.products.last().unwrap();
        assert_eq!((last.lag, spectrum.products.len() <= 202), (steps - 1, true));
        for sigma in &last.singular {
            near(sigma.log10() / (last.lag as f64 * scale.log10()), 1.0, 1e-6, "of all steps");
        }
        let radii = spectrum.steps.iter().flat_map(|step| &step.eigenvalues).map(|e| e.modulus.to_f64());
        radii.for_each(|r| near(r, scale, 1e-5, "eigenvalue"));
    }
}

/// |det J| is the product of the singular values and of the moduli of the eigenvalues; the largest singular value is
/// the stretch; and past a cut nothing is propagated.
#[test]
fn the_values_of_every_shipped_cell_fit_each_other() {
    for shipped in SHIPPED {
        let (model, parameters, feed) =
            NetSpec { window: Some(3), ..small(shipped.name) }.example(2).unwrap();
        let bptt = Bptt::of(&model, &parameters, &feed, Ask { jacobians: true, ..SPECTRUM }).unwrap();
        assert_eq!(bptt.spectra.len(), 2);
        for (b, spectrum) in bptt.spectra.iter().enumerate() {
            for (step, stretch) in spectrum.steps.iter().zip(&bptt.stretch) {
                let of = format!("{} step {}", shipped.name, step.step);
                near(step.singular[0], stretch[b], 1e-12 * stretch[b].max(1.0), &of);
                let top = step.singular[0].max(1e-300);
                let n = step.singular.len();
                let by_singular: f64 = step.singular.iter().map(|sigma| sigma / top).product();
                let by_eigenvalues: f64 = step.eigenvalues.iter().map(|e| e.modulus.to_f64() / top).product();
                assert_eq!(step.eigenvalues.len(), n, "{of}");
                near(by_eigenvalues, by_singular, 1e-12, &of);
            }
            let cut = spectrum.products.iter().find(|p| p.step == 3).unwrap();
            assert!(
                cut.singular.iter().all(|sigma| sigma.is_zero())
                    && cut.eigenvalues.iter().all(|e| e.modulus.is_zero())
            );
            assert!(spectrum.exponents.iter().all(|rate| *rate == f64::NEG_INFINITY), "{}", shipped.name);
        }
    }
}

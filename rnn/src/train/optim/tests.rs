//! The optimisers against `PyTorch`'s own numbers, from `rnn/tests/data/optimisers.py`.

use ndarray::{ArrayD, Axis, arr1};
use serde_json::Value;

use super::{Method, OptimError, Optimiser};
use crate::parameters::Parameters;

/// Nested lists of numbers, each exactly an f32.
fn array(value: &Value) -> ArrayD<f32> {
    match value {
        Value::Array(rows) => {
            let rows: Vec<_> = rows.iter().map(array).collect();
            ndarray::stack(Axis(0), &rows.iter().map(|row| row.view()).collect::<Vec<_>>()).unwrap()
        }
        number => ArrayD::from_elem(vec![], super::single(number.as_f64().unwrap())),
    }
}

fn arrays(value: &Value) -> Parameters {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), array(value))).collect()
}

fn torch() -> Value {
    serde_json::from_str(include_str!("../../../tests/data/optimisers.json")).unwrap()
}

/// To 10⁻⁶ of the array's largest element: an element near 0 after a subtraction keeps the rounding error of its
/// operands.
#[track_caller]
fn assert_close(found: &ArrayD<f32>, expected: &ArrayD<f32>, place: &str) {
    assert_eq!(found.shape(), expected.shape(), "{place}");
    let scale = expected.iter().fold(0.0, |m: f32, x| m.max(x.abs()));
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= 1e-6 * scale, "{place}: {f}, not {e}");
    }
}

#[test]
fn parameters_and_state_are_those_of_pytorch_at_every_step() {
    let torch = torch();
    for case in torch["cases"].as_array().unwrap() {
        let method: Method = case["method"].as_str().unwrap().parse().unwrap();
        let mut parameters = arrays(&torch["start"]);
        let mut optimiser = method.optimiser(&parameters);
        for (t, expected) in case["trajectory"].as_array().unwrap().iter().enumerate() {
            let gradients = arrays(&torch["gradients"][t]);
            let rate = torch["rates"][t].as_f64().unwrap();
            optimiser.step(&mut parameters, &gradients, rate).unwrap();
            let expected = arrays(expected);
            for (name, found) in parameters.iter() {
                assert_close(found, &expected[name], &format!("{method}, {name} after step {t}"));
            }
        }
        let expected = arrays(&case["state"]);
        let found: Parameters = optimiser.state().into_iter().collect();
        assert_eq!(found["step"], ArrayD::from_elem(vec![], 5.0));
        assert_eq!(found.len(), expected.len() + 1, "{method}");
        for (name, expected) in expected.iter() {
            assert_close(&found[name], expected, &format!("{method}, {name}"));
        }
    }
}

/// Two equal runs, one of which is stopped half way and resumed by a new optimiser.
#[test]
fn a_restored_optimiser_goes_on_as_if_never_stopped() {
    let torch = torch();
    for case in torch["cases"].as_array().unwrap() {
        let method: Method = case["method"].as_str().unwrap().parse().unwrap();
        let run = |stop: Option<usize>| {
            let mut parameters = arrays(&torch["start"]);
            let mut optimiser = method.optimiser(&parameters);
            for t in 0..5 {
                if stop == Some(t) {
                    let mut state = optimiser.state();
                    state.reverse(); // the order does not matter
                    optimiser = method.optimiser(&parameters);
                    optimiser.restore(&state).unwrap();
                }
                optimiser.step(&mut parameters, &arrays(&torch["gradients"][t]), 0.1).unwrap();
            }
            (parameters, optimiser.state())
        };
        assert_eq!(run(None), run(Some(2)), "{method}");
    }
}

fn vectors(entries: &[(&str, usize)]) -> Parameters {
    entries.iter().map(|&(name, n)| (name, ArrayD::ones(vec![n]))).collect()
}

fn adam() -> Box<dyn Optimiser> {
    "adam".parse::<Method>().unwrap().optimiser(&vectors(&[("w", 3), ("b", 2)]))
}

#[test]
fn wrong_arrays_are_named_and_nothing_moves() {
    let good = vectors(&[("w", 3), ("b", 2)]);
    let shape = |what, name: &str, wanted: usize, found: Option<usize>| OptimError::Array {
        what,
        name: name.to_owned(),
        wanted: vec![wanted],
        found: found.map(|n| vec![n]),
    };
    for (parameters, gradients, expected) in [
        (&good, &vectors(&[("w", 3)]), shape("gradient", "b", 2, None)),
        (&good, &vectors(&[("w", 3), ("b", 4)]), shape("gradient", "b", 2, Some(4))),
        (&vectors(&[("w", 2), ("b", 2)]), &good, shape("parameter", "w", 3, Some(2))),
        (&vectors(&[("w", 3), ("b", 2), ("c", 1)]), &good, OptimError::Unknown("c".into())),
    ] {
        let mut moved = parameters.clone();
        let mut optimiser = adam();
        assert_eq!(optimiser.step(&mut moved, gradients, 0.1), Err(expected));
        assert_eq!(&moved, parameters);
        assert_eq!(optimiser.state(), adam().state());
    }
}

#[test]
fn wrong_state_is_named_and_not_taken() {
    let mut saved = adam();
    saved.step(&mut vectors(&[("w", 3), ("b", 2)]), &vectors(&[("w", 3), ("b", 2)]), 0.1).unwrap();
    let saved = saved.state();
    let check = |state: &[(String, ArrayD<f32>)], expected: OptimError| {
        let mut optimiser = adam();
        assert_eq!(optimiser.restore(state), Err(expected));
        assert_eq!(optimiser.state(), adam().state());
    };
    let (name, wanted) = ("exp_avg_sq/b".to_owned(), vec![2]);
    check(&saved[..4], OptimError::State { name: name.clone(), wanted: wanted.clone(), found: None });
    let mut long = saved.clone();
    long[4].1 = ArrayD::ones(vec![3]);
    check(&long, OptimError::State { name, wanted, found: Some(vec![3]) });
    let mut more = saved.clone();
    more.push(("sum/w".into(), ArrayD::ones(vec![3])));
    check(&more, OptimError::UnknownState("sum/w".into()));
}

#[test]
fn errors_say_what_to_do() {
    let mut sgd = "sgd".parse::<Method>().unwrap().optimiser(&vectors(&[("w", 3)]));
    let text = sgd.restore(&adam().state()).unwrap_err().to_string();
    assert_eq!(
        text,
        "the optimiser keeps no state `exp_avg/w`: \
         resume with the model and the optimiser that were saved, or start the optimiser afresh"
    );
    let text = sgd.step(&mut vectors(&[("w", 3)]), &Parameters::new(), 0.1).unwrap_err().to_string();
    assert!(text.contains("a gradient `w` of shape [3], but there is none: make"), "{text}");
}

#[test]
fn memory_order_does_not_matter() {
    let row_major = ndarray::arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn();
    let mut column_major = ArrayD::zeros(ndarray::ShapeBuilder::f(vec![2, 3]));
    column_major.assign(&row_major);
    let step = |theta: &ArrayD<f32>, g: &ArrayD<f32>| {
        let one = |array: &ArrayD<f32>| -> Parameters { [("w", array.clone())].into_iter().collect() };
        let mut parameters = one(theta);
        let mut optimiser = "adam".parse::<Method>().unwrap().optimiser(&parameters);
        optimiser.step(&mut parameters, &one(g), 0.1).unwrap();
        parameters
    };
    assert_eq!(step(&row_major, &row_major), step(&column_major, &row_major));
    assert_eq!(step(&row_major, &row_major), step(&row_major, &column_major));
}

#[test]
fn a_nan_gradient_shows_in_the_parameter() {
    let nan: Parameters = [("w", arr1(&[f32::NAN]).into_dyn())].into_iter().collect();
    for name in ["sgd", "adagrad", "rmsprop", "adam", "adamw"] {
        let mut parameters = vectors(&[("w", 1)]);
        let mut optimiser = name.parse::<Method>().unwrap().optimiser(&parameters);
        optimiser.step(&mut parameters, &nan, 0.1).unwrap();
        assert!(parameters["w"][0].is_nan(), "{name}");
    }
}

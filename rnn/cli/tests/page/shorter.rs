//! The number of steps can be changed in the page: it then shows the shorter net, as the engine computes it.

use super::*;
use ndarray::{Axis, Slice};

#[test]
fn fewer_steps_are_a_shorter_net() {
    const STEPS: usize = 3;
    let shown = Shown::new("lstm", 5);
    let short = NetSpec { cell: "lstm".into(), steps: STEPS, ..NetSpec::default() }.network(true).unwrap();
    let mut point = Point::new();
    let leaves = short.graph.inputs().chain(short.graph.parameters());
    for id in leaves.collect::<Vec<_>>() {
        let given = shown.point.get(shown.find(&short.graph.name(id).unwrap())).unwrap().clone();
        let cut = Slice::from(..STEPS);
        point.set(
            id,
            match given {
                Value::Float(a) if id == short.x => Value::Float(a.slice_axis(Axis(0), cut).to_owned()),
                Value::Index(a) => Value::Index(a.slice_axis(Axis(0), cut).to_owned()),
                other => other,
            },
        );
    }
    let Some(mut page) = shown.open("") else { return };
    page.press("c");
    let set = |page: &mut Browser, steps: usize| {
        page.ask(&format!(
            "(() => {{ const e = document.getElementById('steps-typed'); e.value = {steps}; e.dispatchEvent(new Event('input')); }})()"
        ));
        page.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))");
    };
    let entries = |page: &mut Browser, name: &str| -> Vec<f64> {
        let all = page.ask(&format!("Array.from(graph.value(graph.find('{name}')).entries)"));
        all.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let whole = entries(&mut page, "∂rnn.weight_hh_l0");
    set(&mut page, STEPS);
    for name in ["loss", "l0/h[3]", "∂l0/h[1]", "∂rnn.weight_hh_l0", "∂head.bias"] {
        let id = short.graph.find(name).unwrap();
        let ours = eval::<f64>(&short.graph, &point, &[id]).unwrap().remove(0).into_float();
        let found = entries(&mut page, name);
        assert_eq!(found.len(), ours.len());
        assert!(found.iter().zip(&ours).all(|(a, b)| (a - b).abs() <= 1e-13), "{name}: {found:?} {ours:?}");
    }
    assert!(entries(&mut page, "∂l0/h[4]").iter().all(|x| *x == 0.0));
    assert_eq!(page.count(".column.beyond"), 2);
    assert_ne!(entries(&mut page, "∂rnn.weight_hh_l0"), whole);
    set(&mut page, 5);
    assert_eq!((entries(&mut page, "∂rnn.weight_hh_l0"), page.count(".column.beyond")), (whole, 0));
    assert_eq!(page.complaints(), Vec::<String>::new());
}

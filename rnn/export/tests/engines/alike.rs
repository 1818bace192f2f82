//! Steps that are made alike, so that time is a loop: of one size whatever their number, and with the same results.

use super::{OWN, size};
use autograd::{Value, eval};
use rnn::cell::CellRef;
use rnn::model::{Batch, Mode, Model, Network};
use rnn_lab::study::NetSpec;
use std::collections::BTreeMap;

/// A net over so many steps, all of them alike.
fn alike(cell: &CellRef, steps: usize, window: Option<usize>, layers: usize, ragged: bool) -> Network {
    let net = NetSpec {
        cell: cell.clone(),
        steps,
        input: 4,
        hidden: 4,
        batch: 2,
        layers,
        window,
        bidirectional: ragged,
        ..NetSpec::default()
    };
    let mode = Mode { train: true, alike: true, lengths: ragged, ..Mode::default() };
    net.model().network(steps, 2, mode).unwrap()
}

/// The shipped cells, and those of [`OWN`] but the one that divides, whose steps stay as they are.
fn timed() -> Vec<CellRef> {
    let shipped = rnn::cell::SHIPPED.iter().map(|shipped| CellRef::from(shipped.name));
    let own = OWN.map(|(name, _, text)| CellRef {
        name: name.into(),
        text: Some(text.into()),
        constants: BTreeMap::new(),
    });
    shipped.chain(own).filter(|cell| cell.name != "odd").collect()
}

/// 10 steps are as many operations as 33, and as 100: of cells that choose by the number of the step, and of gradients
/// that are truncated, too.
#[test]
fn modules_of_any_number_of_steps_are_of_one_size() {
    for cell in timed() {
        let of = |steps| size(&alike(&cell, steps, None, 1, false));
        let [ten, more] = [10, 33].map(of);
        assert!(ten == more && ten.1 > 0, "{cell}: {ten:?} {more:?}");
        if cell.name == "clockwork" {
            assert_eq!(of(100), ten);
        }
        if ["clockwork", "lstm", "five"].contains(&&*cell.name) {
            let of = |steps| size(&alike(&cell, steps, Some(7), 1, false));
            let [ten, more] = [10, 33].map(of);
            assert_eq!(ten, more, "{cell}, truncated");
        }
    }
}

/// Where steps differ, a row of a loop is several of them: 8 of a clockwork net, whose units have periods that divide 8.
#[test]
fn a_row_may_be_several_steps() {
    let of = |steps| {
        let net = NetSpec { cell: "clockwork".into(), steps, input: 4, hidden: 4, ..NetSpec::default() };
        size(&net.network(true).unwrap())
    };
    assert_eq!([44, 47].map(of), [100, 103].map(of));
}

/// Steps that are alike compute what steps that are not alike do: the same loss and the same gradients, number for number,
/// or none where there is none.
#[test]
fn steps_that_are_alike_compute_the_same() {
    // At the first step h is 0, where the other value has no derivative by U.
    let pole = "cell pole\n  h[t] = where(t == 1, tanh(W x[t] + b), tanh(W x[t] + sqrt((U h[t-1])^2)))";
    let pole = CellRef { name: "pole".into(), text: Some(pole.into()), constants: BTreeMap::new() };
    for cell in timed().into_iter().chain([pole]) {
        for (window, layers, ragged) in [(None, 1, false), (Some(3), 2, false), (Some(4), 1, true)] {
            // In the second direction of sequences of different lengths t is a value of the graph, and so is every choice.
            if cell.name == "pole" && ragged {
                continue;
            }
            let one = alike(&cell, 9, window, layers, ragged);
            let net =
                NetSpec { cell: cell.clone(), input: 4, hidden: 4, layers, window, ..NetSpec::default() };
            let model = Model { bidirectional: ragged, ..net.model() };
            let mode = Mode { train: true, lengths: ragged, ..Mode::default() };
            let other = model.network(9, 2, mode).unwrap();
            let parameters = model.first_parameters(3).unwrap();
            let feed = NetSpec { steps: 9, batch: 2, ..net }.example(2).unwrap().2;
            let feed = Batch { lengths: ragged.then(|| vec![5, 9]), ..feed };
            let [a, b] = [&one, &other].map(|network| {
                let point = network.point(&parameters, &feed, &[], 1).unwrap().cast::<f64>();
                let results = [&[network.loss][..], &network.gradients].concat();
                eval(&network.graph, &point, &results).unwrap()
            });
            for (k, (a, b)) in a.iter().zip(&b).enumerate() {
                let finite = |value: &Value<f64>| value.float().iter().all(|x| x.is_finite());
                assert!(
                    finite(a) && finite(b),
                    "{cell} {window:?} {layers} {ragged}: result {k} is not finite"
                );
                let apart = a.float().iter().zip(b.float()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                // Adjoints are added in the same order, so only zeros are added.
                assert!(
                    apart < 1e-15,
                    "{cell} {window:?} {layers} {ragged}: result {k} is off by {apart:.1e}"
                );
            }
        }
    }
}

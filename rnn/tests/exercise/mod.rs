//! Properties of any text given as a cell: it is refused with a message, or it is a cell that can be printed, parsed
//! again, typeset and unrolled.

use autograd::Builder;
use autograd_view::math::Form;
use rnn::equations::{EquationCell, parse};
use rnn::{Cell, Layers, Start};

/// The maximum number of weights of a cell to be unrolled.
const LARGEST: usize = 1 << 20;

/// Whether the text is a cell.
///
/// # Panics
/// If it is a cell that cannot be printed, parsed again, typeset or unrolled.
pub fn is_cell(text: &str) -> bool {
    let cell = match EquationCell::read(text, "any.cell") {
        Ok(cell) => cell,
        Err(faults) => {
            let message = faults.to_string();
            assert!(message.starts_with("error: "), "{message}");
            return false;
        }
    };
    let printed = cell.file().to_string();
    let again = parse(&printed, "printed").unwrap_or_else(|faults| panic!("{faults}\n\n{text}"));
    assert_eq!(cell.file(), &again, "{text}");
    assert!(EquationCell::read(&printed, "printed").is_ok(), "{printed}");
    for form in [Form::Unicode, Form::Latex, Form::Mathml] {
        assert!(cell.typeset(form).ends_with('\n'));
    }
    let sizes = [(3, 4), (4, 4)].into_iter().find(|&(input, hidden)| cell.fits(input, hidden).is_ok());
    if let Some((input, hidden)) = sizes {
        let weights = cell.weights(input, hidden);
        let states = cell.states(input, hidden);
        let all =
            weights.iter().map(|w| w.shape.iter().product::<usize>()).chain(states.iter().map(|s| s.size));
        if all.sum::<usize>() <= LARGEST {
            unroll(cell, input, hidden, text);
        }
    }
    true
}

fn unroll(cell: EquationCell, input: usize, hidden: usize, text: &str) {
    let g = Builder::new();
    let net = Layers::new(cell, input, hidden);
    let weights = net.declare(&g, "");
    let run = net.unroll(&g, &weights, g.input("x", [2, 2, input]), None, &Start::Zero);
    assert_eq!(run.output().shape()[..], [2, 2, net.output_size()], "{text}");
    assert!(g.graph().is_ok(), "{:?}\n\n{text}", g.graph().err());
}

//! Chapter 4: vanishing and exploding gradients.

use super::say;
use crate::plot::terminal::{Line, curves, style};
use rnn::init::Init;
use rnn::model::{Head, Inits, Model};
use rnn_lab::study::{NetSpec, fade as norms};
use std::io::Write;

const STEPS: usize = 50;
const HIDDEN: usize = 32;
const BATCH: usize = 8;
/// The distances in steps of the printed norms.
const BACK: [usize; 4] = [1, 10, 25, STEPS - 1];

/// Measures the decay of the gradient of a loss at the last step.
pub fn fade(out: &mut impl Write, seed: u64) -> Result<(), Box<dyn std::error::Error>> {
    let open = (STEPS as f64).ln();
    say(
        out,
        &format!(
            "L is a loss after step T = {STEPS}, and ∂L/∂h[k] is how much it depends on the state after step k. \
             Each step back multiplies that gradient by one more Jacobian, so over many steps it shrinks or grows \
             like a power. Four untrained nets with {HIDDEN} units read the same random inputs; the chart shows \
             ‖∂L/∂h[k]‖ on a log scale, as a multiple of its value at k = T.",
        ),
    )?;
    let usual = Inits::default();
    let opened = Inits { forget_bias: Some(open), ..usual };
    let large = Inits { recurrent: Some(Init::Orthogonal { gain: 2.0 }), ..usual };
    let lines = [
        ("E", "Elman tanh, weights uniform ±1/√32".to_owned(), "elman", usual),
        ("L", "LSTM, the same, forget bias near 0".to_owned(), "lstm", usual),
        ("F", format!("LSTM, the same, forget bias ln {STEPS} ≈ {open:.1}"), "lstm", opened),
        ("X", "Elman tanh, W_h orthogonal × 2".to_owned(), "elman", large),
    ];
    let (mut measured, mut names) = (Vec::new(), Vec::new());
    for (mark, name, cell, init) in lines {
        let net = NetSpec { cell: cell.into(), input: 8, hidden: HIDDEN, ..NetSpec::default() };
        let model = Model { head: Head::Last, init, ..net.model() };
        let norms = norms(&model, STEPS, BATCH, seed)?;
        let last = norms[STEPS - 1];
        measured.push(Line {
            mark: mark.into(),
            values: norms.iter().rev().map(|norm| (norm / last).into()).collect(),
        });
        names.push(name);
    }
    writeln!(out, "{}", curves(&measured, "steps back, T − k"))?;

    write!(out, "  {:43}", "")?;
    for back in BACK {
        write!(out, " {:>7}", if back == 1 { "1 back".into() } else { format!("{back}") })?;
    }
    writeln!(out)?;
    for (i, (line, name)) in measured.iter().zip(names).enumerate() {
        let s = style(i);
        write!(out, "  {s}{}{s:#}  {name:40}", line.mark)?;
        for back in BACK {
            write!(out, " {:>7.0e}", line.values[back].to_f64())?;
        }
        writeln!(out)?;
    }
    writeln!(out)?;
    say(
        out,
        "Vanishing (E, L): the distant past adds nothing to the gradient, so nothing of it is learned. An LSTM is not \
         safe from this by itself; its gate must be open, and a forget bias of about ln T (F) opens it for T steps.",
    )?;
    say(
        out,
        "Exploding (X): the distant past drowns all else, and one step of learning throws the weights away. Clipping \
         scales such a gradient down to a bound and keeps its direction; chapter 1 did so at norm 1.",
    )?;
    Ok(())
}

//! Recurrent layers that other systems also have: simple layers, LSTM and GRU, by their matrices.

mod hand_over;
mod lane;

pub use hand_over::safetensors;
pub use lane::Lane;
pub(crate) use lane::reordered;

use crate::program::ExportError;
use ndarray::{Array1, Array2, Ix1, Ix2};
use rnn::Parameters;
use rnn::cell::{CellRef, SHIPPED};
use rnn::model::Model;

/// A stack of layers of such a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrent {
    /// The cell: `elman`, `elman-relu`, `lstm`, `gru` or `gru-reset-before`.
    pub cell: &'static str,
    /// The number of input features.
    pub input: usize,
    /// The size of the states.
    pub hidden: usize,
    /// Whether each layer is bidirectional.
    pub bidirectional: bool,
    /// One per layer and direction, from the first layer on, forward first.
    pub lanes: Vec<Lane>,
}

/// The cells that other systems have as layers.
const KNOWN: [&str; 5] = ["elman", "elman-relu", "lstm", "gru", "gru-reset-before"];

impl Recurrent {
    /// The layers of a model.
    ///
    /// # Errors
    /// If no other system has its cell, or a weight is missing.
    pub fn of(model: &Model, parameters: &Parameters) -> Result<Self, ExportError> {
        let cell = KNOWN.into_iter().find(|name| is_shipped(&model.cell, name));
        let cell = cell.ok_or_else(|| ExportError::Layer(model.cell.to_string()))?;
        let directions = if model.bidirectional { &["", "_reverse"][..] } else { &[""] };
        let mut lanes = Vec::new();
        for layer in 0..model.layers {
            for direction in directions {
                let array = |what: &str| {
                    let name = format!("rnn.{what}_l{layer}{direction}");
                    let missing =
                        || ExportError::Value { name: name.clone(), reason: "it is missing".into() };
                    parameters.get(&name).cloned().ok_or_else(missing)
                };
                let shaped = |what: &str| ExportError::Value {
                    name: format!("rnn.{what}_l{layer}{direction}"),
                    reason: "it has another number of axes than its cell's".into(),
                };
                let matrix = |what: &str| -> Result<Array2<f32>, ExportError> {
                    array(what)?.into_dimensionality::<Ix2>().map_err(|_| shaped(what))
                };
                let vector = |what: &str| -> Result<Array1<f32>, ExportError> {
                    array(what)?.into_dimensionality::<Ix1>().map_err(|_| shaped(what))
                };
                lanes.push(Lane {
                    weight_ih: matrix("weight_ih")?,
                    weight_hh: matrix("weight_hh")?,
                    bias_ih: vector("bias_ih")?,
                    bias_hh: vector("bias_hh")?,
                });
            }
        }
        let (input, hidden) = (model.input.size(), model.hidden);
        Ok(Self { cell, input, hidden, bidirectional: model.bidirectional, lanes })
    }

    /// The number of layers.
    pub fn layers(&self) -> usize {
        self.lanes.len() / (1 + usize::from(self.bidirectional))
    }
}

/// Whether a cell is the shipped one with this name, rather than another of the same name. Comments are ignored.
fn is_shipped(cell: &CellRef, name: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        code.map(|line| line.trim().into()).filter(|line: &String| !line.is_empty()).collect()
    };
    let shipped = SHIPPED.iter().find(|shipped| shipped.name == name);
    cell.name == name
        && cell.constants.is_empty()
        && shipped.is_some_and(|s| cell.text.as_deref().is_none_or(|text| lines(text) == lines(s.text)))
}

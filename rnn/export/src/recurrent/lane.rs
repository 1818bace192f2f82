//! One layer in one direction.

use ndarray::{Array1, Array2, Axis, concatenate, s};

/// One layer in one direction, with its gates in the order of the cells here, which is PyTorch's: i f g o, and r z n.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// The input matrix, `[gates · hidden, input]`.
    pub weight_ih: Array2<f32>,
    /// The recurrent matrix, `[gates · hidden, hidden]`.
    pub weight_hh: Array2<f32>,
    /// `[gates · hidden]`
    pub bias_ih: Array1<f32>,
    /// `[gates · hidden]`
    pub bias_hh: Array1<f32>,
}

impl Lane {
    /// All numbers.
    pub fn iter(&self) -> impl Iterator<Item = &f32> {
        self.weight_ih.iter().chain(&self.weight_hh).chain(&self.bias_ih).chain(&self.bias_hh)
    }

    /// The array that has not a row for each gate of each unit, with the number that it has.
    pub(crate) fn misfit(&self) -> Option<(&'static str, usize)> {
        let rows = self.weight_hh.nrows();
        let all = [
            ("input matrix", self.weight_ih.nrows()),
            ("input bias", self.bias_ih.len()),
            ("recurrent bias", self.bias_hh.len()),
        ];
        all.into_iter().find(|&(_, found)| found != rows)
    }
}

/// Permutes blocks of `hidden` rows.
fn blocks(matrix: &Array2<f32>, order: &[usize]) -> Array2<f32> {
    let hidden = matrix.nrows() / order.len();
    let block = |&k: &usize| matrix.slice(s![k * hidden..(k + 1) * hidden, ..]);
    let all: Vec<_> = order.iter().map(block).collect();
    concatenate(Axis(0), &all).expect("they have one width")
}

fn blocks_of(vector: &Array1<f32>, order: &[usize]) -> Array1<f32> {
    let column = vector.clone().insert_axis(Axis(1));
    blocks(&column, order).remove_axis(Axis(1))
}

/// The same layer with its gates permuted: gate i of the result is gate `order[i]`.
pub(crate) fn reordered(lane: &Lane, order: &[usize]) -> Lane {
    Lane {
        weight_ih: blocks(&lane.weight_ih, order),
        weight_hh: blocks(&lane.weight_hh, order),
        bias_ih: blocks_of(&lane.bias_ih, order),
        bias_hh: blocks_of(&lane.bias_hh, order),
    }
}

/// The rows of one gate.
pub(crate) fn gate(hidden: usize, k: usize) -> ndarray::Slice {
    (k * hidden..(k + 1) * hidden).into()
}

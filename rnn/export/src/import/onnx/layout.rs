//! What stands between two layers: which axis of a value is which, from the outputs of one layer,
//! `[time, direction, batch, unit]`, to the input of the next, `[time, batch, feature]`; and from the last layer through a
//! linear layer to the output of the file (`head`).
//!
//! Operators that only lay values out are followed axis by axis; every other operator, and every layout of them that gives
//! other numbers than a stack of layers, is refused by the name of its node.

use super::file::File;
use super::laid::{Axis, Laid, Steps, batch_first, counted};
use super::{attribute, refused, whole};
use crate::import::{Function, ImportError};
use crate::onnx::proto::{DataType, Node};

/// The number of operators that may stand between two layers.
pub(super) const BETWEEN: usize = 64;

/// The layer that is read.
pub(super) struct Before<'n> {
    /// Its outputs, and how they lie.
    pub sources: Vec<(&'n str, Laid)>,
    pub directions: usize,
    /// The units of one direction.
    pub hidden: usize,
    /// The features of all.
    pub features: usize,
    /// The result of the node that adds the bias of a head, and the operand that it is added to.
    pub bias: Option<(&'n str, &'n str)>,
}

impl<'n> Before<'n> {
    /// A recurrent layer.
    pub fn layer(node: &'n Node, directions: usize, hidden: usize) -> Self {
        let outputs = [Laid::of(node, directions), Laid::after(node, directions)];
        let sources = node.output.iter().map(String::as_str).zip(outputs);
        Self {
            sources: sources.filter(|(name, _)| !name.is_empty()).collect(),
            directions,
            hidden,
            features: directions * hidden,
            bias: None,
        }
    }
}

impl File<'_> {
    /// Checks that a layer reads the outputs of another, `hidden` units in each direction.
    pub fn reads(
        &self,
        node: &Node,
        before: &Node,
        directions: usize,
        hidden: usize,
    ) -> Result<(), ImportError> {
        use Axis::{Batch, Feature, Time};
        let before = Before::layer(before, directions, hidden);
        let name = node.input.first().map_or("", String::as_str);
        let laid = self.laid(name, &before, node, BETWEEN)?;
        let wanted = if batch_first(node) { [Batch, Time, Feature] } else { [Time, Batch, Feature] };
        if laid.axes == wanted && laid.steps == Steps::Each && laid.function == Function::Identity {
            return Ok(());
        }
        let why = match laid.axes[..] {
            [Time, Batch, Feature] | [Batch, Time, Feature] => {
                "reads the layer before it with time and batch interchanged"
            }
            _ if laid.direction.is_some() => "reads one direction of the layer before it",
            _ => "reads the layer before it, but not as [time, batch, feature]",
        };
        Err(refused(node, &format!("{why}: only layers that read each other are imported")))
    }

    /// Checks that the first layer reads an input of the file, as it is or laid out otherwise: a layer reads features over
    /// time, wherever the file has these axes.
    pub fn reads_input(&self, first: &Node) -> Result<(), ImportError> {
        let mut name = first.input.first().map_or("", String::as_str);
        for _ in 0..BETWEEN {
            if self.inputs.contains(name) {
                return Ok(());
            }
            let Some(node) = self.makers.get(name).copied() else { break };
            match &*node.op_type {
                "Identity" | "Dropout" | "Cast" | "Transpose" | "Squeeze" | "Unsqueeze" => {
                    name = node.input.first().map_or("", String::as_str);
                }
                _ => {
                    return Err(refused(
                        node,
                        "computes what the first layer reads: give the layers its result",
                    ));
                }
            }
        }
        Err(refused(first, "reads no input of the file"))
    }

    /// How a value lies that the layer `reader` reads, behind no more than `most` operators.
    pub(super) fn laid(
        &self,
        name: &str,
        before: &Before,
        reader: &Node,
        most: usize,
    ) -> Result<Laid, ImportError> {
        if let Some((_, laid)) = before.sources.iter().find(|(source, _)| *source == name) {
            return Ok(laid.clone());
        }
        if let Some((_, operand)) = before.bias.filter(|(sum, _)| !sum.is_empty() && *sum == name) {
            return self.laid(operand, before, reader, most.saturating_sub(1));
        }
        let Some(node) = self.makers.get(name).copied() else {
            return Err(refused(
                reader,
                "does not read the layer before it: only a stack of layers is imported",
            ));
        };
        let between = |why: &str| {
            Err(refused(
                reader,
                &format!(
                    "does not read the layer before it alone: `{}` stands between{why}; only layers that read each other \
                     are imported",
                    node.op_type
                ),
            ))
        };
        if most == 0 {
            return between(&format!(", as do more than {BETWEEN} others"));
        }
        let operand =
            |k: usize| self.laid(node.input.get(k).map_or("", String::as_str), before, reader, most - 1);
        match &*node.op_type {
            "Identity" | "Dropout" => operand(0),
            "Cast" => match whole(node, "to") {
                Some(to) if to == DataType::Float as i64 || to == DataType::Double as i64 => operand(0),
                _ => Err(refused(node, "between two layers rounds: a cast to FLOAT or DOUBLE is imported")),
            },
            "Transpose" => operand(0)?.transposed(node),
            "Squeeze" => operand(0)?.squeezed(node, &self.given_axes(node), before.features),
            "Unsqueeze" => operand(0)?.unsqueezed(node, &self.given_axes(node)),
            "Reshape" => self.reshaped(&operand(0)?, node, before),
            "Slice" => self.sliced(operand(0)?, node),
            "Gather" => self.gathered(node, before, reader, most - 1),
            "ReduceMean" => operand(0)?.averaged(node, &self.given_axes(node)),
            "Softmax" | "LogSoftmax" | "Sigmoid" if before.bias.is_some() => {
                operand(0)?.through(node, self.opset)
            }
            "Concat" if node.input.len() == 2 => operand(0)?.beside(&operand(1)?, node),
            _ => between(""),
        }
    }

    /// A slice of one direction, of the last step, or of all.
    fn sliced(&self, laid: Laid, node: &Node) -> Result<Laid, ImportError> {
        let given = |k: usize, name: &str| match attribute(node, name) {
            Some(attribute) => attribute.ints.clone(),
            None => node.input.get(k).and_then(|name| self.constants(name)).unwrap_or_default(),
        };
        let (starts, ends, mut axes) = (given(1, "starts"), given(2, "ends"), given(3, "axes"));
        let unit =
            node.input.get(4).is_none_or(|name| name.is_empty() || self.constants(name) == Some(vec![1]));
        if axes.is_empty() {
            axes = (0..).take(starts.len()).collect();
        }
        if let (&[start], &[end], &[axis]) = (&starts[..], &ends[..], &axes[..])
            && let Some(place) = counted(axis, laid.axes.len())
            && unit
        {
            // Where there is no end, exporters write the largest number of 32 or of 64 bits.
            let endless = end >= i64::from(i32::MAX);
            let picked = match laid.axes[place] {
                Axis::Direction if start == 0 && end == 1 || start == 1 && end > 1 => Some(start),
                Axis::Time if start == -1 && endless => Some(-1),
                Axis::Time if start >= 0 && start.checked_add(1) == Some(end) => Some(start),
                _ if start == 0 && endless => return Ok(laid),
                _ => None,
            };
            let picked = picked.and_then(|index| laid.clone().picked(place, index, self.steps));
            if let Some(picked) = picked {
                return Ok(picked.with_one(place));
            }
        }
        Err(refused(
            node,
            &format!(
                "takes {starts:?} to {ends:?} of the axes {axes:?}{} of a layer's outputs: a slice of one direction is \
                 imported, or of the last step before a head",
                if unit { "" } else { " with other steps than 1" }
            ),
        ))
    }

    /// One direction, the last step, or one of the final states of all layers, which PyTorch's exporter joins.
    fn gathered(
        &self,
        node: &Node,
        before: &Before,
        reader: &Node,
        most: usize,
    ) -> Result<Laid, ImportError> {
        let unknown = || {
            refused(node, "takes a part of a layer's outputs that is neither one direction nor the last step")
        };
        let [operand, index] = &node.input[..] else { return Err(unknown()) };
        let (axis, rank) = (whole(node, "axis").unwrap_or(0), self.constant_rank(index));
        let (Some(&[mut index]), Some(rank @ (0 | 1))) = (self.constants(index).as_deref(), rank) else {
            return Err(unknown());
        };
        let (mut operand, all) = (operand.as_str(), i64::try_from(before.directions).unwrap_or(1));
        if let Some(joined) = self.makers.get(operand).filter(|maker| maker.op_type == "Concat")
            && whole(joined, "axis") == Some(axis)
            && axis == 0
        {
            let many = i64::try_from(joined.input.len()).unwrap_or(1) * all;
            let at = if index < 0 { index + many } else { index };
            let place = usize::try_from(at / all).ok().filter(|_| at >= 0);
            operand = place.and_then(|place| joined.input.get(place)).ok_or_else(unknown)?;
            index = at % all;
        }
        let laid = self.laid(operand, before, reader, most)?;
        let place = counted(axis, laid.axes.len()).ok_or_else(unknown)?;
        let index = if index < 0 && laid.axes[place] == Axis::Direction { index + all } else { index };
        let picked = laid.picked(place, index, self.steps).ok_or_else(unknown)?;
        Ok(if rank == 1 { picked.with_one(place) } else { picked.without(place) })
    }

    /// A reshape that takes out axes of one element, or makes features of directions and units.
    fn reshaped(&self, laid: &Laid, node: &Node, before: &Before) -> Result<Laid, ImportError> {
        if before.bias.is_some() && laid.axes == [Axis::Row, Axis::Feature] && self.undoes_rows(node, before)
        {
            return Ok(laid.clone());
        }
        let shape = node.input.get(1).and_then(|name| self.constants(name));
        let shape =
            shape.ok_or_else(|| refused(node, "between two layers has a shape that is not in the file"))?;
        let apart: Vec<Axis> = laid.axes.iter().copied().filter(|&axis| axis != Axis::One).collect();
        let mut joined: Vec<Axis> = Vec::new();
        for &axis in &apart {
            match (axis, joined.last_mut()) {
                (Axis::Unit, Some(last @ Axis::Direction)) => *last = Axis::Feature,
                _ => joined.push(axis),
            }
        }
        let zero_copies = whole(node, "allowzero").unwrap_or(0) == 0;
        let size = |axis: Axis| match axis {
            Axis::Time => self.steps,
            Axis::Batch => self.batch,
            Axis::Direction => Some(before.directions),
            Axis::Unit => Some(before.hidden),
            Axis::Feature => Some(before.features),
            Axis::Row => None,
            Axis::One => Some(1),
        };
        let fits = |axes: &[Axis]| {
            axes.len() == shape.len()
                && axes.iter().zip(&shape).enumerate().all(|(k, (&axis, &n))| match n {
                    -1 => true,
                    0 => zero_copies && laid.axes.get(k) == Some(&axis),
                    n => size(axis).is_some_and(|size| i64::try_from(size) == Ok(n)),
                })
        };
        let is_row = |axis: &Axis| matches!(axis, Axis::Time | Axis::Batch | Axis::Row);
        let rows = match (&joined[..], &shape[..]) {
            ([rows @ .., Axis::Feature], &[-1, n])
                if rows.iter().all(is_row) && i64::try_from(before.features) == Ok(n) =>
            {
                Some(vec![Axis::Row, Axis::Feature])
            }
            _ => None,
        };
        match [joined, apart].into_iter().find(|axes| fits(axes)).or(rows) {
            Some(axes) => Ok(Laid { axes, ..laid.clone() }),
            None => Err(refused(
                node,
                &format!(
                    "between two layers makes {shape:?} of {}, which is not known to be [time, batch, feature]",
                    laid.words()
                ),
            )),
        }
    }

    /// Whether a reshape of a head's product gives the rows the axes again that the reshape before the product took from
    /// them, by their sizes at run time, as a dense layer of Keras does. The result counts as rows.
    fn undoes_rows(&self, node: &Node, before: &Before) -> bool {
        let maker = |name: &str, op: &str| self.behind(name).filter(|maker| maker.op_type == op);
        let input = |node: &'_ Node, k: usize| node.input.get(k).cloned().unwrap_or_default();
        let of = || {
            let product = maker(&input(node, 0), "MatMul")?;
            let rows =
                self.makers.get(input(product, 0).as_str()).filter(|maker| maker.op_type == "Reshape")?;
            let sizes = maker(&input(node, 1), "Concat")?;
            let taken = maker(&input(sizes, 0), "Gather")?;
            let shape = maker(&input(taken, 0), "Shape")?;
            let leading = self.constants(&input(taken, 1))?;
            let last = self.constants(&input(sizes, 1))?;
            let in_order = leading.iter().enumerate().all(|(k, &axis)| i64::try_from(k) == Ok(axis));
            let whole = i64::try_from(before.features).is_ok_and(|features| last == [features]);
            Some(
                in_order
                    && leading.len() == 2
                    && whole
                    && sizes.input.len() == 2
                    && input(shape, 0) == input(rows, 0),
            )
        };
        of().unwrap_or(false)
    }
}

//! What stands between two layers: which axis of a value is which, from the outputs of one layer,
//! `[time, direction, batch, unit]`, to the input of the next, `[time, batch, feature]`.
//!
//! Operators that only lay values out are followed axis by axis; every other operator, and every layout of them that gives
//! other numbers than a stack of layers, is refused by the name of its node.

use super::file::File;
use super::{attribute, refused, whole};
use crate::import::ImportError;
use crate::onnx::proto::{DataType, Node};

/// What an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    Time,
    Batch,
    Direction,
    /// The units of one direction.
    Unit,
    /// The units of all directions, those of the first before those of the second.
    Feature,
    /// Nothing: it has one element.
    One,
}

/// How a value lies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Laid {
    axes: Vec<Axis>,
    /// The direction that was sliced out of two.
    direction: Option<i64>,
}

/// The number of operators that may stand between two layers.
const BETWEEN: usize = 64;

/// The layer that is read.
struct Before<'n> {
    node: &'n Node,
    directions: usize,
    hidden: usize,
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
        let before = Before { node: before, directions, hidden };
        let name = node.input.first().map_or("", String::as_str);
        let laid = self.laid(name, &before, node, BETWEEN)?;
        let wanted = if batch_first(node) { [Batch, Time, Feature] } else { [Time, Batch, Feature] };
        if laid.axes == wanted {
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

    /// How a value lies that the layer `reader` reads.
    fn laid(&self, name: &str, before: &Before, reader: &Node, most: usize) -> Result<Laid, ImportError> {
        if before.node.output.first().is_some_and(|y| y == name) {
            return Ok(Laid::of(before));
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
            "Squeeze" => operand(0)?.squeezed(node, &self.given_axes(node)),
            "Unsqueeze" => operand(0)?.unsqueezed(node, &self.given_axes(node)),
            "Reshape" => self.reshaped(&operand(0)?, node, before),
            "Slice" => self.sliced(operand(0)?, node),
            "Concat" if node.input.len() == 2 => operand(0)?.beside(&operand(1)?, node),
            _ => between(""),
        }
    }

    /// A slice of one direction.
    fn sliced(&self, laid: Laid, node: &Node) -> Result<Laid, ImportError> {
        let given = |k: usize| node.input.get(k).and_then(|name| self.constants(name)).unwrap_or_default();
        let unit =
            node.input.get(4).is_none_or(|name| name.is_empty() || self.constants(name) == Some(vec![1]));
        if let (&[start @ (0 | 1)], &[end], &[axis]) = (&given(1)[..], &given(2)[..], &given(3)[..])
            && let Some(axis) = counted(axis, laid.axes.len())
            && laid.axes[axis] == Axis::Direction
            && unit
            && (end == start + 1 || start == 1 && end > 1)
        {
            let mut laid = Laid { direction: Some(start), ..laid };
            laid.axes[axis] = Axis::One;
            return Ok(laid);
        }
        Err(refused(
            node,
            &format!(
                "takes {:?} to {:?} of the axes {:?}{} of a layer's outputs: a slice of one direction is imported",
                given(1),
                given(2),
                given(3),
                if unit { "" } else { " with other steps than 1" }
            ),
        ))
    }

    /// A reshape that takes out axes of one element, or makes features of directions and units.
    fn reshaped(&self, laid: &Laid, node: &Node, before: &Before) -> Result<Laid, ImportError> {
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
            Axis::Feature => Some(before.directions * before.hidden),
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
        match [joined, apart].into_iter().find(|axes| fits(axes)) {
            Some(axes) => Ok(Laid { axes, direction: laid.direction }),
            None => Err(refused(
                node,
                &format!(
                    "between two layers makes {shape:?} of {}, which is not known to be [time, batch, feature]",
                    laid.words()
                ),
            )),
        }
    }
}

impl Laid {
    /// The outputs of a layer.
    fn of(before: &Before) -> Self {
        use Axis::{Batch, Direction, Feature, One, Time, Unit};
        let (direction, unit) = if before.directions == 2 { (Direction, Unit) } else { (One, Feature) };
        let axes = if batch_first(before.node) {
            vec![Batch, Time, direction, unit]
        } else {
            vec![Time, direction, Batch, unit]
        };
        Self { axes, direction: None }
    }

    /// In words.
    fn words(&self) -> String {
        let words = self.axes.iter().map(|axis| match axis {
            Axis::Time => "time",
            Axis::Batch => "batch",
            Axis::Direction => "direction",
            Axis::Unit => "unit",
            Axis::Feature => "feature",
            Axis::One => "1",
        });
        format!("[{}]", words.collect::<Vec<_>>().join(", "))
    }

    fn transposed(self, node: &Node) -> Result<Self, ImportError> {
        let order = permutation(node, self.axes.len());
        let order = order
            .ok_or_else(|| refused(node, &format!("does not name each axis of {} once", self.words())))?;
        Ok(Self { axes: order.into_iter().map(|axis| self.axes[axis]).collect(), ..self })
    }

    fn squeezed(mut self, node: &Node, axes: &[i64]) -> Result<Self, ImportError> {
        let mut places: Vec<usize> = axes.iter().filter_map(|&axis| counted(axis, self.axes.len())).collect();
        places.sort_unstable();
        places.dedup();
        let one = |&place: &usize| self.axes[place] == Axis::One;
        if places.is_empty() || places.len() != axes.len() || !places.iter().all(one) {
            let why = format!(
                "takes out the axes {axes:?} of {}: a squeeze of what is 1 is imported",
                self.words()
            );
            return Err(refused(node, &why));
        }
        places.iter().rev().for_each(|&place| {
            self.axes.remove(place);
        });
        Ok(self)
    }

    fn unsqueezed(mut self, node: &Node, axes: &[i64]) -> Result<Self, ImportError> {
        let places = inserted(axes, self.axes.len());
        let places = places.ok_or_else(|| {
            refused(node, &format!("puts in the axes {axes:?}, which the result does not have"))
        })?;
        places.into_iter().for_each(|place| self.axes.insert(place, Axis::One));
        Ok(self)
    }

    /// Both directions along the units.
    fn beside(self, other: &Self, node: &Node) -> Result<Self, ImportError> {
        let place = whole(node, "axis").and_then(|axis| counted(axis, self.axes.len()));
        match place {
            Some(place)
                if (self.direction, other.direction) == (Some(0), Some(1))
                    && self.axes == other.axes
                    && self.axes[place] == Axis::Unit =>
            {
                let mut axes = self.axes;
                axes[place] = Axis::Feature;
                Ok(Self { axes, direction: None })
            }
            _ => Err(refused(
                node,
                "joins parts of a layer's outputs: the first direction beside the second along the units is imported",
            )),
        }
    }
}

/// Whether a layer has the batch first.
pub(super) fn batch_first(node: &Node) -> bool {
    whole(node, "layout").unwrap_or(0) != 0
}

/// The order of the axes after a `Transpose` of so many; `None` if it is none.
pub(super) fn permutation(node: &Node, rank: usize) -> Option<Vec<usize>> {
    let Some(perm) = attribute(node, "perm") else { return Some((0..rank).rev().collect()) };
    let order: Option<Vec<usize>> = perm.ints.iter().map(|&axis| counted(axis, rank)).collect();
    order.filter(|order| order.len() == rank && (0..rank).all(|axis| order.contains(&axis)))
}

/// The places of the axes that an `Unsqueeze` of an array of so many puts in, from the first; `None` if there is no such
/// place.
pub(super) fn inserted(axes: &[i64], rank: usize) -> Option<Vec<usize>> {
    let places: Option<Vec<usize>> = axes.iter().map(|&axis| counted(axis, rank + axes.len())).collect();
    let mut places = places?;
    places.sort_unstable();
    let apart = places.windows(2).all(|pair| pair[0] < pair[1]);
    (apart && !places.is_empty()).then_some(places)
}

/// The place of an axis that may be counted from the end.
pub(super) fn counted(axis: i64, rank: usize) -> Option<usize> {
    let from_end = i64::try_from(rank).ok()?.checked_add(axis)?;
    usize::try_from(if axis < 0 { from_end } else { axis }).ok().filter(|&axis| axis < rank)
}

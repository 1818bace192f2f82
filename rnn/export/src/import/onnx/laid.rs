//! How a value lies: which axis of it is which.

use super::{attribute, refused, whole};
use crate::import::{Function, ImportError};
use crate::onnx::proto::Node;
use rnn::model::Head;

/// What an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Time,
    Batch,
    Direction,
    /// The units of one direction.
    Unit,
    /// The units of all directions, those of the first before those of the second.
    Feature,
    /// Time and batch in one.
    Row,
    /// Nothing: it has one element.
    One,
}

/// Which states a value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steps {
    /// Those of each step.
    Each,
    /// Those after the last step that each direction reads.
    Final,
    /// Those at the first step, which the second direction reads last.
    First,
    /// Those at the last step, which the second direction reads first.
    Last,
    /// Their mean over time.
    Mean,
}

/// How a value lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Laid {
    pub axes: Vec<Axis>,
    /// The direction that was sliced out of two.
    pub direction: Option<i64>,
    pub steps: Steps,
    /// The function that was applied to a head.
    pub function: Function,
}

impl Laid {
    /// The outputs of a layer.
    pub fn of(node: &Node, directions: usize) -> Self {
        use Axis::{Batch, Time};
        let (direction, unit) = Self::parts(directions);
        let axes = if batch_first(node) {
            vec![Batch, Time, direction, unit]
        } else {
            vec![Time, direction, Batch, unit]
        };
        Self { axes, direction: None, steps: Steps::Each, function: Function::Identity }
    }

    /// The final states of a layer.
    pub fn after(node: &Node, directions: usize) -> Self {
        let (direction, unit) = Self::parts(directions);
        let axes = if batch_first(node) {
            vec![Axis::Batch, direction, unit]
        } else {
            vec![direction, Axis::Batch, unit]
        };
        Self { axes, direction: None, steps: Steps::Final, function: Function::Identity }
    }

    fn parts(directions: usize) -> (Axis, Axis) {
        if directions == 2 { (Axis::Direction, Axis::Unit) } else { (Axis::One, Axis::Feature) }
    }

    /// What a head that reads this reads, if it has all features last.
    pub fn reads(&self, directions: usize) -> Option<Head> {
        let whole = self.axes.last() == Some(&Axis::Feature) && self.direction.is_none();
        match self.steps {
            _ if !whole => None,
            Steps::Each => Some(Head::EachStep),
            Steps::Final => Some(Head::Last),
            Steps::First => None,
            // The second direction has read only this step.
            Steps::Last => (directions == 1).then_some(Head::Last),
            Steps::Mean => Some(Head::Mean),
        }
    }

    /// One place along an axis, which stays: a direction, or the first or the last of the steps.
    pub fn picked(mut self, place: usize, index: i64, steps: Option<usize>) -> Option<Self> {
        let behind = index.checked_add(1).and_then(|behind| usize::try_from(behind).ok());
        let last = index == -1 || behind.is_some_and(|behind| steps == Some(behind));
        match self.axes[place] {
            Axis::Direction if (0..2).contains(&index) => self.direction = Some(index),
            Axis::One if (-1..1).contains(&index) => {}
            Axis::Time if last => self.steps = Steps::Last,
            Axis::Time if index == 0 => self.steps = Steps::First,
            _ => return None,
        }
        if matches!((self.direction, self.steps), (Some(0), Steps::Last) | (Some(1), Steps::First)) {
            self.steps = Steps::Final;
        }
        Some(self)
    }

    pub fn with_one(mut self, place: usize) -> Self {
        self.axes[place] = Axis::One;
        self
    }

    pub fn without(mut self, place: usize) -> Self {
        self.axes.remove(place);
        self
    }

    /// The mean over time.
    pub fn averaged(mut self, node: &Node, axes: &[i64]) -> Result<Self, ImportError> {
        let place = if let &[axis] = axes { counted(axis, self.axes.len()) } else { None };
        match place.filter(|&place| self.axes[place] == Axis::Time) {
            Some(place) if self.function == Function::Identity => {
                self.steps = Steps::Mean;
                Ok(if whole(node, "keepdims").unwrap_or(1) == 0 {
                    self.without(place)
                } else {
                    self.with_one(place)
                })
            }
            _ => Err(refused(
                node,
                &format!(
                    "takes the mean of {} over the axes {axes:?}: that over time is imported",
                    self.words()
                ),
            )),
        }
    }

    /// A function of a head's results. Before version 13 a softmax was over all axes from one on.
    pub fn through(self, node: &Node, opset: i64) -> Result<Self, ImportError> {
        let function = match &*node.op_type {
            "Sigmoid" => Function::Sigmoid,
            "LogSoftmax" => Function::LogSoftmax,
            _ => Function::Softmax,
        };
        let default = if opset < 13 { 1 } else { -1 };
        let place = counted(whole(node, "axis").unwrap_or(default), self.axes.len());
        let over = place.map_or(&[][..], |place| &self.axes[place..]);
        let over = if opset < 13 { over } else { over.get(..1).unwrap_or_default() };
        let fits =
            over.contains(&Axis::Feature) && over.iter().all(|a| matches!(a, Axis::Feature | Axis::One));
        if self.function != Function::Identity || function != Function::Sigmoid && !fits {
            return Err(refused(node, "is not of the outputs at one step"));
        }
        Ok(Self { function, ..self })
    }

    /// In words.
    pub fn words(&self) -> String {
        let words = self.axes.iter().map(|axis| match axis {
            Axis::Time => "time",
            Axis::Batch => "batch",
            Axis::Direction => "direction",
            Axis::Unit => "unit",
            Axis::Feature => "feature",
            Axis::Row => "time and batch",
            Axis::One => "1",
        });
        format!("[{}]", words.collect::<Vec<_>>().join(", "))
    }

    pub fn transposed(self, node: &Node) -> Result<Self, ImportError> {
        let order = permutation(node, self.axes.len());
        let order = order
            .ok_or_else(|| refused(node, &format!("does not name each axis of {} once", self.words())))?;
        Ok(Self { axes: order.into_iter().map(|axis| self.axes[axis]).collect(), ..self })
    }

    /// Without axes of one element; that of the features is one of them if there is one feature.
    pub fn squeezed(mut self, node: &Node, axes: &[i64], features: usize) -> Result<Self, ImportError> {
        let mut places: Vec<usize> = axes.iter().filter_map(|&axis| counted(axis, self.axes.len())).collect();
        places.sort_unstable();
        places.dedup();
        let one = |&place: &usize| {
            self.axes[place] == Axis::One || self.axes[place] == Axis::Feature && features == 1
        };
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

    pub fn unsqueezed(mut self, node: &Node, axes: &[i64]) -> Result<Self, ImportError> {
        let places = inserted(axes, self.axes.len());
        let places = places.ok_or_else(|| {
            refused(node, &format!("puts in the axes {axes:?}, which the result does not have"))
        })?;
        places.into_iter().for_each(|place| self.axes.insert(place, Axis::One));
        Ok(self)
    }

    /// Checks that these are the states as layers give them: those of each step or after the last, in all directions.
    pub fn is_all_states(&self, node: &Node) -> Result<(), ImportError> {
        match (self.steps, self.direction) {
            (Steps::Each | Steps::Final, None) => Ok(()),
            _ => Err(refused(
                node,
                "takes a part of the states, or their mean, without a linear layer after it: all states are imported",
            )),
        }
    }

    /// With the axis of one feature that a squeeze took out.
    pub fn with_feature(mut self) -> Self {
        if !self.axes.contains(&Axis::Feature) {
            self.axes.push(Axis::Feature);
        }
        self
    }

    /// Both directions along the units.
    pub fn beside(self, other: &Self, node: &Node) -> Result<Self, ImportError> {
        let place = whole(node, "axis").and_then(|axis| counted(axis, self.axes.len()));
        match place {
            Some(place)
                if (self.direction, other.direction) == (Some(0), Some(1))
                    && self.axes == other.axes
                    && self.steps == other.steps
                    && self.axes[place] == Axis::Unit =>
            {
                let mut axes = self.axes.clone();
                axes[place] = Axis::Feature;
                Ok(Self { axes, direction: None, ..self })
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

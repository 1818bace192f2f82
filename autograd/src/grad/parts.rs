//! Assembles the adjoints of slices.
//!
//! Each of T slices of a sequence contributes to one part of its adjoint. Padding each to the full length and adding
//! would cost T arrays of length T; filling one array part by part costs one.

use crate::graph::Expr;
use crate::shape::Shape;

/// The adjoint of a range along an axis; zero elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Part<'g> {
    pub axis: usize,
    pub start: usize,
    /// With the axis, for a slice; without it, for a single index.
    pub value: Expr<'g>,
}

impl<'g> Part<'g> {
    fn is_place(&self, rank: usize) -> bool {
        self.value.shape().len() < rank
    }

    fn end(&self, rank: usize) -> usize {
        self.start + if self.is_place(rank) { 1 } else { self.value.shape().get(self.axis).map_or(0, |&n| n) }
    }

    fn with_axis(&self, rank: usize) -> Expr<'g> {
        if self.is_place(rank) { self.value.insert_axis(self.axis) } else { self.value }
    }
}

/// Arrays of shape `shape` that sum to all parts, each at its position. Disjoint parts share an array.
pub(super) fn assemble<'g>(mut parts: Vec<Part<'g>>, shape: &Shape) -> Vec<Expr<'g>> {
    if let Some(poison) = parts.iter().find(|p| p.value.is_poisoned()) {
        return vec![poison.value];
    }
    let rank = shape.len();
    // Stable, so that parts at the same position are added in the order of their users.
    parts.sort_by_key(|p| (p.axis, p.start, p.end(rank), p.is_place(rank)));
    let same = |a: &Part, b: &Part| {
        (a.axis, a.start, a.end(rank), a.is_place(rank)) == (b.axis, b.start, b.end(rank), b.is_place(rank))
    };
    let distinct = parts.chunk_by(same).map(|group| match group {
        [one] => *one,
        group => {
            let values: Vec<_> = group.iter().map(|p| p.value).collect();
            Part { value: values[0].builder().sum(&values), ..group[0] }
        }
    });
    let mut layers: Vec<Vec<Part>> = Vec::new();
    for part in distinct {
        let free = |layer: &&mut Vec<Part>| {
            layer.last().is_none_or(|last| last.axis == part.axis && last.end(rank) <= part.start)
        };
        match layers.iter_mut().find(free) {
            Some(layer) => layer.push(part),
            None => layers.push(vec![part]),
        }
    }
    layers.into_iter().map(|layer| fill(&layer, shape)).collect()
}

/// One array with ascending, disjoint parts at their positions.
fn fill<'g>(parts: &[Part<'g>], shape: &Shape) -> Expr<'g> {
    let (rank, axis, g) = (shape.len(), parts[0].axis, parts[0].value.builder());
    let size = shape[axis];
    if parts.len() == size && parts.iter().all(|p| p.is_place(rank)) {
        return g.stack(axis, &parts.iter().map(|p| p.value).collect::<Vec<_>>());
    }
    let mut pieces = Vec::new();
    let first = parts[0].start;
    let mut end = first;
    for part in parts {
        if part.start > end {
            pieces.push(g.zeros(shape.resized(axis, part.start - end)));
        }
        pieces.push(part.with_axis(rank));
        end = part.end(rank);
    }
    let run = if let [one] = pieces[..] { one } else { g.concat(axis, &pieces) };
    if first == 0 && end == size { run } else { run.pad(axis, first, size - end) }
}

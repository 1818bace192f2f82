//! Batching over time: an op that is applied to every step alike is applied to all steps at once: `f(x[0..b]),
//! f(x[b..2b]), … → f(x)`, in blocks of rows.
//!
//! Once the logits of all steps are one product, their softmax, their loss and its derivative are batched here; in a
//! cell whose gates do not read the state, so are the gates. A recurrence is not: its blocks are not slices of one
//! array.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use autograd::Kind;
use autograd::ops::{Broadcast, Class, Op, Reshape, Slice};
use std::collections::HashMap;

/// The array that a block of rows is a slice of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whole {
    /// A node.
    Node(usize),
    /// The future result of a group.
    Group(usize),
}

#[derive(Clone, Copy, Debug)]
struct Block {
    whole: Whole,
    start: usize,
}

/// The role of an operand for all members of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    /// A block of an array, at this row offset from the first operand's block.
    Rows(Whole, isize),
    /// The same node for every block.
    Same(usize),
}

#[derive(Debug)]
struct Group {
    op: Op,
    parts: Vec<Part>,
    /// The members by the first row of their first block; all have `height` rows.
    members: Vec<(usize, usize)>,
    height: usize,
    valid: bool,
    made: Option<u32>,
}

/// See the head of the file.
pub(in super::super) struct Lift {
    groups: Vec<Group>,
    group_of: HashMap<usize, usize>,
}

impl Lift {
    pub fn new(p: &Program) -> Self {
        let mut this = Self { groups: Vec::new(), group_of: HashMap::new() };
        let mut blocks: HashMap<usize, Block> = HashMap::new();
        let mut known: HashMap<(Op, Vec<Part>, usize), usize> = HashMap::new();
        for v in 0..p.graph.len() {
            if let Op::Slice(Slice { axis: 0, start, .. }) = p.graph.at(v).op {
                let of = p.graph.operands_at(v).next().expect("a slice has an operand");
                blocks.insert(v, Block { whole: Whole::Node(of), start });
                continue;
            }
            let Some((start, op, parts)) = lifted(p, v, &blocks) else { continue };
            let height = p.shape(v)[0];
            let next = this.groups.len();
            let i = *known.entry((op, parts, height)).or_insert_with_key(|(op, parts, _)| {
                let (op, parts) = (op.clone(), parts.clone());
                this.groups.push(Group { op, parts, members: vec![], height, valid: false, made: None });
                next
            });
            this.groups[i].members.push((start, v));
            blocks.insert(v, Block { whole: Whole::Group(i), start });
        }
        for i in 0..this.groups.len() {
            this.groups[i].members.sort_unstable();
            this.groups[i].valid = this.is_whole(i);
            if this.groups[i].valid {
                this.group_of.extend(this.groups[i].members.iter().map(|&(_, v)| (v, i)));
            }
        }
        this
    }

    /// Whether the blocks of a group are contiguous, and so are those of its operands.
    fn is_whole(&self, i: usize) -> bool {
        let Group { members, height, parts, .. } = &self.groups[i];
        let joined = members.windows(2).all(|pair| pair[0].0 + height == pair[1].0);
        let covered = |part: &Part| match *part {
            Part::Rows(Whole::Group(of), _) => self.groups[of].valid,
            _ => true,
        };
        members.len() > 1 && joined && parts.iter().all(covered)
    }

    /// Writes the batched result of a group.
    fn whole(&self, i: usize, p: &Program, out: &mut Writer) -> u32 {
        let Group { op, parts, members, height, .. } = &self.groups[i];
        let (from, rows) = (members[0].0, height * members.len());
        let mut operands = Vec::with_capacity(parts.len());
        for part in parts {
            operands.push(match *part {
                Part::Same(x) => out.at(x),
                Part::Rows(whole, shift) => {
                    let (whole, first) = match whole {
                        Whole::Node(x) => (out.at(x), 0),
                        Whole::Group(of) => {
                            let group = &self.groups[of];
                            (group.made.expect("it was needed, and so made before"), group.members[0].0)
                        }
                    };
                    let start = from.strict_add_signed(shift) - first;
                    out.add(Slice { axis: 0, start, end: start + rows }, &[whole])
                }
            });
        }
        out.of_none();
        members.iter().for_each(|&(_, v)| out.of_also(&p.of[v]));
        let op = match op {
            Op::Reshape(Reshape { shape }) => Reshape { shape: shape.resized(0, rows) }.into(),
            Op::Broadcast(Broadcast { shape }) => Broadcast { shape: shape.resized(0, rows) }.into(),
            op => op.clone(),
        };
        out.count("f(x[0..b]), f(x[b..2b]) → f(x)");
        out.add(op, &operands)
    }
}

/// Node `v` as a batchable op: the start of its first block, the op, and its operands.
fn lifted(p: &Program, v: usize, blocks: &HashMap<usize, Block>) -> Option<(usize, Op, Vec<Part>)> {
    let node = p.graph.at(v);
    let (shape, rank) = (&node.ty.shape, node.ty.shape.len());
    let height = *shape.first()?;
    // Truth values cannot be sliced.
    if height == 0 || node.ty.kind != Kind::Float || !is_by_rows(p, v) {
        return None;
    }
    let mut first = None;
    let mut parts = Vec::with_capacity(p.graph.operands_at(v).len());
    for x in p.graph.operands_at(v) {
        let theirs = p.shape(x);
        parts.push(match blocks.get(&x) {
            Some(block) if theirs.len() == rank_of(&node.op, rank, theirs.len()) && theirs[0] == height => {
                let start = *first.get_or_insert(block.start);
                Part::Rows(block.whole, block.start.cast_signed() - start.cast_signed())
            }
            // An operand broadcast over the rows is the same for all.
            _ if node.op.class().is_elementwise()
                && (theirs.len() < rank || theirs[0] == 1 && height > 1) =>
            {
                Part::Same(x)
            }
            _ => return None,
        });
    }
    Some((first?, node.op.clone(), parts))
}

/// The rank that an operand needs for its rows to be those of the result.
fn rank_of(op: &Op, rank: usize, theirs: usize) -> usize {
    if op.class().is_elementwise() { rank } else { theirs }
}

/// Whether each row of the result depends only on the same row of the operands.
fn is_by_rows(p: &Program, v: usize) -> bool {
    let op = &p.graph.at(v).op;
    match op {
        Op::Reshape(Reshape { shape }) => {
            let inner = p.graph.operands_at(v).next().map(|x| p.shape(x));
            inner.is_some_and(|inner| inner.first() == shape.first())
        }
        Op::Broadcast(Broadcast { shape }) => {
            let inner = p.graph.operands_at(v).next().map(|x| p.shape(x));
            inner.is_some_and(|inner| inner.len() == shape.len() && inner.first() == shape.first())
        }
        op => match op.class() {
            Class::Elementwise(_) => true,
            Class::Reduction(axes) => axes.iter().next() != Some(0),
            Class::Lines(axis) | Class::Movement(Some(axis)) => axis > 0,
            _ => false,
        },
    }
}

impl Rewrite for Lift {
    fn is_idle(&self) -> bool {
        self.group_of.is_empty()
    }

    fn dependencies(&self, p: &Program, v: usize, needs: &mut Vec<usize>) {
        let Some(&i) = self.group_of.get(&v) else { return needs.extend(p.graph.operands_at(v)) };
        needs.extend(self.groups[i].parts.iter().map(|part| match *part {
            Part::Same(x) | Part::Rows(Whole::Node(x), _) => x,
            Part::Rows(Whole::Group(of), _) => self.groups[of].members[0].1,
        }));
    }

    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        let Some(&i) = self.group_of.get(&v) else { return out.copy(p, v) };
        let whole = self.whole(i, p, out);
        self.groups[i].made = Some(whole);
        let height = self.groups[i].height;
        for (k, &(_, member)) in self.groups[i].members.iter().enumerate() {
            out.of(&p.of[member]);
            let part = out.add(Slice { axis: 0, start: k * height, end: (k + 1) * height }, &[whole]);
            out.set(member, part);
        }
        out.at(v)
    }
}

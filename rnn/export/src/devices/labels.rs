//! The sharding of each value, and the points that need an all-reduce.

use crate::program::{ExportError, Program};
use autograd::graph::Graph;
use autograd::ops::{Class, Concat, Leaf, MatMul, Op, ReduceMean, ReduceSum, Stack, Transpose};
use std::collections::{BTreeSet, HashMap};

/// The sharding of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Share {
    /// Replicated on all devices.
    Whole,
    /// Sharded along an axis.
    Rows(usize),
    /// A partial sum over the devices.
    Part,
}

/// The form in which a value is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Form {
    /// All-reduced over the devices.
    pub summed: bool,
    /// Sharded along an axis, although replicated.
    pub cut: Option<usize>,
}

/// The shardings of a program's values.
#[derive(Debug)]
pub(super) struct Labels {
    /// By node.
    pub share: Vec<Share>,
    /// By user and operand: the form, if it differs from the operand's own.
    pub used: HashMap<(usize, usize), Form>,
    /// By node: the other forms that are needed.
    pub forms: HashMap<usize, BTreeSet<Form>>,
}

/// Why a node cannot be sharded.
type Refusal = &'static str;

const APART: Refusal = "its operands have the batch along different axes";

impl Labels {
    /// Propagates the batch axis from the inputs to the results.
    ///
    /// # Errors
    /// The first node at which the batch cannot be sharded.
    pub fn new(program: &Program) -> Result<Self, ExportError> {
        let graph = &program.graph;
        let share = vec![Share::Whole; graph.len()];
        let mut this = Self { share, used: HashMap::new(), forms: HashMap::new() };
        for v in (0..graph.len()).filter(|&v| program.live[v]) {
            let refused = |reason: Refusal| ExportError::Unshared {
                node: graph.name_at(v),
                op: graph.at(v).op.name().into(),
                reason: reason.into(),
            };
            this.share[v] = Node::of(graph, v, &mut this).share().map_err(refused)?;
        }
        for result in &program.results {
            let v = result.id.index();
            if this.share[v] == Share::Part {
                this.forms.entry(v).or_default().insert(Form { summed: true, cut: None });
            }
        }
        Ok(this)
    }

    /// The form in which an operand is used.
    pub fn form(&self, user: usize, slot: usize) -> Form {
        self.used.get(&(user, slot)).copied().unwrap_or_default()
    }
}

/// A node under labelling.
struct Node<'a> {
    graph: &'a Graph,
    labels: &'a mut Labels,
    v: usize,
    x: Vec<usize>,
    /// The shardings of the operands, in the form in which they are used.
    of: Vec<Share>,
}

impl<'a> Node<'a> {
    fn of(graph: &'a Graph, v: usize, labels: &'a mut Labels) -> Self {
        let x: Vec<usize> = graph.operands_at(v).collect();
        let of = x.iter().map(|&x| labels.share[x]).collect();
        Self { graph, labels, v, x, of }
    }

    fn shape(&self, v: usize) -> &'a [usize] {
        &self.graph.at(v).ty.shape
    }

    fn rank(&self) -> usize {
        self.shape(self.v).len()
    }

    fn use_as(&mut self, slot: usize, form: impl FnOnce(&mut Form)) {
        let used = self.labels.used.entry((self.v, slot)).or_default();
        form(used);
    }

    fn share(mut self) -> Result<Share, Refusal> {
        let share = self.label();
        for slot in 0..self.x.len() {
            let form = self.labels.form(self.v, slot);
            if form != Form::default() {
                self.labels.forms.entry(self.x[slot]).or_default().insert(form);
            }
        }
        share
    }

    fn label(&mut self) -> Result<Share, Refusal> {
        let op = &self.graph.at(self.v).op;
        if let Op::Leaf(leaf) = op {
            return Ok(match leaf {
                Leaf::Input { batch_axis: Some(axis), .. } => Share::Rows(*axis),
                _ => Share::Whole,
            });
        }
        if self.of.contains(&Share::Part) {
            let varying: Vec<bool> = self.of.iter().map(|share| *share == Share::Part).collect();
            let cut = self.of.iter().any(|share| matches!(share, Share::Rows(_)));
            if !cut && op.operator().is_some_and(|op| op.is_linear(&varying)) {
                return Ok(Share::Part);
            }
            for slot in (0..varying.len()).filter(|&slot| varying[slot]) {
                self.use_as(slot, |form| form.summed = true);
                self.of[slot] = Share::Whole;
            }
        }
        if self.of.iter().all(|share| *share == Share::Whole) {
            return Ok(Share::Whole);
        }
        match op {
            op if op.class().is_elementwise() => self.aligned(),
            Op::MatMul(op) => self.product(*op),
            Op::Concat(_) | Op::Stack(_) => self.beside(op),
            Op::Gather(_) => match self.of[..] {
                [Share::Whole, Share::Rows(axis)] => Ok(Share::Rows(axis)),
                // The axes of a table's rows come after those of the indices.
                [Share::Rows(axis), Share::Whole] if axis > 0 => {
                    Ok(Share::Rows(axis - 1 + self.shape(self.x[1]).len()))
                }
                [Share::Rows(0), _] => Err("it reads rows of the batch by their numbers"),
                _ => Err(APART),
            },
            Op::ScatterAdd(_) => self.scattered(),
            _ => self.of_one(op),
        }
    }

    /// The axis of the result along which all sharded operands are sharded, aligned at the last axis; other operands
    /// with that axis are sharded too.
    fn aligned(&mut self) -> Result<Share, Refusal> {
        let rank = self.rank();
        let axis = self.common(|this, slot, axis| axis + rank - this.shape(this.x[slot]).len())?;
        for slot in 0..self.x.len() {
            let shape = self.shape(self.x[slot]);
            let own = (axis + shape.len()).checked_sub(rank).filter(|&own| shape[own] > 1);
            self.cut(slot, own);
        }
        Ok(Share::Rows(axis))
    }

    /// The axis of the result on which all sharded operands agree.
    fn common(&self, of_result: impl Fn(&Self, usize, usize) -> usize) -> Result<usize, Refusal> {
        let mut all = self.of.iter().enumerate().filter_map(|(slot, share)| match share {
            Share::Rows(axis) => Some(of_result(self, slot, *axis)),
            _ => None,
        });
        let first = all.next().ok_or(APART)?;
        if all.all(|axis| axis == first) { Ok(first) } else { Err(APART) }
    }

    /// Uses a shard of a replicated operand.
    fn cut(&mut self, slot: usize, axis: Option<usize>) {
        if let (Share::Whole, Some(axis)) = (self.of[slot], axis) {
            self.use_as(slot, |form| form.cut = Some(axis));
        }
    }

    /// For a product: rows of A are rows of the result, columns of B its columns; a sharded inner axis gives a
    /// partial sum; the matrices of a batch correspond.
    fn product(&mut self, op: MatMul) -> Result<Share, Refusal> {
        let rank = self.rank();
        let ranks = [0, 1].map(|slot| self.shape(self.x[slot]).len());
        let [a, b] = [ranks[0] - 2, ranks[1] - 2];
        let (row, inner_a) = (a + usize::from(op.a_transposed), a + usize::from(!op.a_transposed));
        let (inner_b, column) = (b + usize::from(op.b_transposed), b + usize::from(!op.b_transposed));
        let (share_a, share_b) = (self.of[0], self.of[1]);
        if share_a == Share::Rows(inner_a) || share_b == Share::Rows(inner_b) {
            self.cut(0, Some(inner_a));
            self.cut(1, Some(inner_b));
            let fits =
                |share: Share, axis: usize| matches!(share, Share::Whole) || share == Share::Rows(axis);
            return if fits(share_a, inner_a) && fits(share_b, inner_b) {
                Ok(Share::Part)
            } else {
                Err(APART)
            };
        }
        match (share_a, share_b) {
            (Share::Rows(axis), Share::Whole) if axis == row => Ok(Share::Rows(rank - 2)),
            (Share::Whole, Share::Rows(axis)) if axis == column => Ok(Share::Rows(rank - 1)),
            (Share::Rows(axis), _) if axis >= a => Err(APART),
            (_, Share::Rows(axis)) if axis >= b => Err(APART),
            _ => self.aligned(),
        }
    }

    /// For a concatenation or stack.
    fn beside(&mut self, op: &Op) -> Result<Share, Refusal> {
        let axis = self.common(|_, _, axis| axis)?;
        for slot in 0..self.x.len() {
            self.cut(slot, Some(axis));
        }
        match op {
            Op::Concat(Concat { axis: over }) if *over == axis => Err("it puts pieces of the batch together"),
            Op::Stack(Stack { axis: new }) if *new <= axis => Ok(Share::Rows(axis + 1)),
            _ => Ok(Share::Rows(axis)),
        }
    }

    /// Rows added by index: from a shard of them, a partial sum.
    fn scattered(&mut self) -> Result<Share, Refusal> {
        let numbers = self.shape(self.x[1]).len();
        let axis = self.common(|_, _, axis| axis)?;
        if axis >= numbers {
            return Ok(Share::Rows(axis + 1 - numbers));
        }
        self.cut(0, Some(axis));
        self.cut(1, Some(axis));
        Ok(Share::Part)
    }

    /// For an op of one operand: the position of its batch axis.
    fn of_one(&self, op: &Op) -> Result<Share, Refusal> {
        let Share::Rows(axis) = self.of[0] else { return Err(APART) };
        let (from, to) = (self.shape(self.x[0]), self.shape(self.v));
        match (op, op.class()) {
            (Op::ReduceSum(ReduceSum(axes)) | Op::ReduceMean(ReduceMean(axes)), _)
                if axes.iter().any(|a| a == axis) =>
            {
                Ok(Share::Part)
            }
            (_, Class::Reduction(axes)) => {
                if axes.iter().any(|a| a == axis) {
                    return Err("it needs all rows of the batch at once");
                }
                Ok(Share::Rows(axis - axes.iter().filter(|&a| a < axis).count()))
            }
            (_, Class::Lines(over)) if over == axis => Err("it needs all rows of the batch at once"),
            (_, Class::Movement(Some(over))) if over == axis => {
                Err("it takes some rows of the batch and leaves others")
            }
            (_, Class::Lines(_) | Class::Movement(Some(_))) | (Op::OneHot(_), _) => Ok(Share::Rows(axis)),
            (Op::Broadcast(_), _) => Ok(Share::Rows(axis + to.len() - from.len())),
            (Op::Transpose(Transpose { order }), _) => {
                Ok(Share::Rows(order.iter().position(|&a| a == axis).ok_or(APART)?))
            }
            (Op::Reshape(_), _) => reshaped(from, to, axis).ok_or("it joins the batch with another axis"),
            _ => Err("it is not known how its result follows from a share of the batch"),
        }
    }
}

/// The position of an axis after a reshape that preserves it.
fn reshaped(from: &[usize], to: &[usize], axis: usize) -> Option<Share> {
    let before: usize = from[..axis].iter().product();
    let mut seen = 1;
    let place = to.iter().position(|&n| {
        let found = seen == before && n == from[axis];
        seen *= n;
        found
    });
    place.map(Share::Rows)
}

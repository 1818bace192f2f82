//! The mathematical notation of each op.

use super::read::{Reader, number};
use super::simplify::{
    choice, divided, hadamard, linear, negative, numbers, product, scaled, shared, sum, transposed,
};
use super::{Math, Sign, Symbol};
use autograd::graph::{Graph, Role};
use autograd::ops::{Axes, Leaf, MatMul, Op, ReduceMax, ReduceMean, ReduceSum, Relation, Slice};

/// For each node, whether its first axis, or an axis before its last two, is the batch axis: such a node is written
/// transposed.
pub(super) fn batched(graph: &Graph) -> Vec<bool> {
    let mut rows = vec![false; graph.len()];
    for i in 0..graph.len() {
        let node = graph.at(i);
        let operands: Vec<usize> = graph.operands_at(i).collect();
        let (rank, any) = (node.ty.shape.len(), operands.iter().any(|&x| rows[x]));
        let first = |place: usize| operands.get(place).map_or(0, |&x| graph.at(x).ty.shape.len());
        rows[i] = match (&node.op, node.origin.role) {
            // An adjoint has the orientation of its forward node.
            (_, Role::Adjoint { of, .. }) => rows[of as usize],
            (Op::Leaf(Leaf::Input { batch_axis, .. }), _) => batch_axis.is_some() || rank >= 2,
            (Op::Leaf(_) | Op::Transpose(_), _) => false,
            (Op::MatMul(MatMul { a_transposed, .. }), _) => rows[operands[0]] && !a_transposed,
            (Op::ReduceSum(ReduceSum(axes)) | Op::ReduceMean(ReduceMean(axes)), _) => {
                any && axes.iter().all(|a| a > 0)
            }
            (Op::Broadcast(_) | Op::Reshape(_), _) if rank == 2 => any || first(0) <= 1,
            (Op::At(at), _) => rank == 2 || any && at.axis > 0,
            (Op::Gather(_) | Op::OneHot(_) | Op::DropoutMask(_), _) => rank >= 2,
            _ => any,
        };
    }
    rows
}

impl Reader<'_> {
    /// A node's op with its operands, where unnamed operands are written out.
    pub(super) fn body(&self, i: usize) -> Math {
        let node = self.graph.at(i);
        let x: Vec<usize> = self.graph.operands_at(i).collect();
        let of = |place: usize| self.beside(x[place], i);
        let call = |name: &str| Math::Call(name.into(), x.iter().map(|&x| self.wide(x)).collect());
        match &node.op {
            Op::Leaf(_) => self.read(i),
            Op::Neg(_) => negative(of(0)),
            Op::Ln(_) => Math::Call("log".into(), vec![of(0)]),
            Op::Sqrt(_) => Math::Root(of(0).into()),
            Op::Abs(_) => Math::Absolute(of(0).into()),
            Op::Reciprocal(_) => divided(Math::Number(1.0), of(0)),
            Op::Powi(power) if power.0 == 1 => of(0),
            Op::Powi(power) => Math::Power(of(0).into(), power.0),
            Op::StopGradient(_) if !self.cuts => of(0),
            Op::StopGradient(_) => Math::Call("stop".into(), vec![of(0)]),
            Op::Add(_) => sum((0..x.len()).map(of).collect()),
            Op::Sub(_) => sum(vec![of(0), Math::Negative(of(1).into())]),
            Op::Mul(_) if self.extent(x[0]) == [1, 1] && self.extent(x[1]) == [1, 1] => numbers(of(0), of(1)),
            Op::Mul(_) if self.extent(x[0]) == [1, 1] => scaled(of(0), of(1)),
            Op::Mul(_) if self.extent(x[1]) == [1, 1] => scaled(of(1), of(0)),
            Op::Mul(_) => hadamard(of(0), of(1)),
            Op::Div(_) if self.extent(x[1]) == [1, 1] => shared(of(0), of(1)),
            Op::Div(_) => divided(of(0), of(1)),
            Op::Modulo(_) => Math::Infix(Sign::Modulo, of(0).into(), of(1).into()),
            Op::Compare(compare) => self.relation(compare.0, &x, i),
            Op::Select(_) => self.choice(i),
            Op::MatMul(op) => self.matmul(*op, &x, i),
            Op::ReduceSum(ReduceSum(axes)) => self.reduce("sum", axes, x[0], i),
            Op::ReduceMean(ReduceMean(axes)) => self.reduce("mean", axes, x[0], i),
            Op::ReduceMax(ReduceMax(axes)) => self.along("max", axes.iter(), false, x[0], i),
            Op::LogSumExp(op) => self.along("logsumexp", [op.axis], false, x[0], i),
            Op::Softmax(op) => self.along("softmax", [op.axis], true, x[0], i),
            Op::LogSoftmax(op) => self.along("log_softmax", [op.axis], true, x[0], i),
            Op::Broadcast(_) => of(0),
            Op::Reshape(_) => self.reshape(x[0], i),
            Op::Transpose(op) if x.iter().all(|&x| self.graph.at(x).ty.shape.len() <= 2) => {
                // Transposed by the op, or by the batch convention: twice cancels.
                let turn = (op.order[..] == [1, 0]) ^ self.is_rows(x[0]) ^ self.is_rows(i);
                if turn { transposed(self.wide(x[0])) } else { self.wide(x[0]) }
            }
            Op::Slice(slice) => self.part(*slice, x[0], i),
            Op::At(at) => {
                Math::Part(self.read(x[0]).into(), Math::Number((at.place + 1) as f64).into(), None)
            }
            Op::Gather(_) => Math::Part(self.read(x[0]).into(), self.read(x[1]).into(), None),
            Op::Pad(pad) if self.is_upright(i, pad.axis) => {
                let zeros = |n| Math::Infix(Sign::Times, Math::Number(0.0).into(), Math::Ones(n).into());
                let parts = [
                    (pad.before > 0).then(|| zeros(pad.before)),
                    Some(self.wide_beside(x[0], i)),
                    (pad.after > 0).then(|| zeros(pad.after)),
                ];
                Math::Stack(parts.into_iter().flatten().collect())
            }
            Op::Concat(concat) if self.is_upright(i, concat.axis) => {
                Math::Stack(x.iter().map(|&x| self.wide_beside(x, i)).collect())
            }
            Op::OneHot(_) => call("onehot"),
            Op::DropoutMask(_) => call("dropout"),
            op if is_elementwise(op) => Math::Call(op.name().into(), (0..x.len()).map(of).collect()),
            op => call(op.name()),
        }
    }

    /// As [`Reader::body`], in the node's full size: a scalar for a vector of equal elements is multiplied by 𝟏.
    pub(super) fn whole_body(&self, i: usize) -> Math {
        match self.body(i) {
            Math::Number(n) => Math::Number(n),
            math => spread(math, self.body_extent(i), self.dims(i)),
        }
    }

    /// An elementwise operand, in the orientation of the result.
    fn beside(&self, x: usize, result: usize) -> Math {
        match self.read(x) {
            Math::Number(n) => Math::Number(n),
            math if self.turns(x, result) => transposed(math),
            math => math,
        }
    }

    /// Whether an operand must be transposed to the result's orientation. A vector with a matrix is along its last
    /// axis.
    fn turns(&self, x: usize, result: usize) -> bool {
        let same = self.is_rows(x) == self.is_rows(result);
        match [x, result].map(|i| self.graph.at(i).ty.shape.len()) {
            [1, 2] => same,
            [1, 1] | [2, 2] => !same,
            _ => false,
        }
    }

    /// An operand in its full size.
    fn wide(&self, x: usize) -> Math {
        spread(self.read(x), self.extent(x), self.dims(x))
    }

    /// An operand in its full size, in the orientation of the result.
    fn wide_beside(&self, x: usize, result: usize) -> Math {
        if self.turns(x, result) { transposed(self.wide(x)) } else { self.wide(x) }
    }

    /// Rows and columns of an operand as written: fewer than the node's if a broadcast is omitted.
    fn extent(&self, x: usize) -> [usize; 2] {
        match number(self.graph, x) {
            Some(_) => [1, 1],
            None if self.is_short(x) => self.dims(x),
            None => self.body_extent(x),
        }
    }

    fn body_extent(&self, i: usize) -> [usize; 2] {
        let elementwise = is_elementwise(&self.graph.at(i).op);
        let mut operands = self.graph.operands_at(i).map(|x| match self.extent(x) {
            [r, c] if elementwise && self.turns(x, i) => [c, r],
            extent => extent,
        });
        let passes = match &self.graph.at(i).op {
            Op::ReduceSum(ReduceSum(axes)) | Op::ReduceMean(ReduceMean(axes)) => {
                let x = self.graph.operands_at(i).next().unwrap_or(i);
                axes.iter().all(|axis| self.graph.at(x).ty.shape[axis] == 1) && self.dims(x) == self.dims(i)
            }
            Op::Reshape(_) => self.graph.operands_at(i).all(|x| self.dims(x) == self.dims(i)),
            _ => elementwise,
        };
        if !passes || operands.len() == 0 {
            return self.dims(i);
        }
        let first = operands.next().unwrap_or([1, 1]);
        operands.fold(first, |[r, c], [m, n]| [r.max(m), c.max(n)])
    }

    /// Whether an axis runs down the columns in the written form.
    fn is_upright(&self, x: usize, axis: usize) -> bool {
        match self.graph.at(x).ty.shape.len() {
            1 => !self.is_rows(x),
            2 => self.is_rows(x) == (axis == 1),
            _ => false,
        }
    }

    fn matmul(&self, op: MatMul, x: &[usize], i: usize) -> Math {
        if x.iter().any(|&x| self.graph.at(x).ty.shape.len() > 2) {
            return Math::Call("matmul".into(), x.iter().map(|&x| self.read(x)).collect());
        }
        let turn = |x: usize, turn: bool| if turn { transposed(self.wide(x)) } else { self.wide(x) };
        let (turn_a, turn_b) = (op.a_transposed ^ self.is_rows(x[0]), op.b_transposed ^ self.is_rows(x[1]));
        if self.is_rows(i) {
            product(turn(x[1], !turn_b), turn(x[0], !turn_a))
        } else {
            product(turn(x[0], turn_a), turn(x[1], turn_b))
        }
    }

    /// A sum or mean over features is written as such; over samples it is a product with 𝟏, and over one sample
    /// nothing.
    fn reduce(&self, name: &str, axes: &Axes, x: usize, i: usize) -> Math {
        let shape = &self.graph.at(x).ty.shape;
        if shape.len() > 2 {
            return Math::Call(name.into(), vec![self.read(x)]);
        }
        let (upright, level): (Vec<usize>, Vec<usize>) =
            axes.iter().filter(|&axis| shape[axis] != 1).partition(|&axis| self.is_upright(x, axis));
        let gone = |axis: usize| axes.iter().any(|other| other == axis);
        let upright_gone = (0..shape.len()).any(|axis| gone(axis) && self.is_upright(x, axis));
        let level_gone = (0..shape.len()).any(|axis| gone(axis) && !self.is_upright(x, axis));
        let [r, c] = self.dims(x);
        let have = [if upright_gone { 1 } else { r }, if level_gone { 1 } else { c }];
        let turn = have != self.dims(i) && [have[1], have[0]] == self.dims(i);
        if upright.is_empty() && level.is_empty() {
            return if turn { transposed(self.wide(x)) } else { self.read(x) };
        }
        let math = self.wide(x);
        let down = if upright.is_empty() { math } else { linear(name, math, &|math| self.is_number(math)) };
        let across = level.iter().fold(down, |math, &axis| {
            let total = product(math, Math::Ones(shape[axis]));
            if name == "mean" { divided(total, Math::Number(shape[axis] as f64)) } else { total }
        });
        if turn { transposed(across) } else { across }
    }

    /// A function along axes, which are removed or kept. It applies to columns in the written form; other
    /// orientations are transposed before and after.
    fn along(
        &self,
        name: &str,
        axes: impl IntoIterator<Item = usize>,
        stay: bool,
        x: usize,
        i: usize,
    ) -> Math {
        if self.graph.at(x).ty.shape.len() > 2 {
            return Math::Call(name.into(), vec![self.read(x)]);
        }
        let (mut math, mut have) = (self.wide(x), self.dims(x));
        for axis in axes {
            let upright = self.is_upright(x, axis);
            let column = if upright { math } else { transposed(math) };
            let call = Math::Call(name.into(), vec![column]);
            math = if upright { call } else { transposed(call) };
            if !stay {
                have[usize::from(!upright)] = 1;
            }
        }
        let lies = have != self.dims(i) && [have[1], have[0]] == self.dims(i);
        let turn = if stay { self.turns(x, i) } else { lies };
        if turn { transposed(math) } else { math }
    }

    /// Whether a formula is a scalar, judged by its names and functions.
    fn is_number(&self, math: &Math) -> bool {
        let all = |parts: &[&Math]| parts.iter().all(|part| self.is_number(part));
        match math {
            Math::Number(_) => true,
            Math::Symbol(symbol) => self.is_number_named(symbol, false),
            Math::Adjoint(of) => matches!(&**of, Math::Symbol(symbol) if self.is_number_named(symbol, true)),
            Math::Call(function, _) => ["sum", "mean", "dim", "logsumexp"].contains(&function.as_str()),
            Math::Infix(..) | Math::Fraction(..) | Math::Power(..) | Math::Root(_) | Math::Negative(_) => {
                all(&math.children())
            }
            _ => false,
        }
    }

    fn reshape(&self, x: usize, i: usize) -> Math {
        let ([r, c], to) = (self.dims(x), self.dims(i));
        let plain = [x, i].iter().all(|&i| self.graph.at(i).ty.shape.len() <= 2);
        if self.graph.at(x).ty == self.graph.at(i).ty {
            return self.beside(x, i);
        }
        match (plain, to == [r, c], to == [c, r]) {
            (true, true, _) => self.read(x),
            (true, _, true) => transposed(self.wide(x)),
            _ => Math::Call("reshape".into(), vec![self.read(x)]),
        }
    }

    /// The rows of an array that form one of its parts, with the name of the part if the array is a concatenation.
    fn part(&self, slice: Slice, x: usize, i: usize) -> Math {
        let Slice { axis, start, end } = slice;
        let range = self.is_upright(x, axis).then_some(start..end);
        let part = match self.graph.at(i).origin.role {
            Role::Adjoint { of, .. } => Some(of as usize),
            Role::Backward { of, .. } => {
                let mut place = 0;
                self.graph.operands_at(of as usize).find(|&x| {
                    let begins = place == start;
                    place += self.graph.at(x).ty.shape.get(axis).copied().unwrap_or(0);
                    begins
                })
            }
            Role::Forward => None,
        };
        let numbers = || Math::Symbol(Symbol { base: format!("{}:{end}", start + 1), ..Symbol::of("") });
        let label = part.map_or_else(numbers, |part| self.read(part));
        let part = Math::Part(self.wide(x).into(), label.into(), range);
        if self.turns(x, i) { transposed(part) } else { part }
    }

    fn relation(&self, relation: Relation, x: &[usize], i: usize) -> Math {
        let sign = match relation {
            Relation::Less => Sign::Less,
            Relation::LessEqual => Sign::LessEqual,
            Relation::Equal => Sign::Equal,
            Relation::Greater => Sign::Greater,
            Relation::GreaterEqual => Sign::GreaterEqual,
            Relation::NotEqual => Sign::NotEqual,
        };
        let zero = number(self.graph, x[1]) == Some(0.0);
        let positive = (relation == Relation::Greater && zero).then(|| self.rectified.get(&x[0])).flatten();
        let a = positive.map_or_else(|| self.beside(x[0], i), |&y| self.read(y));
        Math::Infix(sign, a.into(), self.beside(x[1], i).into())
    }

    /// A selection; a nested one in the else branch becomes another case. A selection between a value and zero is a
    /// product.
    fn choice(&self, i: usize) -> Math {
        let (mut cases, mut at) = (Vec::new(), i);
        let otherwise = loop {
            let x: Vec<usize> = self.graph.operands_at(at).collect();
            cases.push((self.beside(x[1], i), self.beside(x[0], i)));
            if !matches!(self.graph.at(x[2]).op, Op::Select(_)) || self.is_short(x[2]) {
                break self.beside(x[2], i);
            }
            at = x[2];
        };
        let zero = |a: &Math| *a == Math::Number(0.0);
        match &mut cases[..] {
            [(a, condition)] if zero(&otherwise) => {
                hadamard(Math::Indicator(condition.clone().into()), a.clone())
            }
            // Zero in every case but the last.
            cases if cases.iter().all(|(a, _)| zero(a)) => {
                cases.iter().rev().fold(otherwise, |a, (_, condition)| {
                    hadamard(Math::Indicator(opposite(condition.clone()).into()), a)
                })
            }
            _ => choice(cases, otherwise),
        }
    }

    /// The divisor in the VJP of a mean, as the size of the averaged axis.
    pub(super) fn share(&self, i: usize) -> Option<Math> {
        let Role::Backward { of, .. } = self.graph.at(i).origin.role else { return None };
        let Op::ReduceMean(ReduceMean(axes)) = &self.graph.at(of as usize).op else { return None };
        let mut x = self.graph.operands_at(of as usize).next()?;
        if axes.iter().len() != 1 || axes.iter().any(|axis| !self.is_upright(x, axis)) {
            return None;
        }
        while !self.is_short(x) {
            x = self.graph.operands_at(x).find(|&y| self.dims(y) == self.dims(x))?;
        }
        Some(divided(Math::Number(1.0), Math::Call("dim".into(), vec![self.read(x)])))
    }
}

/// The negation of a condition.
fn opposite(condition: Math) -> Math {
    match condition {
        Math::Infix(sign, a, b) => {
            let sign = match sign {
                Sign::Less => Sign::GreaterEqual,
                Sign::LessEqual => Sign::Greater,
                Sign::Greater => Sign::LessEqual,
                Sign::GreaterEqual => Sign::Less,
                Sign::Equal => Sign::NotEqual,
                Sign::NotEqual => Sign::Equal,
                other => other,
            };
            Math::Infix(sign, a, b)
        }
        other => Math::Infix(Sign::Equal, other.into(), Math::Number(0.0).into()),
    }
}

/// Whether the op itself broadcasts its operands, or is a broadcast.
fn is_elementwise(op: &Op) -> bool {
    op.class().is_elementwise() || matches!(op, Op::Broadcast(_))
}

/// A formula of size `have` as one of size `want`, with its only row or column repeated.
fn spread(math: Math, have: [usize; 2], want: [usize; 2]) -> Math {
    let row = |n| transposed(Math::Ones(n));
    match (have, want) {
        _ if have == want => math,
        ([1, 1], [n, 1]) => scaled(math, Math::Ones(n)),
        ([1, 1], [1, m]) => scaled(math, row(m)),
        ([1, 1], [n, m]) => scaled(math, product(Math::Ones(n), row(m))),
        ([_, 1], [_, m]) => product(math, row(m)),
        (_, [n, _]) => product(Math::Ones(n), math),
    }
}

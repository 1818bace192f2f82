//! Algebraic simplification: equations applied to every node as it is written.
//!
//! They hold for all real numbers, and for infinities and NaN too, up to the sign of a zero. So `0 · x` is not
//! simplified. They also canonicalise: an index along an axis becomes a slice, a stack or a padding a concatenation,
//! and a step of a sequence a block of rows.

use super::program::NONE;
use super::writer::Writer;
use autograd::ops::{
    Add, At, Axes, Broadcast, Concat, Leaf, MatMul, Op, ReduceSum, Reshape, Slice, Stack, Transpose,
};
use autograd::{Kind, Shape, Value};
use smallvec::{SmallVec, smallvec};

/// An equation and its implementation: the simpler node, or `None` if the left side does not match.
struct Rule {
    says: &'static str,
    apply: fn(&mut Writer, &Op, &[u32]) -> Option<u32>,
}

macro_rules! rules {
    ($($table:ident { $($says:literal = $apply:ident;)* })*) => {
        $(static $table: &[Rule] = &[$(Rule { says: $says, apply: $apply }),*];)*
    };
}

rules! {
    STOP { "stop x → x" = first; }
    NEG { "−(−x) → x" = neg_neg; }
    RESHAPE {
        "reshape x to its own shape → x" = same_shape;
        "reshape (reshape x) → reshape x" = reshape_reshape;
        "reshape (broadcast c) → broadcast c" = reshape_broadcast;
    }
    BROADCAST {
        "broadcast x to its own shape → x" = same_shape;
        "broadcast (broadcast x) → broadcast x" = broadcast_broadcast;
        "broadcast (reshape x) → broadcast x" = broadcast_reshape;
    }
    TRANSPOSE {
        "transpose in the same order → x" = transpose_none;
        "transpose (transpose x) → transpose x" = transpose_transpose;
    }
    SLICE {
        "x[0..n] → x" = slice_all;
        "x[a..b][c..d] → x[a+c..a+d]" = slice_slice;
        "[x; y; z][of y] → y" = slice_concat;
        "(broadcast x)[a..b] → broadcast x" = slice_broadcast;
    }
    AT { "x[i] → reshape x[i..i+1]" = at_slice; }
    STACK { "stack → concat of reshapes" = stack_concat; }
    PAD { "pad x → [0; x; 0]" = pad_concat; }
    CONCAT {
        "[x] → x" = concat_one;
        "[[x; y]; z] → [x; y; z]" = concat_concat;
        "[x[0..i]; x[i..n]] → x" = concat_slices;
        "[[a; b], [c; d]] → [[a, c]; [b, d]]" = concat_across;
        "[Σ a; Σ b] → Σ [a, b]" = concat_sums;
    }
    ADD {
        "sum of one → it" = add_one;
        "x + 0 → x" = add_zero;
        "f(broadcast x, y) → f(x, y)" = unspread;
    }
    SUB { "x − 0 → x" = right_zero; "f(broadcast x, y) → f(x, y)" = unspread; }
    MUL { "1 · x → x" = mul_one; "f(broadcast x, y) → f(x, y)" = unspread; }
    DIV { "x / 1 → x" = right_one; "f(broadcast x, y) → f(x, y)" = unspread; }
    POWI { "x¹ → x" = power_one; "f(broadcast x, y) → f(x, y)" = unspread; }
    SELECT { "c ? x : x → x" = select_same; "f(broadcast x, y) → f(x, y)" = unspread; }
    POINTWISE { "f(broadcast x, y) → f(x, y)" = unspread; }
    MATMUL {
        "(transpose a) · b → aᵀ b" = matmul_transpose;
        "stack · b → rows of the stack · b" = matmul_rows;
    }
    SUM {
        "sum over no axis → x" = sum_none;
        "sum over single places → reshape x" = sum_single;
    }
}

/// The simplified form of an op on operands, if there is one.
pub(super) fn simplify(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let table = match op {
        Op::StopGradient(_) => STOP,
        Op::Neg(_) => {
            return try_all(w, op, x, NEG).or_else(|| try_all(w, op, x, POINTWISE));
        }
        Op::Reshape(_) => RESHAPE,
        Op::Broadcast(_) => BROADCAST,
        Op::Transpose(_) => TRANSPOSE,
        Op::Slice(_) => SLICE,
        Op::At(_) => AT,
        Op::Stack(_) => STACK,
        Op::Pad(_) => PAD,
        Op::Concat(_) => CONCAT,
        Op::Add(_) => ADD,
        Op::Sub(_) => SUB,
        Op::Mul(_) => MUL,
        Op::Div(_) => DIV,
        Op::Powi(_) => POWI,
        Op::Select(_) => SELECT,
        Op::MatMul(_) => MATMUL,
        Op::ReduceSum(_) => SUM,
        op if op.class().is_elementwise() => POINTWISE,
        _ => return None,
    };
    try_all(w, op, x, table)
}

fn try_all(w: &mut Writer, op: &Op, x: &[u32], table: &[Rule]) -> Option<u32> {
    table.iter().find_map(|rule| {
        let y = (rule.apply)(w, op, x)?;
        w.count(rule.says);
        Some(y)
    })
}

#[allow(clippy::unnecessary_wraps)] // it is a rule like the others
fn first(_: &mut Writer, _: &Op, x: &[u32]) -> Option<u32> {
    Some(x[0])
}

fn neg_neg(w: &mut Writer, _: &Op, x: &[u32]) -> Option<u32> {
    matches!(w.op(x[0]), Op::Neg(_)).then(|| w.operands(x[0])[0])
}

fn same_shape(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let (Op::Reshape(Reshape { shape }) | Op::Broadcast(Broadcast { shape })) = op else { return None };
    (w.shape(x[0]) == &shape[..]).then_some(x[0])
}

fn reshape_reshape(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::Reshape(_) = w.op(x[0]) else { return None };
    let inner = w.operands(x[0])[0];
    Some(w.add(op.clone(), &[inner]))
}

/// Only for a scalar, whose broadcast is the same in any shape.
fn reshape_broadcast(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let (Op::Broadcast(_), Op::Reshape(Reshape { shape })) = (w.op(x[0]), op) else { return None };
    let inner = w.operands(x[0])[0];
    w.shape(inner).is_empty().then(|| w.add(Broadcast { shape: shape.clone() }, &[inner]))
}

fn broadcast_broadcast(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::Broadcast(_) = w.op(x[0]) else { return None };
    let inner = w.operands(x[0])[0];
    Some(w.add(op.clone(), &[inner]))
}

/// Leading axes of size 1 do not affect a broadcast.
fn broadcast_reshape(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::Reshape(_) = w.op(x[0]) else { return None };
    let inner = w.operands(x[0])[0];
    let bare = |shape: &[usize]| Shape::from(&shape[shape.iter().take_while(|&&n| n == 1).count()..]);
    (bare(w.shape(inner)) == bare(w.shape(x[0])) && w.shape(inner).len() <= w.shape(x[0]).len())
        .then(|| w.add(op.clone(), &[inner]))
}

fn transpose_none(_: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::Transpose(Transpose { order }) = op else { return None };
    order.iter().copied().eq(0..order.len()).then_some(x[0])
}

fn transpose_transpose(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let (Op::Transpose(outer), Op::Transpose(inner)) = (op, w.op(x[0])) else { return None };
    let order = outer.order.iter().map(|&i| inner.order[i]).collect();
    let inner = w.operands(x[0])[0];
    Some(w.add(Transpose { order }, &[inner]))
}

fn slice_all(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::Slice(Slice { axis, start, end }) = *op else { return None };
    (start == 0 && end == w.shape(x[0])[axis]).then_some(x[0])
}

fn slice_slice(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let (&Op::Slice(outer), &Op::Slice(inner)) = (op, w.op(x[0])) else { return None };
    (outer.axis == inner.axis).then(|| {
        let (start, end) = (inner.start + outer.start, inner.start + outer.end);
        let inner = w.operands(x[0])[0];
        w.add(Slice { axis: outer.axis, start, end }, &[inner])
    })
}

fn slice_concat(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let (&Op::Slice(Slice { axis, start, end }), &Op::Concat(concat)) = (op, w.op(x[0])) else { return None };
    if concat.axis != axis || start == end {
        return None;
    }
    let part = w.part_at(x[0], start)?;
    (w.shape(part)[axis] == end - start).then_some(part)
}

/// If the slice is along a broadcast axis.
fn slice_broadcast(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let (&Op::Slice(Slice { axis, start, end }), Op::Broadcast(Broadcast { shape })) = (op, w.op(x[0]))
    else {
        return None;
    };
    let (shape, inner) = (shape.resized(axis, end - start), w.operands(x[0])[0]);
    let own = (axis + w.shape(inner).len()).checked_sub(shape.len());
    let repeated = own.is_none_or(|own| w.shape(inner)[own] == 1 && end - start > 0);
    repeated.then(|| w.add(Broadcast { shape }, &[inner]))
}

/// A step of a sequence becomes a block of rows of the flattened sequence.
fn at_slice(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::At(At { axis, place }) = *op else { return None };
    let shape = Shape::from(w.shape(x[0]));
    if let (0, [steps, rows, rest @ ..]) = (axis, &shape[..]) {
        let flat: Shape = [steps * rows].iter().chain(rest).copied().collect();
        let flat = w.add(Reshape { shape: flat }, &[x[0]]);
        return Some(w.add(Slice { axis: 0, start: place * rows, end: (place + 1) * rows }, &[flat]));
    }
    let one = w.add(Slice { axis, start: place, end: place + 1 }, &[x[0]]);
    Some(w.add(Reshape { shape: shape.without(axis) }, &[one]))
}

fn stack_concat(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::Stack(Stack { axis }) = *op else { return None };
    let shape = Shape::from(w.shape(x[0]));
    if axis == 0 && !shape.is_empty() {
        let flat = w.add(Concat { axis: 0 }, x);
        return Some(w.add(Reshape { shape: shape.with_axis(0, x.len()) }, &[flat]));
    }
    let parts: SmallVec<[u32; 8]> =
        x.iter().map(|&x| w.add(Reshape { shape: shape.with_axis(axis, 1) }, &[x])).collect();
    Some(w.add(Concat { axis }, &parts))
}

fn pad_concat(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::Pad(pad) = *op else { return None };
    let shape = Shape::from(w.shape(x[0]));
    let zero = w.constant(Value::Float(ndarray::arr0(0.0).into_dyn()));
    let mut parts: SmallVec<[u32; 3]> = smallvec![x[0]];
    if pad.before > 0 {
        let zeros = w.add(Broadcast { shape: shape.resized(pad.axis, pad.before) }, &[zero]);
        parts.insert(0, zeros);
    }
    if pad.after > 0 {
        parts.push(w.add(Broadcast { shape: shape.resized(pad.axis, pad.after) }, &[zero]));
    }
    Some(w.add(Concat { axis: pad.axis }, &parts))
}

fn concat_one(_: &mut Writer, _: &Op, x: &[u32]) -> Option<u32> {
    if let [one] = *x { Some(one) } else { None }
}

fn concat_concat(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::Concat(concat) = *op else { return None };
    let nested = |w: &Writer, x: u32| *w.op(x) == Op::Concat(concat);
    if !x.iter().any(|&x| nested(w, x)) {
        return None;
    }
    let parts: Vec<u32> =
        x.iter().flat_map(|&x| if nested(w, x) { w.operands(x) } else { smallvec![x] }).collect();
    Some(w.add(concat, &parts))
}

fn concat_slices(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::Concat(Concat { axis }) = *op else { return None };
    let slice = |w: &Writer, x: u32| match *w.op(x) {
        Op::Slice(s) if s.axis == axis => Some((w.graph.operands_at(x as usize).next()?, s.start, s.end)),
        _ => None,
    };
    let mut parts: Vec<u32> = Vec::with_capacity(x.len());
    let mut run: Option<(usize, usize, usize)> = None;
    for &x in x {
        let next = slice(w, x);
        match (run, next) {
            (Some((of, start, end)), Some((next_of, next_start, next_end)))
                if of == next_of && end == next_start =>
            {
                run = Some((of, start, next_end));
                if parts.last() != Some(&NONE) {
                    parts.pop();
                    parts.push(NONE);
                }
            }
            _ => {
                flush(w, axis, run, &mut parts);
                run = next;
                parts.push(x);
            }
        }
    }
    flush(w, axis, run, &mut parts);
    (parts.len() < x.len()).then(|| w.add(Concat { axis }, &parts))
}

/// Writes the merged slice for a run of adjacent slices.
fn flush(w: &mut Writer, axis: usize, run: Option<(usize, usize, usize)>, parts: &mut [u32]) {
    if let (Some((of, start, end)), Some(last)) = (run, parts.last_mut())
        && *last == NONE
    {
        *last = w.add(Slice { axis, start, end }, &[super::narrow(of)]);
    }
}

/// Concatenated gates that are each stacked over time become stacked steps of concatenated gates.
fn concat_across(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::Concat(Concat { axis: 1 }) = *op else { return None };
    let columns: Vec<SmallVec<[u32; 8]>> = x
        .iter()
        .map(|&x| matches!(w.op(x), Op::Concat(Concat { axis: 0 })).then(|| w.operands(x)))
        .collect::<Option<_>>()?;
    let rows = |w: &Writer, column: &[u32]| column.iter().map(|&x| w.shape(x)[0]).collect::<Vec<_>>();
    let first = rows(w, &columns[0]);
    if w.shape(x[0]).len() != 2 || columns[1..].iter().any(|column| rows(w, column) != first) {
        return None;
    }
    let joined: Vec<u32> = (0..first.len())
        .map(|i| {
            let row: SmallVec<[u32; 8]> = columns.iter().map(|column| column[i]).collect();
            w.add_part(Concat { axis: 1 }, &row)
        })
        .collect();
    Some(w.add(Concat { axis: 0 }, &joined))
}

/// Sums over the rows of concatenated matrices.
fn concat_sums(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let over_rows = Op::ReduceSum(ReduceSum(Axes::new([0])));
    let inner = |w: &Writer, x: u32| (*w.op(x) == over_rows).then(|| w.operands(x)[0]);
    let parts: SmallVec<[u32; 8]> = x.iter().map(|&x| inner(w, x)).collect::<Option<_>>()?;
    let rows = |w: &Writer, x: u32| (w.shape(x).len() == 2).then(|| w.shape(x)[0]);
    let first = rows(w, parts[0])?;
    if *op != Op::Concat(Concat { axis: 0 }) || parts.iter().any(|&x| rows(w, x) != Some(first)) {
        return None;
    }
    let joined = w.add(Concat { axis: 1 }, &parts);
    Some(w.add(over_rows, &[joined]))
}

fn add_one(_: &mut Writer, _: &Op, x: &[u32]) -> Option<u32> {
    if let [one] = *x { Some(one) } else { None }
}

fn add_zero(w: &mut Writer, _: &Op, x: &[u32]) -> Option<u32> {
    let zero = |w: &Writer, x: u32| number(w, x) == Some(0.0);
    if !x.iter().any(|&x| zero(w, x)) {
        return None;
    }
    let rest: SmallVec<[u32; 8]> = x.iter().copied().filter(|&x| !zero(w, x)).collect();
    let whole = shape_of(w, x)?;
    (!rest.is_empty() && shape_of(w, &rest)? == whole).then(|| w.add(Add, &rest))
}

fn right_zero(w: &mut Writer, _: &Op, x: &[u32]) -> Option<u32> {
    keep(w, x, 0, number(w, x[1]) == Some(0.0))
}

fn right_one(w: &mut Writer, _: &Op, x: &[u32]) -> Option<u32> {
    keep(w, x, 0, number(w, x[1]) == Some(1.0))
}

fn mul_one(w: &mut Writer, _: &Op, x: &[u32]) -> Option<u32> {
    let one = |x: u32| number(w, x) == Some(1.0);
    keep(w, x, 0, one(x[1])).or_else(|| keep(w, x, 1, one(x[0])))
}

/// Operand `i` if the other is neutral, in value and in shape.
fn keep(w: &Writer, x: &[u32], i: usize, neutral: bool) -> Option<u32> {
    (neutral && shape_of(w, x)?[..] == *w.shape(x[i])).then_some(x[i])
}

fn power_one(_: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    matches!(op, Op::Powi(autograd::ops::Powi(1))).then_some(x[0])
}

fn select_same(w: &mut Writer, _: &Op, x: &[u32]) -> Option<u32> {
    (x[1] == x[2] && shape_of(w, x)?[..] == *w.shape(x[1])).then_some(x[1])
}

/// Pushes broadcasts down: elementwise ops broadcast their operands themselves.
fn unspread(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let bare = |w: &Writer, x: u32| match w.op(x) {
        Op::Broadcast(_) => w.operands(x)[0],
        _ => x,
    };
    let stripped: SmallVec<[u32; 8]> = x.iter().map(|&x| bare(w, x)).collect();
    if stripped[..] == *x {
        return None;
    }
    let (whole, small) = (shape_of(w, x)?, shape_of(w, &stripped)?);
    if small == whole {
        return Some(w.add(op.clone(), &stripped));
    }
    // Truth values have no broadcast.
    if matches!(op, Op::Compare(_)) {
        return None;
    }
    let small = w.add(op.clone(), &stripped);
    Some(w.add(Broadcast { shape: whole }, &[small]))
}

fn matmul_transpose(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::MatMul(MatMul { a_transposed: ta, b_transposed: tb }) = *op else { return None };
    let flip = |w: &Writer, x: u32| match w.op(x) {
        Op::Transpose(Transpose { order }) if order[..] == [1, 0] => Some(w.operands(x)[0]),
        _ => None,
    };
    let (a, b) = (flip(w, x[0]), flip(w, x[1]));
    if a.is_none() && b.is_none() || w.keeps_transposes {
        return None;
    }
    let op = MatMul { a_transposed: ta ^ a.is_some(), b_transposed: tb ^ b.is_some() };
    Some(w.add(op, &[a.unwrap_or(x[0]), b.unwrap_or(x[1])]))
}

fn matmul_rows(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::MatMul(MatMul { a_transposed: false, .. }) = *op else { return None };
    let (a, b) = (Shape::from(w.shape(x[0])), w.shape(x[1]));
    let [lead @ .., rows, inner] = &a[..] else { return None };
    if lead.is_empty() || b.len() != 2 {
        return None;
    }
    let flat: Shape = [lead.iter().product::<usize>() * rows, *inner].into();
    let flat = w.add(Reshape { shape: flat }, &[x[0]]);
    let y = w.add(op.clone(), &[flat, x[1]]);
    let shape: Shape = lead.iter().chain([rows]).copied().chain([w.shape(y)[1]]).collect();
    Some(w.add(Reshape { shape }, &[y]))
}

fn sum_none(_: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    (*op == Op::ReduceSum(ReduceSum(Axes::new([])))).then_some(x[0])
}

fn sum_single(w: &mut Writer, op: &Op, x: &[u32]) -> Option<u32> {
    let Op::ReduceSum(ReduceSum(axes)) = op else { return None };
    let shape = Shape::from(w.shape(x[0]));
    axes.iter().all(|axis| shape[axis] == 1).then(|| {
        let rest =
            shape.iter().enumerate().filter(|&(i, _)| axes.iter().all(|axis| axis != i)).map(|(_, &n)| n);
        w.add(Reshape { shape: rest.collect() }, x)
    })
}

/// The value of a constant of one element.
fn number(w: &Writer, x: u32) -> Option<f64> {
    match w.op(x) {
        Op::Leaf(Leaf::Constant(value)) => value.scalar(),
        Op::Broadcast(_) => number(w, w.operands(x)[0]),
        _ => None,
    }
}

/// The broadcast shape of operands; `None` if one holds whole numbers.
fn shape_of(w: &Writer, x: &[u32]) -> Option<Shape> {
    let float = |&x: &u32| !matches!(w.ty(x).kind, Kind::Index { .. });
    x.iter().all(float).then_some(())?;
    x[1..].iter().try_fold(Shape::from(w.shape(x[0])), |shape, &x| shape.broadcast(&w.ty(x).shape))
}

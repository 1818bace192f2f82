//! Programs over strips: what an elementwise region of a graph becomes.
//!
//! A program is a list of instructions, each one loop over a block of elements. The whole list runs within one function
//! that is compiled for the machine's instruction set: an instruction costs a jump and its loop.

use super::machine::{Machine, vectorised};
use super::real::Real;
use super::strips::inline;
use autograd::ops::{Function, Relation};

/// What an instruction computes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Code {
    /// The function of an op.
    Of(Function),
    /// a + b c
    MulAdd,
    /// b a (1 − a)
    SigmoidAdjoint,
    /// b (1 − a²)
    TanhAdjoint,
    /// p a + q
    Affine,
    /// A strip from memory with strides.
    Load,
    /// A strip to memory with strides.
    Store,
}

/// One instruction. Operands and result are numbers of slots: first those in memory, then strips.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instruction<S> {
    pub code: Code,
    /// How many operands it reads.
    pub arity: u8,
    pub out: u16,
    pub args: [u16; 3],
    pub numbers: [S; 2],
    /// Whether it is done row by row, because an operand or the result has gaps between its rows.
    pub by_rows: bool,
}

vectorised! {
    /// Runs a program on a block of `shape` rows and columns. `at` says where each operand begins, those in memory first,
    /// whose rows and columns lie `strides` apart; the others are strips, without gaps.
    pub(crate) fn run<S, M>(
        code: &[Instruction<S>],
        arena: &mut [S],
        at: &[usize],
        strides: &[[usize; 2]],
        shape: [usize; 2],
    ) {
        let [rows, columns] = shape;
        for instruction in code {
            let Instruction { code, out, args, by_rows, .. } = instruction;
            let places = [at[args[0] as usize], at[args[1] as usize], at[args[2] as usize]];
            let out_at = at[*out as usize];
            match code {
                Code::Load => load(arena, out_at, places[0], shape, apart(strides, args[0], columns)),
                Code::Store => store(arena, out_at, places[0], shape, apart(strides, *out, columns)),
                _ => {
                    // Without gaps, all rows are one.
                    let (rows, n) = if *by_rows { (rows, columns) } else { (1, rows * columns) };
                    let y = apart(strides, *out, columns)[0];
                    let a = apart(strides, args[0], columns)[0];
                    let b = apart(strides, args[1], columns)[0];
                    let c = apart(strides, args[2], columns)[0];
                    for i in 0..rows {
                        let places = [places[0] + i * a, places[1] + i * b, places[2] + i * c];
                        element::<S, M>(instruction, arena, out_at + i * y, places, n);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn apart(strides: &[[usize; 2]], slot: u16, columns: usize) -> [usize; 2] {
    strides.get(slot as usize).copied().unwrap_or([columns, 1])
}

/// Computes `n` elements without gaps.
#[inline(always)]
fn element<S: Real, M: Machine>(
    it: &Instruction<S>,
    arena: &mut [S],
    out: usize,
    places: [usize; 3],
    n: usize,
) {
    let (y, rest) = Rest::around(arena, out, n);
    let a = rest.at(places[0], n);
    let b = if it.arity > 1 { rest.at(places[1], n) } else { a };
    let c = if it.arity > 2 { rest.at(places[2], n) } else { a };
    match it.code {
        Code::Of(function) => apply::<S, M>(function, y, [a, b, c]),
        Code::MulAdd => inline::mul_add::<S, M>(y, a, b, c),
        Code::SigmoidAdjoint => inline::sigmoid_adjoint::<S, M>(y, a, b),
        Code::TanhAdjoint => inline::tanh_adjoint::<S, M>(y, a, b),
        Code::Affine => inline::affine::<S, M>(y, a, it.numbers[0], it.numbers[1]),
        // They are done by whoever runs the block.
        Code::Load | Code::Store => {}
    }
}

/// The function of an op; its operands are the first of three.
#[inline(always)]
fn apply<S: Real, M: Machine>(function: Function, y: &mut [S], [a, b, c]: [&[S]; 3]) {
    match function {
        Function::Add => inline::add::<S, M>(y, a, b),
        Function::Sub => inline::sub::<S, M>(y, a, b),
        Function::Mul => inline::mul::<S, M>(y, a, b),
        Function::Div => inline::div::<S, M>(y, a, b),
        Function::Modulo => inline::modulo::<S, M>(y, a, b),
        Function::Max => inline::max::<S, M>(y, a, b),
        Function::Min => inline::min::<S, M>(y, a, b),
        Function::Compare(Relation::Less) => inline::less::<S, M>(y, a, b),
        Function::Compare(Relation::LessEqual) => inline::less_equal::<S, M>(y, a, b),
        Function::Compare(Relation::Equal) => inline::equal::<S, M>(y, a, b),
        Function::Compare(Relation::Greater) => inline::greater::<S, M>(y, a, b),
        Function::Compare(Relation::GreaterEqual) => inline::greater_equal::<S, M>(y, a, b),
        Function::Compare(Relation::NotEqual) => inline::not_equal::<S, M>(y, a, b),
        Function::Select => inline::select::<S, M>(y, a, b, c),
        Function::Neg => inline::neg::<S, M>(y, a),
        Function::Exp => inline::exp::<S, M>(y, a),
        Function::Ln => inline::ln::<S, M>(y, a),
        Function::Sqrt => inline::sqrt::<S, M>(y, a),
        Function::Tanh => inline::tanh::<S, M>(y, a),
        Function::Sigmoid => inline::sigmoid::<S, M>(y, a),
        Function::Relu => inline::relu::<S, M>(y, a),
        Function::Softplus => inline::softplus::<S, M>(y, a),
        Function::Abs => inline::abs::<S, M>(y, a),
        Function::Sin => inline::sin::<S, M>(y, a),
        Function::Cos => inline::cos::<S, M>(y, a),
        Function::Reciprocal => inline::reciprocal::<S, M>(y, a),
        Function::Powi(n) => inline::powi::<S, M>(y, a, n),
        Function::Identity => inline::affine::<S, M>(y, a, S::ONE, S::ZERO),
        Function::Unary(of) => {
            let of = S::function(of);
            y.iter_mut().zip(a).for_each(|(y, &a)| *y = of(a));
        }
    }
}

/// An arena without the part that is written.
pub(crate) struct Rest<'a, S> {
    before: &'a [S],
    after: &'a [S],
    end: usize,
}

impl<'a, S> Rest<'a, S> {
    /// The `n` places from `start` on, to be written, and the rest.
    #[inline(always)]
    pub fn around(arena: &'a mut [S], start: usize, n: usize) -> (&'a mut [S], Self) {
        let (before, rest) = arena.split_at_mut(start);
        let (y, after) = rest.split_at_mut(n);
        (y, Self { before, after, end: start + n })
    }

    /// The `n` places from `start` on, to be read.
    #[inline(always)]
    pub fn at(&self, start: usize, n: usize) -> &'a [S] {
        if start >= self.end { &self.after[start - self.end..][..n] } else { &self.before[start..][..n] }
    }
}

/// A strip from places with strides.
fn load<S: Real>(
    arena: &mut [S],
    to: usize,
    from: usize,
    [rows, columns]: [usize; 2],
    [row, column]: [usize; 2],
) {
    if (row, column) == (0, 0) {
        let x = arena[from];
        return arena[to..to + rows * columns].fill(x);
    }
    for i in 0..rows {
        let (to, from) = (to + i * columns, from + i * row);
        match column {
            0 => {
                let x = arena[from];
                arena[to..to + columns].fill(x);
            }
            1 => arena.copy_within(from..from + columns, to),
            _ => (0..columns).for_each(|j| arena[to + j] = arena[from + j * column]),
        }
    }
}

/// A strip to places with strides.
fn store<S: Real>(
    arena: &mut [S],
    to: usize,
    from: usize,
    [rows, columns]: [usize; 2],
    [row, column]: [usize; 2],
) {
    for i in 0..rows {
        let (to, from) = (to + i * row, from + i * columns);
        if column == 1 {
            arena.copy_within(from..from + columns, to);
        } else {
            (0..columns).for_each(|j| arena[to + j * column] = arena[from + j]);
        }
    }
}

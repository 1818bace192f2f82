//! Bytecode over strips: the code of a fused elementwise region.
//!
//! A program is a list of instructions, each one loop over a block of elements. The whole list runs within one
//! function compiled for the machine's instruction set: an instruction costs a jump and its loop.

use super::machine::{Machine, vectorised};
use super::real::Real;
use super::strips::{BLOCK, numbers};
use autograd::ops::{Function, Relation};

/// The operation of an instruction.
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
    /// A strided load into a strip.
    Load,
    /// A strided store from a strip.
    Store,
}

/// One instruction. Operands and result are slot numbers: first those in memory, then strips.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instruction<S> {
    pub code: Code,
    /// The number of operands.
    pub arity: u8,
    pub out: u16,
    pub args: [u16; 3],
    pub numbers: [S; 2],
    /// Whether it runs row by row, because an operand or the result is not contiguous across rows.
    pub by_rows: bool,
}

vectorised! {
    /// Runs a program on a block of `shape` rows and columns. `at` holds the start of each operand: first those in
    /// memory, with the row and column `strides`, then strips, which are contiguous. An instruction may write where
    /// it reads, if both start at the same position.
    pub(crate) fn run<S, M>(
        code: &[Instruction<S>],
        arena: &mut [S],
        at: &[usize],
        strides: &[[usize; 2]],
        shape: [usize; 2],
    ) {
        let [rows, columns] = shape;
        for instruction in code {
            let Instruction { out, args, by_rows, .. } = instruction;
            let from = args.map(|slot| at[slot as usize]);
            let to = at[*out as usize];
            match instruction.code {
                Code::Load => load(arena, to, from[0], shape, apart(strides, args[0], columns)),
                Code::Store => store(arena, to, from[0], shape, apart(strides, *out, columns)),
                // Contiguous rows form one long row.
                _ if !by_rows => {
                    compute::<S, M>(instruction, arena, &Lines { to, from, count: 1, n: rows * columns, apart: [0; 4] });
                }
                _ => {
                    let [a, b, c] = args.map(|slot| apart(strides, slot, columns)[0]);
                    let apart = [apart(strides, *out, columns)[0], a, b, c];
                    compute::<S, M>(instruction, arena, &Lines { to, from, count: rows, n: columns, apart });
                }
            }
        }
    }
}

#[inline(always)]
fn apart(strides: &[[usize; 2]], slot: u16, columns: usize) -> [usize; 2] {
    strides.get(slot as usize).copied().unwrap_or([columns, 1])
}

/// The number of elements per iteration of a cheap function.
const WIDE: usize = 4 * BLOCK;

/// The operands and the result of an instruction: contiguous lines.
struct Lines {
    to: usize,
    from: [usize; 3],
    /// The number of lines.
    count: usize,
    /// The length of a line.
    n: usize,
    /// The line strides of the result and of the operands.
    apart: [usize; 4],
}

impl Lines {
    /// A function of A operands, in blocks of L, then of [`BLOCK`]. Each block is read before it is written.
    #[inline(always)]
    fn blocks<S: Real, const A: usize, const L: usize>(
        &self,
        arena: &mut [S],
        wide: impl Fn([[S; L]; A]) -> [S; L],
        block: impl Fn([[S; BLOCK]; A]) -> [S; BLOCK],
    ) {
        let n = self.n;
        for line in 0..self.count {
            let mut y = self.to + line * self.apart[0];
            let mut x = [0; A];
            (0..A).for_each(|k| x[k] = self.from[k] + line * self.apart[k + 1]);
            let mut left = n;
            while L > BLOCK && left >= L {
                let operands = taken(arena, x);
                *arena[y..].first_chunk_mut().expect(INSIDE) = wide(operands);
                x.iter_mut().for_each(|x| *x += L);
                (y, left) = (y + L, left - L);
            }
            while left >= BLOCK {
                let operands = taken(arena, x);
                *arena[y..].first_chunk_mut().expect(INSIDE) = block(operands);
                x.iter_mut().for_each(|x| *x += BLOCK);
                (y, left) = (y + BLOCK, left - BLOCK);
            }
            if left > 0 {
                // Padding with ones: no function is slow there.
                let mut operands = [[S::ONE; BLOCK]; A];
                for (operand, x) in operands.iter_mut().zip(x) {
                    operand[..left].copy_from_slice(&arena[x..][..left]);
                }
                arena[y..][..left].copy_from_slice(&block(operands)[..left]);
            }
        }
    }

    /// An elementwise function of few instructions.
    #[inline(always)]
    fn cheap<S: Real, const A: usize>(&self, arena: &mut [S], of: impl Fn([S; A]) -> S) {
        self.blocks::<S, A, WIDE>(arena, |x| each(x, &of), |x| each(x, &of));
    }

    /// An elementwise function of many instructions.
    #[inline(always)]
    fn dear<S: Real, const A: usize>(&self, arena: &mut [S], of: impl Fn([S; A]) -> S) {
        self.blocks::<S, A, BLOCK>(arena, |x| each(x, &of), |x| each(x, &of));
    }
}

/// Why a block exists.
const INSIDE: &str = "what a region reads and writes lies in the arena";

/// L elements from each of A places. (`x.map(…)` would call a function, and copy.)
#[inline(always)]
fn taken<S: Real, const A: usize, const L: usize>(arena: &[S], x: [usize; A]) -> [[S; L]; A] {
    let mut operands = [[S::ZERO; L]; A];
    for k in 0..A {
        operands[k] = *arena[x[k]..].first_chunk().expect(INSIDE);
    }
    operands
}

/// Applies a function to each element.
#[inline(always)]
fn each<S: Real, const A: usize, const L: usize>(x: [[S; L]; A], of: &impl Fn([S; A]) -> S) -> [S; L] {
    let mut y = [S::ZERO; L];
    for l in 0..L {
        let mut operands = [S::ZERO; A];
        for k in 0..A {
            operands[k] = x[k][l];
        }
        y[l] = of(operands);
    }
    y
}

/// Runs an instruction other than a move.
#[inline(always)]
fn compute<S: Real, M: Machine>(it: &Instruction<S>, arena: &mut [S], lines: &Lines) {
    let [p, q] = it.numbers;
    match it.code {
        Code::Of(function) => apply::<S, M>(function, arena, lines),
        Code::MulAdd => lines.cheap(arena, |[a, b, c]| numbers::mul_add::<S, M>(a, b, c)),
        Code::SigmoidAdjoint => lines.cheap(arena, |[a, d]| numbers::sigmoid_adjoint::<S, M>(a, d)),
        Code::TanhAdjoint => lines.cheap(arena, |[a, d]| numbers::tanh_adjoint::<S, M>(a, d)),
        Code::Affine => lines.cheap(arena, |[a]| numbers::affine::<S, M>(a, p, q)),
        // The caller handles these.
        Code::Load | Code::Store => {}
    }
}

/// The function of an op.
#[inline(always)]
fn apply<S: Real, M: Machine>(function: Function, arena: &mut [S], lines: &Lines) {
    match function {
        Function::Add => lines.cheap(arena, |[a, b]| numbers::add::<S, M>(a, b)),
        Function::Sub => lines.cheap(arena, |[a, b]| numbers::sub::<S, M>(a, b)),
        Function::Mul => lines.cheap(arena, |[a, b]| numbers::mul::<S, M>(a, b)),
        Function::Div => lines.dear(arena, |[a, b]| numbers::div::<S, M>(a, b)),
        Function::Modulo => lines.dear(arena, |[a, b]| numbers::modulo::<S, M>(a, b)),
        Function::Max => lines.dear(arena, |[a, b]| numbers::max::<S, M>(a, b)),
        Function::Min => lines.dear(arena, |[a, b]| numbers::min::<S, M>(a, b)),
        Function::Compare(relation) => compare::<S, M>(relation, arena, lines),
        Function::Select => lines.dear(arena, |[c, a, b]| numbers::select::<S, M>(c, a, b)),
        Function::Neg => lines.dear(arena, |[a]| numbers::neg::<S, M>(a)),
        Function::Exp => lines.dear(arena, |[a]| numbers::exp::<S, M>(a)),
        Function::Ln => lines.dear(arena, |[a]| numbers::ln::<S, M>(a)),
        Function::Sqrt => lines.dear(arena, |[a]| numbers::sqrt::<S, M>(a)),
        Function::Tanh => lines.dear(arena, |[a]| numbers::tanh::<S, M>(a)),
        Function::Sigmoid => lines.dear(arena, |[a]| numbers::sigmoid::<S, M>(a)),
        Function::Relu => lines.dear(arena, |[a]| numbers::relu::<S, M>(a)),
        Function::Softplus => lines.dear(arena, |[a]| numbers::softplus::<S, M>(a)),
        Function::Abs => lines.dear(arena, |[a]| numbers::abs::<S, M>(a)),
        Function::Sin => lines.dear(arena, |[a]| numbers::sin::<S, M>(a)),
        Function::Cos => lines.dear(arena, |[a]| numbers::cos::<S, M>(a)),
        Function::Reciprocal => lines.dear(arena, |[a]| numbers::reciprocal::<S, M>(a)),
        Function::Powi(n) => {
            let of = |[a]: [[S; BLOCK]; 1]| numbers::powers(a, n);
            lines.blocks::<S, 1, BLOCK>(arena, of, of);
        }
        Function::Identity => lines.cheap(arena, |[a]| a),
        Function::Unary(of) => {
            let of = S::function(of);
            lines.dear(arena, |[a]| of(a));
        }
    }
}

#[inline(always)]
fn compare<S: Real, M: Machine>(relation: Relation, arena: &mut [S], lines: &Lines) {
    match relation {
        Relation::Less => lines.dear(arena, |[a, b]| numbers::less::<S, M>(a, b)),
        Relation::LessEqual => lines.dear(arena, |[a, b]| numbers::less_equal::<S, M>(a, b)),
        Relation::Equal => lines.dear(arena, |[a, b]| numbers::equal::<S, M>(a, b)),
        Relation::Greater => lines.dear(arena, |[a, b]| numbers::greater::<S, M>(a, b)),
        Relation::GreaterEqual => lines.dear(arena, |[a, b]| numbers::greater_equal::<S, M>(a, b)),
        Relation::NotEqual => lines.dear(arena, |[a, b]| numbers::not_equal::<S, M>(a, b)),
    }
}

/// The arena without the range being written.
pub(crate) struct Rest<'a, S> {
    before: &'a [S],
    after: &'a [S],
    end: usize,
}

impl<'a, S> Rest<'a, S> {
    /// Splits off `n` elements from `start` on for writing.
    #[inline(always)]
    pub fn around(arena: &'a mut [S], start: usize, n: usize) -> (&'a mut [S], Self) {
        let (before, rest) = arena.split_at_mut(start);
        let (y, after) = rest.split_at_mut(n);
        (y, Self { before, after, end: start + n })
    }

    /// The `n` elements from `start` on, for reading.
    #[inline(always)]
    pub fn at(&self, start: usize, n: usize) -> &'a [S] {
        if start >= self.end { &self.after[start - self.end..][..n] } else { &self.before[start..][..n] }
    }
}

/// Loads a strip with strides.
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

/// Stores a strip with strides.
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

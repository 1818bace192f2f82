//! Code generation: writes a fused region as bytecode over strips.

use super::place::{Place, Places};
use super::strip::{STRIP, Slot, Strips};
use crate::kernels::Real;
use crate::kernels::program::{Code, Instruction};
use crate::program::Program;
use autograd::ops::{Class, Function, Leaf, Op};
use smallvec::SmallVec;
use std::collections::{BTreeSet, HashMap};

/// The contiguity of a block of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contiguity {
    /// Contiguous.
    Whole,
    /// Contiguous rows with gaps between them, or one row broadcast.
    Rows,
    /// Strided elements, or one element broadcast.
    Scattered,
}

/// The value of a constant node with equal elements.
fn number(p: &Program, x: usize) -> Option<f64> {
    match &p.graph.at(x).op {
        Op::Leaf(Leaf::Constant(value)) if value.shape().count() == 1 => match &**value {
            autograd::Value::Float(a) => a.first().copied(),
            _ => None,
        },
        Op::Broadcast(_) | Op::Reshape(_) => number(p, p.graph.operands_at(x).next()?),
        _ => None,
    }
}

/// Generates the code of a region: `members` ascend, and those of `visible` are read outside.
pub(super) struct Assembler<'a, S> {
    p: &'a Program,
    places: &'a Places,
    region: &'a [u32],
    readers: &'a [u32],
    number: u32,
    slots: Vec<Slot>,
    /// For each operand from memory, its slot.
    slot_of: HashMap<usize, u16>,
    /// The location of each value.
    at: HashMap<usize, Hand>,
    code: Vec<Instruction<S>>,
    /// The number of virtual strips.
    virtual_strips: usize,
}

#[derive(Clone, Copy, Debug)]
enum Hand {
    Slot(u16),
    Strip(usize),
}

/// Virtual strips are numbered from here on until they are allocated.
const VIRTUAL: usize = 1 << 14;

impl<'a, S: Real> Assembler<'a, S> {
    pub fn new(
        p: &'a Program,
        places: &'a Places,
        region: &'a [u32],
        readers: &'a [u32],
        number: u32,
    ) -> Self {
        Self {
            p,
            places,
            region,
            readers,
            number,
            slots: Vec::new(),
            slot_of: HashMap::new(),
            at: HashMap::new(),
            code: Vec::new(),
            virtual_strips: 0,
        }
    }

    /// The code for `members`.
    pub fn assemble(mut self, members: &[usize], visible: impl Fn(usize) -> bool) -> Strips<S> {
        let shape = self.p.shape(members[0]).to_vec();
        // All memory operands together decide how axes merge.
        let fused = self.fused(members, &visible);
        let outside = members.iter().flat_map(|&v| self.p.graph.operands_at(v));
        let outside: BTreeSet<usize> = outside.filter(|&x| self.region[x] != self.number).collect();
        let mut touched: Vec<usize> = outside.into_iter().collect();
        touched.extend(members.iter().copied().filter(|&v| visible(v)));
        let places: Vec<Place> =
            touched.iter().map(|&x| self.places.at(x).spread(self.p.shape(x), &shape)).collect();
        let (sizes, strides) = merge(&shape, &places);
        let (columns, rows) =
            (sizes.last().copied().unwrap_or(1), sizes.iter().rev().nth(1).copied().unwrap_or(1));
        let depth = sizes.len();
        let outer: SmallVec<[usize; 2]> = sizes[..depth.saturating_sub(2)].into();
        let block_columns = columns.min(STRIP);
        let block_rows =
            if block_columns == columns { (STRIP / columns.max(1)).clamp(1, rows.max(1)) } else { 1 };
        for ((&x, place), strides) in touched.iter().zip(places).zip(&strides) {
            let slot = Slot {
                place,
                row: if depth > 1 { strides[depth - 2] } else { 0 },
                column: strides.last().copied().unwrap_or(0),
                outer: strides[..depth.saturating_sub(2)].into(),
            };
            let number =
                u16::try_from(self.slots.len()).expect("a region reads and writes fewer than 16,000 values");
            self.slot_of.insert(x, number);
            self.slots.push(slot);
        }
        let reach =
            |slot: &Slot| match (slot.column == 1 || columns == 1, block_rows == 1 || slot.row == columns) {
                (true, true) => Contiguity::Whole,
                (true, false) => Contiguity::Rows,
                _ => Contiguity::Scattered,
            };
        let reach: Vec<Contiguity> = self.slots.iter().map(reach).collect();
        let free = self.read_last(members, &fused);
        // Stores deferred until the values at their destination have been read: the last reader, the slot, and the
        // strip.
        let mut waiting: Vec<(usize, u16, u16)> = Vec::new();
        for &v in members.iter().filter(|v| !fused[v]) {
            let slot = self.slot_of.get(&v).copied();
            let free = slot.and_then(|slot| free.get(&self.slots[slot as usize].place).copied());
            let out = match slot {
                Some(slot)
                    if reach[slot as usize] != Contiguity::Scattered && free.is_none_or(|u| u <= v) =>
                {
                    Hand::Slot(slot)
                }
                _ => self.strip(),
            };
            self.node(v, out, &reach, &fused);
            self.at.insert(v, out);
            if let (Some(slot), Hand::Strip(_)) = (slot, out) {
                waiting.push((free.unwrap_or(v), slot, self.code_of(out)));
            }
            waiting.retain(|&(reader, slot, strip)| {
                if reader <= v {
                    self.emit(Code::Store, slot, &[strip], [S::ZERO; 2]);
                }
                reader > v
            });
        }
        let scratch = self.allocate();
        for instruction in &mut self.code {
            let by_rows = |&slot: &u16| reach.get(slot as usize) == Some(&Contiguity::Rows);
            let moves = matches!(instruction.code, Code::Load | Code::Store);
            let operands = &instruction.args[..instruction.arity.into()];
            instruction.by_rows = !moves && operands.iter().chain([&instruction.out]).any(by_rows);
        }
        Strips {
            outer,
            rows,
            columns,
            block: [block_rows, block_columns],
            strides: self.slots.iter().map(|slot| [slot.row, slot.column]).collect(),
            slots: self.slots,
            scratch,
            code: self.code,
            at: Vec::new(),
        }
    }

    /// For each memory location that the region reads, the last member to read it.
    fn read_last(&self, members: &[usize], fused: &HashMap<usize, bool>) -> HashMap<Place, usize> {
        let mut last = HashMap::new();
        // A fused node is computed with its reader.
        let mut computed: HashMap<usize, usize> = members.iter().map(|&v| (v, v)).collect();
        for &v in members.iter().rev() {
            let at = computed[&v];
            for x in self.p.graph.operands_at(v) {
                if fused.get(&x).copied().unwrap_or(false) {
                    computed.insert(x, at);
                }
                if self.region[x] != self.number {
                    let place = &self.slots[self.slot_of[&x] as usize].place;
                    last.entry(place.clone()).and_modify(|u: &mut usize| *u = at.max(*u)).or_insert(at);
                }
            }
        }
        last
    }

    /// Members computed only as part of another's instruction.
    fn fused(&self, members: &[usize], visible: &impl Fn(usize) -> bool) -> HashMap<usize, bool> {
        let mut fused: HashMap<usize, bool> = members.iter().map(|&v| (v, false)).collect();
        let alone = |x: usize| self.region[x] == self.number && self.readers[x] == 1 && !visible(x);
        for &v in members.iter().rev() {
            match self.p.graph.at(v).op {
                Op::Mul(_) => {
                    if let Some((_, inner)) = self.adjoint_pattern(v, &alone) {
                        for x in inner {
                            fused.insert(x, true);
                        }
                    }
                }
                Op::Add(_) => {
                    let is_product = |&x: &usize| {
                        alone(x)
                            && matches!(self.p.graph.at(x).op, Op::Mul(_))
                            && self.adjoint_pattern(x, &alone).is_none()
                            && self.p.graph.operands_at(x).all(|y| number(self.p, y).is_none())
                    };
                    for x in self.p.graph.operands_at(v).filter(is_product).collect::<Vec<_>>() {
                        fused.insert(x, true);
                    }
                }
                _ => {}
            }
        }
        fused
    }

    /// `d (a (1 − a))` and `d (1 − a a)`: the instruction, and the nodes it covers. The first operand is a, the
    /// second d.
    fn adjoint_pattern(
        &self,
        v: usize,
        alone: &impl Fn(usize) -> bool,
    ) -> Option<((Code, usize, usize), Vec<usize>)> {
        let pair = |x: usize| {
            let mut operands = self.p.graph.operands_at(x);
            Some((operands.next()?, operands.next()?))
        };
        let one_less = |x: usize| match self.p.graph.at(x).op {
            Op::Sub(_) => pair(x).filter(|&(one, _)| number(self.p, one) == Some(1.0)).map(|(_, a)| a),
            _ => None,
        };
        if !matches!(self.p.graph.at(v).op, Op::Mul(_)) {
            return None;
        }
        let (x, y) = pair(v)?;
        [(x, y), (y, x)].into_iter().find_map(|(d, m)| {
            if !alone(m) || self.p.shape(m) != self.p.shape(v) {
                return None;
            }
            match self.p.graph.at(m).op {
                Op::Mul(_) => {
                    let (x, y) = pair(m)?;
                    [(x, y), (y, x)].into_iter().find_map(|(a, s)| {
                        (alone(s) && one_less(s) == Some(a))
                            .then(|| ((Code::SigmoidAdjoint, a, d), vec![m, s]))
                    })
                }
                Op::Sub(_) => {
                    let square = one_less(m)?;
                    let (a, b) = pair(square).filter(|_| matches!(self.p.graph.at(square).op, Op::Mul(_)))?;
                    (a == b && alone(square)).then(|| ((Code::TanhAdjoint, a, d), vec![m, square]))
                }
                _ => None,
            }
        })
    }

    /// A new virtual strip.
    fn strip(&mut self) -> Hand {
        self.virtual_strips += 1;
        Hand::Strip(self.virtual_strips - 1)
    }

    fn code_of(&self, hand: Hand) -> u16 {
        match hand {
            Hand::Slot(slot) => slot,
            // There are fewer virtual strips than members and operands.
            Hand::Strip(i) => u16::try_from(VIRTUAL + i).expect("a region has fewer than 16,000 values"),
        }
    }

    fn emit(&mut self, code: Code, out: u16, operands: &[u16], numbers: [S; 2]) {
        let mut args = [0; 3];
        args[..operands.len()].copy_from_slice(operands);
        let arity = u8::try_from(operands.len()).expect("there are three at most");
        self.code.push(Instruction { code, arity, out, args, numbers, by_rows: false });
    }

    /// A value as an instruction's operand; loaded into a strip if it is scattered.
    fn operand(&mut self, x: usize, reach: &[Contiguity]) -> u16 {
        if let Some(&hand) = self.at.get(&x) {
            return self.code_of(hand);
        }
        let slot = self.slot_of[&x];
        if reach[slot as usize] != Contiguity::Scattered {
            return slot;
        }
        let strip = self.strip();
        let out = self.code_of(strip);
        self.emit(Code::Load, out, &[slot], [S::ZERO; 2]);
        self.at.insert(x, strip);
        out
    }

    /// The instructions of one member.
    fn node(&mut self, v: usize, out: Hand, reach: &[Contiguity], fused: &HashMap<usize, bool>) {
        let out = self.code_of(out);
        let zero = [S::ZERO; 2];
        let operands: SmallVec<[usize; 4]> = self.p.graph.operands_at(v).collect();
        let readers = self.readers;
        let (region, mine) = (self.region, self.number);
        let alone =
            |x: usize| region[x] == mine && readers[x] == 1 && fused.get(&x).copied().unwrap_or(false);
        let op = self.p.graph.at(v).op.clone();
        let Class::Elementwise(function) = op.class() else {
            unreachable!("regions are made of what is elementwise, and `{}` is not", op.name())
        };
        if let Op::Add(_) = op {
            return self.sum(&operands, out, reach, fused);
        }
        if let Op::Mul(_) = op
            && let Some(((code, a, d), _)) = self.adjoint_pattern(v, &alone)
        {
            let args = [self.operand(a, reach), self.operand(d, reach)];
            return self.emit(code, out, &args, zero);
        }
        // A constant is embedded in the instruction.
        let constants = [number(self.p, operands[0]), operands.get(1).and_then(|&x| number(self.p, x))];
        let affine = match (&op, constants) {
            (Op::Sub(_), [Some(c), None]) => Some((1, -1.0, c)),
            (Op::Sub(_), [None, Some(c)]) => Some((0, 1.0, -c)),
            (Op::Mul(_), [Some(c), None]) => Some((1, c, 0.0)),
            (Op::Mul(_), [None, Some(c)]) => Some((0, c, 0.0)),
            _ => None,
        };
        if let Some((i, p, q)) = affine {
            let a = self.operand(operands[i], reach);
            return self.emit(Code::Affine, out, &[a], [S::of(p), S::of(q)]);
        }
        let args: SmallVec<[u16; 3]> = operands.iter().map(|&x| self.operand(x, reach)).collect();
        self.emit(Code::Of(function), out, &args, zero);
    }

    /// A sum: products are fused into multiply-adds.
    fn sum(&mut self, terms: &[usize], out: u16, reach: &[Contiguity], fused: &HashMap<usize, bool>) {
        let zero = [S::ZERO; 2];
        let mut shift = 0.0;
        let (mut plain, mut products) = (SmallVec::<[usize; 4]>::new(), SmallVec::<[usize; 4]>::new());
        for &x in terms {
            if let Some(c) = number(self.p, x) {
                shift += c;
            } else if fused.get(&x).copied().unwrap_or(false) {
                products.push(x);
            } else {
                plain.push(x);
            }
        }
        let mut steps: Vec<(Code, [u16; 2])> = Vec::new();
        let mut current = None;
        let mut plain = plain.into_iter();
        if let Some(first) = plain.next() {
            current = Some(self.operand(first, reach));
        }
        for x in plain {
            let b = self.operand(x, reach);
            steps.push((Code::Of(Function::Add), [b, 0]));
        }
        for x in products {
            let mut factors = self.p.graph.operands_at(x);
            let (a, b) = (factors.next().unwrap_or(x), factors.next().unwrap_or(x));
            let pair = [self.operand(a, reach), self.operand(b, reach)];
            steps.push((Code::MulAdd, pair));
        }
        let shifts = shift != 0.0 || steps.is_empty() && current.is_some();
        let last = steps.len();
        let mut at = current;
        for (i, (code, [b, c])) in steps.into_iter().enumerate() {
            let to = if i + 1 == last && !shifts {
                out
            } else {
                let strip = self.strip();
                self.code_of(strip)
            };
            match (at, code) {
                (Some(a), Code::Of(_)) => self.emit(Code::Of(Function::Add), to, &[a, b], zero),
                (Some(a), _) => self.emit(Code::MulAdd, to, &[a, b, c], zero),
                (None, _) => self.emit(Code::Of(Function::Mul), to, &[b, c], zero),
            }
            at = Some(to);
        }
        match at {
            Some(a) if shifts => self.emit(Code::Affine, out, &[a], [S::ONE, S::of(shift)]),
            Some(_) => {}
            // A sum of constants.
            None => {
                let a = self.operand(terms[0], reach);
                self.emit(Code::Affine, out, &[a], [S::ZERO, S::of(shift)]);
            }
        }
    }

    /// Allocates virtual strips to physical ones, each free after its last read. Returns the number used.
    fn allocate(&mut self) -> usize {
        let mut last = vec![0; self.virtual_strips];
        let is_virtual = |slot: u16| (slot as usize).checked_sub(VIRTUAL);
        for (i, instruction) in self.code.iter().enumerate() {
            for slot in instruction.args.into_iter().chain([instruction.out]) {
                if let Some(v) = is_virtual(slot) {
                    last[v] = i;
                }
            }
        }
        let base = self.slots.len();
        let mut real: Vec<Option<u16>> = vec![None; self.virtual_strips];
        let (mut free, mut count): (Vec<u16>, u16) = (Vec::new(), 0);
        for i in 0..self.code.len() {
            let instruction = self.code[i];
            let mut place =
                |slot: u16, real: &mut Vec<Option<u16>>, free: &mut Vec<u16>| match is_virtual(slot) {
                    None => slot,
                    Some(v) => {
                        let strip = *real[v].get_or_insert_with(|| {
                            free.pop().unwrap_or_else(|| {
                                count += 1;
                                count - 1
                            })
                        });
                        // The sum of two numbers below 16,000.
                        u16::try_from(base).expect("a region has fewer than 16,000 values") + strip
                    }
                };
            let args = instruction.args.map(|slot| place(slot, &mut real, &mut free));
            let out = place(instruction.out, &mut real, &mut free);
            self.code[i] = Instruction { out, args, ..instruction };
            let mut done: SmallVec<[usize; 4]> =
                instruction.args.into_iter().chain([instruction.out]).filter_map(is_virtual).collect();
            done.sort_unstable();
            done.dedup();
            free.extend(done.into_iter().filter(|&v| last[v] == i).filter_map(|v| real[v]));
        }
        count as usize
    }
}

/// The axes of a shape, merged where all strides allow it; for each operand, its strides along them.
fn merge(shape: &[usize], places: &[Place]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut sizes: Vec<usize> = Vec::new();
    let mut strides: Vec<Vec<usize>> = vec![Vec::new(); places.len()];
    for (axis, &n) in shape.iter().enumerate().filter(|&(_, &n)| n != 1) {
        let joins = !sizes.is_empty()
            && places.iter().zip(&strides).all(|(place, s)| s[s.len() - 1] == place.strides[axis] * n);
        if joins {
            let last = sizes.len() - 1;
            sizes[last] *= n;
            places.iter().zip(&mut strides).for_each(|(place, s)| s[last] = place.strides[axis]);
        } else {
            sizes.push(n);
            places.iter().zip(&mut strides).for_each(|(place, s)| s.push(place.strides[axis]));
        }
    }
    (sizes, strides)
}

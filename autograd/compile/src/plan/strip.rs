//! A region's program at work.
//!
//! The elements of a region are gone through in blocks that fit the first cache. For each block the program runs once,
//! an instruction being one vectorised loop over the block. What lies without gaps is read and written where it is;
//! anything else goes through a strip of scratch memory.

use super::place::Place;
use crate::kernels::Real;
use crate::kernels::program::{self, Instruction};
use smallvec::SmallVec;

/// The elements of a strip at most: a few of them fit the first cache.
pub(in super::super) const STRIP: usize = 1024;

/// A value in memory, as a region reads or writes it.
#[derive(Clone, Debug)]
pub(in super::super) struct Slot {
    /// Its buffer; then, once buffers have places, where it begins.
    pub place: Place,
    /// How far apart rows are.
    pub row: usize,
    /// How far apart the elements of a row are.
    pub column: usize,
    /// For each outer axis, how far apart its places are.
    pub outer: SmallVec<[usize; 2]>,
}

/// A region's program.
#[derive(Clone, Debug)]
pub(in super::super) struct Strips<S> {
    /// The sizes of the axes around the rows.
    pub outer: SmallVec<[usize; 2]>,
    pub rows: usize,
    pub columns: usize,
    /// The rows and columns of a block.
    pub block: [usize; 2],
    pub slots: Vec<Slot>,
    /// How far apart the rows and columns of each slot are.
    pub strides: Vec<[usize; 2]>,
    /// How many strips of scratch memory it needs.
    pub scratch: usize,
    pub code: Vec<Instruction<S>>,
    /// Where the first block's operands begin: the slots, then the strips.
    pub at: Vec<usize>,
}

impl<S: Real> Strips<S> {
    /// Settles where the operands begin, once buffers have places. Strips lie from `scratch` on.
    pub fn settle(&mut self, scratch: usize) {
        self.at = self.slots.iter().map(|slot| slot.place.offset).collect();
        self.at.extend((0..self.scratch).map(|i| scratch + i * STRIP));
    }

    /// Runs the program on an arena. `at` has room for where the operands of a block begin.
    pub fn run(&self, arena: &mut [S], at: &mut Vec<usize>) {
        let outer: usize = self.outer.iter().product();
        let base = self.slots.len();
        let [block_rows, block_columns] = self.block;
        if outer == 1 && self.rows <= block_rows && self.columns <= block_columns {
            return program::run(&self.code, arena, &self.at, &self.strides, [self.rows, self.columns]);
        }
        at.clear();
        at.extend_from_slice(&self.at);
        for i in 0..outer {
            let mut row = 0;
            while row < self.rows {
                let rows = block_rows.min(self.rows - row);
                let mut column = 0;
                while column < self.columns {
                    let columns = block_columns.min(self.columns - column);
                    for (at, slot) in at[..base].iter_mut().zip(&self.slots) {
                        let mut rest = i;
                        let mut start = slot.place.offset + row * slot.row + column * slot.column;
                        for (&n, &stride) in self.outer.iter().zip(&slot.outer).rev() {
                            start += rest % n * stride;
                            rest /= n;
                        }
                        *at = start;
                    }
                    program::run(&self.code, arena, at, &self.strides, [rows, columns]);
                    column += columns;
                }
                row += rows;
            }
        }
    }
}

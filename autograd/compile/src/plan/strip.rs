//! Executes the bytecode of a region.
//!
//! A region is processed in blocks that fit the L1 cache. For each block the program runs once, each instruction
//! being one vectorised loop over the block. Contiguous operands are read and written in place; others go through a
//! strip of scratch memory.

use super::place::Place;
use crate::kernels::Real;
use crate::kernels::program::{self, Instruction};
use smallvec::SmallVec;

/// The maximum number of elements of a strip: a few of them fit the L1 cache.
pub(in super::super) const STRIP: usize = 1024;

/// A memory operand of a region.
#[derive(Clone, Debug)]
pub(in super::super) struct Slot {
    /// Its buffer; after allocation, its position.
    pub place: Place,
    /// The row stride.
    pub row: usize,
    /// The column stride.
    pub column: usize,
    /// The stride of each outer axis.
    pub outer: SmallVec<[usize; 2]>,
}

/// A region's program.
#[derive(Clone, Debug)]
pub(in super::super) struct Strips<S> {
    /// The sizes of the outer axes.
    pub outer: SmallVec<[usize; 2]>,
    pub rows: usize,
    pub columns: usize,
    /// The rows and columns of a block.
    pub block: [usize; 2],
    pub slots: Vec<Slot>,
    /// The row and column strides of each slot.
    pub strides: Vec<[usize; 2]>,
    /// The number of scratch strips.
    pub scratch: usize,
    pub code: Vec<Instruction<S>>,
    /// The positions of the first block's operands: the slots, then the strips.
    pub at: Vec<usize>,
}

impl<S: Real> Strips<S> {
    /// Fixes the positions after allocation. Strips start at `scratch`.
    pub fn settle(&mut self, scratch: usize) {
        self.at = self.slots.iter().map(|slot| slot.place.offset).collect();
        self.at.extend((0..self.scratch).map(|i| scratch + i * STRIP));
    }

    /// Runs the program on an arena. `at` is scratch for the positions of a block's operands.
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

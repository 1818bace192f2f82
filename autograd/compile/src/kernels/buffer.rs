//! Memory for kernels.

use super::real::Real;
use std::ops::{Deref, DerefMut};

/// A slice of zeros that begins on a cache line, so that no vector of its rows lies on two: a one-row product over
/// such a matrix takes about half the time.
pub struct Buffer<S> {
    memory: Vec<S>,
    start: usize,
    len: usize,
}

impl<S: Real> Buffer<S> {
    /// Bytes of a cache line.
    pub const LINE: usize = 64;

    /// `len` zeros.
    pub fn new(len: usize) -> Self {
        let memory = vec![S::ZERO; len + Self::LINE / size_of::<S>()];
        let start = memory.as_ptr().align_offset(Self::LINE);
        Self { memory, start, len }
    }

    /// Makes room for `len` numbers at least, whatever they are.
    pub(super) fn grow(&mut self, len: usize) {
        if self.len < len {
            *self = Self::new(len);
        }
    }
}

impl<S> Deref for Buffer<S> {
    type Target = [S];
    fn deref(&self) -> &[S] {
        &self.memory[self.start..][..self.len]
    }
}

impl<S> DerefMut for Buffer<S> {
    fn deref_mut(&mut self) -> &mut [S] {
        &mut self.memory[self.start..][..self.len]
    }
}

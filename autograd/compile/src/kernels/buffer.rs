//! Memory for kernels.

use super::machine::pages;
use super::real::Real;
use std::ops::{Deref, DerefMut};

/// A slice of zeros that begins on a cache line, so that no vector of its rows lies on two: a one-row product over
/// such a matrix takes about half the time. A long one begins on a large page, and asks for more of them.
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
        let large = len * size_of::<S>() >= pages::LARGE;
        let align = if large { pages::LARGE } else { Self::LINE };
        // Zeros take memory when they are first touched, a page at a time.
        let mut memory = vec![S::ZERO; len + align / size_of::<S>()];
        let start = memory.as_ptr().align_offset(align);
        if large {
            pages::ask(&mut memory[start..]);
        }
        Self { memory, start, len }
    }

    /// Grows to at least `len` elements of any value.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_zero_and_begins_where_it_should() {
        for (bytes, begins) in [
            (0, 64),
            (40, 64),
            (pages::LARGE - 8, 64),
            (pages::LARGE, pages::LARGE),
            (5_000_000, pages::LARGE),
        ] {
            let mut buffer = Buffer::<f64>::new(bytes / 8);
            assert_eq!((buffer.len(), buffer.as_ptr().addr() % begins), (bytes / 8, 0));
            assert!(buffer.iter().all(|&x| x == 0.0));
            buffer.fill(1.0);
        }
    }
}

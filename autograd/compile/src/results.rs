//! The outputs of a run, before they are read.

use super::Executable;
use super::executable::Set;
use super::instances::Real;
use autograd::Value;
use ndarray::{ArrayD, ArrayViewMutD};
use std::fmt;

/// The outputs of a run in its memory. They are read into existing arrays; dropping this releases the memory for the
/// next run.
pub struct Results<'e, S: Real> {
    executable: &'e Executable<S>,
    set: Option<Set<S>>,
}

impl<S: Real> fmt::Debug for Results<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} outputs of {:?}", self.executable.outputs.len(), self.executable)
    }
}

impl<'e, S: Real> Results<'e, S> {
    pub(super) fn new(executable: &'e Executable<S>, set: Set<S>) -> Self {
        Self { executable, set: Some(set) }
    }

    fn set(&self) -> &Set<S> {
        self.set.as_ref().expect("it is given back when this is dropped")
    }

    /// The shape of output `i`.
    ///
    /// # Panics
    /// If there is no such output.
    pub fn shape(&self, i: usize) -> &[usize] {
        &self.executable.outputs[i].0.shape
    }

    /// Copies output `i`, of real numbers or truth values (as 0 and 1), into an array of its shape.
    ///
    /// # Panics
    /// If the array has another shape, or there is no such output.
    pub fn read(&self, i: usize, to: ArrayViewMutD<S>) {
        let (ty, _) = &self.executable.outputs[i];
        assert_eq!(*to.shape(), *ty.shape, "output {i} is {ty}");
        S::read(self.executable, self.set(), i, to);
    }

    /// Output `i` with shape `[]`, as a number.
    ///
    /// # Panics
    /// If it has another shape, or there is no such output.
    pub fn number(&self, i: usize) -> S {
        let mut number = S::ZERO;
        let place = std::slice::from_mut(&mut number);
        self.read(i, ArrayViewMutD::from_shape(&[][..], place).expect("one element for the shape []"));
        number
    }

    /// Output `i` as a new value.
    ///
    /// # Panics
    /// If there is no such output.
    pub fn value(&self, i: usize) -> Value<S> {
        S::output(self.executable, self.set(), i)
    }

    /// Output `i`, of real numbers or truth values (as 0 and 1), as a new array.
    ///
    /// # Panics
    /// If there is no such output.
    pub fn array(&self, i: usize) -> ArrayD<S> {
        let mut array = ArrayD::from_elem(self.shape(i), S::ZERO);
        self.read(i, array.view_mut());
        array
    }
}

impl<S: Real> Drop for Results<'_, S> {
    fn drop(&mut self) {
        if let Some(set) = self.set.take() {
            self.executable.give_back(set);
        }
    }
}

//! Published synthetic tasks that need a long memory, as seeded generators of batches.
//!
//! Each task is a small struct; `batch(size, seed, index)` draws batch `index` of the infinite set named by `seed`,
//! as a function of its arguments alone. Batches of another seed are held-out data. Each task states the baseline of
//! a model without memory, against which to read a training curve.

mod adding;
mod copy_memory;
mod temporal_order;

pub use adding::Adding;
pub use copy_memory::CopyMemory;
pub use temporal_order::TemporalOrder;

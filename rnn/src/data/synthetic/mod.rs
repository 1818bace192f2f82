//! Published synthetic tasks that need a long memory, as seeded generators of batches.
//!
//! Each task is a small struct; `batch(size, seed, index)` draws batch `index` of the endless set named by `seed`, a
//! function of its arguments alone. Held-out data are the batches of another seed. Each task states the score that a
//! model without memory reaches, so that a curve can be read: whatever stays there has learned nothing.

mod adding;
mod copy_memory;
mod temporal_order;

pub use adding::Adding;
pub use copy_memory::CopyMemory;
pub use temporal_order::TemporalOrder;

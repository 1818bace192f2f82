//! Recurrent nets unrolled over time into one computation graph.

pub mod data;

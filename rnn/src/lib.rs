//! Recurrent nets unrolled over time into one computation graph.

pub mod checkpoint;
pub mod data;
pub mod files;
pub mod init;
pub mod parameters;
pub mod train;

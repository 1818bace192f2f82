//! Any bytes as a checkpoint: `cargo +nightly fuzz run checkpoint` in `rnn/`.
#![no_main]

#[allow(dead_code)] // one of its functions
#[path = "../../tests/exercise/files.rs"]
mod files;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    files::is_checkpoint(bytes);
});

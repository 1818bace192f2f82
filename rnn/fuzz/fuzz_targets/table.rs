//! Any bytes as a table of sentences and of numbers: `cargo +nightly fuzz run table` in `rnn/`.
#![no_main]

#[allow(dead_code)] // one of its functions
#[path = "../../tests/exercise/files.rs"]
mod files;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    files::is_table(bytes);
});

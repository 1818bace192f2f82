//! Any text as a cell file: `cargo +nightly fuzz run cell_file` in `rnn/`.
#![no_main]

#[path = "../../tests/exercise/mod.rs"]
mod exercise;

libfuzzer_sys::fuzz_target!(|text: &str| {
    exercise::is_cell(text);
});

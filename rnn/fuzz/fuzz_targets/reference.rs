//! Any text as a reference of another framework: `cargo +nightly fuzz run reference` in `rnn/`.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    // Refused with a message, or compared.
    if let Err(error) = rnn_lab::compare::compare_text(text, std::path::Path::new("any.json")) {
        assert!(!error.to_string().is_empty());
    }
});

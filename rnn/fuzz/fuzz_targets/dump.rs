//! Any text as the dump of a graph: `cargo +nightly fuzz run dump` in `rnn/`.
#![no_main]

use autograd_view::draw;

libfuzzer_sys::fuzz_target!(|text: &str| {
    // Refused with a message, or a graph that round-trips.
    if let Ok(graph) = draw::read_json(text) {
        let again = draw::json(&graph, &draw::Options::default());
        let read = draw::read_json(&again).expect("what was written is read");
        assert_eq!(read.len(), graph.len());
    }
});

//! Chapter 5: the unrolled graphs as files, and what to do next.

use super::learn::Learned;
use super::{SENTENCE, say};
use crate::output::OutFile;
use crate::paint;
use autograd::Graph;
use autograd_view::draw;
use rnn::files::FileError;
use rnn_lab::study::{NetSpec, network_of};
use std::io::Write;

/// The drawings.
pub const FILES: [&str; 6] = [
    "elman-3-steps.svg",
    "elman-3-steps.dot",
    "elman-3-steps.json",
    "i-love-rnns.svg",
    "i-love-rnns.dot",
    "i-love-rnns.json",
];

/// Creates the folder if it does not exist.
pub fn folder(folder: &OutFile) -> Result<(), String> {
    std::fs::create_dir_all(folder.path())
        .map_err(|error| format!("cannot make the folder `{folder}`: {error}; give another with --out"))
}

/// Writes the drawings, and prints what to do next.
pub fn leave(
    out: &mut impl Write,
    folder: &OutFile,
    net: &Learned,
) -> Result<(), Box<dyn std::error::Error>> {
    say(
        out,
        "Two graphs with all their nodes, forward and backward: a plain Elman net over three steps, and the trained \
         net on the sentence. The .svg opens in a browser, the .dot is for Graphviz, the .json for programs.",
    )?;
    let elman = NetSpec::default().network(true)?.graph;
    let sentence = network_of(&net.model, &net.vocabulary, SENTENCE, true)?.graph;
    let graphs = [
        ("elman-3-steps", "An Elman net over three steps, with its backpropagation through time", elman),
        (
            "i-love-rnns",
            "The trained LSTM on \"I love RNNs\", with its backpropagation through time",
            sentence,
        ),
    ];
    for (name, title, graph) in graphs {
        for (path, size) in write(folder, name, title, &graph)? {
            writeln!(out, "  {path:40} {size:>6} kB  {:>4} nodes", graph.len())?;
        }
    }
    writeln!(out)?;
    let program = std::env::args_os().next().unwrap_or_else(|| "rnn".into());
    let program = program.to_string_lossy();
    let (t, f) = (paint::TITLE, paint::FAINT);
    writeln!(out, "{t}Next{t:#}\n")?;
    for (what, command) in [
        (
            "walk through a net forward and backward, in a browser",
            format!("{program} graph --cell lstm --steps 5 -o lstm.html"),
        ),
        ("see how far back each loss reaches", format!("{program} bptt --cell lstm --steps 30")),
        ("draw another net", format!("{program} graph --cell gru --steps 4 --format svg -o gru.svg")),
        ("check its gradients, twice", format!("{program} gradcheck --cell gru --steps 8 --order 2")),
        (
            "write a cell of your own",
            format!("{program} cells mgu > my.cell   # change it, then: --cell my.cell"),
        ),
    ] {
        writeln!(out, "  {f}{what}{f:#}\n    {command}")?;
    }
    Ok(())
}

/// Writes the graph in three formats; returns each file's path, and its size in kB.
fn write(
    folder: &OutFile,
    name: &str,
    title: &str,
    graph: &Graph,
) -> Result<Vec<(String, usize)>, FileError> {
    let options = draw::Options { title: Some(title.into()), ..draw::Options::default() };
    let files = [
        ("svg", draw::svg(graph, &options)),
        ("dot", draw::dot(graph, &options)),
        ("json", draw::json(graph, &options)),
    ];
    let write = |(extension, text): (&str, String)| {
        let path = folder.write_in(&format!("{name}.{extension}"), text.as_bytes())?;
        Ok((path.display().to_string(), text.len().div_ceil(1000)))
    };
    files.into_iter().map(write).collect()
}

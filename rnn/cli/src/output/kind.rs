//! The kinds of output files, and how to recognise files written by this program before replacing them.

use serde_json::Value;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// A kind of output file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A trained model.
    Checkpoint,
    /// The state from which a run resumes.
    LastState,
    /// The log of a run, as JSON lines.
    Log,
    /// A vector picture.
    Svg,
    /// A raster picture.
    Png,
    /// A picture on a page of PDF.
    Pdf,
    /// A page.
    Html,
    /// A page with MathML.
    Xhtml,
    /// A document in LaTeX.
    Tex,
    /// Plain text.
    Text,
    /// For Graphviz.
    Dot,
    /// For Mermaid.
    Mermaid,
    /// For yEd, Gephi and others.
    Graphml,
    /// For programs.
    Json,
    /// A table.
    Csv,
    /// A program for XLA.
    Mlir,
    /// A program for ONNX Runtime.
    Onnx,
    /// The arguments of an exported program.
    Arguments,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 18] = [
        Self::Checkpoint,
        Self::LastState,
        Self::Log,
        Self::Svg,
        Self::Png,
        Self::Pdf,
        Self::Html,
        Self::Xhtml,
        Self::Tex,
        Self::Text,
        Self::Dot,
        Self::Mermaid,
        Self::Graphml,
        Self::Json,
        Self::Csv,
        Self::Mlir,
        Self::Onnx,
        Self::Arguments,
    ];

    /// Its file extensions, the usual one first.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Checkpoint | Self::LastState | Self::Arguments => &["safetensors"],
            Self::Log => &["jsonl", "log", "ndjson", "json", "txt"],
            Self::Svg => &["svg"],
            Self::Png => &["png"],
            Self::Pdf => &["pdf"],
            Self::Html => &["html", "htm"],
            Self::Xhtml => &["xhtml", "html"],
            Self::Tex => &["tex"],
            Self::Text => &["txt", "text", "diff", "patch"],
            Self::Dot => &["dot", "gv"],
            Self::Mermaid => &["mmd", "mermaid"],
            Self::Graphml => &["graphml"],
            Self::Json => &["json"],
            Self::Csv => &["csv"],
            Self::Mlir => &["mlir"],
            Self::Onnx => &["onnx"],
        }
    }

    /// The kind of an extension.
    pub fn of_ending(ending: &str) -> Option<Self> {
        let ours = |kind: &Self| *kind != Self::Log && kind.endings().contains(&ending);
        Self::ALL.into_iter().find(ours)
    }

    /// Whether a file starts as this program's files of this kind do. An empty file also counts.
    pub fn is_of(self, path: &Path) -> std::io::Result<bool> {
        let mut file = File::open(path)?;
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(4096).read_to_end(&mut head)?;
        if head.is_empty() {
            return Ok(true);
        }
        let text = String::from_utf8_lossy(&head);
        let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| text.starts_with(beginning));
        let first = || text.lines().next().unwrap_or_default();
        Ok(match self {
            Self::Checkpoint | Self::LastState => {
                let (Ok(header), false) = (header(&head, file), text.is_empty()) else { return Ok(false) };
                // Only the resumable state contains the losses of the run.
                let last = header.contains("\"extra/history/");
                header.contains("\"rnn.format\"") && last == (self == Self::LastState)
            }
            Self::Arguments => header(&head, file).is_ok_and(|header| header.contains("\"rnn.export\"")),
            // One for several devices has attributes.
            Self::Mlir => begins(&["module @forward ", "module @gradient ", "module @step "]),
            // The version of the format, then who made it (protobuf fields 1 and 2).
            Self::Onnx => head.first() == Some(&0x08) && head.get(2..7) == Some(&b"\x12\x03rnn"[..]),
            Self::Log => {
                serde_json::from_str::<Value>(first()).is_ok_and(|line| line.get("event").is_some())
                    || first().starts_with("{\"") && first().contains("\"event\":")
            }
            Self::Svg => begins(&["<svg xmlns=\"http://www.w3.org/2000/svg\" "]) && text.contains(FONTS),
            Self::Png => crate::plot::is_our_png(&head),
            Self::Pdf => {
                let length = file.metadata()?.len();
                file.seek(SeekFrom::Start(length.saturating_sub(64)))?;
                let mut tail = Vec::new();
                file.read_to_end(&mut tail)?;
                crate::plot::is_our_pdf(&head, &tail)
            }
            Self::Html => {
                begins(&[PAGE]) && text.contains("/* One look for screen, projector and paper.")
                    || text.contains("<title>Gradient check: ")
            }
            Self::Xhtml => begins(&["<?xml"]) && text.contains("Backpropagation through time"),
            Self::Tex => begins(&[
                "\\documentclass{article}\n\\usepackage{amsmath}\n\\usepackage[margin=2cm]{geometry}",
            ]),
            Self::Text => begins(&TEXTS) || (begins(&["# "]) && first().contains(" nodes → ")),
            Self::Dot => begins(&["digraph {\n  rankdir=LR\n  newrank=true"]),
            Self::Mermaid => begins(&["---\ntitle: \""]) && text.contains("\nflowchart "),
            Self::Graphml => begins(&["<?xml"]) && text.contains("<key id=\"title\" for=\"graph\""),
            Self::Csv => TABLES.iter().any(|table| first().trim_end() == *table),
            Self::Json => {
                let mut rest = String::new();
                let whole = file.read_to_string(&mut rest).is_ok().then(|| text.into_owned() + &rest);
                whole.and_then(|whole| serde_json::from_str(&whole).ok()).is_some_and(|value| is_ours(&value))
            }
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Checkpoint => "a trained model",
            Self::LastState => "the state that a run goes on from",
            Self::Log => "the log of a run",
            Self::Svg => "an SVG picture",
            Self::Png => "a PNG picture",
            Self::Pdf => "a PDF page",
            Self::Html => "a page",
            Self::Xhtml => "a page of XHTML",
            Self::Tex => "LaTeX",
            Self::Text => "text",
            Self::Dot => "a graph for Graphviz",
            Self::Mermaid => "a chart for Mermaid",
            Self::Graphml => "GraphML",
            Self::Json => "JSON",
            Self::Csv => "a table",
            Self::Mlir => "a program for XLA",
            Self::Onnx => "a program for ONNX Runtime",
            Self::Arguments => "the arguments of a program",
        })
    }
}

/// Extensions of input files.
const BROUGHT: [&str; 4] = ["cell", "tsv", "tab", "md"];

/// Whether an extension identifies the content of a file.
pub fn is_known(ending: &str) -> bool {
    BROUGHT.contains(&ending) || Kind::of_ending(ending).is_some()
}

/// Every picture has this in its first tag.
const FONTS: &str = "font-family=\"";

/// The start of every page.
const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">";

/// The first words of what `graph`, `diff`, `explain`, `bptt` and `gradflow` write as text.
const TEXTS: [&str; 9] = [
    "%0 = ",
    "--- ",
    "Backpropagation through time for ",
    "‖∂L",
    "How it falls with the distance",
    "∂L/∂W by ",
    "What a step can stretch a gradient by",
    "What comes through: singular values",
    "Truncated BPTT beside the full gradient",
];

/// The first lines of tables.
const TABLES: [&str; 13] = [
    "witness,verdict,worst,difference,tolerance,size",
    "t,k,norm,bound",
    "lag,norm,fit",
    "parameter,step,norm,share",
    "parameter,lag,norm,share",
    "step,sequence,stretch",
    "of,step,lag,sequence,i,singular,modulus,argument,angle",
    "window,parameter,cut_angle,cut_ratio,sliding_angle,sliding_ratio",
    "net,when,step,norm,bound,stretch",
    "epsilon,r1,r2,r3,smooth",
    "node,op,size,gap,gap_of_terms,inherited,cancellation",
    "steps,node,op,size,gap,gap_of_terms,inherited,cancellation",
    "cell,steps,hidden,scale,dtype,method,h,direction,exact,numeric,analytic,numeric_error,analytic_error",
];

/// Keys of the JSON output of `export`, of `graph`, of its `--format explorer`, of `bptt`, of `gradflow` and of
/// `tournament`.
const KEYS: [&[&str]; 6] = [
    &["name", "real", "arguments", "results"],
    &["directed", "multigraph", "graph", "nodes"],
    &["label", "graphs"],
    &["net", "loss_steps", "matrix"],
    &["name", "before", "training"],
    &["task", "runs"],
];

fn is_ours(value: &Value) -> bool {
    let value = value.get(0).unwrap_or(value);
    KEYS.iter().any(|keys| keys.iter().all(|key| value.get(key).is_some()))
}

/// The header of a safetensors file.
fn header(head: &[u8], mut file: File) -> std::io::Result<String> {
    const LARGEST: u64 = 100_000_000;
    let length = head.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)).min(LARGEST);
    let mut bytes = head.get(8..).unwrap_or_default().to_vec();
    file.by_ref().take(length.saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes)?;
    bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

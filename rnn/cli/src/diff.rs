//! `rnn diff`: the changes between two graphs.

use super::net_spec::{Small, describe};
use super::output::{Kind, OutFile, picture, told_by_ending};
use autograd::{Graph, NodeId, nearest};
use autograd_compile::Compiler;
use autograd_view::diff::Diff;
use autograd_view::draw;
use autograd_view::draw::View;
use clap::Parser;
use rnn_lab::study::NetSpec;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// What changed between two graphs: nodes added, removed and changed, by their names
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A graph is that of a cell, by its name or its file, perhaps with the flags of `rnn graph` in one argument with it; or a dump \
that `rnn graph --format json` wrote. Lines begin with - for what was removed, + for what was added and ~ for what is \
computed otherwise; the steps that agree share a line: l0/h[1..3].

The exit code is 0 if the graphs are the same, 1 if they differ, and 2 after an error.

Examples: two cells; a net with and without truncation; two dumps; what a pass of the compiler does; a picture
  rnn diff lstm gru
  rnn diff --steps 6 gru 'gru --tbptt 3'
  rnn diff before.json after.json
  rnn diff --pass join-left lstm
  rnn diff elman mine.cell -o diff.svg")]
pub struct Args {
    /// A cell with its flags, or a dump
    #[arg(value_name = "A")]
    before: String,
    /// What it is compared with
    #[arg(value_name = "B", required_unless_present = "pass", conflicts_with = "pass")]
    after: Option<String>,
    /// A before and after this pass of the compiler, those before it having run; or `all`
    #[arg(long, value_name = "PASS")]
    pass: Option<String>,
    /// Steps that both nets are unrolled over
    #[arg(long, value_name = "T")]
    steps: Option<usize>,
    /// Layers of both nets
    #[arg(long, value_name = "N")]
    layers: Option<usize>,
    /// Size of the states of both nets
    #[arg(long, value_name = "N")]
    hidden: Option<usize>,
    /// Both nets read each sequence in both directions
    #[arg(long)]
    bidirectional: bool,
    /// Also what changed in the backward part
    #[arg(long)]
    backward: bool,
    /// In the picture, the steps that look alike drawn once
    #[arg(long)]
    rolled: bool,
    /// Both graphs in one picture, instead of text: a file that ends in .svg, .png or .pdf; or the text in one that ends in .txt,
    /// .diff or .patch
    #[arg(short, long, value_name = "FILE", value_parser = told_by_ending(&[Kind::Text, Kind::Svg, Kind::Png, Kind::Pdf]))]
    output: Option<OutFile>,
}

/// The flags of one side.
#[derive(Parser, Debug)]
#[command(no_binary_name = true, args_override_self = true, disable_help_flag = true)]
struct Side {
    #[command(flatten)]
    net: Small,
}

/// A graph and its title.
struct Named {
    name: String,
    graph: Arc<Graph>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let (before, after) = match (&self.pass, &self.after) {
            (Some(pass), _) => self.passed(pass)?,
            (None, Some(after)) => (self.open(&self.before)?, self.open(after)?),
            (None, None) => return Err("there is nothing to compare with: give B or --pass".into()),
        };
        let diff = Diff::new(&before.graph, &after.graph);
        let title = format!("{} → {}", before.name, after.name);
        let options = draw::Options { title: Some(title), ..draw::Options::default() };
        let kind = self.output.as_ref().and_then(OutFile::kind);
        let view = || {
            let all = View::new(diff.merged());
            if self.rolled { all.rolled() } else { all }
        };
        let written = match kind {
            Some(kind @ (Kind::Svg | Kind::Png | Kind::Pdf)) => {
                picture(draw::diff(&diff, view(), &options), kind)?
            }
            _ if self.rolled => {
                return Err(
                    "--rolled is for a picture: add -o FILE.svg; text tells all steps in one line".into()
                );
            }
            _ => format!("--- {}\n+++ {}\n{}", before.name, after.name, diff.text()).into_bytes(),
        };
        if let Some(file) = &self.output {
            file.write(&written)?;
        } else {
            let mut out = std::io::stdout().lock();
            out.write_all(&written)?;
            out.flush()?;
        }
        Ok(ExitCode::from(u8::from(!diff.is_empty())))
    }

    /// The graph of one side.
    fn open(&self, side: &str) -> Result<Named, Box<dyn std::error::Error>> {
        if Path::new(side).extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            let text = std::fs::read_to_string(side).map_err(|error| format!("{side}: {error}"))?;
            let graph = draw::read_json(&text).map_err(|error| format!("{side}: {error}"))?;
            return Ok(Named { name: side.into(), graph: Arc::new(graph) });
        }
        let net = self.net(side)?;
        Ok(Named { name: describe(&net), graph: net.network(self.backward)?.graph })
    }

    fn net(&self, side: &str) -> Result<NetSpec, Box<dyn std::error::Error>> {
        let numbers = [("--steps", self.steps), ("--layers", self.layers), ("--hidden", self.hidden)];
        let mut words: Vec<String> = Vec::new();
        for (flag, number) in numbers {
            words.extend(number.iter().flat_map(|number| [flag.to_string(), number.to_string()]));
        }
        words.extend(self.bidirectional.then(|| "--bidirectional".to_string()));
        words.push("--cell".into());
        words.extend(side.split_whitespace().map(String::from));
        let side = Side::try_parse_from(words).map_err(|error| {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_string();
            format!("`{side}`: {line}")
        })?;
        Ok(NetSpec::try_from(side.net)?)
    }

    /// A graph before and after a pass.
    fn passed(&self, pass: &str) -> Result<(Named, Named), Box<dyn std::error::Error>> {
        let names: Vec<&str> = Compiler::passes().collect();
        let (before, after): (Vec<&str>, Vec<&str>) = match names.iter().position(|&name| name == pass) {
            Some(at) => (names[..at].into(), names[..=at].into()),
            None if pass == "all" => (Vec::new(), names),
            None => {
                let near = nearest(pass, names.iter().map(ToString::to_string));
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                return Err(format!("no pass is called `{pass}`{near} There are {}", names.join(", ")).into());
            }
        };
        let net = self.net(&self.before)?;
        let network = net.network(true)?;
        let outputs: Vec<NodeId> =
            [network.loss].into_iter().chain(network.gradients.iter().copied()).collect();
        let run = |passes: &[&str]| Compiler::with(passes).optimise(&network.graph, &outputs);
        let named = |word: &str, passes: &[&str]| -> Result<Named, autograd::Error> {
            Ok(Named { name: format!("{} {word} {pass}", describe(&net)), graph: run(passes)?.graph })
        };
        Ok((named("before", &before)?, named("after", &after)?))
    }
}

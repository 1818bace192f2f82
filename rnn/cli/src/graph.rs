//! `rnn graph`: draws the unrolled net as text or as a picture.

mod cut;

use super::net_spec::{Small, describe};
use super::output::{Kind, OutFile, picture, told_otherwise};
use crate::plot;
use autograd::{Graph, NodeId, Value, eval};
use autograd_compile::{Compiler, Optimised, PassReport};
use autograd_view::draw;
use clap::ValueEnum;
use cut::Cuts;
use rnn::model::Network;
use rnn_lab::study::NetSpec;
use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// The unrolled net with its backpropagation through time, as text or as a picture
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The net has an input x[t], a head and a loss at each step; its derivative is what reverse mode makes of it. Names tell \
layer, variable and step: l0/h[2] is a state, ∂l0/h[2] its adjoint.

Examples: two layers of LSTM over four steps, as a picture; a page to walk through, with values; a GRU over 200 steps, of \
which 198 are drawn once; a picture with numbers; the ways from a state back to an earlier one
  rnn graph --cell lstm --layers 2 --steps 4 -o lstm.svg
  rnn graph --cell lstm --steps 5 -o lstm.html
  rnn graph --cell gru --steps 200 --rolled -o gru.svg
  rnn graph --cell elman --steps 3 --values -o numbers.svg
  rnn graph --cell gru --steps 4 --from l0/h[1] --to l0/h[3] -o way.svg")]
pub struct Args {
    #[command(flatten)]
    net: Small,
    /// The forward part alone
    #[arg(long, help_heading = "Net")]
    forward: bool,
    /// After the compiler's passes: what each did, if it is text, and the graph that is left
    #[arg(long, help_heading = "Net")]
    passes: bool,
    #[command(flatten)]
    cuts: Cuts,
    /// What is written. If not given, what the end of --output says (.txt, .dot, .mmd,
    /// .graphml, .json, .svg, .png, .pdf, .html); text without it
    #[arg(long, value_enum, help_heading = "Output")]
    format: Option<Format>,
    /// What a picture tells apart (SVG, PNG, PDF, DOT, Mermaid): each cell, each named variable with all that is on the way to it,
    /// or each op. If not given, named from 2 steps on, but ops where a part is cut out or passes are shown
    #[arg(long, value_enum, help_heading = "Output")]
    detail: Option<Detail>,
    /// With the values of nodes, at random weights and inputs as `rnn gradcheck` draws them: whole in JSON, in a few characters in
    /// the boxes of pictures
    #[arg(long, help_heading = "Output")]
    values: bool,
    /// Decides the random weights and inputs of --values and of a page; 0 if not given
    #[arg(long, value_name = "N", help_heading = "Output")]
    seed: Option<u64>,
    /// Where to write it; standard output if not given
    #[arg(short, long, value_name = "FILE", help_heading = "Output", value_parser = told_otherwise(&KINDS))]
    output: Option<OutFile>,
}

/// What a picture tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Detail {
    /// A box for each cell at each step
    Cell,
    /// A box for each variable
    Named,
    /// A box for each op
    Ops,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One node a line
    Text,
    /// For Graphviz
    Dot,
    /// A flowchart for Mermaid
    Mermaid,
    /// For yEd, Gephi, Cytoscape, igraph, networkx
    Graphml,
    /// Node-link data for programs
    Json,
    /// A graph collection for Model Explorer
    Explorer,
    /// A picture
    Svg,
    /// A picture in pixels
    Png,
    /// A picture on a page of PDF
    Pdf,
    /// A page to walk through
    Html,
}

/// What may be written.
const KINDS: [Kind; 9] = [
    Kind::Text,
    Kind::Dot,
    Kind::Mermaid,
    Kind::Graphml,
    Kind::Json,
    Kind::Svg,
    Kind::Png,
    Kind::Pdf,
    Kind::Html,
];

impl Format {
    fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Dot => Kind::Dot,
            Self::Mermaid => Kind::Mermaid,
            Self::Graphml => Kind::Graphml,
            Self::Json | Self::Explorer => Kind::Json,
            Self::Svg => Kind::Svg,
            Self::Png => Kind::Png,
            Self::Pdf => Kind::Pdf,
            Self::Html => Kind::Html,
        }
    }

    /// The format of a file's extension; text without one.
    fn of(path: &Path) -> Result<Self, String> {
        let Some(extension) = path.extension() else { return Ok(Self::Text) };
        match extension.to_string_lossy().to_lowercase().as_str() {
            "txt" | "text" => Ok(Self::Text),
            "dot" | "gv" => Ok(Self::Dot),
            "mmd" | "mermaid" => Ok(Self::Mermaid),
            "graphml" => Ok(Self::Graphml),
            "json" => Ok(Self::Json),
            "svg" => Ok(Self::Svg),
            "png" => Ok(Self::Png),
            "pdf" => Ok(Self::Pdf),
            "html" | "htm" => Ok(Self::Html),
            other => Err(format!(
                "{}: no format is called `{other}`; let the name end in .txt, .dot, .mmd, .graphml, .json, .svg, \
                 .png, .pdf or .html, or give --format text, dot, mermaid, graphml, json, explorer, svg, png, pdf or html",
                path.display()
            )),
        }
    }
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let format = match (self.format, &self.output) {
            (Some(format), _) => format,
            (None, Some(file)) => Format::of(file.path())?,
            (None, None) => Format::Text,
        };
        self.output.as_ref().map_or(Ok(()), |file| file.fits(format.kind()))?;
        if self.values && matches!(format, Format::Text | Format::Graphml | Format::Explorer | Format::Html) {
            return Err("--values is for JSON, which has them whole, and for SVG, PNG, PDF, DOT and Mermaid, which have them in a \
                        few characters: choose one by --format or by the ending of the file; a page has values without it"
                .into());
        }
        if self.values && self.detail == Some(Detail::Cell) {
            return Err(
                "--values has no room in --detail cell, where a box is a whole cell: choose named or ops"
                    .into(),
            );
        }
        if self.seed.is_some() && !self.values && format != Format::Html {
            return Err("--seed decides values: add --values, or write a page (-o FILE.html)".into());
        }
        if matches!(format, Format::Png | Format::Pdf)
            && self.output.is_none()
            && std::io::stdout().is_terminal()
        {
            return Err(
                "a terminal cannot show these bytes: give -o FILE, or lead them into a file or a program"
                    .into(),
            );
        }
        let seed = self.seed.unwrap_or(0);
        if format == Format::Html && self.cuts.any() {
            return Err("a page has the whole graph, and shows any part of it: leave out --only, --around, --from, --to and \
                        --rolled, or choose another --format"
                .into());
        }
        let net = NetSpec::try_from(self.net.clone())?;
        let picture = matches!(format, Format::Svg | Format::Png | Format::Pdf);
        let foreseen = picture
            && !self.cuts.any()
            && foresee(&net, format, !self.forward, self.detail(format, net.steps)?)?;
        let network = net.network(!self.forward)?;
        // After passes the nodes are the compiler's, which have no values here.
        let page = if self.passes || format != Format::Html {
            draw::Page::default()
        } else {
            net.page(&network, seed)?
        };
        let (graph, reports) = if self.passes { optimised(&network)? } else { (network.graph, Vec::new()) };
        let detail = self.detail(format, net.steps)?;
        let options = draw::Options { backward: !self.forward, title: Some(describe(&net)), detail };
        let view = self.cuts.apply(&graph)?;
        let view = if self.values { view.with_values(values(&net, &graph, seed)?) } else { view };
        let mut text = match format {
            Format::Text => report(&reports) + &draw::text(&view),
            Format::Dot => draw::dot(&view, &options),
            Format::Mermaid => draw::mermaid(&view, &options),
            Format::Graphml => draw::graphml(&view, &options),
            Format::Json => draw::json(&view, &options),
            Format::Explorer => draw::explorer(&view, &options),
            Format::Svg | Format::Png | Format::Pdf => draw::svg(&view, &options),
            Format::Html => draw::html(&graph, &options, &page)?,
        };
        if let Some(advice) = too_large(format, &text, self.cuts.rolled()).filter(|_| !foreseen) {
            super::say(&advice);
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let bytes = drawn(text, format.kind())?;
        if let Some(file) = self.output {
            file.write(&bytes)?;
        } else {
            let mut out = std::io::stdout().lock();
            out.write_all(&bytes)?;
            out.flush()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Args {
    /// The level of detail of the picture.
    fn detail(&self, format: Format, steps: usize) -> Result<draw::Detail, String> {
        let picture =
            matches!(format, Format::Svg | Format::Png | Format::Pdf | Format::Dot | Format::Mermaid);
        match self.detail {
            Some(_) if !picture => {
                Err("--detail is for pictures: SVG, PNG, PDF, DOT and Mermaid; other formats hold every node"
                    .into())
            }
            Some(Detail::Cell) => Ok(draw::Detail::Cell),
            Some(Detail::Named) => Ok(draw::Detail::Named),
            None if picture && steps > 1 && !self.cuts.parts() && !self.passes => Ok(draw::Detail::Named),
            Some(Detail::Ops) | None => Ok(draw::Detail::Ops),
        }
    }
}

/// The value of each node.
fn values(
    net: &NetSpec,
    graph: &Graph,
    seed: u64,
) -> Result<HashMap<NodeId, Value<f64>>, Box<dyn std::error::Error>> {
    let ids: Vec<NodeId> = graph.ids().collect();
    let values = eval(graph, &net.point(graph, seed)?, &ids)?;
    Ok(ids.into_iter().zip(values).collect())
}

/// Advice for too many steps.
const LESS: &str =
    "--rolled draws the steps that look alike once, and a page (--format html) shows any number of them";

/// A picture in the form of a kind of file.
fn drawn(svg: String, kind: Kind) -> Result<Vec<u8>, String> {
    picture(svg, kind).map_err(|error| match error {
        plot::PngError::TooLarge { .. } => {
            format!("{error}; {LESS}")
        }
        other => other.to_string(),
    })
}

/// Refuses a picture in pixels that would be too wide, before it is drawn, and gives advice about others; says whether it
/// did. Each step adds the same width, which two small pictures measure.
fn foresee(
    net: &NetSpec,
    format: Format,
    backward: bool,
    detail: draw::Detail,
) -> Result<bool, Box<dyn std::error::Error>> {
    const STEPS: [usize; 2] = [4, 5];
    if net.steps < 10 * STEPS[1] {
        return Ok(false);
    }
    let width = |steps: usize| -> Result<(f32, f32), Box<dyn std::error::Error>> {
        let lengths = net.lengths.as_ref().map(|lengths| lengths.iter().map(|&l| l.min(steps)).collect());
        let small = NetSpec { steps, lengths, ..net.clone() };
        let options = draw::Options { backward, title: None, detail };
        let svg = draw::svg(&small.network(backward)?.graph, &options);
        let side = |name: &str| svg.split(name).nth(1).and_then(|rest| rest.split('"').next()?.parse().ok());
        Ok((side(" width=\"").unwrap_or(0.0), side(" height=\"").unwrap_or(0.0)))
    };
    let (few, more) = (width(STEPS[0])?, width(STEPS[1])?);
    let wide = more.0 + (net.steps - STEPS[1]) as f32 * (more.0 - few.0);
    // Layouts differ a little: only sizes far beyond the limit are refused here.
    if format == Format::Png && plot::png_fits(0.5 * wide, more.1).is_err() {
        return Err(format!(
            "the picture would be about {wide:.0} pixels wide, more than a PNG can show: {LESS}"
        )
        .into());
    }
    let too_wide = wide > WIDEST as f32;
    if too_wide {
        super::say(&format!("the picture will be about {wide:.0} pixels wide: {LESS}"));
    }
    Ok(too_wide)
}

/// The maximum width that viewers show well, in pixels.
const WIDEST: usize = 20_000;

/// Mermaid's default limits, in edges and in characters.
const MERMAID: (usize, usize) = (500, 50_000);

/// Advice if the output is too large for its readers.
fn too_large(format: Format, text: &str, rolled: bool) -> Option<String> {
    match format {
        Format::Svg | Format::Png | Format::Pdf => {
            let width: usize = text.split("width=\"").nth(1)?.split('"').next()?.parse().ok()?;
            let wide = format!("the picture is {width} pixels wide: {LESS}");
            (width > WIDEST).then_some(wide)
        }
        Format::Mermaid => {
            let edges = text.lines().filter(|line| line.contains("-> n")).count();
            let less = if rolled { "--only" } else { "--rolled, --only" };
            let large = format!(
                "Mermaid draws at most {} edges and {} characters, and these are {edges} and {}: {less}, --around or --from \
                 leave less, and a page (--format html) shows all",
                MERMAID.0,
                MERMAID.1,
                text.chars().count()
            );
            (edges > MERMAID.0 || text.chars().count() > MERMAID.1).then_some(large)
        }
        _ => None,
    }
}

/// The graph of loss and gradients after the compiler's passes, with a report of each pass.
fn optimised(network: &Network) -> Result<(Arc<Graph>, Vec<PassReport>), autograd::Error> {
    let outputs: Vec<NodeId> = [network.loss].into_iter().chain(network.gradients.iter().copied()).collect();
    let Optimised { graph, passes, .. } = Compiler::new().optimise(&network.graph, &outputs)?;
    Ok((graph, passes))
}

/// A line for each pass and for each rule that it applied.
fn report(passes: &[PassReport]) -> String {
    let lines = passes.iter().flat_map(|pass| {
        let head = format!("# {}: {} nodes → {}\n", pass.name, pass.before, pass.after);
        let rules = pass.rules.iter().map(|(rule, times)| format!("#   {rule}  ×{times}\n"));
        std::iter::once(head).chain(rules)
    });
    lines.collect()
}

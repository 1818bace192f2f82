//! `rnn study`: a page of a net on a sentence, a text or a series.

use super::output::{Kind, OutFile, told_by_ending};
use super::subject::{Subject, Which};
use autograd_view::draw::beside;
use rnn_lab::study::Study;
use std::process::ExitCode;

/// A net on real data, as a page to walk through: what each step reads, says and should say, and what the gradient does
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The page is that of `rnn graph -o FILE.html`, with the net's own weights and data that people can read: below each column \
what it reads, above it what the net says, what it should say, and the loss.

Examples: a trained classifier on a sentence; a language model on its text; a fresh net that is to learn to say hello; a \
forecast of a series; two cells, a full beside a truncated gradient, and a run before and after training, on one clock
  rnn study --checkpoint sst.safetensors --sentence \"I love RNNs\"
  rnn study --checkpoint notes.safetensors --data notes.txt --from 120 --steps 20
  rnn study --cell lstm --hidden 8 --sentence hello
  rnn study --checkpoint price.safetensors --data prices.csv -o price.html
  rnn study elman lstm --sentence hello --hidden 8
  rnn study lstm \"lstm --tbptt 2\" --steps 6
  rnn study begin.safetensors end.safetensors --data notes.txt --steps 20")]
pub struct Args {
    /// A cell or a checkpoint, perhaps with flags in quotes. Several stand beside each other, two at a time: what is chosen in
    /// one is chosen in the other, and differences are coloured. Flags outside of the quotes are for all. A file whose name has
    /// blanks needs quotes of its own if flags follow: "'my nets/a.safetensors' --tbptt 2"
    #[arg(value_name = "NET", conflicts_with_all = ["cell", "checkpoint"], help_heading = "Net")]
    nets: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// Where to write the page; or, in a file that ends in .json, all numbers for programs: the graph with the value of every
    /// node by its name (weights, inputs, states, losses, and ∂ of each)
    #[arg(
        short,
        long,
        value_name = "FILE.html",
        default_value = "study.html",
        help_heading = "Output",
        value_parser = told_by_ending(&[Kind::Html, Kind::Json])
    )]
    output: OutFile,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let many = self.nets.len() > 1;
        if many && self.output.kind() == Some(Kind::Json) {
            return Err(
                "the numbers of one net stand in a file: give one NET, or a file that ends in .html".into()
            );
        }
        if many {
            return self.beside();
        }
        let which = self.nets.first().map_or_else(|| Ok(self.which.clone()), |net| self.which.but(net))?;
        let (study, title) = titled(&which)?;
        if self.output.kind() == Some(Kind::Json) {
            self.output.write(study.json(&title)?.as_bytes())?;
            super::say(&format!("{}: every node with its value, by name", self.output));
        } else {
            self.output.write(study.html(&title)?.as_bytes())?;
            super::say(&format!("{}: open it in a browser", self.output));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Args {
    /// Several nets on one clock.
    fn beside(&self) -> super::Result {
        let mut pages = Vec::new();
        for net in &self.nets {
            let (study, title) = titled(&self.which.but(net)?).map_err(|error| format!("{net}: {error}"))?;
            pages.push((net.clone(), study.html(&title)?));
        }
        let title = self.nets.join(" | ");
        self.output.write(beside(&title, &pages).as_bytes())?;
        super::say(&format!("{}: open it in a browser", self.output));
        Ok(ExitCode::SUCCESS)
    }
}

/// The net with what it reads, and both in words.
fn titled(which: &Which) -> Result<(Study, String), Box<dyn std::error::Error>> {
    let Subject { study, title, sentence } = which.subject()?;
    let title = sentence.map_or(title.clone(), |sentence| format!("“{}”: {title}", sentence.trim()));
    Ok((study, title))
}

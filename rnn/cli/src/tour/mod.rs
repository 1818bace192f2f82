//! `rnn tour`: the whole program on one small net, in under a minute.
//!
//! One file per chapter. Each prints a short explanation, then results just computed.

mod fade;
mod learn;
mod leave;
mod watch;

use super::output::{OutFile, folder};
use super::{gradcheck, paint};
use rnn_lab::study::check_sentence;
use std::io::{self, Write};
use std::process::ExitCode;

/// The sentence of the tour.
const SENTENCE: &str = "I love RNNs";

/// Begin here: a small net is trained, watched, checked and drawn, in under a minute
#[derive(clap::Args, Debug)]
#[command(after_help = "\
A small LSTM learns to tell praise from complaint, reads a sentence before your eyes, has its gradient compared with a \
numeric one, and is drawn unrolled. Nothing is prepared: all is computed while you look, from a seed.

Example: another seed, drawings elsewhere
  rnn tour --seed 2 --out my-tour

Ends with 0 if the gradient passed its check.")]
pub struct Args {
    /// Folder for the drawings; made if it is not there
    #[arg(long, default_value = "rnn-tour", value_name = "FOLDER", value_parser = folder(&leave::FILES))]
    out: OutFile,
    /// Decides all that is random
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        // Fail before the work, not after it.
        leave::folder(&self.out)?;
        let mut out = anstream::stdout().lock();
        let out = &mut out;
        let (t, seed) = (paint::TITLE, self.seed);
        writeln!(out, "{t}A tour of backpropagation through time{t:#}\n")?;
        say(
            out,
            "A recurrent net reads a sequence step by step and carries a state along. Unrolled over time it is one \
             graph that uses the same weights at every step. This program builds that graph, differentiates it, and \
             lets you look at every node.",
        )?;

        chapter(out, 1, "Learn")?;
        let net = learn::learn(out, seed)?;
        chapter(out, 2, "Watch it read")?;
        watch::watch(out, &net)?;

        chapter(out, 3, "Check the gradient")?;
        say(
            out,
            "Learning followed a gradient that was derived, not measured. Is it right? Nudge each tensor of exactly \
             this net along a random direction, on exactly this sentence, and see how much the loss changes: that \
             slope must be what the gradient says.",
        )?;
        let report = check_sentence(&net.model, &net.parameters, &net.vocabulary, SENTENCE, net.positive)?;
        gradcheck::table(out, &report)?;
        writeln!(out)?;
        gradcheck::verdict(out, &report)?;
        writeln!(out)?;

        chapter(out, 4, "How far back does a gradient reach?")?;
        fade::fade(out, seed)?;
        chapter(out, 5, "Take it with you")?;
        leave::leave(out, &self.out, &net)?;
        out.flush()?;
        Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn chapter(out: &mut impl Write, number: u32, title: &str) -> io::Result<()> {
    let t = paint::TITLE;
    writeln!(out, "{t}{number}  {title}{t:#}\n")
}

/// A paragraph and an empty line.
fn say(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "{}\n", paint::wrap(text, paint::WIDTH).join("\n"))
}

/// A fraction as a bar of at most 20 columns.
fn bar(share: f64) -> String {
    let eighths = (share.clamp(0.0, 1.0) * 160.0).round();
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and 160
    let eighths = eighths as usize;
    "█".repeat(eighths / 8) + parts[eighths % 8]
}

/// One of eight heights, for a value on [0, 1].
pub(super) fn height(value: f64) -> char {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and 7
    let level = (value.clamp(0.0, 1.0) * 7.99) as usize;
    BLOCKS[level]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_heights() {
        assert_eq!((bar(0.0), bar(0.5), bar(1.0)), (String::new(), "█".repeat(10), "█".repeat(20)));
        assert_eq!(bar(1.0 / 160.0), "▏");
        assert_eq!([0.0, 0.49, 0.51, 1.0, f64::MAX].map(height), ['▁', '▄', '▅', '█', '█']);
    }
}

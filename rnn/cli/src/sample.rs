//! `rnn sample`: text from a trained language model.

use super::flags::not_negative;
use clap::Args;
use rand::Rng;
use rnn::data::{Vocabulary, join};
use rnn::infer::{Generator, InferError};
use rnn::init;
use rnn::tasks::{Described, Level, Saved};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// `rnn sample`
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  rnn train text --data notes.txt --checkpoint notes.safetensors
  rnn sample --checkpoint notes.safetensors --prime \"In the \" --length 300 --temperature 0.8")]
pub struct Sample {
    /// A checkpoint of `rnn train text`
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// The text to go on from
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    prime: String,
    /// Characters or words to write
    #[arg(long, default_value_t = 300, value_name = "N")]
    length: usize,
    /// Below 1 the likely becomes likelier, above 1 everything more alike; 0 always takes the likeliest
    #[arg(long, default_value_t = 1.0, value_name = "T", allow_negative_numbers = true, value_parser = not_negative)]
    temperature: f64,
    /// Decides all that is drawn
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

impl Sample {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let (saved, parameters) = Saved::load(&self.checkpoint)?;
        let Described::Text { level, vocabulary, steps } = &saved.task else {
            let (path, kind) = (self.checkpoint.display(), super::kind(&saved.task));
            return Err(format!(
                "`{path}` holds {kind}; `rnn sample` wants a checkpoint of `rnn train text`"
            )
            .into());
        };
        let prime = level.symbols(&self.prime);
        let mut ids = vocabulary.encode_all(&prime).map_err(|e| format!("--prime: {e}"))?;
        if ids.is_empty() {
            ids.push(beginning(vocabulary)?);
        }
        let mut generator = Generator::new(&saved.model, &parameters, vocabulary, *steps)?;
        for id in ids {
            generator.read(id)?;
        }
        let mut random = init::rng(self.seed, "sample");
        match level {
            Level::Char => self.characters(&mut generator, vocabulary, &mut random),
            Level::Word => self.words(prime, &mut generator, vocabulary, &mut random),
        }
    }

    /// Prints each character as soon as it is drawn.
    fn characters(
        &self,
        generator: &mut Generator,
        vocabulary: &Vocabulary,
        random: &mut impl Rng,
    ) -> super::Result {
        let mut out = std::io::stdout().lock();
        write!(out, "{}", self.prime)?;
        for _ in 0..self.length {
            let id = generator.write(self.temperature, random)?;
            write!(out, "{}", vocabulary.decode(id).unwrap_or_default())?;
        }
        writeln!(out)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Prints all words together, since spacing depends on the words on both sides.
    fn words(
        &self,
        mut words: Vec<String>,
        generator: &mut Generator,
        vocabulary: &Vocabulary,
        random: &mut impl Rng,
    ) -> super::Result {
        for _ in 0..self.length {
            let id = generator.write(self.temperature, random)?;
            words.extend(vocabulary.decode(id).map(String::from));
        }
        writeln!(std::io::stdout().lock(), "{}", join(words))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The start of a text without a prime: the end of a line or of a sentence, else the first symbol.
fn beginning(vocabulary: &Vocabulary) -> Result<usize, InferError> {
    let known = |symbol: &str| vocabulary.symbols().iter().position(|s| s == symbol);
    let first = (0..vocabulary.len()).next();
    known("\n").or_else(|| known(".")).or(first).ok_or(InferError::Nothing)
}

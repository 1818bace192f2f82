//! `rnn gradcheck --program`: checks the gradient of any program that answers JSON lines.
//!
//! `docs/gradient-checking-programs.md` documents the protocol. `speaker.rs` has the questions and answers,
//! `array.rs` arrays, `page.rs` the page.

mod array;
mod page;
mod speaker;

use super::gradcheck::{code, headline, prose, table, verdict};
use super::output::OutFile;
use autograd_check::{FnCheck, Method, Report, Tier, error_json};
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::ArrayD;
use speaker::{Claims, Speaker};
use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// A program that has a loss and a gradient.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Another program")]
pub struct Program {
    /// Check a program in any language in place of a net: a command that answers lines of JSON
    #[arg(long = "program", id = "program", value_name = "COMMAND", conflicts_with_all = ["cell", "set", "steps", "layers", "input", "hidden", "batch", "bidirectional", "tbptt", "lengths", "order", "experiment"])]
    command: Option<String>,
    /// At most so many evaluations of its loss; what is not decided by then is open
    #[arg(long, value_name = "N", requires = "program", value_parser = super::flags::size)]
    calls: Option<usize>,
    /// Keep every answer in this file, and take those that are there: a check that was interrupted goes on
    #[arg(long, value_name = "FILE.jsonl", requires = "program")]
    record: Option<PathBuf>,
}

/// Named arrays from a file, as a program writes them.
///
/// # Errors
/// If it cannot be read, or has another content.
pub fn named_arrays(path: &std::path::Path) -> Result<Vec<(String, ArrayD<f64>)>, String> {
    let told = |error: String| format!("--at: {}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| told(error.to_string()))?;
    let object = value.as_object().ok_or_else(|| told("it is no object: {\"name\": array, …}".into()))?;
    let array = |(name, value): (&String, &serde_json::Value)| {
        let (array, _) = array::read(value).map_err(|reason| told(format!("`{name}` {reason}")))?;
        Ok((name.clone(), array))
    };
    object.iter().map(array).collect()
}

/// The other options of the check.
pub struct Asked<'a> {
    pub tier: Tier,
    pub method: Method,
    pub seed: u64,
    pub json: bool,
    pub html: Option<&'a OutFile>,
}

impl Program {
    /// Runs the check; `None` if no program was given.
    pub fn run(&self, asked: &Asked) -> Option<super::Result> {
        let command = self.command.as_deref()?;
        Some(match self.check(command, asked) {
            Err(error) if asked.json => writeln!(anstream::stdout().lock(), "{:#}", error_json(&error))
                .map_err(Into::into)
                .map(|()| std::process::ExitCode::FAILURE),
            result => result,
        })
    }

    fn check(&self, command: &str, asked: &Asked) -> super::Result {
        let mut speaker = Speaker::start(command, self.record.as_deref())?;
        let claims = speaker.claims()?;
        let report = self.report(&mut speaker, &claims, asked)?;
        speaker.end()?;
        if let Some(file) = asked.html {
            let page = page::page(command, &report);
            file.write(page.as_bytes()).map_err(|error| format!("--html: {error}"))?;
        }
        let mut out = anstream::stdout().lock();
        if asked.json {
            writeln!(out, "{:#}", report.to_json())?;
        } else {
            writeln!(out, "{command}; seed {}\n", asked.seed)?;
            headline(&mut out, &report)?;
            table(&mut out, &report)?;
            writeln!(out)?;
            report.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))?;
            report.certificate().map_or(Ok(()), |certificate| prose(&mut out, &certificate))?;
            writeln!(out, "{} evaluations of the loss", report.calls)?;
            verdict(&mut out, &report)?;
        }
        out.flush()?;
        Ok(code(report.verdict()))
    }

    fn report(
        &self,
        speaker: &mut Speaker,
        claims: &Claims,
        asked: &Asked,
    ) -> Result<Report, Box<dyn std::error::Error>> {
        let mut check = FnCheck::new(&claims.at, &claims.gradient)
            .names(claims.names.clone())
            .seed(asked.seed)
            .tier(asked.tier)
            .method(asked.method)
            .budget(self.calls.unwrap_or(usize::MAX));
        if let Some(precision) = claims.precision {
            check = check.precision(precision);
        }
        if let Some(sizes) = &claims.typical {
            check = check.typical(sizes);
        }
        if let Some([lower, upper]) = &claims.bounds {
            check = check.bounds(lower, upper);
        }
        // The function cannot return errors: the first failure is kept, and nothing is asked after it.
        let failure: RefCell<Option<String>> = RefCell::new(None);
        let speaker = RefCell::new(speaker);
        let bar = bar(self.calls);
        let ask = |wanted: &mut dyn FnMut(&mut Speaker) -> Result<(), String>| {
            if failure.borrow().is_none()
                && let Err(error) = wanted(&mut speaker.borrow_mut())
            {
                *failure.borrow_mut() = Some(error);
            }
        };
        let loss = |x: &[ArrayD<f64>]| {
            let mut value = f64::NAN;
            bar.inc(1);
            ask(&mut |speaker| {
                value = speaker.loss(claims, x)?;
                Ok(())
            });
            value
        };
        let mut first = true;
        let gradient = |x: &[ArrayD<f64>]| {
            if std::mem::take(&mut first) {
                return claims.gradient.clone();
            }
            let mut gradient = claims.gradient.clone();
            ask(&mut |speaker| {
                gradient = speaker.gradient(claims, x)?;
                Ok(())
            });
            gradient
        };
        let report = if claims.again { check.run_with(loss, gradient) } else { check.run(loss) };
        bar.finish_and_clear();
        if let Some(error) = failure.into_inner() {
            return Err(error.into());
        }
        let mut report = report.map_err(|error| match error {
            autograd::Error::NotFinite { .. } => {
                "the loss is not finite at the parameters that the program has: give it others".into()
            }
            // The place in our source means nothing for the program.
            autograd::Error::Build { reason, .. } => reason,
            error => error.to_string(),
        })?;
        report.subject = "a program".into();
        if !claims.again {
            report.notes.push(
                "the gradient was asked once: a program that gives it at other parameters too (`\"again\": true`) is asked again".into(),
            );
        }
        Ok(report)
    }
}

/// Counts evaluations, in a terminal.
fn bar(most: Option<usize>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match most {
        Some(most) => {
            (ProgressBar::new(most as u64), "{bar:30} {pos} of at most {len} evaluations, {elapsed}")
        }
        None => (ProgressBar::new_spinner(), "{spinner} {pos} evaluations, {elapsed}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style)
}

//! `rnn cells`: lists, shows and checks cells.

use super::flags::{self, Notation, open_cell};
use super::tour::height;
use super::{gradcheck, paint};
use autograd_check::Verdict;
use autograd_view::math::Form;
use rnn::cell::{Cell, CellError, CellRef, LITERATURE, SHIPPED, Shipped, named};
use rnn::data::synthetic::Adding;
use rnn::equations::EquationCell;
use rnn::model::{ModelError, StepError};
use rnn::train::TrainError;
use rnn_lab::study::{Lesson, NetSpec, learns};
use std::io::Write;
use std::process::ExitCode;

const INPUT: usize = 64;
const HIDDEN: usize = 128;

/// List the cells, show one, or check files of equations
#[derive(clap::Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Parameters are those of one layer that reads 64 features and has 128 hidden units (64 where both must be equal).

Examples:
  rnn cells mgu                 the file of a cell, and the shapes that follow from it
  rnn cells mgu > my.cell       a file to begin from
  rnn cells mgu --math latex    its equations for a paper
  rnn cells check my.cell       is it a cell, are its gradients right, does it learn?"
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// A cell's name, or a file of equations
    #[arg(value_name = "NAME|FILE.cell")]
    cell: Option<String>,
    /// Print the equations as a paper sets them
    #[arg(long, value_enum, value_name = "FORM", requires = "cell")]
    math: Option<Notation>,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Read files of equations, compare their gradients of order one and two with numeric ones, and see whether the
    /// cells learn to add
    Check(Check),
}

#[derive(clap::Args, Debug)]
struct Check {
    /// Files of equations, or names of cells
    #[arg(required = true, value_name = "FILE.cell|NAME")]
    cells: Vec<String>,
    /// Another value for a constant of the cells; may be given again
    #[arg(long, value_name = "CONST=VALUE", value_parser = flags::setting)]
    set: Vec<(String, f64)>,
    /// Features of an input of the net whose gradients are checked; as many as hidden units if the cell asks for that
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = flags::size)]
    input: usize,
    /// Size of its states
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = flags::size)]
    hidden: usize,
    /// Decides weights and inputs; where differences are too coarse to tell, the seeds after it are tried too
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
}

/// The number of points tried before differences count as too coarse.
const POINTS: u64 = 3;

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        match (self.command, self.cell) {
            (Some(Command::Check(check)), _) => check.run(),
            (None, Some(cell)) => match self.math {
                Some(form) => typeset(&cell, form.into()),
                None => show(&cell),
            },
            (None, None) => list(),
        }
    }
}

fn list() -> super::Result {
    let mut out = anstream::stdout().lock();
    let (t, f) = (paint::TITLE, paint::FAINT);
    let name = named().map(|cell| cell.name.len()).max().unwrap_or(0);
    let state = named().map(|shipped| states(&*shipped.cell()).chars().count()).max().unwrap_or(0);
    writeln!(out, "{f}{:name$}  {:state$}  {:>10}{f:#}", "CELL", "STATES", "PARAMETERS")?;
    let mut row = |shipped: &Shipped| {
        let cell = shipped.cell();
        let parameters = thousands(parameters(&*cell));
        writeln!(out, "{t}{:name$}{t:#}  {:state$}  {parameters:>10}", shipped.name, states(&*cell))?;
        let source = paint::wrap(&source(cell.description()), paint::WIDTH - 4);
        source.iter().try_for_each(|line| writeln!(out, "    {f}{line}{f:#}"))
    };
    SHIPPED.iter().try_for_each(&mut row)?;
    LITERATURE.iter().try_for_each(&mut row)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The names of a cell's states; of many, the first and the last.
fn states(cell: &dyn Cell) -> String {
    let names: Vec<String> = cell.states(HIDDEN, HIDDEN).into_iter().map(|state| state.name).collect();
    match &names[..] {
        [first, .., last] if names.len() > 4 => format!("{first} … {last}"),
        _ => names.join(", "),
    }
}

/// What a cell is and where it is published: the first sentence of its description, and the second if that has the year.
fn source(description: &str) -> String {
    let words: Vec<&str> = description.split("\n\n").next().unwrap_or("").split_whitespace().collect();
    // "et al. 2014" goes on.
    let ends = |&(i, word): &(usize, &&str)| {
        let next = words.get(i + 1).and_then(|next| next.chars().next());
        let short = ["al.", "app.", "eq.", "sec.", "fig.", "no."].contains(word);
        word.ends_with('.') && !short && next.is_none_or(char::is_uppercase)
    };
    let mut ends = words.iter().enumerate().filter(ends).map(|(i, _)| i + 1);
    let first = ends.next().unwrap_or(words.len());
    let second = ends.next().unwrap_or(words.len());
    let is_year = |word: &&&str| word.chars().filter(char::is_ascii_digit).count() == 4;
    let end = if words[first..second].iter().any(|word| is_year(&word)) { second } else { first };
    words[..end].join(" ")
}

/// The file as it is, with shapes as comments, so that the output is a valid file.
fn show(name: &str) -> super::Result {
    let CellRef { text, name, .. } = CellRef::open(name)?;
    let text = text.unwrap_or_default();
    let cell = EquationCell::read(&text, &name)?;
    let mut out = anstream::stdout().lock();
    let f = paint::FAINT;
    writeln!(out, "{}", text.trim_end())?;
    writeln!(out, "\n{f}# shapes of one sample:{f:#}")?;
    let width = cell.shapes().iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, shape) in cell.shapes() {
        let what = cell.unlearned(name).map_or(String::new(), |what| format!(", {what}"));
        writeln!(out, "{f}#   {name:width$}  {shape}{what}{f:#}")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn typeset(name: &str, form: Form) -> super::Result {
    let CellRef { text, name, .. } = CellRef::open(name)?;
    let cell = EquationCell::read(&text.unwrap_or_default(), &name)?;
    let mut out = anstream::stdout().lock();
    write!(out, "{}", cell.typeset(form))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

impl Check {
    fn run(self) -> super::Result {
        let mut out = anstream::stdout().lock();
        let mut worst = Verdict::Pass;
        let mut good = 0;
        for name in &self.cells {
            let found = self.check(name, &mut out)?;
            good += usize::from(found.is_good());
            worst = worst.max(found);
        }
        if self.cells.len() > 1 {
            writeln!(out, "\n{good} of {} cells pass", self.cells.len())?;
        }
        out.flush()?;
        Ok(gradcheck::code(worst))
    }

    /// Checks one cell; the verdict is that of `rnn gradcheck`.
    fn check(&self, name: &str, out: &mut impl Write) -> Result<Verdict, Box<dyn std::error::Error>> {
        let cell = match open_cell(name, &self.set) {
            Ok(cell) => cell,
            Err(CellError::Faults(faults)) => {
                writeln!(out, "{}\n", faults.render(true))?;
                verdict(out, Verdict::Fail, name, "is not a cell")?;
                return Ok(Verdict::Fail);
            }
            // What else was asked for is checked all the same.
            Err(error) => {
                writeln!(out, "{error}\n")?;
                verdict(out, Verdict::Fail, name, "is not a cell")?;
                return Ok(Verdict::Fail);
            }
        };
        // Two bidirectional layers need a cell that takes any input size.
        let shaped = cell.cell()?;
        let wide = shaped.fits(2 * shaped.output_size(self.hidden), self.hidden).is_ok();
        let net = NetSpec {
            cell: cell.clone(),
            input: if wide { self.input } else { self.hidden },
            hidden: self.hidden,
            steps: 4,
            batch: 3,
            layers: if wide { 2 } else { 1 },
            bidirectional: wide,
            lengths: Some(vec![4, 2, 1]),
            ..NetSpec::default()
        };
        let mut seed = self.seed;
        let report = loop {
            match net.check(2, seed) {
                Ok(report)
                    if report.verdict() == Verdict::Inconclusive
                        && seed + 1 < self.seed.saturating_add(POINTS) =>
                {
                    seed += 1;
                }
                Ok(report) => break report,
                Err(error) => {
                    match error {
                        ModelError::Graph(autograd::Error::NotFinite { node }) => {
                            let why = why_not_finite(&cell);
                            writeln!(
                                out,
                                "`{node}` is not finite at random weights and inputs: {why}; or try another --seed\n"
                            )?;
                        }
                        error => writeln!(out, "{error}\n")?,
                    }
                    verdict(out, Verdict::Fail, name, "cannot be checked")?;
                    return Ok(Verdict::Fail);
                }
            }
        };
        let how = if wide { "two layers in both directions" } else { "one layer" };
        let at = if seed == 1 { String::new() } else { format!(", seed {seed}") };
        let found = report.verdict();
        let rest = if found == Verdict::Inconclusive {
            ": differences are too coarse to tell at these seeds; try another --seed"
        } else {
            ""
        };
        let what = format!("{cell}: gradients of order one and two, {how}, unequal lengths{at}{rest}");
        if !found.is_good() {
            writeln!(out, "{report}")?;
        }
        verdict(out, found, name, &what)?;
        if shaped.states(net.input, net.hidden).is_empty() {
            writeln!(
                out,
                "     {name}: no equation reads an earlier step, as h[t-1] does: the cell has no memory"
            )?;
        }
        for note in EquationCell::read(cell.text.as_deref().unwrap_or_default(), &cell.name)
            .map_or_else(|_| vec![], |c| c.notes())
        {
            writeln!(out, "     {name}: {note}")?;
        }
        writeln!(out, "     {name}: {}", lesson(cell))?;
        Ok(found)
    }
}

/// Why a value of a cell is not finite: only an equation that divides, or has a function like log, can have none.
fn why_not_finite(cell: &CellRef) -> &'static str {
    const PARTIAL: [&str; 7] = ["/", "^-", "log(", "log1p(", "sqrt(", "mod(", "tan("];
    let read = EquationCell::read(cell.text.as_deref().unwrap_or_default(), &cell.name);
    let text = read.map_or_else(|_| String::new(), |cell| cell.file().to_string());
    let is_partial = |line: &str| !line.starts_with('#') && PARTIAL.iter().any(|sign| line.contains(sign));
    if text.lines().any(is_partial) {
        "its function is not defined for all numbers, as log, sqrt and division are not, or its numbers overflow"
    } else {
        "its numbers overflow, as those of exp, of powers and of sums over time can"
    }
}

/// Whether a cell learns to add, with its error over time. A correct cell may fail to learn this.
fn lesson(cell: CellRef) -> String {
    let task = format!("adding, T={}, {} updates", Lesson::STEPS, Lesson::UPDATES);
    match learns(cell, 1) {
        Ok(lesson) => {
            let word = if lesson.learned() { "learns" } else { "has not learned, as a right cell may not" };
            let course: String = lesson.errors.iter().map(|error| height(error / Adding::BASELINE)).collect();
            let (error, baseline) = (lesson.error(), Adding::BASELINE);
            let error = if error < 1e-2 { format!("{error:.2e}") } else { format!("{error:.4}") };
            format!("{word}: {task}, error {error} of {baseline:.4} without memory {course}")
        }
        Err(error @ TrainError::Step { source: StepError::NotFinite { .. }, .. }) => {
            format!("does not learn: {task}: {error}")
        }
        Err(error) => format!("was not taught: {task}: {error}"),
    }
}

fn verdict(out: &mut impl Write, found: Verdict, path: &str, what: &str) -> std::io::Result<()> {
    let style = paint::verdict(found.is_good());
    let word = match found {
        Verdict::Pass | Verdict::Kink => "PASS",
        Verdict::Inconclusive => "OPEN",
        _ => "FAIL",
    };
    writeln!(out, "{style}{word}{style:#} {path}: {what}")
}

fn parameters(cell: &dyn Cell) -> usize {
    let input = if cell.fits(INPUT, HIDDEN).is_ok() { (INPUT, HIDDEN) } else { (INPUT, INPUT) };
    cell.weights(input.0, input.1).iter().map(|weight| weight.shape.iter().product::<usize>()).sum()
}

/// `24832` as `24,832`.
pub(super) fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    // Digits are ASCII.
    groups.into_iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_whole_sentences() {
        let text =
            "Gated unit.\nCho et al. 2014, eq. 5-8, with the\nreset gate after. More of it.\n\nA paragraph.";
        assert_eq!(source(text), "Gated unit. Cho et al. 2014, eq. 5-8, with the reset gate after.");
        assert_eq!(source("A net. Its derivative is 1, and more."), "A net.");
        assert_eq!(source("No end\nat all"), "No end at all");
    }

    #[test]
    fn digits_in_threes() {
        assert_eq!([0, 999, 24_832, 1_000_000].map(thousands), ["0", "999", "24,832", "1,000,000"]);
    }

    #[test]
    fn parameters_of_the_textbook() {
        // H (I + H + 2) per gate, with PyTorch's two biases.
        let gate = 128 * (64 + 128 + 2);
        let gates = [("elman", 1), ("elman-relu", 1), ("lstm", 4), ("gru", 3), ("gru-reset-before", 3)];
        for (name, gates) in gates {
            assert_eq!(parameters(&*rnn::cell::by_name(name).unwrap()), gates * gate, "{name}");
        }
    }
}

//! `rnn explain`: the derivation of backpropagation through time for a cell.

use super::flags::{Notation, open_cell};
use super::output::{Kind, OutFile, told_otherwise};
use autograd_view::math::Form;
use rnn::equations::EquationCell;
use rnn_lab::derivation::Derivation;
use std::io::Write;
use std::process::ExitCode;

/// Backpropagation through time for a cell, derived in symbols
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The cell is unrolled with a head and a loss at each step, and differentiated; what is printed is read off that graph, at a \
step in the middle that is called t. A bar over a name is the derivative of the loss with respect to it. Where lines would \
be long, the argument of a function has a letter: a_f is what σ is applied to in f.

At the end every line is computed at random values and compared with the graph.

Examples:
  rnn explain --cell elman                       the derivation of the textbook
  rnn explain --cell my.cell --only h            how the loss reaches h[t]
  rnn explain --cell gru --steps 3               three steps written out, with numbers for t
  rnn explain --cell lstm -o lstm.tex            for a paper
  rnn explain --cell gru -o gru.xhtml            for a browser")]
pub struct Args {
    /// The cell: a name that `rnn cells` lists, or a file of equations
    #[arg(long, default_value = "elman", value_name = "NAME|FILE.cell")]
    cell: String,
    /// Another value for a constant of the cell; may be given again
    #[arg(long, value_name = "CONST=VALUE", value_parser = super::flags::setting)]
    set: Vec<(String, f64)>,
    /// Write out a sequence of so many steps instead of any step t
    #[arg(long, value_name = "T", value_parser = super::flags::size)]
    steps: Option<usize>,
    /// The lines about these sequences or parameters alone
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Text, a LaTeX document, or a page of XHTML with MathML; if not given, by the ending of the file, else text
    #[arg(long, value_enum, value_name = "FORM")]
    math: Option<Notation>,
    /// Where to write it (.txt, .tex, .xhtml); standard output if not given
    #[arg(short, long, value_name = "FILE", value_parser = told_otherwise(&[Kind::Text, Kind::Tex, Kind::Xhtml]))]
    output: Option<OutFile>,
}

/// The maximum relative difference between a line and the graph: rounding is far below it.
const AGREES: f64 = 1e-9;

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let told = self.output.as_ref().and_then(OutFile::kind).and_then(Notation::of);
        let notation = self.math.or(told).unwrap_or(Notation::Unicode);
        self.output.as_ref().map_or(Ok(()), |file| file.fits(notation.kind()))?;
        let reference = open_cell(&self.cell, &self.set)?;
        let mut cell = EquationCell::read(&reference.text.unwrap_or_default(), &reference.name)?;
        for (name, value) in &self.set {
            cell.set(name, *value)?;
        }
        let derivation = Derivation::of(cell)?;
        let derivation = match self.steps {
            Some(steps) => derivation.over(steps)?,
            None => derivation,
        };
        let difference = derivation.check(1);
        let derivation = if self.only.is_empty() { derivation } else { derivation.only(&self.only)? };
        let form = Form::from(notation);
        let mut text = derivation.write(form);
        let checked = match difference {
            Ok(difference) if difference <= AGREES => format!(
                "Computed at random values, every line of the derivation agrees with the graph to {difference:.0e}."
            ),
            Ok(difference) => {
                return Err(format!(
                    "a line of this derivation differs from the graph by {difference:.0e}, relatively: it is wrong, and is \
                     not shown; please report the cell"
                )
                .into());
            }
            Err(error) => format!("The lines were not compared with the graph: {error}"),
        };
        if form == Form::Unicode {
            text = format!("{text}\n{checked}\n");
        } else {
            anstream::eprintln!("{checked}");
        }
        if let Some(file) = self.output {
            file.write(text.as_bytes())?;
        } else {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

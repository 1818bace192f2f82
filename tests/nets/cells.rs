//! The cells under test: every file, shipped or an example, and two cells written in Rust.

use super::{Problem, Setup, setups};
use autograd::Expr;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rnn::cell::{Cell, Next, State, Step, Weight, Weights};
use rnn::equations::EquationCell;
use rnn::equations::ast;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// A cell, and its properties that exclude some laws, derived from its equations.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // each is the condition of a law
pub struct Subject {
    pub name: String,
    pub cell: Arc<dyn Cell>,
    /// The cell of a file; `None` if it is written in Rust.
    pub file: Option<Arc<EquationCell>>,
    /// It reads the step number: step 5 of a sequence differs from step 1 of its rest.
    pub reads_step: bool,
    /// The period of the graph of a step: the least common multiple of all n in `mod(t, n)`.
    pub period: usize,
    /// It contains stop-gradients.
    pub stops: bool,
    /// It sums over features, whose rounding depends on the batch layout.
    pub sums: bool,
    /// It reads past inputs: states of the input's size, one per lane.
    pub keeps_inputs: bool,
}

/// The root of the workspace.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|folder| folder.join("Cargo.lock").exists()).unwrap()
}

/// Every cell file, shipped or an example.
pub fn files() -> Vec<PathBuf> {
    let folders = ["rnn/cells", "examples/cells"].map(|folder| root().join(folder));
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cell"));
    files.sort();
    files
}

/// All cells that are files.
pub static OF_FILES: LazyLock<Vec<Subject>> =
    LazyLock::new(|| files().iter().map(|path| Subject::read(path)).collect());

/// Those, and two written in Rust.
pub static ALL: LazyLock<Vec<Subject>> = LazyLock::new(|| {
    let outside =
        [Subject::outside("Mgu in Rust", Arc::new(Mgu)), Subject::outside("readout", Arc::new(Readout))];
    OF_FILES.iter().cloned().chain(outside).collect()
});

/// Checks a law for `cases` random nets of every cell. The nets are the same in every run.
#[track_caller]
pub fn each(cases: u32, law: impl Fn(&Subject, Setup)) {
    for subject in ALL.iter() {
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let mut runner = TestRunner::new_with_rng(config, seeded(&subject.name));
        let outcome = runner.run(&setups(), |setup| {
            law(subject, setup);
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{}: {error}", subject.name));
    }
}

/// Random numbers seeded by a name.
fn seeded(name: &str) -> proptest::test_runner::TestRng {
    use proptest::test_runner::{RngAlgorithm, TestRng};
    let mut seed = [0; 32];
    seed.iter_mut().zip(name.bytes().cycle()).for_each(|(s, byte)| *s = byte);
    TestRng::from_seed(RngAlgorithm::ChaCha, &seed)
}

impl Subject {
    fn outside(name: &str, cell: Arc<dyn Cell>) -> Self {
        Self {
            name: name.into(),
            cell,
            file: None,
            reads_step: false,
            period: 1,
            stops: false,
            sums: false,
            keeps_inputs: false,
        }
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let read = EquationCell::read(&text, &path.display().to_string());
        let cell = Arc::new(read.unwrap_or_else(|faults| panic!("{faults}")));
        let mut subject = Self::outside(cell.name(), cell.clone());
        subject.look_through(&cell.file().items);
        subject.keeps_inputs = cell.states(4, 4).iter().any(|state| state.of_input);
        Self { file: Some(cell), ..subject }
    }

    fn look_through(&mut self, items: &[ast::Item]) {
        use ast::Item;
        for item in items {
            match item {
                Item::Equation(_, value) | Item::Split(_, value) | Item::Results(_, value) => {
                    self.look(&value.is);
                }
                Item::Function(.., body) => body.expressions().for_each(|value| self.look(&value.is)),
                Item::For(_, items) => self.look_through(items),
                _ => {}
            }
        }
    }

    fn look(&mut self, expr: &ast::Expr) {
        use ast::{Expr, Function};
        match expr {
            Expr::Step => self.reads_step = true,
            Expr::Product(_, a)
            | Expr::Negative(a)
            | Expr::Power(a, _)
            | Expr::Body(a)
            | Expr::Argument(_, a) => {
                self.look(&a.is);
            }
            Expr::Element(a, ..) | Expr::Portion(a, ..) | Expr::Over(_, a, _) => self.look(&a.is),
            Expr::Times(a, b) => {
                // It sums over rows and columns.
                self.sums = true;
                [a, b].into_iter().for_each(|a| self.look(&a.is));
            }
            Expr::Binary(_, a, b) | Expr::Part(a, b) | Expr::Raised(a, b) => {
                [a, b].into_iter().for_each(|a| self.look(&a.is));
            }
            Expr::Call(function, arguments) => {
                self.stops |= [Function::Stop, Function::Backward].contains(function);
                self.sums |= [Function::Sum, Function::Mean, Function::Softmax].contains(function);
                if let (
                    Function::Mod,
                    [ast::At { is: Expr::Step, .. }, ast::At { is: Expr::Number(n), .. }],
                ) = (function, &arguments[..])
                {
                    self.period = least_common_multiple(self.period, whole(*n));
                }
                arguments.iter().for_each(|a| self.look(&a.is));
            }
            // The function is inspected at its definition.
            Expr::Apply(_, arguments) => arguments.iter().for_each(|a| self.look(&a.is)),
            Expr::Number(_) | Expr::Name(_) | Expr::Lagged(..) | Expr::Sequence(..) => {}
        }
    }

    /// A net of this size, or of a similar size that the cell supports, with random numbers.
    pub fn problem(&self, setup: &Setup) -> Problem {
        Problem::new(self.cell.clone(), setup)
    }
}

/// A number of steps written as a real number; 1 if it is not one.
fn whole(n: f64) -> usize {
    (1..1000_usize).find(|&k| (k as f64 - n).abs() < 1e-9).unwrap_or(1)
}

fn least_common_multiple(a: usize, b: usize) -> usize {
    (1..=b).map(|k| k * a).find(|n| n.is_multiple_of(b)).unwrap()
}

/// The minimal gated unit. Zhou et al. 2016, eq. 4-6
#[derive(Debug)]
pub struct Mgu;

impl Cell for Mgu {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        let gate = |g| Weight::gate(g, input, hidden);
        [gate("f"), gate("n")].concat()
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: &Step<'g>) -> Next<'g> {
        let h = state[0];
        let f = (x.linear(w["W_f"]) + h.linear(w["U_f"]) + w["b_f"]).sigmoid().named("f");
        let n = (x.linear(w["W_n"]) + (f * h).linear(w["U_n"]) + w["b_n"]).tanh().named("n");
        ((1.0 - f) * h + f * n).into()
    }
}

/// A cell whose output is not a state and has a separate size, as one of its states does: `h' = tanh(W x + U h)`, `s'
/// = s / 2 + Q h'`, `y = sin(V h' + P s')`.
#[derive(Debug)]
pub struct Readout;

impl Cell for Readout {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        vec![
            Weight::input("W", [hidden, input]),
            Weight::recurrent("U", [hidden, hidden]),
            Weight::recurrent("Q", [2, hidden]),
            Weight::recurrent("V", [hidden + 1, hidden]),
            Weight::recurrent("P", [hidden + 1, 2]),
        ]
    }

    fn states(&self, _: usize, hidden: usize) -> Vec<State> {
        vec![State::new("h", hidden), State::new("s", 2)]
    }

    fn output_size(&self, hidden: usize) -> usize {
        hidden + 1
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: &Step<'g>) -> Next<'g> {
        let h = (x.linear(w["W"]) + state[0].linear(w["U"])).tanh().named("h");
        let s = (0.5 * state[1] + h.linear(w["Q"])).named("s");
        let output = (h.linear(w["V"]) + s.linear(w["P"])).sin().named("y");
        Next { output, states: vec![h, s] }
    }
}

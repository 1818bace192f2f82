//! Classifies a wrong adjoint: the usual mistakes, each tested along several random directions.

use super::Record;
use super::blame::{Equation, Suspect, directions, dot};
use super::edge::Edge;
use super::worst::Worst;
use crate::hint::Hint;
use autograd::Value;
use autograd::graph::Role;
use autograd::ops::Sampler;
use ndarray::{ArrayD, Axis};

/// The values of a candidate along some directions.
struct Trial<'t, 'a> {
    along: Vec<ArrayD<f64>>,
    claimed: Vec<f64>,
    expected: Vec<f64>,
    /// The blamed uses.
    edges: Vec<&'t Edge<'a>>,
}

impl Trial<'_, '_> {
    /// Whether the claim is this function of the direction. The mismatch must be small relative to the error itself.
    fn is(&self, f: impl Fn(&ArrayD<f64>) -> f64) -> bool {
        self.along
            .iter()
            .zip(self.claimed.iter().zip(&self.expected))
            .all(|(r, (claimed, expected))| (claimed - f(r)).abs() <= 1e-4 * (claimed - expected).abs())
    }

    fn factor(&self) -> Option<f64> {
        let factor = self.claimed[0] / self.expected[0];
        let pairs = self.claimed.iter().zip(&self.expected);
        let fits = |(c, e): (&f64, &f64)| (c - factor * e).abs() <= 1e-3 * (c - e).abs();
        (factor.is_finite() && pairs.into_iter().all(fits)).then_some(factor)
    }
}

pub(super) fn hint(
    record: &Record,
    equation: &Equation,
    suspect: &Suspect,
    worst: &Worst,
    sampler: &mut Sampler,
) -> Hint {
    if suspect.array.iter().any(|x| !x.is_finite()) {
        return Hint::NotFinite;
    }
    let along = directions(&suspect.array, sampler);
    let claimed = along.iter().map(|r| equation.claimed(suspect, r)).collect();
    let expected = along.iter().map(|r| equation.expected(suspect, r)).collect();
    let trial = Trial {
        along,
        claimed,
        expected,
        edges: suspect.edges.iter().map(|&j| &equation.edges[j]).collect(),
    };
    multiple(&trial, suspect)
        .or_else(|| transposed(&trial, equation, suspect))
        .or_else(|| rows(&trial))
        .or_else(|| shifted(&trial, record))
        .or_else(|| other_operand(&trial))
        .or_else(|| one_element(&trial, equation, suspect, worst))
        .unwrap_or(Hint::Unknown)
}

fn multiple(trial: &Trial, suspect: &Suspect) -> Option<Hint> {
    let factor = trial.factor()?;
    let near = |to: f64| (factor - to).abs() < 1e-6 * to.abs().max(1.0);
    let count = trial.edges.first().map_or(0, |edge| edge.adjoint.len());
    let size = suspect.array.len().max(1);
    let repeats = [count, count / size, size / count.max(1), edge_rows(trial)];
    let count = |of: &dyn Fn(f64) -> bool| repeats.into_iter().find(|&n| n > 2 && of(n as f64));
    Some(match factor {
        _ if near(0.0) => {
            if suspect.summed {
                Hint::Missing
            } else {
                Hint::Zero
            }
        }
        _ if near(-1.0) => Hint::Sign,
        _ if near(2.0) && suspect.summed => Hint::Twice,
        factor => count(&|n| near(1.0 / n))
            .map(Hint::Mean)
            .or_else(|| count(&near).map(Hint::Sum))
            .unwrap_or(Hint::Factor(factor)),
    })
}

fn edge_rows(trial: &Trial) -> usize {
    trial.edges.first().and_then(|edge| edge.adjoint.shape().first().copied()).unwrap_or(0)
}

fn transposed(trial: &Trial, equation: &Equation, suspect: &Suspect) -> Option<Hint> {
    let [rows, columns] = suspect.array.shape() else { return None };
    let fits = rows == columns
        && trial.along.iter().zip(&trial.claimed).zip(&trial.expected).all(|((r, claimed), expected)| {
            let turned = r.t().to_owned();
            // The claim along r is the correct one along the transpose of r.
            (equation.expected(suspect, &turned) - claimed).abs() <= 1e-4 * (claimed - expected).abs()
        });
    fits.then_some(Hint::Transposed)
}

/// Rows of the op's result: one that is missing, or one that replaces all.
fn rows(trial: &Trial) -> Option<Hint> {
    let rows = edge_rows(trial);
    if !(2..=4096).contains(&rows)
        || trial.edges.iter().any(|edge| edge.adjoint.shape().first() != Some(&rows))
    {
        return None;
    }
    let mut parts = vec![vec![0.0; rows]; trial.along.len()];
    for (r, parts) in trial.along.iter().zip(&mut parts) {
        for edge in &trial.edges {
            let product = edge.product(r);
            parts.iter_mut().zip(product.axis_iter(Axis(0))).for_each(|(part, row)| *part += row.sum());
        }
    }
    let all = |fits: &dyn Fn(usize, f64, f64, f64) -> bool| {
        (0..rows).find(|&row| {
            (0..parts.len()).all(|m| fits(row, trial.claimed[m], trial.expected[m], parts[m][row]))
        })
    };
    let tiny = |off: f64, claimed: f64, expected: f64| off.abs() <= 1e-4 * (claimed - expected).abs();
    if let Some(row) = all(&|_, c, e, part| tiny(c - (e - part), c, e)) {
        return Some(Hint::RowSkipped(row));
    }
    all(&|_, c, e, part| tiny(c - part, c, e)).map(|_| Hint::NotSummed)
}

/// The adjoint, or the operands, of the same node one step earlier or later.
fn shifted(trial: &Trial, record: &Record) -> Option<Hint> {
    let twins = |by: i64| trial.edges.iter().map(|edge| record.twin(edge, by)).collect::<Option<Vec<_>>>();
    [-1i64, 1].into_iter().find_map(|by| {
        let twins = twins(by)?;
        let pairs = || trial.edges.iter().zip(&twins);
        let fits = pairs().all(|(edge, (_, operands))| {
            operands.iter().zip(&edge.operands).all(|(a, b)| a.shape() == b.shape())
        });
        let sum = |r: &ArrayD<f64>, adjoint: bool, operands: bool| -> f64 {
            let term = |(edge, (y, x)): (&&Edge, &(ArrayD<f64>, Vec<&Value<f64>>))| {
                let y = if adjoint { y } else { &edge.adjoint };
                let x = if operands { x } else { &edge.operands };
                edge.product_with(y, x, edge.operand, r).sum()
            };
            pairs().map(term).sum()
        };
        let is = trial.is(|r| sum(r, true, false))
            || (fits && (trial.is(|r| sum(r, false, true)) || trial.is(|r| sum(r, true, true))));
        is.then_some(Hint::Shifted(by))
    })
}

impl Record<'_> {
    /// The adjoint and the operands of the same node, `by` steps later.
    fn twin(&self, edge: &Edge, by: i64) -> Option<(ArrayD<f64>, Vec<&Value<f64>>)> {
        let graph = self.scene.graph;
        let node = graph.at(edge.user);
        let step = node.origin.step.filter(|_| node.origin.role == Role::Forward)?;
        let twin = (0..graph.len()).filter(|&i| self.between[i]).find(|&i| {
            let other = graph.at(i);
            let (a, b) = (&node.origin, &other.origin);
            b.role == Role::Forward
                && b.step.map(i64::from) == Some(i64::from(step) + by)
                && (&a.layer, &a.name, a.ordinal) == (&b.layer, &b.name, b.ordinal)
                && (node.op.name(), &node.ty) == (other.op.name(), &other.ty)
        })?;
        let operands: Option<Vec<_>> = graph.operands_at(twin).map(|x| self.values.get(&x)).collect();
        Some((self.claimed(twin), operands?))
    }
}

fn other_operand(trial: &Trial) -> Option<Hint> {
    let edge = trial.edges.first()?;
    let shape = edge.operands[edge.operand].shape();
    let like = |k: &usize| {
        let same = |edge: &&Edge| {
            *k != edge.operand
                && matches!(edge.operands.get(*k), Some(Value::Float(x)) if x.shape() == &shape[..])
        };
        trial.edges.iter().all(same)
    };
    let is = |k: &usize| {
        trial.is(|r| {
            trial.edges.iter().map(|edge| edge.product_with(&edge.adjoint, &edge.operands, *k, r).sum()).sum()
        })
    };
    (0..edge.operands.len()).filter(like).find(is).map(Hint::WrongOperand)
}

fn one_element(trial: &Trial, equation: &Equation, suspect: &Suspect, worst: &Worst) -> Option<Hint> {
    let r = trial.along.first()?;
    let mut rest = r.clone();
    rest.iter_mut().skip(worst.place).take(1).for_each(|r| *r = 0.0);
    let off = (equation.claimed(suspect, &rest) - equation.expected(suspect, &rest)).abs();
    let whole =
        (dot(&suspect.array, r) - trial.expected[0]).abs().max((trial.claimed[0] - trial.expected[0]).abs());
    (suspect.array.len() > 1 && off <= 1e-3 * whole).then_some(Hint::OneElement)
}

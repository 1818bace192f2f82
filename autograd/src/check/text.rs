//! A report as a person reads it: short, the worst first, and who is guilty before all.

use super::locate::Guilty;
use super::report::{Report, Tensor};
use super::verdict::Verdict;
use super::witness::Witness;
use crate::shape::Shape;
use std::fmt;

/// How many elements of a tensor, and how many tensors that pass, are printed.
const SHOWN: usize = 3;

/// What is said of a tensor without a path to the outputs.
pub const DETACHED: &str = "not connected to the loss";

/// `the VJP of l0/f[3] (sigmoid, layer l0, gate f, step 3) towards operand 0, l0/f[3]#4: the sign is wrong`, and numbers.
impl fmt::Display for Guilty {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { node, op, operand, operand_name, hint, analytic, numeric, .. } = self;
        write!(f, "the VJP of `{node}` ({op}")?;
        for (word, value) in [("layer", &self.layer), ("gate", &self.gate)] {
            value.as_ref().map_or(Ok(()), |value| write!(f, ", {word} {value}"))?;
        }
        self.step.map_or(Ok(()), |step| write!(f, ", step {step}"))?;
        write!(f, ") towards operand {operand}, `{operand_name}`: {hint}\n  ")?;
        let index = Shape::from(&self.index[..]);
        write!(f, "at {index}  analytic {analytic:.6e}  numeric {numeric:.6e}  ratio {:.7}", self.ratio())
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { name, order, difference, tolerance, verdict } = self;
        write!(f, "{verdict:<5} {name}{}", if *order == 2 { " (order 2)" } else { "" })?;
        match difference {
            Some(difference) => write!(f, "  difference {difference:.1e}  tolerance {tolerance:.1e}"),
            None => f.write_str("  not asked"),
        }
    }
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let order = if self.order == 2 { " (order 2)" } else { "" };
        write!(f, "  {:<5} {} {}{order}  ", self.verdict(), self.name, self.shape)?;
        if self.is_detached() {
            write!(f, "{DETACHED}")?;
        } else {
            write!(f, "{}", self.comparison)?;
        }
        if let (Some(forward), false) = (self.forward, self.verdict().is_good()) {
            write!(f, "\n          forward mode {forward:.6e}")?;
        }
        if let (Some(first), true) = (self.kinks.first(), self.comparison.sides.is_some()) {
            write!(f, "\n          on the kink of `{first}`")?;
            let more = self.kinks.len() - 1;
            if more > 0 {
                write!(f, " and {more} more")?;
            }
        }
        for element in self.elements.iter().filter(|e| !e.verdict.is_good()).take(SHOWN) {
            let index = Shape::from(&element.index[..]);
            write!(f, "\n          at {index}  {}  ratio {:.4}", element.comparison, element.ratio())?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let good = |t: &&Tensor| t.verdict().is_good();
        let all = self.tensors.len();
        let bad = all - self.tensors.iter().filter(good).count();
        let kinks = self.of(Verdict::Kink).count();
        let outcome = match (bad, kinks) {
            (0, 0) => "passed".into(),
            (0, _) => format!("passed, {kinks} on a kink"),
            _ => format!("{bad} of {all} did not pass"),
        };
        write!(f, "gradients of {}, {all} tensors, seed {}: {outcome}", self.subject, self.seed)?;
        let detached = self.detached().count();
        if detached > 0 {
            write!(f, "; {detached} {DETACHED}")?;
        }
        if let Some(guilty) = &self.guilty {
            write!(f, "\nguilty: {guilty}")?;
        }
        let mut tensors: Vec<_> = self.tensors.iter().collect();
        tensors.sort_by(|a, b| a.worse(b));
        let shown = bad + kinks + detached + SHOWN;
        for tensor in tensors.iter().take(shown) {
            write!(f, "\n{tensor}")?;
        }
        if all > shown {
            write!(f, "\n  … and {} that pass", all - shown)?;
        }
        for witness in self.witnesses.iter().filter(|w| bad > 0 || !w.verdict.is_good()) {
            write!(f, "\n  {witness}")?;
        }
        if bad > 0 && self.order == 2 && self.tensors.iter().all(|t| t.order == 1) {
            write!(f, "\n  order 2 waits until order 1 has passed")?;
        }
        Ok(())
    }
}

//! A report as text: short, the worst first, with the faulty node at the top.

use super::locate::{Guilty, Part};
use super::report::{Element, Report, Tensor};
use super::verdict::Verdict;
use super::witness::Witness;
use autograd::Shape;
use std::fmt;

/// The number of elements printed per tensor, of tensors printed with elements, and of passed tensors.
const SHOWN: usize = 3;

/// The text for a tensor without a path to the outputs.
pub const DETACHED: &str = "not connected to the loss";

/// `the VJP of l0/f[3] (sigmoid, layer l0, gate f, step 3) towards operand 0, l0/f[3]#4: the sign is wrong`, and numbers.
impl fmt::Display for Guilty {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { node, op, operand, operand_name, hint, analytic, numeric, .. } = self;
        let (part, towards) = match self.part {
            Part::Vjp => ("VJP", "towards"),
            Part::DualKernel => ("dual kernel", "along"),
        };
        write!(f, "the {part} of `{node}` ({op}")?;
        for (word, value) in [("layer", &self.layer), ("gate", &self.gate)] {
            value.as_ref().map_or(Ok(()), |value| write!(f, ", {word} {value}"))?;
        }
        self.step.map_or(Ok(()), |step| write!(f, ", step {step}"))?;
        write!(f, ") {towards} operand {operand}, `{operand_name}`")?;
        match (self.uses, self.of) {
            (0 | 1, _) => {}
            (uses, of) if uses == of => write!(f, ", at all {of} steps")?,
            (uses, of) => write!(f, ", at {uses} of {of} steps")?,
        }
        match &self.rule {
            Some([sent, meant]) => write!(f, ": sent is {sent}; {meant} would fit")?,
            None => write!(f, ": {hint}")?,
        }
        write!(f, "\n  ")?;
        if self.part == Part::DualKernel {
            return write!(f, "along a random direction  dual {analytic:.6e}  numeric {numeric:.6e}");
        }
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
            None => Ok(()),
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
        let mut wrong: Vec<&Element> = self.elements.iter().filter(|e| !e.verdict.is_good()).collect();
        wrong.sort_by(|a, b| b.difference().total_cmp(&a.difference()));
        for element in wrong.into_iter().take(SHOWN) {
            let index = Shape::from(&element.index[..]);
            write!(f, "\n          at {index}  {}", element.comparison)?;
            if element.analytic.is_finite() {
                write!(f, "  ratio {:.4}", element.ratio())?;
            }
        }
        let failed = self.elements.iter().filter(|e| e.verdict == Verdict::Fail).count();
        if self.all_wrong_told {
            let (one, all) = (failed == 1, self.shape.count());
            let word = if one { "this one is" } else { "these are" };
            write!(
                f,
                "\n          {word} wrong of {all}: without {}, it passes",
                if one { "it" } else { "them" }
            )?;
            if failed > SHOWN {
                write!(f, " ({failed} in all)")?;
            }
        }
        let slice = self.slice.map(|(axis, k)| (axis, k, k)).or_else(|| self.slice_of_elements());
        match slice {
            Some((axis, k, last)) if k == last => {
                write!(f, "\n          the wrong ones are those at {k} along axis {axis}")
            }
            Some((axis, k, last)) => {
                write!(f, "\n          the wrong ones are those from {k} to {last} along axis {axis}")
            }
            None => Ok(()),
        }
    }
}

impl Report {
    /// What a hint is about, for a sentence that goes on with it.
    pub fn names(&self, tensors: &[&Tensor]) -> String {
        let wrong = match tensors.first() {
            Some(first) if first.hint_of_wrong => "the wrong elements of ",
            _ => "",
        };
        let names: Vec<String> = tensors.iter().map(|t| format!("`{}`", t.name)).collect();
        match &names[..] {
            [one] => format!("{wrong}{one}"),
            all if all.len() == self.tensors.len() => format!("{wrong}all {} gradients, each", all.len()),
            [first @ .., last] if first.len() < 4 => format!("{wrong}{} and {last}, each", first.join(", ")),
            [first, second, .., last] => {
                format!("{wrong}{first}, {second}, … and {last}, {} in all, each", names.len())
            }
            _ => String::new(),
        }
    }
}

impl Tensor {
    /// The slice of the wrong elements, if all that were checked are in one: the axis, and the first and the last index
    /// along it.
    fn slice_of_elements(&self) -> Option<(usize, usize, usize)> {
        let (wrong, right): (Vec<&Element>, Vec<&Element>) =
            self.elements.iter().partition(|e| e.verdict == Verdict::Fail);
        let first = wrong.get(1).and(wrong.first())?;
        let range = |axis: usize| {
            let along = || wrong.iter().map(|e| e.index[axis]);
            (axis, along().min().unwrap_or(0), along().max().unwrap_or(0))
        };
        let divides = |&(axis, from, to): &(usize, usize, usize)| {
            right.iter().all(|e| !(from..=to).contains(&e.index[axis]))
        };
        (0..first.index.len()).filter(|_| !right.is_empty()).map(range).find(divides)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let good = |t: &&Tensor| t.verdict().is_good();
        let all = self.tensors.len();
        let bad = all - self.tensors.iter().filter(good).count();
        let kinks = self.of(Verdict::Kink).count();
        let witnesses = self.witnesses.iter().filter(|w| !w.verdict.is_good()).count();
        let outcome = match (bad, kinks) {
            (0, 0) if witnesses > 0 => "the gradients pass, and what else must hold does not".into(),
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
        for (hint, tensors) in self.likely() {
            write!(f, "\nlikely: {}: {hint}", self.names(&tensors))?;
        }
        let shown = bad + kinks + detached + SHOWN;
        // One more takes no more room than to say that there is one.
        let shown = if all == shown + 1 { all } else { shown };
        for (i, tensor) in self.worst_first().into_iter().take(shown).enumerate() {
            let whole = tensor.to_string();
            let lines = whole.lines().take(if i < SHOWN { usize::MAX } else { 1 });
            lines.into_iter().try_for_each(|line| write!(f, "\n{line}"))?;
        }
        if all > shown {
            write!(f, "\n  … and {} that pass", all - shown)?;
        }
        if self.coverage.points > 1 {
            write!(f, "\n  {}", self.coverage)?;
        }
        self.notes.iter().try_for_each(|note| write!(f, "\n  {note}"))?;
        for witness in self.witnesses.iter().filter(|w| bad > 0 || !w.verdict.is_good()) {
            write!(f, "\n  {witness}")?;
        }
        if bad > 0 && self.order == 2 && self.tensors.iter().all(|t| t.order == 1) {
            write!(f, "\n  order 2 waits until order 1 has passed")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{FnCheck, Tier};
    use ndarray::{ArrayD, Axis, array};

    /// The report for a sum of squares whose gradient has a fault.
    fn told(fault: impl Fn(&mut ArrayD<f64>)) -> String {
        let at = [array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn()];
        let mut gradient = 2.0 * &at[0];
        fault(&mut gradient);
        let f = |x: &[ArrayD<f64>]| x[0].iter().map(|x| x * x).sum::<f64>();
        FnCheck::new(&at, &[gradient]).tier(Tier::Full).run(f).unwrap().to_string()
    }

    #[test]
    fn a_slice_that_is_wrong_is_told_and_nothing_else() {
        let column = told(|g| g.index_axis_mut(Axis(1), 2).fill(0.0));
        assert!(column.ends_with("the wrong ones are those at 2 along axis 1"), "{column}");
        for other in [told(|g| g.fill(0.0)), told(|g| g[[1, 1]] = 0.0), told(|_| ())] {
            assert!(!other.contains("along axis"), "{other}");
        }
        let two = told(|g| (g[[0, 0]], g[[0, 1]]) = (0.0, 0.0));
        assert!(!two.contains("along axis"), "{two}");
    }
}

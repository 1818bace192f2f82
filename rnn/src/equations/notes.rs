//! What is not wrong in a cell, and yet perhaps not meant: it reads, and computes, but something in it has no effect.

use super::ast::{Expr, Function, Name};
use super::cell::EquationCell;
use super::names::walk;
use std::collections::BTreeSet;

impl EquationCell {
    /// Sequences that the output does not depend on, and a memory that no gradient passes through: a sentence for each.
    pub fn notes(&self) -> Vec<String> {
        self.without_effect().into_iter().chain(self.cut_off()).collect()
    }

    /// The name of a sequence, as the file has it.
    fn written(&self, name: &Name) -> String {
        self.text.get(name.span.clone()).filter(|text| !text.is_empty()).unwrap_or(&name.is).into()
    }

    fn without_effect(&self) -> Option<String> {
        let equations = &self.names.equations;
        let (mut read, mut open) = (BTreeSet::new(), vec![self.names.output.as_str()]);
        while let Some(name) = open.pop() {
            if read.insert(name) {
                for (_, value) in equations.iter().filter(|(made, _)| made.is == name) {
                    walk(value, &mut |e| {
                        if let Expr::Sequence(name, _) = &e.is {
                            open.push(name);
                        }
                    });
                }
            }
        }
        // A sequence that is made in a loop or of columns has one name in the file.
        let used: BTreeSet<String> = equations
            .iter()
            .filter(|(n, _)| read.contains(n.is.as_str()))
            .map(|(n, _)| self.written(n))
            .collect();
        let idle: BTreeSet<String> = equations.iter().map(|(name, _)| self.written(name)).collect();
        // Values that columns share have no name.
        let is_name = |text: &&String| !text.contains(|c: char| c.is_whitespace() || "[]()".contains(c));
        let idle: Vec<String> =
            idle.difference(&used).filter(is_name).map(|name| format!("`{name}`")).collect();
        let (first, does) = (idle.first()?, if idle.len() == 1 { "has" } else { "have" });
        let all = if idle.len() == 1 { first.clone() } else { idle.join(", ") };
        Some(format!("{all} {does} no effect on the output `{}`", self.names.output))
    }

    fn cut_off(&self) -> Option<String> {
        let (mut all, mut stopped) = (BTreeSet::new(), BTreeSet::new());
        let mut earlier = |e: &super::ast::At<Expr>, stopped_here: bool| {
            if let Expr::Sequence(name, lag) = &e.is
                && *lag > 0
                && name != "x"
            {
                let place = (name.clone(), e.span.start);
                if stopped_here {
                    stopped.insert(place)
                } else {
                    all.insert(place)
                };
            }
        };
        for (_, value) in &self.names.equations {
            walk(value, &mut |e| {
                earlier(e, false);
                if let Expr::Call(Function::Stop, arguments) = &e.is {
                    arguments.iter().for_each(|argument| walk(argument, &mut |e| earlier(e, true)));
                }
            });
        }
        let none = !all.is_empty() && all == stopped;
        none.then(|| {
            "each earlier step is read inside `stop`: no gradient goes back through time, and what should be kept is not learned"
                .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(lines: &str) -> Vec<String> {
        EquationCell::read(&format!("cell a\n{lines}"), "my.cell").unwrap().notes()
    }

    #[test]
    fn what_has_no_effect_is_told() {
        let idle = notes("z[t] = W x[t] + U z[t-1]\n y[t] = V x[t]\n h[t] = tanh(A x[t] + B h[t-1])");
        assert_eq!(idle, ["`y`, `z` have no effect on the output `h`"]);
        assert_eq!(notes("z[t] = W h[t-1]\n h[t] = tanh(A x[t]) + z[t-1]"), [""; 0]);
        // The columns of a matrix are one state.
        let matrix = "size k = 2\n state S: [hidden, k]\n S[t] = S[t-1] + W x[t] ⊗ V x[t]\n h[t] = ";
        assert_eq!(notes(&format!("{matrix} S[t] (V x[t])")), [""; 0]);
        assert_eq!(notes(&format!("{matrix} A x[t]")), ["`S` has no effect on the output `h`"]);
    }

    #[test]
    fn a_memory_without_gradient_is_told() {
        let cut = notes("h[t] = tanh(W x[t] + U stop(2 * h[t-1]))");
        assert!(matches!(&cut[..], [one] if one.contains("inside `stop`")), "{cut:?}");
        assert_eq!(notes("h[t] = tanh(W x[t] + U stop(h[t-1]) + h[t-1])"), [""; 0]);
        assert_eq!(notes("h[t] = tanh(W x[t] + V stop(x[t-1]))"), [""; 0]);
    }

    #[test]
    fn the_cells_here_have_nothing_to_note() {
        for cell in crate::cell::named() {
            let read = EquationCell::read(cell.text, cell.name).unwrap();
            assert_eq!(read.notes(), [""; 0], "{}", cell.name);
        }
    }
}

//! Initial values of parameters, fixed parameters, and what formulas may contain.

use super::super::ast::{At, Expr, Form, Name};
use super::super::diagnostic::{Diagnostic, Span};
use super::super::expand::reads;
use super::super::formula::draws;
use super::{Beginning, Names};

impl Names {
    /// Initial values; one given for a pack holds for all its members.
    pub(super) fn beginnings(&mut self, inits: Vec<(Name, Beginning)>) {
        for (name, init) in inits {
            let pack = self.packs.iter().find(|(pack, _)| pack.is == name.is);
            let members =
                pack.map_or(vec![name.is.clone()], |(_, parts)| parts.iter().map(|p| p.is.clone()).collect());
            for member in members {
                if let Some((_, first)) = self.inits.insert(member.clone(), (init.clone(), name.span.clone()))
                {
                    let message = format!("`{member}` begins in two ways");
                    self.fault(
                        Diagnostic::new(message, name.span.clone(), "here again").and(first, "first here"),
                    );
                }
            }
        }
    }

    /// A parameter that is never trained.
    pub(super) fn fix(&mut self, name: &Name, form: Option<&Form>, formula: &At<Expr>) {
        let entry = (formula.clone(), name.span.clone());
        if let Some((_, first)) = self.fixed.insert(name.is.clone(), entry) {
            let message = format!("`{}` is fixed twice", name.is);
            self.fault(Diagnostic::new(message, name.span.clone(), "here again").and(first, "first here"));
        }
        if let Some(form) = form {
            let entry = (form.clone(), name.span.clone());
            if let Some((_, first)) = self.declared.insert(name.is.clone(), entry) {
                let message = format!("`{}` is declared twice", name.is);
                self.fault(
                    Diagnostic::new(message, name.span.clone(), "here again").and(first, "first here"),
                );
            }
        }
    }

    /// Checks formulas, and that fixed and derived parameters have no initialiser and are in no pack.
    pub(super) fn formulas(&mut self) {
        let begin = self.inits.values().filter_map(|(beginning, _)| match beginning {
            Beginning::Formula(formula) => Some(formula),
            Beginning::Init(_) => None,
        });
        let all = begin.chain(self.fixed.values().map(|(formula, _)| formula));
        let faults: Vec<_> = all.filter_map(|formula| self.misplaced(formula)).collect();
        faults.into_iter().for_each(|fault| self.fault(fault));
        let mut fixed: Vec<(String, Span)> =
            self.fixed.iter().map(|(name, (_, span))| (name.clone(), span.clone())).collect();
        fixed.extend(self.lets.iter().map(|(name, _)| (name.is.clone(), name.span.clone())));
        fixed.sort_by_key(|(_, span)| span.start);
        for (name, span) in fixed {
            let packed = self.packs.iter().flat_map(|(_, parts)| parts).find(|part| part.is == name);
            let other = self.inits.get(&name).map(|(_, other)| other).or(packed.map(|part| &part.span));
            if let Some(other) = other.cloned() {
                let fault = Diagnostic::new(format!("`{name}` is not learned"), other, "for what is learned");
                self.fault(
                    fault
                        .and(span, "made by a formula here")
                        .help("take the name out of one of the two lines"),
                );
            }
        }
    }

    /// Whether a formula reads a name. If a formula draws random numbers, it also reads the constant `seed`.
    pub(super) fn in_formulas(&self, name: &str) -> bool {
        let begin = self.inits.values().filter_map(|(beginning, _)| match beginning {
            Beginning::Formula(formula) => Some(formula),
            Beginning::Init(_) => None,
        });
        let fixed = || self.fixed.values().map(|(formula, _)| formula);
        begin.chain(fixed()).any(|formula| reads(formula, name)) || (name == "seed" && fixed().any(draws))
    }
}

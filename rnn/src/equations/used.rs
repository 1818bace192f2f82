//! A cell within a cell: `use lstm` turns the shipped cell `lstm` into a function.
//!
//! Its arguments are the input and the cell's states, in the order in which `rnn cells` lists them; its results are
//! the states after the step, preceded by the output if it is not a state: `h_new[t], c_new[t] = lstm(x[t], h[t-1],
//! c[t-1])`. The names of its parameters are prefixed with the cell's, `lstm_W_ii`.

use super::ast::{At, Beginning as Written, Body, Expr, Form, Item, Name};
use super::diagnostic::{Diagnostic, Span};
use super::names::{Beginning, Names, walk};
use super::parse;
use crate::cell::named;
use autograd::nearest;
use std::collections::{HashMap, HashSet};

/// Replaces each used cell by a function and the declarations of its parameters.
pub(super) fn written_out(items: Vec<Item>) -> Result<Vec<Item>, Vec<Diagnostic>> {
    if !items.iter().any(|item| matches!(item, Item::Use(_))) {
        return Ok(items);
    }
    let (mut out, mut starts, mut seen) = (Vec::new(), HashMap::new(), HashSet::new());
    for item in items {
        let Item::Use(cell) = item else {
            out.push(item);
            continue;
        };
        if !seen.insert(cell.is.clone()) {
            let message = format!("`{}` is used already", cell.is);
            return Err(vec![
                Diagnostic::new(message, cell.span, "here again").help("call it as often as you like"),
            ]);
        }
        let used = Used::of(&cell).map_err(|fault| vec![*fault])?;
        starts.insert(used.function.clone(), used.starts.clone());
        out.extend(used.items);
    }
    let begun = starts_of_arguments(&out, &starts);
    out.extend(begun);
    Ok(out)
}

/// Initial values of the states passed to used cells, unless the file declares them.
fn starts_of_arguments(items: &[Item], starts: &HashMap<String, Vec<Option<f64>>>) -> Vec<Item> {
    let mut known: HashSet<String> = HashSet::new();
    for item in items {
        if let Item::Start(names, _) = item {
            known.extend(names.iter().map(|name| name.is.clone()));
        }
    }
    let mut out = Vec::new();
    for item in items {
        let (Item::Equation(_, value) | Item::Results(_, value)) = item else { continue };
        walk(value, &mut |e| {
            let Expr::Apply(function, arguments) = &e.is else { return };
            let Some(starts) = starts.get(&function.is) else { return };
            for (argument, start) in arguments.iter().zip(starts) {
                if let (Expr::Sequence(state, 1), Some(start)) = (&argument.is, start)
                    && known.insert(state.clone())
                {
                    let name = At::new(state.clone(), argument.span.clone());
                    out.push(Item::Start(vec![name], At::new(Expr::Number(*start), argument.span.clone())));
                }
            }
        });
    }
    out
}

struct Used {
    function: String,
    /// The initial value of each argument that is a state not starting at zero.
    starts: Vec<Option<f64>>,
    items: Vec<Item>,
}

impl Used {
    fn of(cell: &Name) -> Result<Self, Box<Diagnostic>> {
        let wrong = |message: String, help: String| {
            Box::new(Diagnostic::new(message, cell.span.clone(), "cannot be used").help(help))
        };
        let Some(shipped) = named().find(|shipped| shipped.name == cell.is) else {
            let near = nearest(&cell.is, named().map(|shipped| shipped.name.into()));
            let help = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
            let help = format!("{help}The cells that come with the program are used; `rnn cells` lists them");
            return Err(wrong(format!("there is no cell `{}`", cell.is), help));
        };
        let names = parse(shipped.text, shipped.name).ok().map(|file| Names::of(&file, shipped.text));
        let Some(names) = names.filter(|names| names.faults.is_empty()) else {
            return Err(wrong(format!("the cell `{}` cannot be read", cell.is), "report it".into()));
        };
        let matrices = names.items.iter().any(|item| matches!(item, Item::State(_, Form::Matrix(..))));
        if !names.wholes.is_empty() || matrices {
            let help = "cells of vectors without `split` are; write its equations here".into();
            return Err(wrong(format!("the cell `{}` has matrix states or parts", cell.is), help));
        }
        let function = cell.is.replace('-', "_");
        let rewriter =
            Rewriter { names: &names, prefix: function.clone(), span: cell.span.clone(), values: Vec::new() };
        let kept = names.kept();
        let starts =
            std::iter::once(None)
                .chain(kept.iter().map(|(name, lag)| {
                    names.starts.get(name).filter(|_| *lag == 1).map(|(start, _)| *start)
                }));
        Ok(Self { starts: starts.collect(), items: rewriter.items(&kept), function })
    }
}

/// The name of the argument or local value for a sequence of the used cell at a lag.
fn local(sequence: &str, lag: usize) -> String {
    format!("{sequence}@{lag}")
}

struct Rewriter<'a> {
    names: &'a Names,
    /// The prefix of parameter and size names.
    prefix: String,
    /// The span of the `use` line, given to everything expanded from it.
    span: Span,
    values: Vec<(Name, At<Expr>)>,
}

impl Rewriter<'_> {
    fn at<T>(&self, is: T) -> At<T> {
        At::new(is, self.span.clone())
    }

    fn own(&self, name: &str) -> Name {
        self.at(format!("{}_{name}", self.prefix))
    }

    fn items(mut self, kept: &[(String, usize)]) -> Vec<Item> {
        for (name, value) in &self.names.equations {
            let value = self.value(value);
            self.values.push((self.at(local(&name.is, 0)), value));
        }
        let mut results = Vec::new();
        if !kept.iter().any(|(name, _)| *name == self.names.output) {
            results.push(local(&self.names.output, 0));
        }
        results.extend(kept.iter().map(|(name, lag)| local(name, lag - 1)));
        let results: Vec<At<Expr>> = results.into_iter().map(|name| self.at(Expr::Name(name))).collect();
        // Drop values that neither a result nor a kept value reads.
        let (mut read, mut values) = (HashSet::new(), Vec::new());
        let note = |value: &At<Expr>, read: &mut HashSet<String>| {
            walk(value, &mut |e| {
                if let Expr::Name(name) = &e.is {
                    read.insert(name.clone());
                }
            });
        };
        results.iter().for_each(|result| note(result, &mut read));
        for (name, value) in std::mem::take(&mut self.values).into_iter().rev() {
            if read.contains(&name.is) {
                note(&value, &mut read);
                values.push((name, value));
            }
        }
        values.reverse();
        let arguments = [("x".to_string(), 0)].into_iter().chain(kept.iter().cloned());
        let arguments = arguments.map(|(name, lag)| self.at(local(&name, lag))).collect();
        let function = Item::Function(self.at(self.prefix.clone()), arguments, Body { values, results });
        let mut items: Vec<Item> =
            self.names.items.iter().filter_map(|item| self.declaration(item)).collect();
        let mut inits: Vec<_> = self.names.inits.iter().collect();
        inits.sort_by_key(|(name, _)| (*name).clone());
        items.extend(inits.into_iter().map(|(name, (beginning, _))| {
            let written = match beginning {
                Beginning::Init(init) => Written::Named(self.at(init.to_string())),
                Beginning::Formula(formula) => Written::Formula(self.plain(formula)),
            };
            Item::Init(vec![self.own(name)], written)
        }));
        items.push(function);
        items
    }

    /// The declaration of a parameter or size, renamed.
    fn declaration(&self, item: &Item) -> Option<Item> {
        let form = |form: &Form| match form {
            Form::Scalar => Form::Scalar,
            Form::Vector(n) => Form::Vector(self.plain(n)),
            Form::Matrix(rows, columns) => Form::Matrix(self.plain(rows), self.plain(columns)),
        };
        match item {
            Item::Size(name, size) => Some(Item::Size(self.own(&name.is), self.plain(size))),
            Item::Param(name, of) => Some(Item::Param(self.own(&name.is), form(of))),
            Item::Fixed(names, of, formula) => {
                let names = names.iter().map(|name| self.own(&name.is)).collect();
                Some(Item::Fixed(names, of.as_ref().map(form), self.plain(formula)))
            }
            Item::Require(a, b) => Some(Item::Require(self.plain(a), self.plain(b))),
            Item::Restarts(_) => Some(Item::Restarts(self.at(()))),
            _ => None,
        }
    }

    /// A size or a formula.
    fn plain(&self, expr: &At<Expr>) -> At<Expr> {
        let of = |a: &At<Expr>| Box::new(self.plain(a));
        let is = match &expr.is {
            Expr::Name(name) => match self.names.constants.get(name) {
                Some(number) => Expr::Number(number.is),
                None if self.names.sizes.contains_key(name) => Expr::Name(self.own(name).is),
                None => expr.is.clone(),
            },
            Expr::Negative(a) => Expr::Negative(of(a)),
            Expr::Power(a, n) => Expr::Power(of(a), *n),
            Expr::Raised(a, n) => Expr::Raised(of(a), of(n)),
            Expr::Binary(operation, a, b) => Expr::Binary(*operation, of(a), of(b)),
            Expr::Call(function, arguments) => {
                Expr::Call(*function, arguments.iter().map(|a| self.plain(a)).collect())
            }
            other => other.clone(),
        };
        self.at(is)
    }

    /// An expression of an equation: sequences become arguments and local values.
    fn value(&mut self, expr: &At<Expr>) -> At<Expr> {
        let is = match &expr.is {
            Expr::Sequence(name, lag) => Expr::Name(local(name, *lag)),
            Expr::Name(name) => match self.names.constants.get(name) {
                Some(number) => Expr::Number(number.is),
                None => Expr::Name(self.own(name).is),
            },
            Expr::Product(matrix, right) => Expr::Product(self.own(&matrix.is), self.value(right).into()),
            Expr::Negative(a) => Expr::Negative(self.value(a).into()),
            Expr::Power(a, n) => Expr::Power(self.value(a).into(), *n),
            Expr::Binary(operation, a, b) => {
                let (a, b) = (self.value(a), self.value(b));
                Expr::Binary(*operation, a.into(), b.into())
            }
            Expr::Call(function, arguments) => {
                Expr::Call(*function, arguments.iter().map(|a| self.value(a)).collect())
            }
            Expr::Element(a, place, size) => Expr::Element(self.value(a).into(), *place, *size),
            Expr::Body(a) => return self.value(a),
            // An argument of the cell's own functions stays one value.
            Expr::Argument(number, a) => {
                let name = local("argument", *number);
                if !self.values.iter().any(|(known, _)| known.is == name) {
                    let value = self.value(a);
                    self.values.push((self.at(name.clone()), value));
                }
                Expr::Name(name)
            }
            other => other.clone(),
        };
        self.at(is)
    }
}

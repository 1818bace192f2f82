//! Names for the arguments of functions: `a_f` is the argument of σ in f.
//!
//! The adjoint of such an argument, the net input of a gate, occurs in the gradient of every weight and state that it
//! depends on. Written out each time it makes lines long; a name shortens them.

use super::net::{Net, count};
use super::view::View;
use super::{DerivationError, Entry};
use autograd::graph::Role;
use autograd::ops::Op;
use autograd::{Error, NodeId};
use autograd_view::math::{Line, Math, Symbol};

/// The argument of a function in the equation of a sequence.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    /// The sequence.
    pub of: String,
    /// The function.
    pub function: &'static str,
    /// Whether the sequence equals the function of the argument.
    pub direct: bool,
    /// The ordinal of the argument's node among the intermediate nodes of the sequence.
    pub ordinal: u32,
    /// Its name.
    pub name: Symbol,
}

impl Argument {
    /// The equation of its adjoint.
    pub fn adjoint_line(&self, view: &View) -> Result<Entry, DerivationError> {
        let id = self.adjoint(view.net, view.t)?;
        let id = id.ok_or_else(|| Error::Unknown { name: self.of.clone(), nearest: None })?;
        let left = Math::Adjoint(view.symbol(self.name.clone()).into());
        Ok(Entry { name: self.of.clone(), line: view.equal(&view.backward, left, id)? })
    }

    /// Its equation.
    pub fn value_line(&self, view: &View) -> Result<Entry, DerivationError> {
        let left = view.symbol(self.name.clone()).into();
        let right = view.backward.formula(self.at(view.net, view.t)?)?;
        Ok(Entry { name: self.of.clone(), line: Line { left, right } })
    }

    /// The argument at a step.
    pub fn at(&self, net: &Net, t: usize) -> Result<NodeId, Error> {
        net.find(&format!("{}[{t}]#{}", self.of, self.ordinal))
    }

    fn adjoint(&self, net: &Net, t: usize) -> Result<Option<NodeId>, Error> {
        net.adjoint(self.at(net, t)?)
    }
}

/// The arguments at step `now` whose adjoints are read more than once.
pub(super) fn find(letter: &str, net: &Net, now: usize) -> Result<Vec<Argument>, Error> {
    let (graph, users) = (&net.graph, net.graph.users());
    let mut found: Vec<Argument> = Vec::new();
    for id in graph.ids() {
        let node = graph.node(id)?;
        let origin = &node.origin;
        let Some(of) = origin.name.as_deref() else { continue };
        let here = origin.step.is_some_and(|step| step as usize == now);
        if origin.role != Role::Forward || origin.ordinal == 0 || !here {
            continue;
        }
        let [user] = forward_users(net, users.at(id.index()))?[..] else { continue };
        let Some(function) = function(&graph.node(user)?.op) else { continue };
        let Some(adjoint) = net.adjoint(id)? else { continue };
        if users.at(adjoint.index()).len() > 1 {
            let whole = &graph.node(user)?.origin;
            let direct = whole.ordinal == 0 && whole.name.as_deref() == Some(of);
            let name = Symbol::of(letter);
            found.push(Argument { of: of.into(), function, direct, ordinal: origin.ordinal, name });
        }
    }
    // A single one needs no subscript; several of one sequence are numbered.
    if found.len() > 1 {
        for k in 0..found.len() {
            let alike: Vec<usize> = (0..found.len()).filter(|&j| found[j].of == found[k].of).collect();
            let of = Symbol::of(&found[k].of);
            let count =
                (alike.len() > 1).then(|| (alike.iter().position(|&j| j == k).unwrap_or(0) + 1).to_string());
            found[k].name.subscripts = [of.base].into_iter().chain(of.subscripts).chain(count).collect();
            // The names of two sequences can print alike.
            if found[..k].iter().any(|other| other.name == found[k].name) {
                found[k].name.subscripts = vec![found[k].of.clone(), k.to_string()];
            }
        }
    }
    Ok(found)
}

/// The names of arguments and of their adjoints, at all steps.
pub(super) fn names(arguments: &[Argument], net: &Net) -> Result<Vec<(NodeId, Math)>, Error> {
    let mut names = Vec::new();
    for argument in arguments {
        for t in 1..=net.steps {
            let name = argument.name.clone().at_step(count(t));
            if let Some(id) = argument.adjoint(net, t)? {
                names.push((id, Math::Adjoint(name.clone().into())));
            }
            names.push((argument.at(net, t)?, name.into()));
        }
    }
    Ok(names)
}

fn forward_users(net: &Net, users: &[u32]) -> Result<Vec<NodeId>, Error> {
    let ids: Vec<NodeId> = net.graph.ids().collect();
    let mut forward = Vec::new();
    for &user in users {
        let id = ids[user as usize];
        if net.graph.node(id)?.origin.role == Role::Forward {
            forward.push(id);
        }
    }
    Ok(forward)
}

/// The name of a unary function. Signs, roots, magnitudes, logarithms and fractions have their own notation.
fn function(op: &Op) -> Option<&'static str> {
    let otherwise = matches!(op, Op::Neg(_) | Op::Sqrt(_) | Op::Abs(_) | Op::Ln(_) | Op::Reciprocal(_));
    (!otherwise && Op::functions().contains(op)).then(|| op.name())
}

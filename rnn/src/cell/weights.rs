//! The weights of a cell: as declared, and as a step reads them.

use crate::init::First;
use autograd::{Builder, Expr, Shape, nearest};
use std::ops::Index;

/// The role of a weight. Initialisers depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A matrix that the input is multiplied by.
    Input,
    /// A matrix that a state is multiplied by.
    Recurrent,
    /// A vector that is added.
    Bias,
}

/// The declaration of one weight of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    /// The name, without layer and direction: `weight_ih`.
    pub name: String,
    /// The shape; a matrix is `[output, input]`, as PyTorch stores it.
    pub shape: Shape,
    /// Its role.
    pub role: Role,
    /// The parts stacked along the first axis, in order; an unstacked weight is its only part.
    pub parts: Vec<Part>,
}

/// A part of a weight: the rows of one gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name: `W_if`, or the gate's.
    pub name: String,
    /// Its number of rows.
    pub rows: usize,
    /// Its initialiser, if the cell declares one.
    pub init: Option<First>,
    /// Set for a bias of a forget gate: `Some(true)` for the first of several that are added.
    pub forget_bias: Option<bool>,
}

impl Weight {
    /// A matrix that the input is multiplied by.
    pub fn input(name: &str, shape: [usize; 2]) -> Self {
        Self::whole(name, shape.into(), Role::Input)
    }

    /// A matrix that a state is multiplied by.
    pub fn recurrent(name: &str, shape: [usize; 2]) -> Self {
        Self::whole(name, shape.into(), Role::Recurrent)
    }

    /// A vector that is added.
    pub fn bias(name: &str, size: usize) -> Self {
        Self::whole(name, [size].into(), Role::Bias)
    }

    fn whole(name: &str, shape: Shape, role: Role) -> Self {
        let part = Part { name: name.into(), rows: shape[0], init: None, forget_bias: None };
        Self { name: name.into(), shape, role, parts: vec![part] }
    }

    /// The three weights of one gate as papers name them: `W_g [hidden, input]`, `U_g [hidden, hidden]` and
    /// `b_g [hidden]`.
    pub fn gate(gate: &str, input: usize, hidden: usize) -> [Self; 3] {
        [
            Self::input(&format!("W_{gate}"), [hidden, input]),
            Self::recurrent(&format!("U_{gate}"), [hidden, hidden]),
            Self::bias(&format!("b_{gate}"), hidden),
        ]
    }

    /// The three weights of each gate: see [`Weight::gate`].
    pub fn gates<const N: usize>(gates: [&str; N], input: usize, hidden: usize) -> Vec<Self> {
        gates.into_iter().flat_map(|gate| Self::gate(gate, input, hidden)).collect()
    }

    /// PyTorch's four weights of a layer whose gates are stacked: `weight_ih [gates · hidden, input]`,
    /// `weight_hh [gates · hidden, hidden]`, `bias_ih` and `bias_hh [gates · hidden]`.
    pub fn stacked(gates: &[&str], input: usize, hidden: usize) -> Vec<Self> {
        let rows = gates.len() * hidden;
        let weights = [
            Self::input("weight_ih", [rows, input]),
            Self::recurrent("weight_hh", [rows, hidden]),
            Self::bias("bias_ih", rows),
            Self::bias("bias_hh", rows),
        ];
        let part = |gate: &&str, is_first: bool| Part {
            name: (*gate).into(),
            rows: hidden,
            init: None,
            forget_bias: (*gate == "f").then_some(is_first),
        };
        let stack = |w: Self| {
            let parts = gates.iter().map(|gate| part(gate, w.name == "bias_ih"));
            Self { parts: parts.collect(), ..w }
        };
        weights.map(stack).into()
    }
}

/// The weights of one layer in one direction, for a step to read by their names: `w["weight_ih"]`.
#[derive(Clone, Debug)]
pub struct Weights<'g> {
    named: Vec<(String, Expr<'g>)>,
    /// The result for an undeclared name: it poisons the step, and the graph reports the error.
    missing: Expr<'g>,
}

impl<'g> Weights<'g> {
    /// Weights by name.
    pub fn new(g: &'g Builder, named: Vec<(String, Expr<'g>)>) -> Self {
        // Poison without an error of its own: an operand that is never read must not fail the graph.
        Self { missing: g.poison(), named }
    }

    /// The builder of the weights.
    pub fn builder(&self) -> &'g Builder {
        self.missing.builder()
    }

    /// All weights, in the order of their declaration.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Expr<'g>)> {
        self.named.iter().map(|(name, w)| (name.as_str(), *w))
    }
}

impl<'g> Index<&str> for Weights<'g> {
    type Output = Expr<'g>;

    #[track_caller]
    fn index(&self, name: &str) -> &Expr<'g> {
        if let Some((_, w)) = self.named.iter().find(|(n, _)| n == name) {
            return w;
        }
        let near = nearest(name, self.named.iter().map(|(n, _)| n.clone()));
        let hint = near.map_or(String::new(), |n| format!("; did you mean `{n}`?"));
        self.missing.builder().refuse(format!("the cell declares no weight `{name}`{hint}"));
        &self.missing
    }
}

//! The builder of a graph.

use super::origin::Label;
use super::{Expr, Graph, NodeId, Origin, Role, Sweep};
use crate::error::{Error, Place};
use crate::ops::{Add, Concat, Custom, Leaf, Op, Operator, Stack, leaf_scalar};
use crate::shape::{Kind, Shape, Type};
use crate::value::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

/// Builds a graph. Expressions borrow the builder and append nodes to it.
///
/// Building neither panics nor returns `Result`: a misfit poisons the expression and everything derived from it, and
/// [`Builder::graph`] returns the first such error with the caller's file and line.
///
/// ```
/// use autograd::{Builder, grad};
///
/// let g = Builder::new();
/// let x = g.input("x", [1, 3]);
/// let w = g.parameter("w", [2, 3]);
/// let loss = x.linear(w).tanh().sum();
/// let dw = grad(loss, &[w])[0];
/// let graph = g.graph()?;
/// assert_eq!(*dw.shape(), [2, 3]);
/// assert_eq!(graph.name(dw.id())?, "∂w");
///
/// let bad = x.matmul(w);
/// assert!(g.graph().unwrap_err().to_string().starts_with(
///     "matmul(x [1, 3], w [2, 3]): the inner sizes differ: [1, 3] · [2, 3]"));
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    state: RefCell<State>,
}

/// Layer, step and op name.
type Unnamed = (Option<Arc<str>>, Option<u32>, &'static str);

#[derive(Debug)]
struct State {
    /// Copied on write only while a snapshot of it exists.
    graph: Arc<Graph>,
    /// Whether it was resumed and not written to since.
    resumed: bool,
    error: Option<Error>,
    layer: Option<Arc<str>>,
    step: Option<u32>,
    role: Role,
    /// The number of unnamed nodes per layer, step and op.
    unnamed: HashMap<Unnamed, u32>,
    /// The number of nodes of the VJP under construction.
    backward: u32,
    /// The first node not covered by a name.
    unclaimed: u32,
}

impl Default for State {
    fn default() -> Self {
        Self {
            graph: Arc::new(Graph::new()),
            resumed: false,
            error: None,
            layer: None,
            step: None,
            role: Role::Forward,
            unnamed: HashMap::new(),
            backward: 0,
            unclaimed: 0,
        }
    }
}

impl State {
    fn graph_mut(&mut self) -> &mut Graph {
        let graph = Arc::make_mut(&mut self.graph);
        if std::mem::take(&mut self.resumed) {
            graph.branch_off();
        }
        graph
    }

    fn fail(&mut self, error: Error) -> u32 {
        self.error.get_or_insert(error);
        Expr::POISON
    }

    fn origin(&mut self, word: &'static str, place: Place) -> Origin {
        let ordinal = match self.role {
            Role::Forward => {
                let count = self.unnamed.entry((self.layer.clone(), self.step, word)).or_default();
                *count += 1;
                *count
            }
            Role::Adjoint { .. } => 0,
            Role::Backward { .. } => {
                self.backward += 1;
                self.backward
            }
        };
        Origin { layer: self.layer.clone(), name: None, step: self.step, ordinal, role: self.role, place }
    }
}

impl Builder {
    /// A builder of an empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// A snapshot of the graph. Building may continue; the snapshot does not change.
    ///
    /// # Errors
    /// The first error of building so far.
    pub fn graph(&self) -> Result<Arc<Graph>, Error> {
        let state = self.state.borrow();
        state.error.clone().map_or_else(|| Ok(state.graph.clone()), Err)
    }

    /// Continues building where `graph` ends. Handles of `graph` stay valid; handles that another builder adds to it
    /// are foreign.
    pub fn resume(graph: Arc<Graph>) -> Self {
        let mut unnamed = HashMap::new();
        for id in graph.ids() {
            let Origin { layer, name, step, role, ordinal, .. } = &graph.at(id.index()).origin;
            if *role == Role::Forward && name.is_none() {
                let key = (layer.clone(), *step, graph.at(id.index()).op.name());
                let count: &mut u32 = unnamed.entry(key).or_default();
                *count = (*count).max(*ordinal);
            }
        }
        let unclaimed = super::narrow(graph.len());
        Self { state: RefCell::new(State { graph, resumed: true, unnamed, unclaimed, ..State::default() }) }
    }

    /// An input of real numbers.
    #[track_caller]
    pub fn input(&self, name: &str, shape: impl Into<Shape>) -> Expr<'_> {
        self.leaf(Leaf::Input { name: name.into(), batch_axis: None }, Type::float(shape))
    }

    /// An input of whole numbers in `0..below`: token ids, class ids, lengths, a seed.
    #[track_caller]
    pub fn index_input(&self, name: &str, shape: impl Into<Shape>, below: usize) -> Expr<'_> {
        self.leaf(Leaf::Input { name: name.into(), batch_axis: None }, Type::index(shape, below))
    }

    /// An input of any type with a batch axis, along which samples are independent.
    #[track_caller]
    pub fn batch_input(&self, name: &str, ty: Type, batch_axis: usize) -> Expr<'_> {
        if batch_axis >= ty.shape.len() {
            return self.refuse(format!("the input `{name}` {ty} has no axis {batch_axis} for its samples"));
        }
        self.leaf(Leaf::Input { name: name.into(), batch_axis: Some(batch_axis) }, ty)
    }

    /// A parameter: learned real numbers.
    #[track_caller]
    pub fn parameter(&self, name: &str, shape: impl Into<Shape>) -> Expr<'_> {
        self.leaf(Leaf::Parameter { name: name.into() }, Type::float(shape))
    }

    /// A constant. The largest of its whole numbers is their bound.
    #[track_caller]
    pub fn constant(&self, value: impl Into<Value<f64>>) -> Expr<'_> {
        let value = value.into();
        let shape = value.shape();
        let kind = match &value {
            Value::Float(_) => Kind::Float,
            Value::Index(a) => Kind::Index { below: a.iter().max().map_or(0, |&i| i + 1) },
            Value::Bool(_) => Kind::Bool,
        };
        self.leaf(Leaf::Constant(Arc::new(value)), Type { kind, shape })
    }

    /// A scalar constant.
    #[track_caller]
    pub fn scalar(&self, x: f64) -> Expr<'_> {
        self.leaf(leaf_scalar(x), Type::float([]))
    }

    /// Zeros of any shape: one constant, broadcast.
    #[track_caller]
    pub fn zeros(&self, shape: impl Into<Shape>) -> Expr<'_> {
        self.scalar(0.0).broadcast_to(shape)
    }

    /// The sum of any number of operands, with broadcasting.
    #[track_caller]
    pub fn sum<'g>(&'g self, operands: &[Expr<'g>]) -> Expr<'g> {
        self.apply(Add, operands)
    }

    /// Concatenates operands along an axis.
    #[track_caller]
    pub fn concat<'g>(&'g self, axis: usize, operands: &[Expr<'g>]) -> Expr<'g> {
        self.apply(Concat { axis }, operands)
    }

    /// Stacks operands along a new axis.
    #[track_caller]
    pub fn stack<'g>(&'g self, axis: usize, operands: &[Expr<'g>]) -> Expr<'g> {
        self.apply(Stack { axis }, operands)
    }

    /// Applies an op from outside the crate.
    #[track_caller]
    pub fn custom<'g>(&'g self, op: impl Operator, operands: &[Expr<'g>]) -> Expr<'g> {
        self.apply(Op::Custom(Custom(Arc::new(op))), operands)
    }

    /// Applies any op.
    #[track_caller]
    pub fn apply<'g>(&'g self, op: impl Into<Op>, operands: &[Expr<'g>]) -> Expr<'g> {
        self.applied(op.into(), operands, Place::caller())
    }

    /// Any op, as it was asked for at a place of the source.
    fn applied<'g>(&'g self, op: Op, operands: &[Expr<'g>], place: Place) -> Expr<'g> {
        if operands.iter().any(|x| x.is_poisoned()) {
            return self.expr_at(Expr::POISON);
        }
        if operands.iter().any(|x| !std::ptr::eq(x.builder(), self)) {
            let reason = format!("{}: an operand belongs to another builder", op.name());
            return self.fail(Error::Build { reason, place });
        }
        let mut state = self.state.borrow_mut();
        let index: Vec<u32> = operands.iter().map(|x| x.index).collect();
        let types: Vec<Type> = index.iter().map(|&i| state.graph.at(i as usize).ty.clone()).collect();
        let inferred = match op.operator() {
            Some(operator) if !types.is_empty() => operator.infer(&types),
            Some(_) => Err("it needs at least one operand".into()),
            None => Err("a leaf is not applied to operands".into()),
        };
        let inferred = match inferred {
            Ok(ty) if ty.shape.checked_count().is_none() => {
                Err(format!("the result {ty} has too many elements"))
            }
            inferred => inferred,
        };
        let node = match inferred {
            Ok(ty) => {
                let origin = state.origin(op.name(), place);
                state.graph_mut().push(op, ty, origin, &index)
            }
            Err(reason) => {
                let named = |(&i, ty)| format!("{} {ty}", state.graph.name_at(i as usize));
                let operands = index.iter().zip(&types).map(named).collect::<Vec<_>>().join(", ");
                state.fail(Error::Operands { op: op.name().into(), operands, reason, place })
            }
        };
        self.expr_at(node)
    }

    /// Until the scope is dropped, nodes belong to this layer, nested in the current one: `decoder/l0`.
    #[must_use = "the layer ends when the scope is dropped"]
    pub fn layer(&self, layer: &str) -> Scope<'_> {
        let mut state = self.state.borrow_mut();
        let scope = Scope { builder: self, layer: state.layer.clone(), step: state.step };
        state.layer = Some(match &state.layer {
            Some(outer) => format!("{outer}/{layer}").into(),
            None => layer.into(),
        });
        scope
    }

    /// Until the scope is dropped, nodes belong to this time step, counted from 1.
    #[must_use = "the step ends when the scope is dropped"]
    pub fn step(&self, step: usize) -> Scope<'_> {
        let mut state = self.state.borrow_mut();
        let scope = Scope { builder: self, layer: state.layer.clone(), step: state.step };
        state.step = Some(super::narrow(step));
        scope
    }

    /// The expression of a node, to continue an earlier graph.
    #[track_caller]
    pub fn expr(&self, id: NodeId) -> Expr<'_> {
        let mut state = self.state.borrow_mut();
        let index = match state.graph.index(id) {
            Ok(index) => super::narrow(index),
            Err(error) => state.fail(error),
        };
        self.expr_at(index)
    }

    /// A poisoned expression; the reason becomes the graph's error if it is the first.
    #[track_caller]
    pub fn refuse(&self, reason: impl Into<String>) -> Expr<'_> {
        let error = Error::Build { reason: reason.into(), place: Place::caller() };
        self.fail(error)
    }

    /// A poisoned expression; the error becomes the graph's if it is the first.
    #[doc(hidden)]
    pub fn fail(&self, error: Error) -> Expr<'_> {
        self.expr_at(self.state.borrow_mut().fail(error))
    }

    /// An expression that poisons whatever is derived from it, without an error: for code that finds out only later
    /// whether something is missing, and then reports it with [`Builder::refuse`].
    pub fn poison(&self) -> Expr<'_> {
        self.expr_at(Expr::POISON)
    }

    #[track_caller]
    #[doc(hidden)]
    pub fn leaf(&self, leaf: Leaf, ty: Type) -> Expr<'_> {
        let place = Place::caller();
        if ty.shape.checked_count().is_none() {
            return self.refuse(format!("{} {} {ty} has too many elements", leaf.word(), leaf.attributes()));
        }
        let mut state = self.state.borrow_mut();
        if let Some(name) = leaf.name()
            && state.graph.leaves.contains_key(name)
        {
            let reason = format!("there are two leaves called `{name}`: give one another name");
            return self.expr_at(state.fail(Error::Build { reason, place }));
        }
        let origin = state.origin(leaf.word(), place);
        let node = state.graph_mut().push(Op::Leaf(leaf), ty, origin, &[]);
        self.expr_at(node)
    }

    fn expr_at(&self, index: u32) -> Expr<'_> {
        Expr { builder: self, index }
    }

    /// Reads the graph under construction, even if it has an error.
    pub(super) fn read<R>(&self, f: impl FnOnce(&Graph) -> R) -> R {
        f(&self.state.borrow().graph)
    }

    /// See [`Expr::named`].
    pub(super) fn name(&self, index: u32, name: &str, place: Place) -> u32 {
        let state = &mut *self.state.borrow_mut();
        let origin = state.graph.at(index as usize).origin.clone();
        if origin.role != Role::Forward {
            return index;
        }
        let label = Label { layer: state.layer.clone(), name: name.into(), step: state.step };
        if let Some(&other) = state.graph.names.get(&label) {
            if other == index {
                return index;
            }
            let reason = format!(
                "`{label}` is already the name of another node: name it otherwise, or in a layer of its own"
            );
            return state.fail(Error::Build { reason, place });
        }
        let unclaimed = state.unclaimed;
        state.unclaimed = unclaimed.max(index + 1);
        let graph = state.graph_mut();
        // The first name of a node is its name; later ones are aliases.
        let is_leaf = matches!(graph.at(index as usize).op, Op::Leaf(_));
        if origin.name.is_none() && !is_leaf {
            let mut ordinal = 0;
            for i in unclaimed..index {
                let other = &mut graph.dag[petgraph::graph::NodeIndex::new(i as usize)];
                let free = other.origin.name.is_none() && !matches!(other.op, Op::Leaf(_));
                if free && other.origin.layer == label.layer && other.origin.step == label.step {
                    ordinal += 1;
                    other.origin.name = Some(label.name.clone());
                    other.origin.ordinal = ordinal;
                }
            }
            let named = &mut graph.dag[petgraph::graph::NodeIndex::new(index as usize)].origin;
            (named.name, named.ordinal) = (Some(label.name.clone()), 0);
            (named.layer, named.step) = (label.layer.clone(), label.step);
        }
        graph.names.insert(label, index);
        index
    }

    /// Whether each of the first `end` nodes depends on one of `on`.
    pub(crate) fn dependents(&self, on: &[Expr], end: usize) -> Vec<bool> {
        self.read(|graph| {
            let mut depends = vec![false; end];
            on.iter().filter(|x| x.position() < end).for_each(|x| depends[x.position()] = true);
            for i in 0..end {
                depends[i] |= graph.operands_at(i).any(|x| depends[x]);
            }
            depends
        })
    }

    /// Appends a node that applies an op to operands.
    #[doc(hidden)]
    pub fn application(&self, index: usize) -> (Expr<'_>, Op, Vec<Expr<'_>>) {
        self.read(|graph| {
            let operands = graph.operands_at(index).map(|x| self.expr_at(super::narrow(x))).collect();
            (self.expr_at(super::narrow(index)), graph.at(index).op.clone(), operands)
        })
    }

    /// Begins a sweep of reverse mode.
    pub(crate) fn begin_sweep(&self, outputs: &[Expr]) -> u32 {
        let mut state = self.state.borrow_mut();
        let outputs = outputs.iter().map(|y| y.index).collect();
        let graph = state.graph_mut();
        graph.sweeps.push(Sweep { outputs });
        super::narrow(graph.sweeps.len() - 1)
    }

    /// Builds nodes of the derivative of a forward node: they inherit its layer and step.
    pub(crate) fn deriving<R>(&self, role: Role, build: impl FnOnce() -> R) -> R {
        let before = {
            let state = &mut *self.state.borrow_mut();
            let before = (state.role, state.layer.clone(), state.step, state.backward);
            if let Some(of) = role.of() {
                let origin = &state.graph.at(of as usize).origin;
                (state.layer, state.step) = (origin.layer.clone(), origin.step);
            }
            (state.role, state.backward) = (role, 0);
            before
        };
        let built = build();
        let state = &mut *self.state.borrow_mut();
        (state.role, state.layer, state.step, state.backward) = before;
        state.unclaimed = super::narrow(state.graph.len());
        built
    }

    /// Records that a node is the adjoint of another. The node is named after the first forward node of which it is
    /// the adjoint.
    pub(crate) fn record_adjoint(&self, adjoint: Expr, of: u32, sweep: u32) {
        if adjoint.is_poisoned() {
            return;
        }
        let mut state = self.state.borrow_mut();
        let graph = state.graph_mut();
        graph.adjoints.insert((sweep, of), adjoint.index);
        let (layer, step) = {
            let origin = &graph.at(of as usize).origin;
            (origin.layer.clone(), origin.step)
        };
        let origin = &mut graph.dag[petgraph::graph::NodeIndex::new(adjoint.index as usize)].origin;
        if matches!(origin.role, Role::Backward { sweep: s, .. } if s == sweep) {
            origin.role = Role::Adjoint { of, sweep };
            (origin.layer, origin.step) = (layer, step);
        }
    }
}

/// A layer or a step that ends when this value is dropped.
#[derive(Debug)]
pub struct Scope<'g> {
    builder: &'g Builder,
    layer: Option<Arc<str>>,
    step: Option<u32>,
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let mut state = self.builder.state.borrow_mut();
        (state.layer, state.step) = (self.layer.take(), self.step);
    }
}

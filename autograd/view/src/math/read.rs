//! Reads nodes of a graph as formulas, with the graph's names.
//!
//! A graph stores samples as rows, `[batch, feature]`; on paper a sample is a column. So nodes with a batch axis are
//! read transposed: `x Wᵀ` is written `W x`, and `ȳᵀ x`, the gradient of W, is written `ȳ xᵀ`. This is exact for any
//! batch size: a row per sample becomes a column per sample.

use super::{Line, Math, Symbol, Time};
use autograd::graph::{Graph, NodeId, Role};
use autograd::ops::{Leaf, Op};
use autograd::{Error, Value};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The equation of a node, in the names of its operands. Unnamed operands are written out down to named ones.
///
/// ```
/// use autograd_view::math::{Form, equation};
/// use autograd::{Builder, grad, vjp};
///
/// let g = Builder::new();
/// let (w, u, b) = (g.parameter("W", [4, 3]), g.parameter("U", [4, 4]), g.parameter("b", [4]));
/// let (x, h) = (g.input("x[3]", [1, 3]), g.input("h[2]", [1, 4]));
/// let _step = g.step(3);
/// let h = (x.linear(w) + h.linear(u) + b).tanh().named("h");
/// let dw = grad(h.sum(), &[w])[0];
/// let graph = g.graph()?;
/// let write = |id| equation(&graph, id).map(|line| Form::Unicode.write(&[line]));
/// assert_eq!(write(h.id())?, "h₃ = tanh(W x₃ + U h₂ + b)\n");
/// assert_eq!(write(dw.id())?, "W̄ = ((1 − h₃²) ⊙ h̄₃) x₃ᵀ\n");
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// [`Error::Foreign`] if the handle belongs to another graph.
pub fn equation(graph: &Graph, id: NodeId) -> Result<Line, Error> {
    Reader::new(graph).equation(id)
}

/// Reads nodes of one graph. Creating it scans the graph, so one reader serves many equations.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    pub(super) graph: &'a Graph,
    /// Whether a node has a batch axis, and is written transposed.
    rows: Vec<bool>,
    /// The symbol of a node.
    symbols: HashMap<usize, Math>,
    /// The maximum number of nodes written out in one formula.
    longest: usize,
    /// For each unnamed node, the number of nodes it would add to a formula.
    sizes: Vec<usize>,
    /// The step that is called t.
    now: Option<i64>,
    pub(super) cuts: bool,
    layered: bool,
    /// Names, without times, of scalars; with `true` for those of adjoints.
    numbers: HashSet<(Symbol, bool)>,
    /// The rectified value of a node, if it has a name: `relu(a) > 0` is equivalent to `a > 0`.
    pub(super) rectified: HashMap<usize, usize>,
}

impl<'a> Reader<'a> {
    /// A reader of a graph.
    pub fn new(graph: &'a Graph) -> Self {
        let rows = super::ops::batched(graph);
        let mut reader = Self {
            graph,
            rows,
            symbols: HashMap::new(),
            longest: 40,
            sizes: Vec::new(),
            now: None,
            cuts: true,
            layered: is_layered(graph),
            numbers: HashSet::new(),
            rectified: HashMap::new(),
        };
        reader.find_symbols();
        reader.measure();
        reader
    }

    /// Allows formulas of any length: everything between two names is written out.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.longest = usize::MAX;
        self.measure();
        self
    }

    /// Writes times relative to a step: it is t, the one before it t − 1.
    #[must_use]
    pub fn from_step(mut self, step: i64) -> Self {
        self.now = Some(step);
        self
    }

    /// Sets whether stopped adjoints are written as `stop(a)`. Where only values matter they are a.
    #[must_use]
    pub fn with_cuts(self, cuts: bool) -> Self {
        Self { cuts, ..self }
    }

    /// Names unnamed nodes: formulas stop there.
    #[must_use]
    pub fn naming(mut self, names: impl IntoIterator<Item = (NodeId, Math)>) -> Self {
        self.symbols.extend(names.into_iter().map(|(id, name)| (id.index(), name)));
        self.measure();
        self
    }

    /// The equation of a node, with its name on the left. An input or parameter equals itself.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the handle belongs to another graph.
    pub fn equation(&self, id: NodeId) -> Result<Line, Error> {
        let i = self.graph.index(id)?;
        let left = self.shifted(
            self.symbols.get(&i).cloned().unwrap_or_else(|| own_symbol(self.graph, i, self.layered)),
        );
        Ok(Line { left, right: self.whole_body(i) })
    }

    /// The symbol of a node, if it has a name.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the handle belongs to another graph.
    pub fn name(&self, id: NodeId) -> Result<Option<Math>, Error> {
        Ok(self.symbols.get(&self.graph.index(id)?).cloned().map(|name| self.shifted(name)))
    }

    /// All named nodes, in no particular order, with their symbols.
    pub fn names(&self) -> impl Iterator<Item = (NodeId, Math)> + '_ {
        self.symbols.iter().map(|(&i, name)| (self.graph.id(i), self.shifted(name.clone())))
    }

    /// A node as part of a formula: a number, its name, or its formula.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the handle belongs to another graph.
    pub fn operand(&self, id: NodeId) -> Result<Math, Error> {
        Ok(self.read(self.graph.index(id)?))
    }

    /// The formula of a node.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the handle belongs to another graph.
    pub fn formula(&self, id: NodeId) -> Result<Math, Error> {
        Ok(self.whole_body(self.graph.index(id)?))
    }

    /// A node as an operand: a number, a name, or its formula.
    pub(super) fn read(&self, i: usize) -> Math {
        if let Some(number) = number(self.graph, i) {
            return self.share(i).unwrap_or(Math::Number(number));
        }
        if !self.is_short(i) {
            return self.body(i);
        }
        let name = self.symbols.get(&i).cloned();
        self.shifted(name.unwrap_or_else(|| own_symbol(self.graph, i, self.layered)))
    }

    /// Whether a node is written as a name or a number.
    pub(super) fn is_short(&self, i: usize) -> bool {
        self.symbols.contains_key(&i)
            || self.sizes[i] > self.longest
            || matches!(self.graph.at(i).op, Op::Leaf(_))
    }

    /// Whether a node has a batch axis, and is written transposed.
    pub(super) fn is_rows(&self, i: usize) -> bool {
        self.rows[i]
    }

    /// Rows and columns of a node in the written form.
    pub(super) fn dims(&self, i: usize) -> [usize; 2] {
        match (&self.graph.at(i).ty.shape[..], self.rows[i]) {
            ([], _) => [1, 1],
            (&[n], false) => [n, 1],
            (&[n], true) => [1, n],
            (&[.., r, c], false) => [r, c],
            (&[.., r, c], true) => [c, r],
        }
    }

    /// The value of a node in the written form: a column per sample.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the handle belongs to another graph; [`Error::Value`] if the value is not a matrix of
    /// real numbers, or truth values, of the node's shape.
    pub fn matrix(&self, id: NodeId, value: &Value<f64>) -> Result<ndarray::Array2<f64>, Error> {
        let i = self.graph.index(id)?;
        let wrong = |reason: String| Error::Value { node: self.graph.name_at(i), reason };
        value.fits(&self.graph.at(i).ty).map_err(wrong)?;
        let value = match value {
            Value::Float(value) => value.clone(),
            Value::Bool(value) => value.mapv(|holds| f64::from(u8::from(holds))),
            Value::Index(_) => return Err(wrong("it holds whole numbers".into())),
        };
        if value.ndim() > 2 {
            return Err(wrong("it has more than two axes".into()));
        }
        let [r, c] = self.dims(i);
        let turn = self.rows[i] && value.ndim() == 2;
        let value = value.as_standard_layout().into_owned();
        let shape = if turn { [c, r] } else { [r, c] };
        let matrix = value.into_shape_with_order(shape).map_err(|e| wrong(e.to_string()))?;
        Ok(if turn { matrix.reversed_axes() } else { matrix })
    }

    /// A symbol relative to the step that is called t.
    fn shifted(&self, math: Math) -> Math {
        let Some(now) = self.now else { return math };
        match math {
            Math::Symbol(symbol) => match symbol.time {
                // The step number is t itself.
                Some(Time::Step(step)) if symbol.base == "t" && symbol.subscripts.is_empty() => {
                    let t = Math::Symbol(Symbol { time: None, ..symbol });
                    super::simplify::sum(vec![t, Math::Number((step - now) as f64)])
                }
                Some(Time::Step(step)) => symbol.at(step - now).into(),
                _ => symbol.into(),
            },
            Math::Adjoint(of) => Math::Adjoint(self.shifted(*of).into()),
            other => other,
        }
    }

    fn find_symbols(&mut self) {
        let graph = self.graph;
        let layered = self.layered;
        let named = |i: usize| {
            let node = graph.at(i);
            match &node.op {
                Op::Leaf(leaf) => leaf.name().is_some(),
                _ => {
                    node.origin.role == Role::Forward
                        && node.origin.name.is_some()
                        && node.origin.ordinal == 0
                }
            }
        };
        let mut taken: HashSet<Symbol> = HashSet::new();
        for i in (0..graph.len()).filter(|&i| named(i)) {
            let symbol = own_symbol(graph, i, layered);
            // `h1` and `h_1` print alike: the second is written as typed.
            let alike = matches!(&symbol, Math::Symbol(symbol) if !taken.insert(symbol.clone()));
            let symbol = if alike { as_typed(graph, i, symbol) } else { symbol };
            self.symbols.insert(i, symbol);
            if matches!(graph.at(i).op, Op::Relu(_)) {
                self.rectified.extend(graph.operands_at(i).map(|x| (x, i)));
            }
        }
        // One node can be the adjoint of several. The last of them in execution order names it.
        let mut adjoints: Vec<((u32, usize), usize)> =
            graph.adjoints().filter(|&((_, of), _)| named(of)).collect();
        adjoints.sort_unstable_by_key(|&((sweep, of), _)| (sweep, std::cmp::Reverse(of)));
        for ((sweep, of), adjoint) in adjoints {
            if number(graph, adjoint).is_none() {
                let name = adjoint_of(self.symbols[&of].clone(), sweep);
                self.symbols.entry(adjoint).or_insert(name);
            }
        }
    }

    /// Whether a name is that of a scalar.
    pub(super) fn is_number_named(&self, name: &Symbol, adjoint: bool) -> bool {
        self.numbers.contains(&(Symbol { time: None, ..name.clone() }, adjoint))
    }

    /// Computes the lengths of formulas. A node whose formula is too long gets a name.
    fn measure(&mut self) {
        let mut sizes = vec![1usize; self.graph.len()];
        for i in 0..self.graph.len() {
            let size = |x: usize| {
                if self.symbols.contains_key(&x) || sizes[x] > self.longest { 1 } else { sizes[x] }
            };
            sizes[i] = self.graph.operands_at(i).map(size).fold(1, usize::saturating_add);
        }
        self.sizes = sizes;
        let plain = |symbol: &Symbol, adjoint| (Symbol { time: None, ..symbol.clone() }, adjoint);
        let one = self.symbols.iter().filter(|&(&i, _)| self.dims(i) == [1, 1]);
        let names = one.filter_map(|(_, name)| match name {
            Math::Symbol(symbol) => Some(plain(symbol, false)),
            Math::Adjoint(of) => match &**of {
                Math::Symbol(symbol) => Some(plain(symbol, true)),
                _ => None,
            },
            _ => None,
        });
        self.numbers = names.collect();
    }
}

fn is_layered(graph: &Graph) -> bool {
    let layers = graph.ids().filter_map(|id| graph.at(id.index()).origin.layer.as_deref());
    layers.collect::<BTreeSet<_>>().len() > 1
}

/// The value of a node with equal elements.
pub(super) fn number(graph: &Graph, i: usize) -> Option<f64> {
    match &graph.at(i).op {
        Op::Leaf(Leaf::Constant(value)) => match &**value {
            Value::Float(a) if a.len() == 1 => a.first().copied(),
            _ => None,
        },
        Op::Broadcast(_) if graph.at(i).origin.name.is_none() => number(graph, graph.operands_at(i).next()?),
        _ => None,
    }
}

fn adjoint_of(of: Math, sweep: u32) -> Math {
    let mark = |symbol: Symbol| {
        let count = (sweep > 0).then(|| format!("∂{}", sweep + 1));
        Symbol { above: symbol.above.into_iter().chain(count).collect(), ..symbol }
    };
    match of {
        Math::Symbol(symbol) => Math::Adjoint(mark(symbol).into()),
        of => Math::Adjoint(of.into()),
    }
}

/// The symbol of a node from its origin, even without a name: `h₃` for `l0/h[3]`, `h⁽#2⁾₃` for `l0/h[3]#2`.
fn own_symbol(graph: &Graph, i: usize, layered: bool) -> Math {
    let node = graph.at(i);
    if let Op::Leaf(leaf) = &node.op
        && let Some(name) = leaf.name()
    {
        return of_leaf(name);
    }
    let origin = &node.origin;
    let counted = |symbol: Symbol| {
        let count = (origin.ordinal > 0).then(|| format!("#{}", origin.ordinal));
        Symbol { above: symbol.above.into_iter().chain(count).collect(), ..symbol }
    };
    match origin.role {
        Role::Adjoint { of, sweep } => adjoint_of(own_symbol(graph, of as usize, layered), sweep),
        Role::Backward { of, sweep } => match own_symbol(graph, of as usize, layered) {
            Math::Symbol(symbol) => adjoint_of(counted(symbol).into(), sweep),
            of => adjoint_of(of, sweep),
        },
        Role::Forward => {
            let name = origin.name.as_deref().unwrap_or(node.op.name());
            let mut symbol = Symbol::of(&name.replace(['.', '-'], "_"));
            if layered && let Some(layer) = origin.layer.as_deref() {
                let number =
                    layer.strip_prefix('l').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
                symbol.above.push(number.unwrap_or(layer).replace("/fwd", "").replace("/reverse", "←"));
            }
            symbol.time = origin.step.map(|step| Time::Step(step.into()));
            counted(symbol).into()
        }
    }
}

/// The name as one identifier, without subscripts.
fn as_typed(graph: &Graph, i: usize, symbol: Math) -> Math {
    let Math::Symbol(symbol) = symbol else { return symbol };
    let node = graph.at(i);
    let leaf = if let Op::Leaf(leaf) = &node.op { leaf.name() } else { None };
    let name = leaf.or(node.origin.name.as_ref()).map_or("", |name| name);
    let base = name.split('[').next().unwrap_or(name).into();
    Math::Symbol(Symbol { base, subscripts: Vec::new(), ..symbol })
}

/// `h[2]` is h at step 2, `∂h` its adjoint; in `head.weight` the second word is the letter.
fn of_leaf(name: &str) -> Math {
    if let Some(of) = name.strip_prefix('∂') {
        return Math::Adjoint(of_leaf(of).into());
    }
    let step = name.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    let step = step.and_then(|(rest, step)| Some((rest, step.parse::<i64>().ok()?)));
    let (name, time) = step.map_or((name, None), |(rest, step)| (rest, Some(Time::Step(step))));
    let (path, last) = name.rsplit_once('.').unwrap_or(("", name));
    let mut symbol = Symbol::of(&last.replace('-', "_"));
    if symbol.subscripts.is_empty() && !path.is_empty() {
        symbol.subscripts = path.split('.').map(Into::into).collect();
    }
    Math::Symbol(Symbol { time, ..symbol })
}

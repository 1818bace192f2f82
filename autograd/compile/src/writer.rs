//! Writes the graph of a pass: every node is canonicalised as it is written, by algebraic simplification, constant
//! folding and common subexpression elimination (CSE).

use super::program::{NONE, Program, anonymous};
use super::provenance::{Provenance, Union};
use super::rules;
use autograd::graph::Graph;
use autograd::ops::{Concat, Leaf, Op};
use autograd::{Kind, Type, Value};
use hashbrown::{DefaultHashBuilder, HashTable};
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

/// The canonicalisations of written nodes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Canonicalize {
    /// Algebraic simplification, by the rules of `rules.rs`.
    pub simplify: bool,
    /// Constant folding: nodes that depend on small constants alone become constants.
    pub fold: bool,
    /// Common subexpression elimination: nodes with the same op and operands are merged.
    pub cse: bool,
}

impl Canonicalize {
    /// All of them.
    pub const ALL: Self = Self { simplify: true, fold: true, cse: true };
}

/// The maximum size of a constant that is folded at compile time.
const SMALL: usize = 64;

/// Writes the graph of a pass.
pub(super) struct Writer {
    pub graph: Graph,
    canonicalize: Canonicalize,
    /// Whether products with a transposed operand are kept: they were laid out on purpose.
    pub keeps_transposes: bool,
    /// Nodes by op and operands, with their hash.
    known: HashTable<(u64, u32)>,
    hasher: DefaultHashBuilder,
    /// For each node of the old graph, its position in the new one.
    place: Vec<u32>,
    of: Vec<Union>,
    current: Union,
    /// The cached list of `current`.
    whole: Option<Provenance>,
    /// The start of each operand of a concatenation, cached.
    borders: HashMap<u32, Vec<usize>>,
    /// The number of applications of each rule.
    pub counts: BTreeMap<&'static str, usize>,
}

impl Writer {
    pub fn new(canonicalize: Canonicalize) -> Self {
        Self {
            graph: Graph::new(),
            canonicalize,
            keeps_transposes: false,
            known: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            place: Vec::new(),
            of: Vec::new(),
            current: Union::default(),
            whole: None,
            borders: HashMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Reserves room for a graph like this one.
    pub fn begin(&mut self, graph: &Graph) {
        let n = graph.len();
        self.place = vec![NONE; n];
        self.graph = Graph::with_capacity(n, graph.links());
        self.of.reserve(n);
        self.known.reserve(n, |&(hash, _)| hash);
    }

    /// Whether node `v` has been written.
    pub fn has(&self, v: usize) -> bool {
        self.place[v] != NONE
    }

    /// The new position of node `v`, which has been written.
    pub fn at(&self, v: usize) -> u32 {
        debug_assert!(self.has(v), "a rewrite names all that it needs");
        self.place[v]
    }

    /// Records that node `v` has been written at `new`.
    pub fn set(&mut self, v: usize, new: u32) {
        self.place[v] = new;
    }

    /// Nodes written from here on stem from these source nodes.
    pub fn of(&mut self, sources: &Provenance) {
        self.of_none();
        self.of_also(sources);
    }

    /// Nodes written from here on stem from no source node, yet.
    pub fn of_none(&mut self) {
        self.current = Union::default();
        self.whole = None;
    }

    /// Adds source nodes for the nodes written from here on.
    pub fn of_also(&mut self, sources: &Provenance) {
        self.current.add(sources);
        self.whole = None;
    }

    /// Takes the graph, and the provenance of its nodes.
    pub fn take(&mut self) -> (Graph, Vec<Provenance>) {
        let of = std::mem::take(&mut self.of).into_iter().map(Union::sources).collect();
        (std::mem::replace(&mut self.graph, Graph::new()), of)
    }

    /// Counts an application of a rule.
    pub fn count(&mut self, rule: &'static str) {
        *self.counts.entry(rule).or_default() += 1;
    }

    /// Copies node `v`, with its operands' new positions.
    pub fn copy(&mut self, p: &Program, v: usize) -> u32 {
        let node = p.graph.at(v);
        let operands: SmallVec<[u32; 8]> = p.graph.operands_at(v).map(|x| self.at(x)).collect();
        if operands.is_empty() {
            self.insert(node.op.clone(), &[], Some(&node.ty))
        } else {
            // Operands have their old types, and so has the node.
            self.add_typed(node.op.clone(), &operands, Some(&node.ty))
        }
    }

    /// A value as a constant.
    pub fn constant(&mut self, value: Value<f64>) -> u32 {
        let ty = Type { kind: kind(&value), shape: value.shape() };
        self.insert(Op::Leaf(Leaf::Constant(Arc::new(value))), &[], Some(&ty))
    }

    /// Applies an op to operands: a new node, or an existing equal one.
    pub fn add(&mut self, op: impl Into<Op>, operands: &[u32]) -> u32 {
        self.add_typed(op.into(), operands, None)
    }

    /// As [`Writer::add`], for a value whose type may be known.
    fn add_typed(&mut self, op: Op, operands: &[u32], ty: Option<&Type>) -> u32 {
        if self.canonicalize.simplify
            && let Some(simple) = rules::simplify(self, &op, operands)
        {
            return simple;
        }
        if self.canonicalize.fold
            && let Some(value) = self.fold(&op, operands)
        {
            self.count("fold");
            return self.constant(value);
        }
        self.insert(op, operands, ty)
    }

    /// As [`Writer::add`], for one of many parts of a node: its provenance is that of its operands, not of the whole.
    pub fn add_part(&mut self, op: impl Into<Op>, operands: &[u32]) -> u32 {
        let mut parts = Union::default();
        operands.iter().for_each(|&x| parts.add_all(&self.of[x as usize]));
        let whole = (std::mem::replace(&mut self.current, parts), self.whole.take());
        let part = self.add(op, operands);
        (self.current, self.whole) = whole;
        part
    }

    /// The value of an op on constants, if they and it are small.
    fn fold(&self, op: &Op, operands: &[u32]) -> Option<Value<f64>> {
        let constant = |&x: &u32| match &self.graph.at(x as usize).op {
            Op::Leaf(Leaf::Constant(value)) if value.shape().count() <= SMALL => Some(&**value),
            _ => None,
        };
        let values: Vec<&Value<f64>> = operands.iter().map(constant).collect::<Option<_>>()?;
        let types: Vec<Type> = operands.iter().map(|&x| self.ty(x).clone()).collect();
        // A broadcast is not folded: its readers do it themselves.
        let operator = op.operator().filter(|_| !matches!(op, Op::Custom(_) | Op::Broadcast(_)))?;
        (operator.infer(&types).ok()?.shape.count() <= SMALL).then(|| operator.eval_f64(&values))
    }

    /// An existing equal node, or a new one. A leaf has a type; that of another node may be known.
    fn insert(&mut self, op: Op, operands: &[u32], ty: Option<&Type>) -> u32 {
        let hash = self.hasher.hash_one((&op, operands));
        if self.canonicalize.cse || matches!(op, Op::Leaf(_)) {
            let graph = &self.graph;
            let same = |&(known, i): &(u64, u32)| {
                known == hash
                    && graph.at(i as usize).op == op
                    && graph.operands_at(i as usize).map(super::narrow).eq(operands.iter().copied())
            };
            if let Some(&(_, known)) = self.known.find(hash, same) {
                self.stands(known);
                return known;
            }
        }
        let origin = anonymous(autograd::Place::caller());
        let ty = ty.cloned().unwrap_or_else(|| self.infer(&op, operands));
        let node = self.graph.push(op, ty, origin, operands);
        self.of.push(Union::default());
        self.stands(node);
        self.known.insert_unique(hash, (hash, node), |&(hash, _)| hash);
        node
    }

    /// Adds the current provenance to a written node.
    fn stands(&mut self, node: u32) {
        let current = &self.current;
        let whole = self.whole.get_or_insert_with(|| current.clone().sources());
        self.of[node as usize].add(whole);
    }

    fn infer(&self, op: &Op, operands: &[u32]) -> Type {
        let types: SmallVec<[Type; 4]> = operands.iter().map(|&x| self.ty(x).clone()).collect();
        let operator = op.operator().expect("leaves bring their type");
        // Old types were consistent, and rewrites respect the shape rules.
        operator
            .infer(&types)
            .unwrap_or_else(|why| panic!("a rewrite made {} of {types:?}: {why}", op.name()))
    }

    /// The type of a node that has been written.
    pub fn ty(&self, x: u32) -> &Type {
        &self.graph.at(x as usize).ty
    }

    /// The shape of a node that has been written.
    pub fn shape(&self, x: u32) -> &[usize] {
        &self.ty(x).shape
    }

    /// The op of a node that has been written.
    pub fn op(&self, x: u32) -> &Op {
        &self.graph.at(x as usize).op
    }

    /// The operand of a concatenation that starts at a position of its axis.
    pub fn part_at(&mut self, concat: u32, start: usize) -> Option<u32> {
        let graph = &self.graph;
        let &Op::Concat(Concat { axis }) = &graph.at(concat as usize).op else { return None };
        let borders = self.borders.entry(concat).or_insert_with(|| {
            let sizes = graph.operands_at(concat as usize).map(|x| graph.at(x).ty.shape[axis]);
            sizes.scan(0, |end, size| Some(std::mem::replace(end, *end + size))).collect()
        });
        // Among empty operands at one position the last one has the elements.
        let i = borders.partition_point(|&at| at <= start).checked_sub(1)?;
        (borders[i] == start).then(|| graph.operands_at(concat as usize).nth(i).map(super::narrow))?
    }

    /// The operands of a node that has been written.
    pub fn operands(&self, x: u32) -> SmallVec<[u32; 8]> {
        self.graph.operands_at(x as usize).map(super::narrow).collect()
    }
}

fn kind(value: &Value<f64>) -> Kind {
    match value {
        Value::Float(_) => Kind::Float,
        Value::Index(a) => Kind::Index { below: a.iter().max().map_or(0, |&i| i + 1) },
        Value::Bool(_) => Kind::Bool,
    }
}

//! Reads a graph from its JSON dump, for drawing and comparison, not for evaluation.
//!
//! An op whose name determines it becomes that op. For others only the name and notation are known: they are
//! [`Recorded`], and compute nothing.

use autograd::graph::{Graph, Origin, Role};
use autograd::ops::{Adjoint, Compare, Custom, Leaf, Notation, Op, Operator, Relation, Sample, Sampler};
use autograd::{Error, Expr, Kind, Place, Scalar, Type, Value, kernels};
use ndarray::ArrayD;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Deserialize)]
struct NodeLink {
    nodes: Vec<Node>,
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Node {
    id: usize,
    name: String,
    op: String,
    #[serde(default)]
    attributes: String,
    kind: String,
    below: Option<usize>,
    shape: Vec<usize>,
    layer: Option<String>,
    step: Option<u32>,
    gate: Option<String>,
    #[serde(default)]
    ordinal: u32,
    role: String,
    of: Option<usize>,
    #[serde(default)]
    sweep: u32,
}

#[derive(Deserialize)]
struct Link {
    source: usize,
    target: usize,
    port: usize,
}

/// An op of which only the text is known. Its values are not numbers.
#[derive(Debug)]
struct Recorded {
    like: Op,
    attributes: String,
    ty: Type,
}

impl Recorded {
    fn kernel<S: Scalar>(&self, _: &[&Value<S>]) -> Value<S> {
        Value::Float(ArrayD::from_elem(&self.ty.shape[..], S::of(f64::NAN)))
    }
}

impl Operator for Recorded {
    kernels!();

    fn name(&self) -> &'static str {
        self.like.name()
    }

    fn infer(&self, _: &[Type]) -> Result<Type, String> {
        Ok(self.ty.clone())
    }

    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, _: Expr<'g>) -> Adjoint<'g> {
        Adjoint::NotDefined
    }

    fn notation(&self) -> Notation {
        self.like.operator().map_or(Notation::Function, Operator::notation)
    }

    fn attributes(&self) -> String {
        self.attributes.clone()
    }

    fn sample(sampler: &mut Sampler) -> Sample<Self> {
        let (like, ty) = (Op::Neg(autograd::ops::Neg), Type::float([]));
        let operand = sampler.float([], autograd::ops::Domain::reals(-1.0, 1.0));
        Sample::new(Self { like, attributes: String::new(), ty }, [operand])
    }
}

/// The maximum number of elements of a constant.
const LARGEST_CONSTANT: usize = 1 << 26;

/// Reads the output of [`json`](super::json()).
///
/// # Errors
/// [`Error::Dump`] if the text is not such a dump, or is that of a rolled graph, whose steps read themselves.
pub fn read_json(text: &str) -> Result<Graph, Error> {
    let dump: NodeLink = serde_json::from_str(text).map_err(|e| Error::Dump { reason: e.to_string() })?;
    let mut operands: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
    for link in &dump.links {
        operands.entry(link.target).or_default().push((link.port, link.source));
    }
    // A comparison has the name of its relation, and the samples have only one.
    let samples = Op::samples(&mut Sampler::new(0)).into_iter().map(|sample| sample.op);
    let ops = samples.chain(Relation::ALL.map(|relation| Op::Compare(Compare(relation))));
    let known: HashMap<&str, Op> = ops.map(|op| (op.name(), op)).collect();
    let mut graph = Graph::new();
    let sweeps = dump.nodes.iter().map(|node| node.sweep as usize + 1).max().unwrap_or(0);
    if sweeps > dump.nodes.len() {
        let reason = format!("{sweeps} sweeps of {} nodes", dump.nodes.len());
        return Err(Error::Dump { reason });
    }
    graph.set_sweeps(sweeps);
    let mut place: HashMap<usize, u32> = HashMap::new();
    for node in dump.nodes {
        let mut read = operands.remove(&node.id).unwrap_or_default();
        read.sort_unstable();
        let late = |x: usize| Error::Dump {
            reason: format!(
                "`{}` reads node {x}, which does not come before it: compare dumps made without --rolled",
                node.name
            ),
        };
        let read: Vec<u32> = read
            .into_iter()
            .map(|(_, x)| place.get(&x).copied().ok_or_else(|| late(x)))
            .collect::<Result<_, _>>()?;
        let ty = node.ty()?;
        // A constant is read with all its elements; other nodes have none.
        let most = if node.op == "constant" { LARGEST_CONSTANT } else { usize::MAX };
        if ty.shape.checked_count().is_none_or(|count| count > most) {
            return Err(Error::Dump {
                reason: format!("`{}` has too many elements: {}", node.name, ty.shape),
            });
        }
        let origin = node.origin(&place);
        let at = graph.push(node.op(ty.clone(), &known), ty, origin, &read);
        place.insert(node.id, at);
    }
    Ok(graph)
}

impl Node {
    fn ty(&self) -> Result<Type, Error> {
        match (self.kind.as_str(), self.below) {
            ("float", _) => Ok(Type::float(&self.shape[..])),
            ("index", Some(below)) => Ok(Type::index(&self.shape[..], below)),
            ("bool", _) => Ok(Type::bool(&self.shape[..])),
            (kind, _) => {
                Err(Error::Dump { reason: format!("`{}` is of an unknown kind, `{kind}`", self.name) })
            }
        }
    }

    fn origin(&self, place: &HashMap<usize, u32>) -> Origin {
        let of = self.of.and_then(|of| place.get(&of).copied());
        let role = match (self.role.as_str(), of) {
            ("adjoint", Some(of)) => Role::Adjoint { of, sweep: self.sweep },
            ("backward", Some(of)) => Role::Backward { of, sweep: self.sweep },
            _ => Role::Forward,
        };
        Origin {
            layer: self.layer.as_deref().map(Arc::from),
            name: self.gate.as_deref().filter(|_| role == Role::Forward).map(Arc::from),
            step: self.step,
            ordinal: self.ordinal,
            role,
            place: Place::caller(),
        }
    }

    fn op(&self, ty: Type, known: &HashMap<&str, Op>) -> Op {
        let name: Arc<str> = self.name.as_str().into();
        match self.op.as_str() {
            "parameter" => return Op::Leaf(Leaf::Parameter { name }),
            "input" => {
                let axis = self.attributes.rsplit_once(" batch=").and_then(|(_, axis)| axis.parse().ok());
                return Op::Leaf(Leaf::Input { name, batch_axis: axis });
            }
            "constant" => {
                if let (Kind::Float, Ok(x)) = (ty.kind, self.attributes.parse::<f64>()) {
                    return autograd::ops::leaf_constant(ArrayD::from_elem(&ty.shape[..], x).into());
                }
            }
            op => {
                if let Some(op) =
                    known.get(op).filter(|op| self.attributes.is_empty() && op.attributes().is_empty())
                {
                    return op.clone();
                }
            }
        }
        let like = known.get(self.op.as_str()).cloned();
        // A custom op is identified by its name, with which the recorded text starts.
        let attributes = match &like {
            Some(_) => self.attributes.clone(),
            None => format!("{} {}", self.op, self.attributes).trim_end().into(),
        };
        let like =
            like.unwrap_or_else(|| autograd::ops::leaf_constant(Value::Float(ArrayD::zeros(&[0][..]))));
        Op::Custom(Custom(Arc::new(Recorded { like, attributes, ty })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::{self, Options};
    use autograd::{Builder, grad};

    #[test]
    fn a_dump_read_back_is_dumped_the_same() {
        let g = Builder::new();
        let (x, w) = (g.input("x", [3, 1, 2]), g.parameter("w", [4, 2]));
        let mut h = g.zeros([1, 4]).named("h[0]");
        for t in 1..=3 {
            let (_layer, _step) = (g.layer("l0"), g.step(t));
            h = (x.at(0, t - 1).linear(w) * 0.5 + h).tanh().named("h");
        }
        grad(h.powi(2).sum(), &[w]);
        let graph = g.graph().unwrap();
        let read = read_json(&draw::json(&graph, &Options::default())).unwrap();
        assert_eq!(read.text(), graph.text());
    }

    #[test]
    fn what_is_no_dump_is_refused() {
        assert!(read_json("{}").unwrap_err().to_string().contains("missing field `nodes`"));
        assert!(read_json("x").is_err());
    }

    #[test]
    fn a_small_file_cannot_ask_for_all_memory() {
        let g = Builder::new();
        let _ = (g.constant(ndarray::arr1(&[0.5, 0.5])) * 2.0).exp();
        let json = draw::json(&g.graph().unwrap(), &Options::default());
        let dump: serde_json::Value = serde_json::from_str(&json).unwrap();
        let constant =
            dump["nodes"].as_array().unwrap().iter().position(|node| node["op"] == "constant").unwrap();
        let said = |key: &str, value: serde_json::Value| {
            let mut dump = dump.clone();
            dump["nodes"][constant][key] = value;
            read_json(&dump.to_string()).unwrap_err().to_string()
        };
        assert!(said("sweep", u32::MAX.into()).contains("sweeps of"));
        assert!(said("shape", vec![1_usize << 40, 1 << 40].into()).contains("too many elements"));
        assert!(said("shape", vec![100_000, 100_000].into()).contains("too many elements"));
    }
}

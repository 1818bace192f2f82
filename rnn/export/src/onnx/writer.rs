//! Writes ONNX node by node: each method adds one and returns the name of its result.

use super::proto::{Attribute, AttributeType, DataType, Node, Tensor};
use std::collections::{HashMap, HashSet};

/// An attribute of a node.
#[derive(Clone, Debug)]
pub(crate) enum Value<'v> {
    Int(i64),
    Ints(Vec<i64>),
    Text(&'v str),
    Texts(Vec<&'v str>),
}

impl Value<'_> {
    fn named(self, name: &str) -> Attribute {
        let mut attribute = Attribute { name: name.into(), ..Attribute::default() };
        let of = match self {
            Self::Int(i) => {
                attribute.i = Some(i);
                AttributeType::Int
            }
            Self::Ints(ints) => {
                attribute.ints = ints;
                AttributeType::Ints
            }
            Self::Text(text) => {
                attribute.s = Some(text.into());
                AttributeType::String
            }
            Self::Texts(texts) => {
                attribute.strings = texts.into_iter().map(Into::into).collect();
                AttributeType::Strings
            }
        };
        attribute.set_type(of);
        attribute
    }
}

/// A graph under construction.
#[derive(Debug)]
pub(crate) struct Writer {
    /// The element type of real numbers.
    pub real: DataType,
    pub nodes: Vec<Node>,
    pub initializers: Vec<Tensor>,
    /// Constants by content, so that each is written once.
    constants: HashMap<(Vec<u8>, Vec<i64>, DataType), String>,
    used: HashSet<String>,
    /// The name of the current node.
    here: String,
}

impl Writer {
    pub fn new(real: DataType) -> Self {
        Self {
            real,
            nodes: Vec::new(),
            initializers: Vec::new(),
            constants: HashMap::new(),
            used: HashSet::new(),
            here: String::new(),
        }
    }

    /// Names the nodes that follow after this graph node.
    pub fn locate(&mut self, name: String) {
        self.here = name;
    }

    /// An unused name: the given one, or with a numeric suffix.
    pub fn fresh(&mut self, name: &str) -> String {
        let numbered = (2usize..).map(|n| format!("{name}~{n}"));
        let free = |name: &String| !self.used.contains(name);
        let name = [name.to_owned()].into_iter().chain(numbered).find(free).expect("there is no last number");
        self.used.insert(name.clone());
        name
    }

    /// A node with one result.
    pub fn node(&mut self, op: &str, inputs: &[&str], attributes: &[(&str, Value)]) -> String {
        let name = self.fresh(&self.here.clone());
        self.add(op, inputs, &[&name], attributes);
        name
    }

    /// A node.
    pub fn add(&mut self, op: &str, inputs: &[&str], outputs: &[&str], attributes: &[(&str, Value)]) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.nodes.push(Node {
            input: owned(inputs),
            output: owned(outputs),
            name: outputs.iter().find(|name| !name.is_empty()).map_or_else(String::new, |&n| n.to_owned()),
            op_type: op.into(),
            domain: String::new(),
            attribute: attributes.iter().map(|(name, value)| value.clone().named(name)).collect(),
        });
    }

    /// A constant, or an existing equal one.
    fn constant(&mut self, bytes: Vec<u8>, dims: &[usize], of: DataType) -> String {
        let key = (bytes, signed(dims), of);
        if let Some(known) = self.constants.get(&key) {
            return known.clone();
        }
        let name = self.fresh("constant");
        self.initializers.push(tensor(&name, key.0.clone(), dims, of));
        self.constants.insert(key, name.clone());
        name
    }

    /// An array of real numbers.
    #[allow(clippy::cast_possible_truncation)] // single precision is what was asked for
    pub fn reals(&mut self, x: impl IntoIterator<Item = f64>, dims: &[usize], of: DataType) -> String {
        let bytes = match of {
            DataType::Float => x.into_iter().flat_map(|x| (x as f32).to_le_bytes()).collect(),
            _ => x.into_iter().flat_map(f64::to_le_bytes).collect(),
        };
        self.constant(bytes, dims, of)
    }

    /// A learned array, under its own name.
    pub fn weight(&mut self, name: &str, array: &ndarray::ArrayD<f32>) -> String {
        let name = self.fresh(name);
        let bytes = array.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.initializers.push(tensor(&name, bytes, array.shape(), DataType::Float));
        name
    }

    /// A real number.
    pub fn number(&mut self, x: f64) -> String {
        self.reals([x], &[], self.real)
    }

    /// An array of unsigned whole numbers.
    pub fn unsigned(&mut self, n: impl IntoIterator<Item = u64>, dims: &[usize]) -> String {
        let bytes = n.into_iter().flat_map(u64::to_le_bytes).collect();
        self.constant(bytes, dims, DataType::Uint64)
    }

    /// An array of whole numbers.
    pub fn integers(&mut self, n: impl IntoIterator<Item = i64>, dims: &[usize]) -> String {
        let bytes = n.into_iter().flat_map(i64::to_le_bytes).collect();
        self.constant(bytes, dims, DataType::Int64)
    }

    /// Sizes or axes in a row.
    pub fn sizes(&mut self, sizes: &[usize]) -> String {
        self.integers(signed(sizes), &[sizes.len()])
    }

    /// Truth values.
    pub fn truths(&mut self, b: impl IntoIterator<Item = bool>, dims: &[usize]) -> String {
        self.constant(b.into_iter().map(u8::from).collect(), dims, DataType::Bool)
    }
}

/// Sizes in ONNX's integer type.
#[allow(clippy::cast_possible_wrap)] // no array has so many places
pub(crate) fn signed(sizes: &[usize]) -> Vec<i64> {
    sizes.iter().map(|&n| n as i64).collect()
}

/// An array with its elements as bytes.
pub(crate) fn tensor(name: &str, bytes: Vec<u8>, dims: &[usize], of: DataType) -> Tensor {
    let mut tensor =
        Tensor { name: name.into(), dims: signed(dims), raw_data: Some(bytes), ..Tensor::default() };
    tensor.set_data_type(of);
    tensor
}

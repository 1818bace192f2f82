//! A linear layer after the recurrent ones: `Gemm`, or `MatMul` with or without `Add`, and what follows it.

use super::file::File;
use super::laid::{Axis, Laid};
use super::layout::{BETWEEN, Before};
use super::{attribute, named, refused, whole};
use crate::import::{Function, ImportError, Linear};
use crate::onnx::proto::{Graph, Node};
use ndarray::{Array1, Array2, ArrayD, Ix2};

/// Operators that may stand before or after a linear layer.
const PASSED: [&str; 14] = [
    "Identity",
    "Dropout",
    "Cast",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Concat",
    "Slice",
    "Gather",
    "ReduceMean",
    "Softmax",
    "LogSoftmax",
    "Sigmoid",
];

/// A product with a constant matrix, and its bias.
struct Product<'n> {
    /// The node of the product.
    node: &'n Node,
    /// What is multiplied.
    operand: &'n str,
    /// The node that adds the bias, and the operand that it is added to.
    sum: Option<(&'n Node, &'n str)>,
    /// `[outputs, features]`
    weight: Array2<f32>,
    bias: Array1<f32>,
}

impl<'a> File<'a> {
    /// The linear layers that lead from the last recurrent layer to an output of the file, and what else leads there.
    pub fn heads(
        &mut self,
        graph: &'a Graph,
        last: &'a Node,
        directions: usize,
        hidden: usize,
    ) -> (Vec<Linear>, Option<String>) {
        let (mut heads, mut after): (Vec<Linear>, _) = (Vec::new(), None);
        for output in &graph.output {
            match self.linear(&output.name, last, directions, hidden) {
                // Several outputs may be functions of one head, as a class and its probability are: the first counts.
                Ok(Some(head)) if heads.iter().all(|known| known.name != head.name) => heads.push(head),
                Ok(_) => {}
                Err(why) => after = after.or(Some(why.to_string())),
            }
        }
        (heads, after)
    }

    /// The linear layer that leads to an output; `None` if the output is states.
    fn linear(
        &mut self,
        output: &'a str,
        last: &'a Node,
        directions: usize,
        hidden: usize,
    ) -> Result<Option<Linear>, ImportError> {
        let (mut name, mut function, mut reduced) = (output, None, None);
        let node = loop {
            let Some(maker) = self.makers.get(name).copied() else { return Ok(None) };
            if matches!(&*maker.op_type, "Softmax" | "LogSoftmax" | "Sigmoid") {
                function = function.or(Some(maker));
            }
            match &*maker.op_type {
                "RNN" | "LSTM" | "GRU" => {
                    if let Some(node) = function {
                        return Err(refused(node, "is a function of the states, and no head"));
                    }
                    let layer = Before::layer(last, directions, hidden);
                    return match reduced {
                        Some(node) => {
                            self.laid(output, &layer, node, BETWEEN)?.is_all_states(node).map(|()| None)
                        }
                        None => Ok(None),
                    };
                }
                "Gemm" | "MatMul" | "Add" => break maker,
                op if PASSED.contains(&op) => {
                    if matches!(op, "ReduceMean" | "Slice" | "Gather") {
                        reduced = Some(maker);
                    }
                    name = maker.input.first().map_or("", String::as_str);
                }
                _ => return Err(refused(maker, "is no part of a linear head")),
            }
        };
        let product = self.product(node)?;
        let layer = Before::layer(last, directions, hidden);
        let laid = self.laid(product.operand, &layer, product.node, BETWEEN)?;
        let unread = || {
            refused(
                product.node,
                "reads the states of the last layer, but not all units of each or of the last",
            )
        };
        if laid.axes.last() != Some(&Axis::Feature) {
            return Err(unread());
        }
        let outputs = product.weight.nrows();
        if product.weight.ncols() != layer.features {
            return Err(refused(product.node, "has a weight that does not fit the states"));
        }
        let end = |node: &'a Node| node.output.first().map_or("", String::as_str);
        let head = Before {
            sources: vec![(end(product.node), Laid { function: Function::Identity, ..laid })],
            directions,
            hidden: outputs,
            features: outputs,
            bias: Some(product.sum.map_or(("", ""), |(sum, operand)| (end(sum), operand))),
        };
        let given = self.laid(output, &head, node, BETWEEN)?;
        let given = if outputs == 1 { given.with_feature() } else { given };
        // The bias is added along the last axis.
        let summed = product.sum.map(|(sum, operand)| self.laid(operand, &head, sum, BETWEEN)).transpose()?;
        if [Some(&given), summed.as_ref()]
            .into_iter()
            .flatten()
            .any(|laid| laid.axes.last() != Some(&Axis::Feature))
        {
            return Err(refused(node, "has its outputs on another axis than the last"));
        }
        // A step may be taken after the product as well as before it.
        let reads = given.reads(directions).ok_or_else(unread)?;
        Ok(Some(Linear {
            name: named(product.node),
            weight: product.weight,
            bias: product.bias,
            reads: Some(reads),
            function: given.function,
            followed_by: None,
            is_table: false,
            arrays: Vec::new(),
        }))
    }

    /// A product and its bias.
    fn product(&mut self, node: &'a Node) -> Result<Product<'a>, ImportError> {
        let input = |node: &'a Node, k: usize| node.input.get(k).map_or("", String::as_str);
        let unfit = || refused(node, "has a weight or a bias that does not fit a linear layer");
        let matrix = |array: ArrayD<f32>| array.into_dimensionality::<Ix2>().map_err(|_| unfit());
        match &*node.op_type {
            "Gemm" => {
                let factor = |name: &str| attribute(node, name).and_then(|a| a.f).unwrap_or(1.0);
                if whole(node, "transA").unwrap_or(0) != 0 {
                    return Err(unfit());
                }
                let weight = matrix(self.array(node, input(node, 1))?)? * factor("alpha");
                let weight =
                    if whole(node, "transB").unwrap_or(0) == 0 { weight.reversed_axes() } else { weight };
                let bias = match input(node, 2) {
                    "" => Array1::zeros(weight.nrows()),
                    name => {
                        along(&self.array(node, name)?, weight.nrows()).ok_or_else(unfit)? * factor("beta")
                    }
                };
                Ok(Product { node, operand: input(node, 0), sum: None, weight, bias })
            }
            "MatMul" => {
                let weight = matrix(self.array(node, input(node, 1))?)?.reversed_axes();
                let bias = Array1::zeros(weight.nrows());
                Ok(Product { node, operand: input(node, 0), sum: None, weight, bias })
            }
            _ => {
                let product = |k: usize| self.behind(input(node, k)).filter(|n| n.op_type == "MatMul");
                let found = [0, 1].into_iter().find_map(|k| Some((k, product(k)?)));
                let (k, product) = found.ok_or_else(|| refused(node, "is no part of a linear head"))?;
                let product = self.product(product)?;
                let bias = along(&self.array(node, input(node, 1 - k))?, product.weight.nrows());
                let bias = bias.ok_or_else(unfit)?;
                Ok(Product { sum: Some((node, input(node, k))), bias, ..product })
            }
        }
    }

    /// The node behind those that only lay its result out.
    pub fn behind(&self, name: &str) -> Option<&'a Node> {
        let mut maker = self.makers.get(name).copied()?;
        while matches!(
            &*maker.op_type,
            "Identity" | "Cast" | "Reshape" | "Squeeze" | "Unsqueeze" | "Transpose"
        ) {
            maker = self.makers.get(maker.input.first()?.as_str()).copied()?;
        }
        Some(maker)
    }
}

/// An array that is added along the last axis, of so many.
fn along(array: &ArrayD<f32>, many: usize) -> Option<Array1<f32>> {
    let last = array.shape().last().copied().unwrap_or(1);
    let alone = array.len() == last && (last == many || last == 1);
    alone.then(|| Array1::from_iter(array.iter().copied().cycle().take(many)))
}

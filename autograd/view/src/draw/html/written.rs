//! Equations of nodes and rules of ops, as MathML.

use super::super::label;
use crate::math::{Form, Reader};
use autograd::graph::Graph;
use autograd::ops::Op;
use std::collections::HashMap;

/// The most operands that an equation writes out.
const TERMS: usize = 12;

/// Writes what nodes are equal to.
pub(super) struct Writer<'a> {
    graph: &'a Graph,
    reader: Reader<'a>,
    /// Rules, by the number that nodes made by the same words share, the op and the number of its operands:
    /// the first and the last step have other ops in the same places.
    rules: HashMap<(u32, Op, usize), Option<String>>,
}

impl<'a> Writer<'a> {
    pub fn new(graph: &'a Graph) -> Self {
        Self { graph, reader: Reader::new(graph), rules: HashMap::new() }
    }

    /// The equation of a node, with its own name and those of what it is made of; nothing for a leaf. Of a sum of very
    /// many terms only the first and the last are named, in plain text.
    pub fn equation(&self, i: usize) -> Option<String> {
        let operands: Vec<usize> = self.graph.operands_at(i).collect();
        if operands.len() <= TERMS {
            let line = self.reader.equation(self.graph.id(i)).ok().filter(|_| !operands.is_empty());
            return line.map(|line| Form::Mathml.write(&[line]));
        }
        let name = |i: usize| label::reference(self.graph, i);
        let [first, .., last] = &operands[..] else { return None };
        let sign = label::sign(self.graph, i);
        Some(format!("{} = {} {sign} … {sign} {}, of {}", name(i), name(*first), name(*last), operands.len()))
    }

    /// What an op is, and what it adds to the adjoint of each operand, in letters.
    pub fn rule(&mut self, i: usize, kin: u32) -> Option<String> {
        let terms = self.graph.operands_at(i).len();
        let (reader, id) = (&self.reader, self.graph.id(i));
        let write = || {
            let lines = reader.rule(id).ok().filter(|lines| lines.len() > 1 && terms <= TERMS);
            lines.map(|lines| Form::Mathml.write(&lines))
        };
        self.rules.entry((kin, self.graph.at(i).op.clone(), terms)).or_insert_with(write).clone()
    }
}

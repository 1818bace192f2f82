//! Equations of nodes and rules of ops, as MathML.

use super::super::label;
use crate::math::{Form, Reader};
use autograd::graph::Graph;
use autograd::ops::Op;
use std::collections::HashMap;

/// The maximum number of operands that an equation writes out.
const TERMS: usize = 12;

/// Writes the equations of nodes.
pub(super) struct Writer<'a> {
    graph: &'a Graph,
    reader: Reader<'a>,
    /// VJPs, by kin number, op and number of operands: the first and the last step have other ops at the same
    /// positions.
    rules: HashMap<(u32, Op, usize), Option<String>>,
}

impl<'a> Writer<'a> {
    pub fn new(graph: &'a Graph) -> Self {
        Self { graph, reader: Reader::new(graph), rules: HashMap::new() }
    }

    /// The equation of a node, in names; `None` for a leaf. For a sum of very many terms only the first and the last
    /// are named, in plain text.
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

    /// The op and its VJP for each operand, in letters.
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

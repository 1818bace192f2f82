//! Writes StableHLO operation by operation: each method writes one and returns its value.
//!
//! The text has the form that StableHLO 1.x prints. Nothing broadcasts implicitly there, so operations on several
//! arrays first broadcast them to one shape.

use super::element::{Element, quoted, tensor};
use autograd::{Shape, Value};
use std::collections::HashMap;
use std::fmt::Write;

/// A written array: its name in the text, its shape and its element type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Val {
    pub name: String,
    pub shape: Shape,
    pub element: Element,
}

impl Val {
    pub fn ty(&self) -> String {
        tensor(&self.shape, self.element)
    }
}

/// A list of types.
pub(crate) fn types(values: &[Val]) -> String {
    values.iter().map(Val::ty).collect::<Vec<_>>().join(", ")
}

/// A list of names.
pub(crate) fn names(values: &[Val]) -> String {
    values.iter().map(|v| &*v.name).collect::<Vec<_>>().join(", ")
}

/// The body of a function under construction.
#[derive(Debug)]
pub(crate) struct Writer {
    /// The element type of real numbers.
    pub real: Element,
    text: String,
    count: usize,
    channels: usize,
    /// The name of the current node, for XLA's dumps and profiles.
    location: String,
    /// Constants in scope, so that each is written once.
    constants: HashMap<(String, Shape, Element), Val>,
    indent: usize,
}

/// The outer state while the body of a loop is written.
#[derive(Debug)]
pub(crate) struct Outside {
    text: String,
    constants: HashMap<(String, Shape, Element), Val>,
}

impl Writer {
    pub fn new(real: Element) -> Self {
        Self {
            real,
            text: String::new(),
            count: 0,
            channels: 0,
            location: quoted(""),
            constants: HashMap::new(),
            indent: 2,
        }
    }

    pub fn into_text(self) -> String {
        self.text
    }

    /// Names the operations that follow after this node.
    pub fn locate(&mut self, node: &str) {
        self.location = quoted(node);
    }

    /// Starts a nested region, in which outer constants are visible.
    pub fn enter(&mut self) -> Outside {
        self.indent += 2;
        Outside { text: std::mem::take(&mut self.text), constants: self.constants.clone() }
    }

    /// Ends a region; returns its text.
    pub fn leave(&mut self, outside: Outside) -> String {
        self.indent -= 2;
        self.constants = outside.constants;
        std::mem::replace(&mut self.text, outside.text)
    }

    /// An unused name.
    pub fn fresh(&mut self) -> String {
        self.count += 1;
        format!("%{}", self.count)
    }

    /// An unused channel between devices.
    pub fn channel(&mut self) -> usize {
        self.channels += 1;
        self.channels
    }

    /// Appends finished lines.
    pub fn raw(&mut self, lines: &str) {
        self.text += lines;
    }

    /// A line.
    pub fn line(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{:1$}{text}", "", 2 * self.indent);
    }

    /// A line that ends an operation, with its location.
    pub fn located(&mut self, text: &str) {
        let location = std::mem::take(&mut self.location);
        self.line(&format!("{text} loc({location})"));
        self.location = location;
    }

    /// An operation with one result.
    pub fn put(&mut self, text: &str, shape: &[usize], element: Element) -> Val {
        let name = self.fresh();
        self.located(&format!("{name} = {text}"));
        Val { name, shape: shape.into(), element }
    }

    /// A unary operation by name.
    pub fn unary(&mut self, op: &str, a: &Val) -> Val {
        self.put(&format!("stablehlo.{op} {} : {}", a.name, a.ty()), &a.shape, a.element)
    }

    /// A binary operation by name, with broadcasting.
    pub fn binary(&mut self, op: &str, a: &Val, b: &Val) -> Val {
        let (a, b) = self.both(a, b);
        self.put(&format!("stablehlo.{op} {}, {} : {}", a.name, b.name, a.ty()), &a.shape, a.element)
    }

    /// The sum of all, from the first to the last.
    pub fn sum(&mut self, all: &[Val]) -> Val {
        all[1..].iter().fold(all[0].clone(), |sum, x| self.binary("add", &sum, x))
    }

    /// A constant, by the text of its elements.
    fn constant_text(&mut self, text: String, shape: &[usize], element: Element) -> Val {
        let key = (text, Shape::from(shape), element);
        // A truth value that a step has for itself is not shared: whether another step has the same depends on their number.
        if let Some(known) = self.constants.get(&key).filter(|_| element != Element::Bool) {
            return known.clone();
        }
        let line = format!("stablehlo.constant dense<{}> : {}", key.0, tensor(shape, element));
        let val = self.put(&line, shape, element);
        self.constants.insert(key, val.clone());
        val
    }

    /// A constant of the graph.
    pub fn constant(&mut self, value: &Value<f64>, element: Element) -> Val {
        self.constant_text(super::element::literal(value, element), &value.shape(), element)
    }

    /// A real number.
    pub fn number(&mut self, x: f64) -> Val {
        self.real_number(x, self.real)
    }

    /// A real number of a given element type.
    pub fn real_number(&mut self, x: f64, element: Element) -> Val {
        self.constant_text(element.real(x), &[], element)
    }

    /// A whole number.
    pub fn whole(&mut self, n: impl Into<i128>, element: Element) -> Val {
        self.constant_text(n.into().to_string(), &[], element)
    }

    /// Zeros.
    pub fn zeros(&mut self, shape: &[usize], element: Element) -> Val {
        let zero = match element {
            Element::F32 | Element::F64 => self.real_number(0.0, element),
            Element::Bool => self.constant_text("false".into(), &[], element),
            _ => self.whole(0, element),
        };
        self.spread(&zero, shape)
    }

    /// An array broadcast to a larger shape, aligned at the last axis.
    pub fn spread(&mut self, a: &Val, shape: &[usize]) -> Val {
        let skip = shape.len() - a.shape.len();
        let dims: Vec<usize> = (skip..shape.len()).collect();
        self.broadcast_in_dim(a, &dims, shape)
    }

    /// An array broadcast to a larger shape; `dims` are the positions of its axes there.
    pub fn broadcast_in_dim(&mut self, a: &Val, dims: &[usize], shape: &[usize]) -> Val {
        if *a.shape == *shape {
            return a.clone();
        }
        let ty = tensor(shape, a.element);
        let text = format!("stablehlo.broadcast_in_dim {}, dims = {dims:?} : ({}) -> {ty}", a.name, a.ty());
        self.put(&text, shape, a.element)
    }

    /// Two arrays broadcast to a common shape.
    fn both(&mut self, a: &Val, b: &Val) -> (Val, Val) {
        let shape = together([a, b]);
        (self.spread(a, &shape), self.spread(b, &shape))
    }

    pub fn compare(&mut self, relation: &str, a: &Val, b: &Val) -> Val {
        // Whole numbers with different bounds may differ in width.
        let wide = [a, b].into_iter().find(|x| x.element == Element::U64).map_or(a.element, |x| x.element);
        let (a, b) = (self.convert(a, wide), self.convert(b, wide));
        let (a, b) = self.both(&a, &b);
        let (how, ty) = (wide.comparison(), tensor(&a.shape, Element::Bool));
        let text = format!(
            "stablehlo.compare {relation}, {}, {}, {how} : ({}, {}) -> {ty}",
            a.name,
            b.name,
            a.ty(),
            b.ty()
        );
        self.put(&text, &a.shape, Element::Bool)
    }

    pub fn select(&mut self, c: &Val, a: &Val, b: &Val) -> Val {
        let shape = together([c, a, b]);
        let [c, a, b] = [c, a, b].map(|x| self.spread(x, &shape));
        let text = format!("stablehlo.select {}, {}, {} : {}, {}", c.name, a.name, b.name, c.ty(), a.ty());
        self.put(&text, &shape, a.element)
    }

    pub fn convert(&mut self, a: &Val, element: Element) -> Val {
        if a.element == element {
            return a.clone();
        }
        let ty = tensor(&a.shape, element);
        self.put(&format!("stablehlo.convert {} : ({}) -> {ty}", a.name, a.ty()), &a.shape, element)
    }

    /// 0, 1, 2, … along an axis.
    pub fn iota(&mut self, shape: &[usize], axis: usize, element: Element) -> Val {
        self.put(&format!("stablehlo.iota dim = {axis} : {}", tensor(shape, element)), shape, element)
    }

    pub fn reshape(&mut self, a: &Val, shape: &[usize]) -> Val {
        if *a.shape == *shape {
            return a.clone();
        }
        let ty = tensor(shape, a.element);
        self.put(&format!("stablehlo.reshape {} : ({}) -> {ty}", a.name, a.ty()), shape, a.element)
    }

    /// The axes permuted: axis i of the result is axis `order[i]`.
    pub fn transpose(&mut self, a: &Val, order: &[usize]) -> Val {
        if order.iter().copied().eq(0..order.len()) {
            return a.clone();
        }
        let shape: Shape = order.iter().map(|&axis| a.shape[axis]).collect();
        let ty = tensor(&shape, a.element);
        let text = format!("stablehlo.transpose {}, dims = {order:?} : ({}) -> {ty}", a.name, a.ty());
        self.put(&text, &shape, a.element)
    }

    /// Every `stride`-th index of an axis from `start` on, before `end`.
    pub fn slice(&mut self, a: &Val, axis: usize, start: usize, end: usize, stride: usize) -> Val {
        if (start, end, stride) == (0, a.shape[axis], 1) {
            return a.clone();
        }
        let range = |(i, &size): (usize, &usize)| match (i == axis, stride) {
            (false, _) => format!("0:{size}"),
            (true, 1) => format!("{start}:{end}"),
            (true, stride) => format!("{start}:{end}:{stride}"),
        };
        let ranges: Vec<String> = a.shape.iter().enumerate().map(range).collect();
        let shape = a.shape.resized(axis, (end - start).div_ceil(stride));
        let (ranges, ty) = (ranges.join(", "), tensor(&shape, a.element));
        self.put(&format!("stablehlo.slice {} [{ranges}] : ({}) -> {ty}", a.name, a.ty()), &shape, a.element)
    }

    /// `size` indices of an axis from a start that is known only at run time.
    pub fn dynamic_slice(&mut self, a: &Val, axis: usize, start: &Val, size: usize) -> Val {
        let shape = a.shape.resized(axis, size);
        let starts = self.starts(a.shape.len(), axis, start);
        let text = format!(
            "stablehlo.dynamic_slice {}, {}, sizes = {:?} : ({}, {}) -> {}",
            a.name,
            names(&starts),
            &shape[..],
            a.ty(),
            types(&starts),
            tensor(&shape, a.element)
        );
        self.put(&text, &shape, a.element)
    }

    /// `a` with `part` inserted, from an index of the first axis that is known only at run time.
    pub fn dynamic_update(&mut self, a: &Val, part: &Val, start: &Val) -> Val {
        let starts = self.starts(a.shape.len(), 0, start);
        let text = format!(
            "stablehlo.dynamic_update_slice {}, {}, {} : ({}, {}, {}) -> {}",
            a.name,
            part.name,
            names(&starts),
            a.ty(),
            part.ty(),
            types(&starts),
            a.ty()
        );
        self.put(&text, &a.shape, a.element)
    }

    fn starts(&mut self, rank: usize, axis: usize, start: &Val) -> Vec<Val> {
        let zero = self.whole(0, start.element);
        (0..rank).map(|i| if i == axis { start.clone() } else { zero.clone() }).collect()
    }

    /// An axis reversed.
    pub fn reverse(&mut self, a: &Val, axis: usize) -> Val {
        let text = format!("stablehlo.reverse {}, dims = [{axis}] : {}", a.name, a.ty());
        self.put(&text, &a.shape, a.element)
    }

    /// A reduction over axes, which are removed; `from` is the result for no elements.
    pub fn reduce(&mut self, op: &str, a: &Val, axes: &[usize], from: f64) -> Val {
        if axes.is_empty() {
            return a.clone();
        }
        let from = self.real_number(from, a.element);
        let kept = a.shape.iter().enumerate().filter(|(i, _)| !axes.contains(i));
        let shape: Shape = kept.map(|(_, &size)| size).collect();
        let text = format!(
            "stablehlo.reduce({} init: {}) applies stablehlo.{op} across dimensions = {axes:?} : ({}, {}) -> {}",
            a.name,
            from.name,
            a.ty(),
            from.ty(),
            tensor(&shape, a.element)
        );
        self.put(&text, &shape, a.element)
    }

    pub fn concatenate(&mut self, all: &[Val], axis: usize) -> Val {
        if let [one] = all {
            return one.clone();
        }
        let shape = all[0].shape.resized(axis, all.iter().map(|x| x.shape[axis]).sum());
        let ty = tensor(&shape, all[0].element);
        let text = format!("stablehlo.concatenate {}, dim = {axis} : ({}) -> {ty}", names(all), types(all));
        self.put(&text, &shape, all[0].element)
    }
}

/// The broadcast shape of several arrays.
fn together<const N: usize>(all: [&Val; N]) -> Shape {
    let fit = |shape: Shape, x: &Val| shape.broadcast(&x.shape).expect("the shape rule has checked it");
    all[1..].iter().fold(all[0].shape.clone(), |shape, x| fit(shape, x))
}

//! Labels: the name or sign of a node, and its class.

use autograd::graph::{Graph, Role};
use autograd::ops::{Leaf, Notation, Op};
use autograd::{Kind, Value, norm};

/// The class of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Class {
    /// An input.
    Input,
    /// A parameter; the number distinguishes parameters.
    Parameter(usize),
    /// A forward node that its author named.
    Named,
    /// An intermediate forward node.
    Interior,
    /// A forward node without forward users: a loss, a result.
    Output,
    /// A stop-gradient: the adjoint ends here.
    Cut,
    /// A comparison, a selection, a mask.
    Mask,
    /// The adjoint of a named node.
    Adjoint,
    /// The adjoint of a parameter, with the parameter's number.
    Gradient(usize),
    /// Another node of a derivative.
    Backward,
}

impl Class {
    /// The class in one word.
    pub fn id(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Parameter(_) => "parameter",
            Self::Named => "named",
            Self::Interior => "interior",
            Self::Output => "output",
            Self::Cut => "cut",
            Self::Mask => "mask",
            Self::Adjoint => "adjoint",
            Self::Gradient(_) => "gradient",
            Self::Backward => "backward",
        }
    }

    /// The number of a parameter, also for its gradient.
    pub fn parameter(self) -> Option<usize> {
        match self {
            Self::Parameter(k) | Self::Gradient(k) => Some(k),
            _ => None,
        }
    }
}

/// The sign of an op with its constant operands: `tanh`, `⊙`, `1 −`, `max(·, 0)`.
pub(super) fn sign(graph: &Graph, index: usize) -> String {
    let op = &graph.at(index).op;
    let Some(operator) = op.operator() else {
        return op.attributes();
    };
    let constants: Vec<Option<String>> = graph.operands_at(index).map(|x| number(&graph.at(x).op)).collect();
    let bare = constants.iter().all(Option::is_none);
    let written = |hole: &str| -> Vec<String> {
        constants.iter().map(|c| c.clone().unwrap_or_else(|| hole.into())).collect()
    };
    let name = short(operator.name());
    match operator.notation() {
        // A broadcast number is written as the number.
        _ if matches!(op, Op::Broadcast(_)) && !bare => written("").concat(),
        _ if matches!(op, Op::StopGradient(_)) => "✂".into(),
        Notation::Infix { sign, .. } if bare => sign.into(),
        notation @ Notation::Infix { .. } => notation.write(name, &written("")).trim().into(),
        Notation::Function if bare => name.into(),
        Notation::Power(n) => Notation::Power(n).write(name, &["x".into()]),
        Notation::Postfix(mark) => mark,
        notation @ Notation::Function => notation.write(name, &written("·")),
        Notation::Prefix(sign) => sign.into(),
    }
}

/// The line under a name: sign and shape. The index of a step's slice is omitted; the name shows it.
pub(super) fn subtitle(graph: &Graph, index: usize, sign: &str) -> String {
    let node = graph.at(index);
    let ty = if node.ty.shape.is_empty() { "scalar".into() } else { node.ty.to_string() };
    match &node.op {
        Op::Leaf(_) | Op::At(_) | Op::Slice(_) => ty,
        // An en space: adjacent ordinary spaces collapse.
        _ => format!("{sign}\u{2002}{ty}"),
    }
}

/// An op's name for a small box.
fn short(name: &'static str) -> &'static str {
    match name {
        "sigmoid" => "σ",
        "sum" => "Σ",
        "stop_gradient" => "✂",
        name => name,
    }
}

/// The value of a scalar constant, in a few characters.
pub(super) fn number(op: &Op) -> Option<String> {
    let Op::Leaf(Leaf::Constant(value)) = op else {
        return None;
    };
    match &**value {
        Value::Float(a) if a.len() == 1 => a.first().map(|x| {
            let exact = x.to_string();
            let text = if exact.len() <= 6 { exact } else { format!("{x:.3e}") };
            text.replace('-', "−")
        }),
        Value::Index(a) if a.len() == 1 => a.first().map(ToString::to_string),
        Value::Bool(a) if a.len() == 1 => a.first().map(ToString::to_string),
        _ => None,
    }
}

/// A value in a few characters: up to three numbers, or the norm of more; of whole numbers and truth values the first.
pub(super) fn brief(value: &Value<f64>) -> String {
    const MOST: usize = 3;
    let all = |numbers: Vec<String>| numbers.join(", ");
    let more = if value.shape().count() > MOST { " …" } else { "" };
    match value {
        Value::Float(a) if a.len() <= MOST => all(a.iter().map(|&x| digits(x)).collect()),
        Value::Float(a) => format!("‖·‖ {}", digits(norm(a))),
        Value::Index(a) => all(a.iter().take(MOST).map(ToString::to_string).collect()) + more,
        Value::Bool(a) => all(a.iter().take(MOST).map(|&b| u8::from(b).to_string()).collect()) + more,
    }
}

/// A number in four digits, or three where it needs an exponent.
fn digits(x: f64) -> String {
    let size = x.abs();
    let text = if x == 0.0 || !x.is_finite() {
        x.to_string()
    } else if !(1e-3..1e5).contains(&size) {
        format!("{x:.2e}")
    } else if x.fract() == 0.0 {
        format!("{x:.0}")
    } else {
        // Of 0.00123 and of 1.23 as many.
        let before = [1000.0, 100.0, 10.0, 1.0, 0.1, 0.01].iter().position(|&from| size >= from);
        format!("{x:.*}", before.unwrap_or(6))
    };
    text.replace('-', "−")
}

/// The short name of a node, without its layer: `h[3]`, `∂h[3]`, `W`. Intermediate nodes have none.
pub(super) fn title(graph: &Graph, index: usize) -> Option<String> {
    let node = graph.at(index);
    if let Op::Leaf(leaf @ (Leaf::Input { .. } | Leaf::Parameter { .. })) = &node.op {
        return leaf.name().map(ToString::to_string);
    }
    let origin = &node.origin;
    match origin.role {
        Role::Backward { .. } => None,
        Role::Adjoint { of, sweep } => {
            // Only the sweep's number is between the sign and the forward name.
            let of = of as usize;
            let named = title(graph, of)?;
            let (long, plain) = (graph.name_at(index), graph.name_at(of));
            let sign = long.strip_suffix(plain.as_str()).filter(|_| sweep > 0).unwrap_or("∂");
            Some(format!("{sign}{named}"))
        }
        Role::Forward if origin.ordinal > 0 => None,
        Role::Forward => {
            let name = origin.name.as_deref()?;
            Some(origin.step.map_or_else(|| name.to_string(), |t| format!("{name}[{t}]")))
        }
    }
}

/// The text for an operand far from its box: its title, or a short formula over titles, or its full name.
pub(super) fn reference(graph: &Graph, index: usize) -> String {
    const LONGEST: usize = 18;
    if let Some(title) = title(graph, index) {
        return title;
    }
    let node = graph.at(index);
    let operands: Option<Vec<String>> =
        graph.operands_at(index).map(|x| number(&graph.at(x).op).or_else(|| title(graph, x))).collect();
    let formula = node
        .op
        .operator()
        .zip(operands)
        .map(|(operator, operands)| operator.notation().write(short(operator.name()), &operands));
    formula.filter(|f| f.chars().count() <= LONGEST).unwrap_or_else(|| {
        let name = graph.name_at(index);
        let layer = node.origin.layer.as_deref().unwrap_or("");
        name.replacen(layer, "", usize::from(!layer.is_empty())).replacen('/', "", 1)
    })
}

/// The class of a node. `parameter` numbers the parameters.
pub(super) fn class(graph: &Graph, index: usize, parameter: &[usize], used: bool) -> Class {
    let node = graph.at(index);
    let is_parameter = |i: usize| matches!(graph.at(i).op, Op::Leaf(Leaf::Parameter { .. }));
    match (node.origin.role, &node.op) {
        (Role::Adjoint { of, .. }, _) if is_parameter(of as usize) => Class::Gradient(parameter[of as usize]),
        (Role::Adjoint { .. }, _) if title(graph, index).is_some() => Class::Adjoint,
        (Role::Adjoint { .. } | Role::Backward { .. }, _) => Class::Backward,
        (_, Op::Leaf(Leaf::Parameter { .. })) => Class::Parameter(parameter[index]),
        (_, Op::Leaf(_)) => Class::Input,
        (_, Op::StopGradient(_)) => Class::Cut,
        _ if node.ty.kind == Kind::Bool => Class::Mask,
        _ if !used => Class::Output,
        _ if title(graph, index).is_some() => Class::Named,
        (_, Op::Select(_) | Op::DropoutMask(_)) => Class::Mask,
        _ => Class::Interior,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::{Builder, Expr, grad};

    fn signs(build: impl for<'g> Fn(Expr<'g>) -> Expr<'g>) -> String {
        let g = Builder::new();
        let y = build(g.input("x", [2, 2])).id();
        sign(&g.graph().unwrap(), y.index())
    }

    fn sigmoid(x: Expr<'_>) -> Expr<'_> {
        x.sigmoid()
    }

    #[test]
    fn signs_show_constants_where_they_stand() {
        assert_eq!(signs(|x| 1.0 - x), "1 −");
        assert_eq!(signs(|x| x - 1.0), "− 1");
        assert_eq!(signs(|x| x.max(0.0)), "max(·, 0)");
        assert_eq!(signs(|x| x * x), "⊙");
        assert_eq!(signs(sigmoid), "σ");
        assert_eq!(signs(|x| x.powi(2)), "x²");
        assert_eq!(signs(|x| x.builder().zeros([2])), "0");
    }

    #[test]
    fn values_are_brief() {
        let of = |x: &[f64]| {
            brief(&Value::Float(ndarray::ArrayD::from_shape_vec(vec![x.len()], x.to_vec()).unwrap()))
        };
        assert_eq!(of(&[0.123_456, -2.0, 1234.5]), "0.1235, −2, 1234");
        assert_eq!(of(&[0.001_234_56, 12.345_6]), "0.001235, 12.35");
        assert_eq!(brief(&Value::Index(ndarray::arr1(&[4, 0, 2, 9]).into_dyn())), "4, 0, 2 …");
        assert_eq!(of(&[1e-9]), "1.00e−9");
        assert_eq!(of(&[f64::NAN]), "NaN");
        assert_eq!(of(&[3e200, 4e200, 0.0, 0.0]), "‖·‖ 5.00e200");
        assert_eq!(of(&[3e-200, 4e-200, 0.0, 0.0]), "‖·‖ 5.00e−200");
        assert_eq!(of(&[0.0; 5]), "‖·‖ 0");
    }

    #[test]
    fn titles_leave_the_layer_out_and_keep_the_sweep() {
        let g = Builder::new();
        let w = g.parameter("w", []);
        let (_layer, _step) = (g.layer("l0"), g.step(3));
        let h = (w * w).named("h");
        let dh = grad(h.tanh(), &[h])[0];
        let d2h = grad(dh, &[h])[0];
        let graph = g.graph().unwrap();
        let title = |e: Expr| title(&graph, e.id().index());
        assert_eq!([h, dh, d2h].map(title), ["h[3]", "∂h[3]", "∂₂h[3]"].map(|s| Some(s.into())));
        assert_eq!(reference(&graph, h.tanh().id().index() - 1).chars().next(), Some('∂'));
    }
}

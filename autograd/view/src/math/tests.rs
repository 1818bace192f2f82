//! Formulas in all three notations.

use super::*;
use autograd::graph::NodeId;
use autograd::ops::{Leaf, Op, Sample, Sampler};
use autograd::{Builder, Expr, Gradient, Kind, Point, eval, vjp};
use ndarray::Array2;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

fn s(name: &str) -> Math {
    Symbol::of(name).into()
}

fn at(name: &str, lag: i64) -> Math {
    Symbol::of(name).at(lag).into()
}

#[track_caller]
fn written(math: Math, unicode: &str, latex: &str) {
    assert_eq!(write(&math, &unicode::Unicode, 0), unicode);
    assert_eq!(write(&math, &latex::Latex, 0), latex);
}

#[test]
fn names_have_subscripts_and_times() {
    written(s("W_f"), "W_f", "W_{f}");
    written(at("h", 0), "hₜ", "h_{t}");
    written(at("h", -1), "hₜ₋₁", "h_{t-1}");
    written(at("h_new", -12), "h_newₜ₋₁₂", r"h_{\mathrm{new},t-12}");
    written(at("h8", 1), "h₈ₜ₊₁", "h_{8,t+1}");
    written(s("a1_f"), "a₁,f", "a_{1,f}");
    written(s("mu_h"), "μ_h", r"\mu_{h}");
    written(s("h̃"), "h̃", r"\tilde{h}");
    written(s("zeta"), "ζ", r"\zeta");
    written(s("ι_upsilon"), "ι_υ", r"\iota_{\upsilon}");
    written(s("ϑ"), "ϑ", r"\vartheta");
    written(s("Ξ"), "Ξ", r"\Xi");
    written(s("hf"), "hf", r"\mathit{hf}");
    written(s("__"), "__", r"\mathit{\_\_}");
}

#[test]
fn parentheses_stand_where_they_are_needed() {
    let (a, b, c) = (|| s("a"), || s("b"), || s("c"));
    let boxed = |m: Math| Box::new(m);
    written(Math::minus(a(), Math::minus(b(), c())), "a − (b − c)", r"a - \left(b - c\right)");
    written(Math::minus(Math::minus(a(), b()), c()), "a − b − c", "a - b - c");
    written(Math::hadamard(Math::plus(a(), b()), c()), "(a + b) ⊙ c", r"\left(a + b\right) \odot c");
    written(Math::hadamard(Math::product(s("W"), a()), b()), "(W a) ⊙ b", r"\left(W \, a\right) \odot b");
    written(Math::product(s("U"), Math::hadamard(a(), b())), "U (a ⊙ b)", r"U \, \left(a \odot b\right)");
    written(Math::product(s("U"), Math::product(s("V"), a())), "U V a", r"U \, V \, a");
    written(Math::plus(a(), Math::Negative(boxed(b()))), "a + (−b)", r"a + \left(-b\right)");
    written(Math::Power(boxed(Math::Negative(boxed(a()))), -2), "(−a)⁻²", r"{\left(-a\right)}^{-2}");
    let half = Math::Fraction(boxed(Math::plus(a(), b())), boxed(Math::hadamard(b(), c())));
    written(
        Math::Power(boxed(half), 2),
        "((a + b) / (b ⊙ c))²",
        r"{\left(\frac{a + b}{b \odot c}\right)}^{2}",
    );
}

#[test]
fn functions_and_cases() {
    written(Math::Call("sigmoid".into(), vec![s("a")]), "σ(a)", r"\sigma\left(a\right)");
    written(
        Math::Call("layer_norm".into(), vec![s("a")]),
        "layer_norm(a)",
        r"\operatorname{layer\_norm}\left(a\right)",
    );
    let even = Math::Infix(Sign::Equal, Math::Number(0.0).into(), s("t").into());
    written(
        Math::Cases(vec![(s("a"), even)], s("b").into()),
        "{a if 0 = t, b otherwise}",
        r"\begin{cases} a & \text{if } 0 = t \\ b & \text{otherwise} \end{cases}",
    );
}

/// Werbos 1990: δ[t] as in papers on backpropagation through time.
#[test]
fn adjoints_have_bars() {
    let bar = |lag| Math::Adjoint(Symbol::of("h").at(lag).into());
    let math = Math::product(Math::Transpose(Symbol::of("W_h").into()), bar(1));
    written(math, "W_hᵀ h̄ₜ₊₁", r"{W_{h}}^{\top} \, \bar{h}_{t+1}");
}

/// Formulas of all kinds, three levels deep.
fn formulas() -> impl Strategy<Value = Math> {
    let names = prop::sample::select(vec!["a", "W_f", "h_new", "alpha", "b1_i", "h̃", "h'", "<b>&_>", "#%"]);
    let leaf =
        (names, prop::option::of(-3..3_i64), -3.0..3.0).prop_map(|(name, time, n): (_, _, f64)| match time {
            Some(0) => Math::Number(n),
            Some(lag) => Symbol::of(name).at(lag).into(),
            None => Symbol { above: vec![name.into()], ..Symbol::of(name) }.into(),
        });
    leaf.prop_recursive(4, 30, 3, |inner| {
        let signs =
            prop::sample::select(vec![Sign::Less, Sign::Plus, Sign::Minus, Sign::Hadamard, Sign::Product]);
        (0..14, signs, inner.clone(), inner.clone(), inner).prop_map(|(kind, sign, a, b, c)| match kind {
            0 => Math::Fraction(a.into(), b.into()),
            1 => Math::Power(a.into(), -2),
            2 => Math::Root(a.into()),
            3 => Math::Absolute(a.into()),
            4 => Math::Transpose(a.into()),
            5 => Math::Adjoint(a.into()),
            6 => Math::Call("tanh".into(), vec![a, b]),
            7 => Math::Cases(vec![(a, b)], c.into()),
            8 => Math::Stack(vec![a, b, c]),
            9 => Math::Indicator(a.into()),
            10 => Math::Ones(3),
            11 => Math::Part(a.into(), b.into(), None),
            12 => Math::Total(a.into()),
            _ => Math::Infix(sign, a.into(), b.into()),
        })
    })
}

/// Groups and environments are closed in reverse order of opening.
fn assert_is_balanced(latex: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut rest = latex;
    while let Some(c) = rest.chars().next() {
        let command: String = rest.chars().skip(1).take_while(char::is_ascii_alphabetic).collect();
        let named = |text: &str| text.split_once('{').unwrap().1.split('}').next().unwrap().to_string();
        match (c, &command[..]) {
            ('\\', "begin") => open.push(named(rest)),
            ('\\', "end") => assert_eq!(open.pop(), Some(named(rest)), "{latex}"),
            ('\\', "left") => open.push("left".into()),
            ('\\', "right") => assert_eq!(open.pop().as_deref(), Some("left"), "{latex}"),
            ('{', _) => open.push("{".into()),
            ('}', _) => assert_eq!(open.pop().as_deref(), Some("{"), "{latex}"),
            ('_', _) => assert!(rest[1..].starts_with('{'), "{latex}"),
            _ => {}
        }
        let skip = match (c, command.is_empty()) {
            ('\\', true) => 2,
            ('\\', false) => 1 + command.len(),
            _ => c.len_utf8(),
        };
        // The braces of \begin{…} are balanced.
        rest = &rest[skip..];
    }
    assert!(open.is_empty(), "{open:?} {latex}");
}

proptest! {
    #[test]
    fn latex_is_balanced(math in formulas(), other in formulas()) {
        assert_is_balanced(&Form::Latex.write(&[Line { left: math, right: other }]));
    }

    /// In MathML, `mfrac`, `msup`, `msub` and `mover` have two children each, and a row of a table has cells.
    #[test]
    fn mathml_is_well_formed(math in formulas(), other in formulas()) {
        let text = Form::Mathml.write(&[Line { left: math, right: other }]);
        let tree = roxmltree::Document::parse(&text).unwrap();
        prop_assert_eq!(tree.root_element().tag_name().namespace(), Some("http://www.w3.org/1998/Math/MathML"));
        for node in tree.descendants().filter(roxmltree::Node::is_element) {
            let children = node.children().filter(roxmltree::Node::is_element).count();
            match node.tag_name().name() {
                "mfrac" | "msup" | "msub" | "mover" => prop_assert_eq!(children, 2),
                "msubsup" => prop_assert_eq!(children, 3),
                "munder" => prop_assert_eq!(children, 2),
                "mtr" => prop_assert!((2..=3).contains(&children)),
                "mi" | "mn" | "mo" | "mtext" | "mtd" if children == 0 => {}
                "math" | "mtable" | "mtd" | "mrow" | "msqrt" => prop_assert!(children > 0),
                other => prop_assert!(false, "{other}"),
            }
        }
    }
}

/// Names and their values.
struct Table(HashMap<(Symbol, bool), Array2<f64>>);

impl Values for Table {
    fn value(&self, name: &Symbol, adjoint: bool) -> Option<Array2<f64>> {
        self.0.get(&(name.clone(), adjoint)).cloned()
    }
    fn steps(&self) -> i64 {
        0
    }
}

/// Every op and its VJP, evaluated from their formulas, equal the values of their nodes: with and without batch axes.
#[test]
fn formulas_have_the_values_of_their_nodes() {
    let mut seen: BTreeSet<(&str, usize)> = BTreeSet::new();
    for seed in 0..60 {
        let mut sampler = Sampler::new(seed);
        for Sample { op, operands } in Op::samples(&mut sampler) {
            let g = Builder::new();
            let mut point = Point::new();
            let values = sampler.values(&operands);
            let x: Vec<Expr> = operands
                .iter()
                .zip(values)
                .enumerate()
                .map(|(k, (operand, value))| {
                    let name: Arc<str> = format!("x{k}").into();
                    let plain = sampler.choice(&[true, false]) && operand.ty.kind == Kind::Float;
                    let input = Leaf::Input { name: name.clone(), batch_axis: None };
                    let x = g.leaf(if plain { Leaf::Parameter { name } } else { input }, operand.ty.clone());
                    point.set(x, value);
                    x
                })
                .collect();
            let name = op.name();
            let y = g.apply(op, &x).named("y");
            let mut lines = vec![(0, y)];
            if y.ty().kind == Kind::Float {
                let dy = g.parameter("∂y", y.shape());
                point.set(dy, sampler.values(&[sampler_operand(&y)]).remove(0));
                let float: Vec<usize> = (0..x.len()).filter(|&k| x[k].ty().kind == Kind::Float).collect();
                let wrt: Vec<Expr> = float.iter().map(|&k| x[k]).collect();
                for (k, gradient) in float.into_iter().zip(vjp(&[(y, dy)], &wrt)) {
                    if let Gradient::Of(dx) = gradient {
                        lines.push((k + 1, dx));
                    }
                }
            }
            let graph = g.graph().unwrap();
            if graph.ids().any(|id| graph.at(id.index()).ty.shape.len() > 2) {
                continue;
            }
            let reader = Reader::new(&graph).whole();
            let value = |id: NodeId| {
                let value = eval::<f64>(&graph, &point, &[id]).unwrap().remove(0);
                reader.matrix(id, &value)
            };
            let table = reader.names().filter_map(|(id, name)| match name {
                Math::Symbol(symbol) => Some(((symbol, false), value(id).ok()?)),
                Math::Adjoint(of) => match *of {
                    Math::Symbol(symbol) => Some(((symbol, true), value(id).ok()?)),
                    _ => None,
                },
                _ => None,
            });
            let table = Table(table.collect());
            for (k, node) in lines {
                let math = reader.formula(node.id()).unwrap();
                let Ok(says) = evaluate(&math, 0, &table) else { continue };
                let is = value(node.id()).unwrap();
                let says = says
                    .broadcast(is.dim())
                    .unwrap_or_else(|| panic!("{name} {k}: {math:?}\n{}", graph.text()));
                assert!(
                    is.iter().zip(says).all(|(a, b)| (a - b).abs() < 1e-12),
                    "{name} {k}: {math:?}\n{}",
                    graph.text()
                );
                seen.insert((name, k));
            }
        }
    }
    // The other ops move elements, or read whole numbers.
    let every = Op::samples(&mut Sampler::new(0));
    let without: BTreeSet<&str> =
        every.iter().map(|s| s.op.name()).filter(|name| !seen.iter().any(|(seen, _)| seen == name)).collect();
    assert_eq!(
        without.into_iter().collect::<Vec<_>>(),
        ["dropout_mask", "gather", "one_hot", "scatter_add", "stack"]
    );
    for name in
        ["tanh", "relu", "abs", "max", "mul", "div", "matmul", "mean", "softmax", "concat", "slice", "select"]
    {
        assert!(seen.iter().any(|&(seen, k)| seen == name && k > 0), "{name}");
    }
}

fn sampler_operand(y: &Expr) -> autograd::ops::Operand {
    autograd::ops::Operand { ty: y.ty(), domain: autograd::ops::Domain::reals(-1.0, 1.0) }
}

/// `∂L/∂W = (∂L/∂a) xᵀ` for a = W x (Goodfellow, Bengio & Courville 2016, sec. 6.5.6), and the rules of gates.
#[test]
fn rules() {
    let written = |build: fn(&Builder) -> Expr<'_>| {
        let g = Builder::new();
        let id = build(&g).id();
        Form::Unicode.write(&rule(&g.graph().unwrap(), id).unwrap())
    };
    assert_eq!(
        written(|g| g.input("x", [2, 3]).linear(g.parameter("w", [4, 3]))),
        "y = B A\nA\u{304} = Bᵀ y\u{304}\nB\u{304} = y\u{304} Aᵀ\n"
    );
    assert_eq!(written(|g| g.input("x", [1, 3]).sigmoid()), "y = σ(x)\nx\u{304} = y ⊙ (1 − y) ⊙ y\u{304}\n");
    assert_eq!(written(|g| 1.0 - g.input("x", [1, 3])), "y = 1 − b\nb\u{304} = −y\u{304}\n");
    assert_eq!(written(|g| g.input("x", [1, 3]).stop_gradient()), "y = stop(x)\nx\u{304} = 0\n");
    assert_eq!(
        written(|g| g.input("x", [2, 3]) + g.parameter("b", [3])),
        "y = a + b\na\u{304} = y\u{304}\nb\u{304} = y\u{304} 𝟏\n"
    );
}

#[test]
fn names_of_a_graph() {
    let g = Builder::new();
    let w = g.parameter("rnn.weight_hh_l0", [2, 2]);
    let x = g.input("h_1", [1, 2]);
    let (_layer, _step) = (g.layer("l1"), g.step(3));
    let h = x.linear(w).tanh().named("h1");
    let other = {
        let _layer = g.layer("inner");
        h.exp().named("h1")
    };
    let graph = g.graph().unwrap();
    let write = |e: Expr| Form::Unicode.write(&[equation(&graph, e.id()).unwrap()]);
    assert_eq!(write(h), "h⁽¹⁾₁,₃ = tanh(weight_hh,l0 h₁)\n");
    assert_eq!(write(other), "h^(1/inner)₁,₃ = exp(h⁽¹⁾₁,₃)\n");
}

/// A formula without an end stops at an unnamed node, and shows its number.
#[test]
fn long_formulas_stop() {
    let g = Builder::new();
    let mut x = g.input("x", [1, 2]);
    for _ in 0..10_000 {
        x = x + x.tanh();
    }
    let graph = g.graph().unwrap();
    let text = Form::Unicode.write(&[equation(&graph, x.id()).unwrap()]);
    assert!(text.chars().count() < 1000 && text.contains("add^(#"), "{text}");
}

#[test]
fn long_sums_are_broken_at_their_signs() {
    let terms: Vec<Math> = (0..6).map(|k| Math::product(s("weight"), at("long_name", k))).collect();
    let line = Line { left: at("h", 0), right: Math::minus(Math::sum(terms), s("b")) };
    let text = Form::Unicode.write(std::slice::from_ref(&line));
    assert!(text.lines().all(|line| line.chars().count() <= 100) && text.lines().count() == 2, "{text}");
    assert!(text.lines().nth(1).unwrap().starts_with("   + weight long_nameₜ₊"), "{text}");
    assert_is_balanced(&Form::Latex.write(std::slice::from_ref(&line)));
    assert!(Form::Latex.write(&[line]).contains(r"&\quad {} + "));
}

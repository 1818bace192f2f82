//! Formulas in their three forms.

use super::*;
use proptest::prelude::*;

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

/// Werbos 1990: δ[t] as a paper on backpropagation through time prints it.
#[test]
fn adjoints_have_bars() {
    let bar = |lag| Math::Adjoint(Symbol::of("h").at(lag).into());
    let math = Math::product(Math::Transpose(Symbol::of("W_h").into()), bar(1));
    written(math, "W_hᵀ h̄ₜ₊₁", r"{W_{h}}^{\top} \, \bar{h}_{t+1}");
}

/// Formulas of all kinds, three deep.
fn formulas() -> impl Strategy<Value = Math> {
    let names = prop::sample::select(vec!["a", "W_f", "h_new", "alpha", "b1_i", "h̃", "h'"]);
    let leaf =
        (names, prop::option::of(-3..3_i64), -3.0..3.0).prop_map(|(name, time, n): (_, _, f64)| match time {
            Some(0) => Math::Number(n),
            Some(lag) => Symbol::of(name).at(lag).into(),
            None => Symbol::of(name).into(),
        });
    leaf.prop_recursive(4, 30, 3, |inner| {
        let signs =
            prop::sample::select(vec![Sign::Less, Sign::Plus, Sign::Minus, Sign::Hadamard, Sign::Product]);
        (0..10, signs, inner.clone(), inner.clone(), inner).prop_map(|(kind, sign, a, b, c)| match kind {
            0 => Math::Fraction(a.into(), b.into()),
            1 => Math::Power(a.into(), -2),
            2 => Math::Root(a.into()),
            3 => Math::Absolute(a.into()),
            4 => Math::Transpose(a.into()),
            5 => Math::Adjoint(a.into()),
            6 => Math::Call("tanh".into(), vec![a, b]),
            7 => Math::Cases(vec![(a, b)], c.into()),
            8 => Math::Stack(vec![a, b, c]),
            _ => Math::Infix(sign, a.into(), b.into()),
        })
    })
}

/// Groups and environments are closed in the order in which they are opened.
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
        // The braces of \begin{…} balance by themselves.
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
                "mtr" => prop_assert!((2..=3).contains(&children)),
                "mi" | "mn" | "mo" | "mtext" => prop_assert_eq!(children, 0),
                "math" | "mtable" | "mtd" | "mrow" | "msqrt" => prop_assert!(children > 0),
                other => prop_assert!(false, "{other}"),
            }
        }
    }
}

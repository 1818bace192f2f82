//! Derivations: the textbook's, line by line; and for every cell, the printed formulas evaluated and compared with
//! the graph.

use autograd_view::math::Form;
use rnn::cell::{LITERATURE, SHIPPED};
use rnn::equations::EquationCell;
use rnn_lab::derivation::Derivation;
use std::path::Path;

fn derive(text: &str) -> Derivation {
    let cell =
        EquationCell::read(text, "test.cell").unwrap_or_else(|faults| panic!("{}", faults.render(false)));
    Derivation::of(cell).unwrap()
}

/// All cells that come with the crate, and the examples.
fn cells() -> Vec<(String, String)> {
    let mut cells: Vec<(String, String)> =
        SHIPPED.iter().map(|cell| (cell.name.into(), cell.text.into())).collect();
    cells.extend(LITERATURE.iter().map(|cell| (format!("literature/{}", cell.name), cell.text.into())));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cells");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "cell") {
            cells.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(cells.len() > 50);
    cells
}

/// The equations without indentation.
fn equations(derivation: &Derivation) -> Vec<String> {
    derivation.lines().map(|line| Form::Unicode.write(std::slice::from_ref(line)).trim_end().into()).collect()
}

/// Goodfellow, Bengio & Courville 2016, Deep learning, eq. 10.8-10.9 and 10.18-10.28, with columns for vectors,
/// elementwise products for diag, and one name per derivative: ∇_h L is h̄.
#[test]
fn elman_is_the_derivation_of_the_textbook() {
    let elman = derive("cell textbook\n  h[t] = tanh(b + W h[t-1] + U x[t])");
    let textbook = [
        "hₜ = tanh(b + W hₜ₋₁ + U xₜ)",                              // 10.8 and 10.9
        "oₜ = V hₜ + c",                                             // 10.10
        "Lₜ = logsumexp(oₜ) − sum(yₜ ⊙ oₜ)",                         // −log softmax(o) at the target
        "L = Σₜ Lₜ",                                                 // 10.7
        "o\u{304}ₜ = softmax(oₜ) − yₜ",                              // 10.18
        "h\u{304}ₜ = Wᵀ ((1 − hₜ₊₁²) ⊙ h\u{304}ₜ₊₁) + Vᵀ o\u{304}ₜ", // 10.21, and 10.20 at t = T
        "b\u{304} = Σₜ (1 − hₜ²) ⊙ h\u{304}ₜ",                       // 10.23
        "W\u{304} = Σₜ ((1 − hₜ²) ⊙ h\u{304}ₜ) hₜ₋₁ᵀ",               // 10.26
        "U\u{304} = Σₜ ((1 − hₜ²) ⊙ h\u{304}ₜ) xₜᵀ",                 // 10.28
        "V\u{304} = Σₜ o\u{304}ₜ hₜᵀ",                               // 10.24
        "c\u{304} = Σₜ o\u{304}ₜ",                                   // 10.22
    ];
    assert_eq!(equations(&elman), textbook);
}

#[test]
fn every_line_of_every_cell_has_the_value_of_its_node() {
    for (name, text) in cells() {
        let derivation = derive(&text);
        let worst = derivation.check(1).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(worst < 1e-10, "{name}: {worst:e}\n{}", derivation.write(Form::Unicode));
    }
}

/// A combination that no published cell has: two steps of memory, a stop-gradient, conditionals on t and on values, a
/// fraction, a mean, a maximum, names that print alike, and a matrix that is read twice.
const ODD: &str = "cell odd
  u1[t] = W x[t] - V stop(h[t-2]) + W stop(x[t-1])
  u_1[t] = where(mod(t, 2) == 0, u1[t] / (1 + u1[t]^2), max(u1[t], a[t-1]))
  a[t] = softmax(R u_1[t]) * abs(h[t-1]) - mean(u_1[t]) + k * cos(t)
  d[t] = where(a[t] > 0, where(h[t-1] < 0, 2, exp(a[t])), relu(u1[t]) * sin(d[t-2])) * 0.5
  h[t] = tanh(a[t] * sqrt(1 + d[t]^2) - sin(d[t-1]) * sum(a[t] * V tanh(h[t-1])))";

#[test]
fn a_cell_never_seen_before() {
    let derivation = derive(ODD);
    for seed in 1..4 {
        let worst = derivation.check(seed).unwrap();
        assert!(worst < 1e-10, "{worst:e}\n{}", derivation.write(Form::Unicode));
    }
    assert!(derivation.over(3).unwrap().check(1).unwrap() < 1e-10);
}

/// Werbos 1990, Backpropagation through time: what it does and how to do it: the last step first, each from the next.
#[test]
fn steps_are_written_out() {
    let elman = derive("cell textbook\n  h[t] = tanh(b + W h[t-1] + U x[t])").over(2).unwrap();
    let lines = equations(&elman);
    for line in [
        "h₁ = tanh(b + W h₀ + U x₁)",
        "L = L₁ + L₂",
        "h\u{304}₂ = Vᵀ o\u{304}₂",
        "h\u{304}₁ = Wᵀ ((1 − h₂²) ⊙ h\u{304}₂) + Vᵀ o\u{304}₁",
        "W\u{304} = ((1 − h₁²) ⊙ h\u{304}₁) h₀ᵀ + ((1 − h₂²) ⊙ h\u{304}₂) h₁ᵀ",
    ] {
        assert!(lines.iter().any(|l| l == line), "{line}\n{lines:#?}");
    }
    assert!(elman.check(1).unwrap() < 1e-10);
}

#[test]
fn pages_are_well_formed() {
    for (name, text) in cells().into_iter().chain([("odd".into(), ODD.into())]) {
        let derivation = derive(&text);
        let page = derivation.write(Form::Mathml);
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let tree =
            roxmltree::Document::parse_with_options(&page, options).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(tree.descendants().any(|node| node.tag_name().name() == "mtr"));
        let latex = derivation.write(Form::Latex);
        assert!(latex.contains(r"\begin{aligned}") && latex.ends_with("\\end{document}\n"));
        // Outside mathematics, LaTeX takes no signs of it; and a letter there is set as a word.
        for word in running_text(&latex).split(|c: char| !c.is_alphanumeric() && !"\\_∂".contains(c)) {
            let sign = word.replace(r"\_", "").contains(['_', '∂']) || !word.is_ascii();
            let letter =
                word.len() == 1 && word.starts_with(char::is_alphabetic) && !matches!(word, "a" | "A");
            assert!(!sign && !letter, "{name}: `{word}`\n{latex}");
        }
        let text = derivation.write(Form::Unicode);
        let width = |line: &str| line.chars().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).count();
        let longest = text.lines().map(width).max().unwrap();
        // A matrix memory is four columns wide.
        let is_wide = name.contains("odd") || name.contains("literature");
        assert!(is_wide || longest <= 104, "{name}: {longest}\n{text}");
    }
}

/// A LaTeX document without its mathematics.
fn running_text(latex: &str) -> String {
    let body = latex.split_once(r"\begin{document}").unwrap().1;
    let outside = body.split(r"\begin{equation*}").map(|part| match part.split_once(r"\end{equation*}") {
        Some((_, after)) => after,
        None => part,
    });
    outside.collect::<String>().split('$').step_by(2).collect()
}

#[test]
fn one_name_alone() {
    let lstm = SHIPPED.iter().find(|cell| cell.name == "lstm").unwrap();
    let only =
        |names: &[&str]| derive(lstm.text).only(&names.iter().map(|n| (*n).into()).collect::<Vec<_>>());
    assert_eq!(
        equations(&only(&["c"]).unwrap()),
        ["cₜ = fₜ ⊙ cₜ₋₁ + iₜ ⊙ gₜ", "c\u{304}ₜ = oₜ ⊙ (1 − tanh(cₜ)²) ⊙ h\u{304}ₜ + fₜ₊₁ ⊙ c\u{304}ₜ₊₁"]
    );
    let error = only(&["W_hz"]).unwrap_err().to_string();
    assert!(error.contains("`W_hz`; did you mean `W_h"), "{error}");
}

/// The gradient stops at `stop`: s is a plain sum, and the feedback contributes nothing (Hochreiter & Schmidhuber
/// 1997, A.1).
#[test]
fn cuts_are_seen() {
    let lstm = SHIPPED.iter().find(|cell| cell.name == "lstm-1997").unwrap();
    let lines = equations(&derive(lstm.text));
    assert!(lines.iter().any(|line| line.contains("stop(y_cₜ₋₁)")), "{lines:#?}");
    assert!(lines.iter().any(|line| line == "y\u{304}_cₜ = Vᵀ o\u{304}ₜ"), "{lines:#?}");
}

/// Equations that read earlier steps alone, without input or parameter.
#[test]
fn what_reads_the_past_alone_has_its_lines() {
    for line in
        ["0.9 * h[t-1]", "tanh(h[t-1])", "h[t-1]^2", "where(t == 1, 1, p[t-1])\n  a[t] = p[t] * h[t-2]"]
    {
        let line = if line.contains("p[") { format!("p[t] = {line}") } else { format!("a[t] = {line}") };
        let text = format!("cell a\n  {line}\n  h[t] = tanh(W x[t] + U a[t])");
        let derivation = Derivation::of(EquationCell::read(&text, "a.cell").unwrap()).unwrap();
        let difference = derivation.check(1).unwrap();
        assert!(difference < 1e-10, "{text}: {difference:.0e}");
        let steps = derivation.over(3).unwrap();
        assert!(steps.check(1).unwrap() < 1e-10, "{text}");
    }
}

/// Eight lags of one sequence, weighted by a softmax: the derivation's net grows with the sum of the lags, not with
/// their product.
#[test]
fn many_lags_are_derived() {
    let weights: Vec<String> = (0..8).map(|j| format!("  e{j}[t] = exp(sum(w_{j} * x[t]))\n")).collect();
    let terms: Vec<String> = (0..8).map(|j| format!("e{j}[t] * h[t-{}]", 1 << j)).collect();
    let all: Vec<String> = (0..8).map(|j| format!("e{j}[t]")).collect();
    let text = format!(
        "cell a\n{}  z[t] = ({}) / ({})\n  h[t] = tanh(W x[t] + U z[t])",
        weights.concat(),
        terms.join(" + "),
        all.join(" + ")
    );
    let derivation = Derivation::of(EquationCell::read(&text, "a.cell").unwrap()).unwrap();
    assert!(derivation.check(1).unwrap() < 1e-10);
}

/// A size that enters a formula as a number is wrong at every other size; the check uses two.
#[test]
fn no_formula_knows_the_size_it_was_read_at() {
    let normed = "cell normed
  a[t] = W x[t] + U h[t-1] + b
  d[t] = a[t] - mean(a[t])
  h[t] = tanh(d[t] / sqrt(mean(d[t] * d[t]) + 0.00001))";
    let derivation = derive(normed);
    assert!(derivation.check(1).unwrap() < 1e-10, "{}", derivation.write(Form::Unicode));
    assert!(derivation.over(3).unwrap().check(1).unwrap() < 1e-10);
}

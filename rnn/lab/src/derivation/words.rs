//! The sentences between the equations, derived from the equations.

use super::Entry;
use super::arguments::Argument;
use super::net::{Head, at_t};
use super::view::View;
use autograd_view::math::{Math, Sign, Symbol};
use rnn::equations::EquationCell;

/// A part of a sentence.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Words(String),
    Math(Math),
}

/// Words; names between dollar signs are mathematics.
fn say(words: &str) -> Piece {
    Piece::Words(words.into())
}

/// `a, b and c`
fn list(items: impl IntoIterator<Item = Math>) -> Vec<Piece> {
    let items: Vec<Math> = items.into_iter().collect();
    let count = items.len();
    let mut pieces = Vec::new();
    for (k, item) in items.into_iter().enumerate() {
        match count - k {
            _ if k == 0 => {}
            1 => pieces.push(say(" and ")),
            _ => pieces.push(say(", ")),
        }
        pieces.push(Piece::Math(item));
    }
    pieces
}

/// Introduces the equations of the cell.
pub(super) fn step(cell: &EquationCell, constants: &[(String, f64)], lines: &[Entry]) -> Vec<Piece> {
    let from = cell.memory().iter().map(|(name, lag)| Symbol::of(name).at(-super::net::count(*lag)).into());
    let mut words = vec![say("Step $t$ reads "), Piece::Math(at_t("x"))];
    let from: Vec<Math> = from.collect();
    if !from.is_empty() {
        words.push(say(" and what is left of earlier steps, "));
        words.extend(list(from));
    }
    words.push(say("."));
    let made: Vec<Math> =
        cell.made_shapes(1, 1).into_iter().map(|(name, _)| Symbol::of(name).into()).collect();
    if !made.is_empty() {
        let be = if made.len() > 1 { " are made of parameters" } else { " is made of parameters" };
        words.push(say(" "));
        words.extend(list(made));
        words.push(say(be));
        words.push(say(" once, before the first step."));
    }
    if !constants.is_empty() {
        words.push(say(if constants.len() > 1 { " The constants are " } else { " The constant is " }));
        words.extend(list(constants.iter().map(|(name, value)| {
            Math::Infix(Sign::Equal, Symbol::of(name).into(), Math::Number(*value).into())
        })));
        words.push(say("."));
    }
    if lines
        .iter()
        .any(|entry| has(&entry.line.right, &|math| matches!(math, Math::Call(f, _) if f == "stop")))
    {
        words.push(say(" "));
        words.push(Piece::Math(Math::Call("stop".into(), vec![Symbol::of("a").into()])));
        words.push(say(" is $a$, and no derivative passes through it."));
    }
    words
}

/// Introduces the equations of one step.
pub(super) fn number(t: usize) -> Vec<Piece> {
    vec![say(&format!("Step {t}:"))]
}

/// Introduces the sum of the losses of all steps.
pub(super) fn sum_of_losses() -> Vec<Piece> {
    vec![say("The loss is the sum over all steps:")]
}

fn has(math: &Math, is: &dyn Fn(&Math) -> bool) -> bool {
    is(math) || math.children().into_iter().any(|child| has(child, is))
}

/// Explains signs that not every reader knows.
pub(super) fn notes<'a>(lines: impl Iterator<Item = &'a Entry>) -> Vec<Piece> {
    let lines: Vec<&Math> = lines.map(|entry| &entry.line.right).collect();
    let any = |is: &dyn Fn(&Math) -> bool| lines.iter().any(|line| has(line, is));
    let mut words = Vec::new();
    if any(&|math| matches!(math, Math::Indicator(_))) {
        words.push(say(" A condition in brackets is 1 where it holds and 0 elsewhere."));
    }
    if any(&|math| matches!(math, Math::Part(..))) {
        let part = Math::Part(Math::Adjoint(Symbol::of("v").into()).into(), Symbol::of("a").into(), None);
        words.extend([
            say(" "),
            Piece::Math(part),
            say(" are the rows of "),
            Piece::Math(Math::Adjoint(Symbol::of("v").into())),
        ]);
        words.extend([say(" that belong to $a$, where $v$ is put together of $a$ and others.")]);
    }
    if any(&|math| matches!(math, Math::Call(f, _) if f == "dim")) {
        words.push(say(" "));
        words.push(Piece::Math(Math::Call("dim".into(), vec![Symbol::of("v").into()])));
        words.push(say(" is the number of elements of $v$."));
    }
    words
}

/// Introduces the abbreviations.
pub(super) fn abbreviations() -> Vec<Piece> {
    vec![say("With these abbreviations, each a formula that would stand there in full:")]
}

/// Introduces the equations of the head.
pub(super) fn loss(head: &Head) -> Vec<Piece> {
    let entropy = Math::Call("softmax".into(), vec![at_t(&head.output)]);
    vec![
        say("A head reads the output, and the loss of the step is the cross entropy of "),
        Piece::Math(entropy),
        say(" with "),
        Piece::Math(at_t(&head.target)),
        say(
            ", a unit vector. The loss is the sum over all steps; training divides it, and with it every adjoint, by the \
             number of targets.",
        ),
    ]
}

/// Introduces the adjoints.
pub(super) fn backward() -> Vec<Piece> {
    let bar = Math::Adjoint(Symbol::of("v").into());
    vec![
        say("A bar is a derivative of the loss: "),
        Piece::Math(bar),
        say(" stands for $∂L$/$∂v$, and has the shape of $v$. Time runs backwards, from $T$ to 1."),
    ]
}

/// The adjoints in a formula: the paths to the loss. An argument of a function counts as its sequence.
pub(super) fn ways(right: &Math, arguments: &[Argument]) -> Vec<Symbol> {
    let mut ways: Vec<Symbol> = Vec::new();
    right.each_name(&mut |name, adjoint| {
        let plain = Symbol { time: None, ..name.clone() };
        let of = arguments.iter().find(|argument| argument.name == plain);
        let way = of.map_or_else(|| name.clone(), |a| Symbol { time: name.time, ..Symbol::of(&a.of) });
        if adjoint && !ways.contains(&way) {
            ways.push(way);
        }
    });
    ways
}

/// Describes by which paths names reach the loss.
pub(super) fn reaches(names: &[Math], ways: &[Symbol]) -> Vec<Piece> {
    let mut words = list(names.iter().cloned());
    let several = names.len() > 1;
    let act = if several { " act" } else { " acts" };
    match ways {
        [] => words.push(say(&format!("{act} on nothing."))),
        [way] => {
            words.push(say(&format!("{act} on the loss through ")));
            words.push(Piece::Math(way.clone().into()));
            words.push(say(" alone:"));
        }
        ways => {
            let each = if several { " each" } else { "" };
            words.push(say(&format!("{each}{act} on the loss in {} ways, through ", count(ways.len()))));
            words.extend(list(ways.iter().map(|way| way.clone().into())));
            words.push(say("; the ways are added:"));
        }
    }
    words
}

fn count(n: usize) -> String {
    let words = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    n.checked_sub(2).and_then(|k| words.get(k)).map_or_else(|| n.to_string(), |word| (*word).into())
}

/// Explains the letters for arguments.
pub(super) fn arguments(arguments: &[Argument], view: &View) -> Vec<Piece> {
    let simple = arguments.iter().all(|argument| argument.direct);
    let mut words = vec![say("Here ")];
    for (k, argument) in arguments.iter().enumerate() {
        match (k, simple, k + 1 == arguments.len()) {
            (0, ..) => {}
            (_, true, false) => words.push(say(", ")),
            (_, true, true) => words.push(say(" and ")),
            (_, false, false) => words.push(say("; ")),
            (_, false, true) => words.push(say("; and ")),
        }
        let (name, of) = (Math::Symbol(view.symbol(argument.name.clone())), view.name(&argument.of));
        if argument.direct {
            let value = Math::Call(argument.function.into(), vec![name]);
            words.push(Piece::Math(Math::Infix(Sign::Equal, of.into(), value.into())));
        } else {
            let function = Math::Call(argument.function.into(), vec![name.clone()]);
            words.extend([Piece::Math(name), say(" stands in "), Piece::Math(function)]);
            words.extend([say(", a part of "), Piece::Math(of)]);
        }
    }
    words.push(say(":"));
    words
}

/// Describes the ends of the sequence, and names without an adjoint.
pub(super) fn ends(cell: &EquationCell, silent: &[&str]) -> Vec<Piece> {
    let lag = cell.memory().iter().map(|(_, lag)| *lag).max().unwrap_or(0);
    let mut words = Vec::new();
    if lag > 0 {
        let next = Math::plus(Symbol::of("t").into(), Math::Number(1.0));
        words.extend([
            say("After the last step, $T$, there is nothing: there all terms with "),
            Piece::Math(next),
            say(if lag > 1 { " or a later time vanish. " } else { " vanish. " }),
            say("The first step starts from "),
        ]);
        let starts = cell
            .memory()
            .iter()
            .map(|(name, lag)| Math::from(Symbol::of(name).at_step(1 - super::net::count(*lag))));
        words.extend(list(starts));
        words.push(say(if cell.memory().len() > 1 {
            ", which are given: zero, if nothing else is said."
        } else {
            ", which is given: zero, if nothing else is said."
        }));
    }
    if !silent.is_empty() {
        words.push(say(" The loss does not depend on any parameter through "));
        words.extend(list(silent.iter().map(|name| at_t(name))));
        words.push(say(", so no adjoint is needed there."));
    }
    words
}

/// Introduces the gradients of the parameters.
pub(super) fn gradients() -> Vec<Piece> {
    let y = Math::Symbol(Symbol::of("a"));
    let product = Math::Infix(
        Sign::Equal,
        y.into(),
        Math::product(Symbol::of("W").into(), Symbol::of("x").into()).into(),
    );
    let gradient =
        Math::product(Math::Adjoint(Symbol::of("a").into()), Math::Transpose(Symbol::of("x").into()));
    vec![
        say(
            "The same parameters act at every step, so their gradients are sums over the steps. A matrix in ",
        ),
        Piece::Math(product),
        say(" receives "),
        Piece::Math(gradient),
        say(", and what is added receives the adjoint of the sum:"),
    ]
}

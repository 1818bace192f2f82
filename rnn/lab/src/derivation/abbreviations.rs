//! Abbreviates long parts of formulas by letters.

use autograd_view::math::{Form, Line, Math, Sign, Symbol, Time};

/// The maximum width of a line in characters.
const WIDTH: usize = 100;

/// Replaces the most frequent parts of long lines by letters, until no line is too long or no letter is left. Returns
/// the definitions of the letters.
pub(super) fn find(mut lines: Vec<&mut Line>, letters: &[String]) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    for letter in letters {
        let Some(part) = most_frequent(&lines, &found) else { break };
        let timed = span(&part).is_some();
        let named = |lag: i64| {
            let symbol = Symbol::of(letter);
            Math::Symbol(if timed { symbol.at(lag) } else { symbol })
        };
        let exchange = |line: &mut Line| {
            line.right = line.right.exchanged(&|math| {
                let lag = span(math).unwrap_or(0);
                (width(math) >= SHORTEST && shifted(math, -lag) == part).then(|| named(lag))
            });
        };
        lines.iter_mut().for_each(|line| exchange(line));
        found.iter_mut().for_each(exchange);
        found.push(Line { left: named(0), right: part });
    }
    found.reverse();
    found
}

/// Whether the name on the left of a line occurs in others.
pub(super) fn is_used<'a>(line: &Line, others: impl IntoIterator<Item = &'a Line>) -> bool {
    let Math::Symbol(name) = &line.left else { return false };
    let (mut used, plain) = (false, |symbol: &Symbol| Symbol { time: None, ..symbol.clone() });
    for other in others {
        other.right.each_name(&mut |symbol, adjoint| used |= !adjoint && plain(symbol) == plain(name));
    }
    used
}

/// Shorter parts are not abbreviated.
const SHORTEST: usize = 8;

fn width(math: &Math) -> usize {
    Form::Unicode.formula(math).chars().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).count()
}

fn is_long(line: &Line) -> bool {
    let text = Form::Unicode.write(std::slice::from_ref(line));
    text.lines().any(|row| row.chars().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).count() > WIDTH)
}

/// The part of long lines whose repetitions take the most room, at its last time; if nothing repeats, the longest
/// part that fits half a page.
fn most_frequent(lines: &[&mut Line], found: &[Line]) -> Option<Math> {
    let all = || lines.iter().map(|line| &**line).chain(found);
    let mut parts: Vec<(Math, usize)> = Vec::new();
    all().filter(|line| is_long(line)).for_each(|line| collect(&line.right, &mut parts, true));
    let mut counted: Vec<(Math, usize)> = parts.into_iter().map(|(part, _)| (part, 0)).collect();
    all().for_each(|line| collect(&line.right, &mut counted, false));
    let worth = |(part, count): &(Math, usize)| match count {
        0 | 1 => (0, width(part)),
        count => ((count - 1) * width(part), 0),
    };
    let whole = |part: &Math| all().any(|line| line.right == *part);
    counted.retain(|(part, count)| (*count > 1 || width(part) <= WIDTH / 2) && !whole(part));
    counted.into_iter().max_by_key(worth).map(|(part, _)| part)
}

/// Counts the parts of a formula; adds new ones only if `new`.
fn collect(math: &Math, parts: &mut Vec<(Math, usize)>, new: bool) {
    for child in math.children() {
        collect(child, parts, new);
    }
    let mut has_number = false;
    math.each_name(&mut |name, _| {
        has_number |= *name == Symbol::of("t") || matches!(name.time, Some(Time::Step(_)));
    });
    // A condition is not abbreviated, for readability.
    let is_sum = |sign: &Sign| matches!(sign, Sign::Plus | Sign::Minus);
    let is_product = |sign: &Sign| matches!(sign, Sign::Hadamard | Sign::Times | Sign::Product);
    let is_condition = matches!(math, Math::Infix(sign, ..) if !is_sum(sign) && !is_product(sign));
    if has_number || is_condition || math.children().is_empty() || width(math) < SHORTEST {
        return;
    }
    let seen = shifted(math, -span(math).unwrap_or(0));
    match parts.iter_mut().find(|(part, _)| *part == seen) {
        Some((_, count)) => *count += 1,
        None if new => parts.push((seen, 1)),
        None => {}
    }
}

/// The last time in a formula.
fn span(math: &Math) -> Option<i64> {
    let mut last: Option<i64> = None;
    math.each_name(&mut |name, _| {
        if let Some(Time::Lag(lag)) = name.time {
            last = Some(last.map_or(lag, |last| last.max(lag)));
        }
    });
    last
}

/// The formula with all times shifted.
fn shifted(math: &Math, by: i64) -> Math {
    if by == 0 {
        return math.clone();
    }
    math.exchanged(&|math| match math {
        Math::Symbol(symbol) => match symbol.time {
            Some(Time::Lag(lag)) => Some(symbol.clone().at(lag + by).into()),
            _ => None,
        },
        Math::Adjoint(of) => Some(Math::Adjoint(shifted(of, by).into())),
        _ => None,
    })
}

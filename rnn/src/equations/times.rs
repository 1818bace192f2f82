//! Times as papers write them: `h_t` for `h[t]`.

use super::ast::KEYWORDS;
use super::diagnostic::{Diagnostic, Span};
use super::token::{Token, begins_line};
use std::collections::BTreeSet;

/// Reads `z_t` as `z[t]` where a line begins `z_t = …` or `z[t] = …`, and `x_t` as `x[t]`.
///
/// Elsewhere `W_t` is a name like any other; so is one that has a time of its own, as in `z_t[t]`, or is declared by a line.
/// In a function, where nothing has a time, all names are.
pub(super) fn read(list: Vec<(Token, Span)>, faults: &mut Vec<Diagnostic>) -> Vec<(Token, Span)> {
    let within = in_functions(&list);
    let (defined, own) = (defined(&list, &within), own(&list, &within));
    let base = |token: &Token| match token {
        Token::Name(name) if !own.contains(name.as_str()) => {
            name.strip_suffix("_t").filter(|base| defined.contains(*base)).map(String::from)
        }
        _ => None,
    };
    let mut read = Vec::with_capacity(list.len());
    let mut line: Option<&Token> = None;
    for (k, (token, span)) in list.iter().enumerate() {
        if k == 0 || list[k - 1].0 == Token::End {
            line = Some(token);
        }
        let Some(base) = base(token).filter(|_| !within[k]) else {
            read.push((token.clone(), span.clone()));
            continue;
        };
        read.push((Token::Name(base.clone()), span.clone()));
        // `state z_t: m` speaks of z at all times.
        let speaks = ["state", "start", "output"];
        if matches!(line, Some(Token::Name(word)) if speaks.contains(&word.as_str())) {
            continue;
        }
        for token in [Token::Sign("["), Token::Name("t".into()), Token::Sign("]")] {
            read.push((token, span.clone()));
        }
        if let [(Token::Sign("-"), minus), (Token::Number(lag), number), ..] = &list[k + 1..]
            && (minus.start, number.start) == (span.end, minus.end)
        {
            let fault =
                Diagnostic::new("this is not clear", span.start..number.end, "a time, or a difference?");
            let help = format!("write `{base}[t-{lag}]` for the step before, or `{base}[t] - {lag}`");
            faults.push(fault.help(help));
        }
    }
    read
}

/// Which tokens are of a function: of its line, or of its block up to the results, with the lines that go on with these.
fn in_functions(list: &[(Token, Span)]) -> Vec<bool> {
    let (mut within, mut block, mut open) = (Vec::with_capacity(list.len()), false, 0_i32);
    let mut is_within = false;
    for (k, (token, _)) in list.iter().enumerate() {
        let rest = &list[k..];
        if k == 0 || list[k - 1].0 == Token::End {
            match token {
                Token::Name(word) if block => block = word != "return",
                // In `sum(a for j = 1..4)` the word `for` begins no line.
                Token::Name(word) if word == "for" && open > 0 => {}
                _ if begins_line(rest) => {
                    is_within = *token == Token::Name("fn".into());
                    block = is_within && is_block(rest);
                    open = 0;
                }
                _ => {}
            }
        }
        match token {
            Token::Sign("(") => open += 1,
            Token::Sign(")") => open -= 1,
            _ => {}
        }
        within.push(is_within);
    }
    within
}

/// Whether the head of a function, `fn f(a, b)`, has no `=` behind it.
fn is_block(list: &[(Token, Span)]) -> bool {
    let behind = list.iter().map(|(token, _)| token).skip_while(|token| **token != Token::Sign(")")).skip(1);
    behind.into_iter().find(|token| **token != Token::End) != Some(&Token::Sign("="))
}

/// The names that lines define at a time: `z` of `z_t = …`, `z[t] = …` and `z_t, r_t = …`; and the input.
fn defined<'a>(list: &'a [(Token, Span)], within: &[bool]) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::from(["x"]);
    let mut at = 0;
    for line in list.split(|(token, _)| *token == Token::End) {
        let is_within = within.get(at) == Some(&true);
        at += line.len() + 1;
        let [(Token::Name(first), _), ..] = line else { continue };
        if is_within || KEYWORDS.contains(&first.as_str()) {
            continue;
        }
        let equals = line.iter().position(|(token, _)| *token == Token::Sign("="));
        let left = &line[..equals.unwrap_or(0)];
        for part in left.split(|(token, _)| *token == Token::Sign(",")) {
            match part {
                [(Token::Name(name), _)] => found.extend(name.strip_suffix("_t")),
                [(Token::Name(name), _), (Token::Sign("["), _), ..] => {
                    found.insert(name);
                }
                _ => {}
            }
        }
    }
    found
}

/// The names that end in `_t` and are names: with a time behind them, or after the word of a declaration.
fn own<'a>(list: &'a [(Token, Span)], within: &[bool]) -> BTreeSet<&'a str> {
    let declares = ["param", "const", "size", "let", "fixed", "pack", "fn"];
    let mut found = BTreeSet::new();
    for (pair, is_within) in list.windows(2).zip(within) {
        match pair {
            [(Token::Name(word), _), _] if *is_within && word != "fn" => false,
            [(Token::Name(name), _), (Token::Sign("["), _)] => found.insert(name.as_str()),
            [(Token::Name(word), _), (Token::Name(name), _)] if declares.contains(&word.as_str()) => {
                found.insert(name.as_str())
            }
            _ => false,
        };
    }
    found
}

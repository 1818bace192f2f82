//! Styles and line breaking of printed text. `anstream` removes styles if the output is not a terminal, or `NO_COLOR`
//! is set.

use anstyle::{AnsiColor, Color, Effects, Style};

const fn coloured(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

/// Success.
pub const GOOD: Style = coloured(AnsiColor::Green).effects(Effects::BOLD);
/// Failure.
pub const BAD: Style = coloured(AnsiColor::Red).effects(Effects::BOLD);
/// A title.
pub const TITLE: Style = Style::new().effects(Effects::BOLD);
/// Secondary information.
pub const FAINT: Style = Style::new().effects(Effects::DIMMED);
/// The style of a verdict: bold green or bold red.
pub fn verdict(good: bool) -> Style {
    if good { GOOD } else { BAD }
}

/// A text from a person or a file, without terminal control sequences.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\t' { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// The columns of a page.
pub const WIDTH: usize = 78;

/// Wraps a text at spaces to at most `width` columns. A longer word gets its own line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_text() {
        assert_eq!(harmless("a\u{1b}[2J é\u{7}"), "a\\u{1b}[2J é\\u{7}");
    }

    #[test]
    fn lines_are_full_and_lose_no_word() {
        assert_eq!(wrap("ab ßd e  longer f", 4), ["ab", "ßd e", "longer", "f"]);
        assert_eq!(
            (wrap("ab ßß", 5), wrap("ab ßß", 4)),
            (vec!["ab ßß".into()], vec!["ab".into(), "ßß".into()])
        );
        assert!(wrap(" ", 5).is_empty());
    }
}

//! The look of what is printed: styles and the breaking of lines. Streams of `anstream` take styles out where there is no
//! terminal, or `NO_COLOR` is set.

use anstyle::{AnsiColor, Color, Effects, Style};

const fn coloured(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

/// What holds.
pub const GOOD: Style = coloured(AnsiColor::Green).effects(Effects::BOLD);
/// What does not.
pub const BAD: Style = coloured(AnsiColor::Red).effects(Effects::BOLD);
/// A title.
pub const TITLE: Style = Style::new().effects(Effects::BOLD);
/// What is there for whoever looks twice.
pub const FAINT: Style = Style::new().effects(Effects::DIMMED);
/// A sign for a word: bold green or bold red.
pub fn verdict(good: bool) -> Style {
    if good { GOOD } else { BAD }
}

/// A text of a person or of a file, without what a terminal would obey.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\t' { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Columns of a page.
pub const WIDTH: usize = 78;

/// A text in lines of at most `width` columns, broken at spaces. A longer word has a line of its own.
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

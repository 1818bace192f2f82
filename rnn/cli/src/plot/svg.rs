//! SVG elements shared by all pictures.

use super::axis::Label;
use std::fmt::Write;

/// Fonts of which every system has one.
const FONTS: &str = "Helvetica, Arial, sans-serif";

/// The font size.
pub(super) const LETTER: f64 = 15.0;

/// The head of a picture of that size: dark text on white.
pub(super) fn open(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"{FONTS}\" font-size=\"{LETTER}\" fill=\"#222\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        escape(title)
    )
}

/// A straight line.
pub(super) fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        svg,
        "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    );
}

/// A text anchored at its start, end or middle.
pub(super) fn text(svg: &mut String, at: (f64, f64), anchor: &str, attributes: &str, content: &str) {
    let space = if attributes.is_empty() { "" } else { " " };
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\"{space}{attributes}>{}</text>",
        at.0,
        at.1,
        escape(content)
    );
}

/// A title in the largest size that fits the width.
pub(super) fn title(svg: &mut String, at: (f64, f64), room: f64, content: &str) {
    let size = (18.0 * room / width(content, 18.0).max(1.0)).clamp(11.0, 18.0);
    text(svg, at, "start", &format!("font-size=\"{size:.1}\" font-weight=\"bold\""), content);
}

/// The label of a tick.
pub(super) fn label(svg: &mut String, at: (f64, f64), anchor: &str, label: &Label) {
    let raised = label.exponent.as_ref().map_or(String::new(), |exponent| {
        format!("<tspan dy=\"-6\" font-size=\"{}\">{exponent}</tspan>", 0.72 * LETTER)
    });
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}{raised}</text>",
        at.0, at.1, label.base
    );
}

/// An upper bound of the width of a text at a font size. Wide fonts (`DejaVu`) have about 0.6 of the size per letter.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let letter = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '\'' | ' ' | '(' | ')' | '[' | ']' => 0.4,
        'm' | 'w' | 'M' | 'W' | '‖' | '→' | '−' | '=' | '+' | '×' | '≈' => 0.88,
        'A'..='Z' => 0.72,
        _ => 0.62,
    };
    size * text.chars().map(letter).sum::<f64>()
}

/// Escapes a text for XML, and removes control characters that XML cannot contain.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

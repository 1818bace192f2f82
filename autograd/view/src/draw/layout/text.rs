//! Estimates the width of text, without a font.

/// An upper bound of the width of a line of text in a sans-serif face, in pixels. The advances are those of a wide
/// face; those of browsers are narrower.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | '\'' | '|' => 0.3,
        ' ' | ',' | '.' | ':' | 'f' | 'I' => 0.36,
        '(' | ')' | '[' | ']' | 't' | 'r' | '/' | '-' | '₁'..='₉' | '·' | '²' | '⁻' => 0.42,
        'm' | 'w' | 'M' | 'W' | '#' | '⊙' | '+' | '−' | '→' | '✂' | 'Σ' => 0.9,
        'A'..='Z' => 0.72,
        c if c.is_ascii() => 0.62,
        '\u{0370}'..='\u{03ff}' | '∂' => 0.64,
        _ => 1.0,
    };
    text.chars().map(em).sum::<f64>() * size
}

//! Several pictures in one.

use super::svg::{open, text};
use std::fmt::Write;

/// Arranges pictures in rows of `columns`, under a common title, as one SVG. Each is an SVG of this module.
///
/// ```
/// use rnn_cli::plot::{Chart, panels};
///
/// let two = [Chart::new("before", "x", "y").svg(), Chart::new("after", "x", "y").svg()];
/// assert!(panels("training", &two, 2).contains("viewBox=\"0 0 1600 484\""));
/// ```
pub fn panels(title: &str, pictures: &[String], columns: usize) -> String {
    let columns = columns.clamp(1, pictures.len().max(1));
    let sizes: Vec<(f64, f64)> = pictures.iter().map(|svg| size(svg)).collect();
    let widths: Vec<f64> = (0..columns)
        .map(|c| sizes.iter().skip(c).step_by(columns).map(|s| s.0).fold(0.0, f64::max))
        .collect();
    let heights: Vec<f64> =
        sizes.chunks(columns).map(|row| row.iter().map(|s| s.1).fold(0.0, f64::max)).collect();
    let head = if title.is_empty() { 0.0 } else { 44.0 };
    let mut svg = open(widths.iter().sum(), head + heights.iter().sum::<f64>(), title);
    if head > 0.0 {
        text(&mut svg, (16.0, 32.0), "start", "font-size=\"21\" font-weight=\"bold\"", title);
    }
    for (i, picture) in pictures.iter().enumerate() {
        let x = widths[..i % columns].iter().fold(0.0, |a, b| a + b);
        let y = heights[..i / columns].iter().fold(head, |a, b| a + b);
        let rest = picture.strip_prefix("<svg").unwrap_or(picture);
        let _ = write!(svg, "<svg x=\"{x}\" y=\"{y}\"{rest}");
    }
    svg + "</svg>\n"
}

/// Width and height of a picture: the last two numbers of its view box.
fn size(svg: &str) -> (f64, f64) {
    let view = svg.split("viewBox=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let mut numbers = view.split(' ').skip(2).map(|n| n.parse().unwrap_or(0.0));
    (numbers.next().unwrap_or(0.0), numbers.next().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Chart;

    #[test]
    fn pictures_stand_beside_and_below_each_other() {
        let picture = |width, height| Chart::new("", "", "").size(width, height).svg();
        let all = [picture(300.0, 200.0), picture(400.0, 250.0), picture(500.0, 300.0)];
        let svg = panels("", &all, 2);
        let document = roxmltree::Document::parse(&svg).unwrap();
        let of = |node: roxmltree::Node, name: &str| node.attribute(name).unwrap_or("").to_owned();
        let inner: Vec<_> = document
            .root_element()
            .children()
            .filter(|n| n.has_tag_name("svg"))
            .map(|n| (of(n, "x"), of(n, "y")))
            .collect();
        let place = |x: &str, y: &str| (x.to_owned(), y.to_owned());
        assert_eq!(inner, [place("0", "0"), place("500", "0"), place("0", "250")]);
        assert_eq!(document.root_element().attribute("viewBox"), Some("0 0 900 550"));
    }
}

//! Renders pictures as a page of PDF, for papers and slides.

use super::PngError;
use super::png::tree;
use resvg::usvg::Tree;
use svg2pdf::{ConversionOptions, PageOptions};

/// The last line of a PDF file of this program, a comment that identifies its own files.
const MARK: &str = "%rnn\n";

/// Units of a picture per inch, as in browsers.
const UNITS: f32 = 96.0;

/// The maximum side of a page that viewers open, in units: 200 inches.
const LONGEST: f32 = 200.0 * UNITS;

/// Renders an SVG picture as the bytes of a one-page PDF file, as large as the picture. Text stays text, in embedded
/// bundled fonts.
///
/// ```
/// let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='30'><text y='20'>∂L</text></svg>";
/// assert!(rnn_cli::plot::pdf(svg)?.starts_with(b"%PDF-"));
/// # Ok::<(), rnn_cli::plot::PngError>(())
/// ```
///
/// # Errors
/// If it is not SVG, or larger than a page can be.
pub fn pdf(svg: &str) -> Result<Vec<u8>, PngError> {
    let tree: Tree = tree(svg)?;
    let (width, height) = (tree.size().width(), tree.size().height());
    if width.max(height) > LONGEST {
        return Err(PngError::TooLarge { width, height });
    }
    let page = PageOptions { dpi: UNITS };
    let mut bytes = svg2pdf::to_pdf(&tree, ConversionOptions::default(), page)
        .map_err(|error| PngError::Pack(error.to_string()))?;
    bytes.extend(b"\n");
    bytes.extend(MARK.bytes());
    Ok(bytes)
}

/// Whether a file starts and ends as one made by this program.
pub fn is_our_pdf(head: &[u8], tail: &[u8]) -> bool {
    head.starts_with(b"%PDF-") && tail.ends_with(MARK.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(size: &str) -> String {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" {size}><text x=\"5\" y=\"20\">∂L/∂h</text></svg>")
    }

    /// The size of the page in points: a unit is ¾ point.
    #[test]
    fn a_page_is_as_large_as_its_picture_and_has_its_own_fonts() {
        let bytes = pdf(&picture("width=\"400\" height=\"100\"")).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("/MediaBox [0 0 300 75]"), "{text}");
        assert!(
            text.contains("/Subtype /Type0") && text.contains("/FontFile2") && text.contains("DejaVuSans")
        );
        assert!(is_our_pdf(&bytes, &bytes) && !is_our_pdf(&bytes, &bytes[..bytes.len() - 2]));
    }

    #[test]
    fn what_no_page_holds_is_refused() {
        let error = pdf(&picture("width=\"30000\" height=\"10\"")).unwrap_err().to_string();
        assert!(error.contains("30000 × 10 units") && error.contains("SVG"), "{error}");
        assert!(pdf("hello").unwrap_err().to_string().contains("no SVG picture"));
    }
}

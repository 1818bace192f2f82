//! Renders pictures as PNG.

use resvg::tiny_skia::{Pixmap, PremultipliedColorU8, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};
use std::sync::{Arc, LazyLock};

/// The program name in the first text chunk of a PNG, which identifies its own files.
const SOFTWARE: (&str, &str) = ("Software", "rnn");

/// Pixels per unit of the picture.
const SCALE: f32 = 2.0;

/// The maximum number of pixels along a side and in total: limits of viewers and of memory.
const LONGEST: f32 = 20_000.0;
const MOST: f32 = 1e8;

/// The bundled fonts: `DejaVu` Sans, which has mathematical symbols, regular and bold, and its monospaced form.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    for font in [dejavu::sans::regular(), dejavu::sans::bold(), dejavu::sans_mono::regular()] {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family("DejaVu Sans");
    fonts.set_serif_family("DejaVu Sans");
    fonts.set_monospace_family("DejaVu Sans Mono");
    Arc::new(fonts)
});

/// Why a picture could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// It is not SVG.
    #[error("this is no SVG picture: {0}; give the whole text of an SVG file")]
    Svg(#[from] resvg::usvg::Error),
    /// It is larger than viewers open.
    #[error(
        "the picture is {width:.0} × {height:.0} units, more than a PNG or a PDF of readable size can show; draw less of it, or \
         write it as SVG, which has no such bound"
    )]
    TooLarge {
        /// Its width.
        width: f32,
        /// Its height.
        height: f32,
    },
    /// The file could not be made.
    #[error("the picture could not be written: {0}; write it as SVG")]
    Pack(String),
}

/// Renders an SVG picture as PNG: two pixels per unit, fewer if it would be too large. Text uses bundled fonts, so it
/// looks the same on every machine.
///
/// ```
/// let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='30'><text y='20'>∂L</text></svg>";
/// let png = rnn_cli::plot::png(svg)?;
/// assert_eq!(png[16..24], [0, 0, 0, 80, 0, 0, 0, 60]); // width and height, in the header
/// # Ok::<(), rnn_cli::plot::PngError>(())
/// ```
///
/// # Errors
/// If it is not SVG, or too large for readable text.
pub fn png(svg: &str) -> Result<Vec<u8>, PngError> {
    // A picture that is far too large is refused before its letters are set: that takes long.
    if let Some((width, height)) = stated(svg) {
        scale_of(width, height)?;
    }
    let tree = tree(svg)?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = scale_of(width, height)?;
    let too_large = || PngError::TooLarge { width, height };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at least 1, at most LONGEST
    let pixels = |length: f32| (length * scale).ceil().max(1.0) as u32;
    let mut pixmap = Pixmap::new(pixels(width), pixels(height)).ok_or_else(too_large)?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    packed(&pixmap).map_err(|error| PngError::Pack(error.to_string()))
}

/// A picture with its texts set.
pub(super) fn tree(svg: &str) -> Result<Tree, PngError> {
    let options = Options { font_family: "DejaVu Sans".into(), fontdb: FONTS.clone(), ..Options::default() };
    Ok(Tree::from_str(svg, &options)?)
}

fn packed(pixmap: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.add_text_chunk(SOFTWARE.0.into(), SOFTWARE.1.into())?;
    let straight = |pixel: &PremultipliedColorU8| {
        let colour = pixel.demultiply();
        [colour.red(), colour.green(), colour.blue(), colour.alpha()]
    };
    let pixels: Vec<u8> = pixmap.pixels().iter().flat_map(straight).collect();
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(bytes)
}

/// Whether bytes start as a PNG of this program: signature, header chunk, and program name.
pub fn is_our_png(head: &[u8]) -> bool {
    const HEADER: usize = 8 + 25;
    let chunk = [b"tEXt", SOFTWARE.0.as_bytes(), b"\0", SOFTWARE.1.as_bytes()].concat();
    head.starts_with(b"\x89PNG\r\n\x1a\n")
        && head.get(HEADER + 4..).is_some_and(|text| text.starts_with(&chunk))
}

/// The width and height in the first tag of a picture.
fn stated(svg: &str) -> Option<(f32, f32)> {
    let head = &svg[..svg.find('>')?];
    let number =
        |name: &str| head.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.parse::<f32>().ok();
    Some((number("width")?, number("height")?))
}

/// Checks that a picture of this size renders readably.
///
/// # Errors
/// [`PngError::TooLarge`].
pub fn png_fits(width: f32, height: f32) -> Result<(), PngError> {
    scale_of(width, height).map(|_| ())
}

/// Pixels per unit for a picture of this size.
fn scale_of(width: f32, height: f32) -> Result<f32, PngError> {
    let scale = SCALE.min(LONGEST / width.max(height)).min((MOST / (width * height)).sqrt());
    if scale < 0.4 { Err(PngError::TooLarge { width, height }) } else { Ok(scale) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(size: &str, body: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" {size} font-family=\"Helvetica, sans-serif\">{body}</svg>"
        )
    }

    #[test]
    fn letters_of_every_kind_leave_ink() {
        let ink = |text: &str| {
            let svg = picture("width=\"60\" height=\"30\"", &format!("<text x=\"5\" y=\"20\">{text}</text>"));
            let pixmap = Pixmap::decode_png(&png(&svg).unwrap()).unwrap();
            pixmap.pixels().iter().filter(|p| p.alpha() > 128).count()
        };
        assert_eq!(ink(""), 0);
        let missing = ink("\u{10ffff}");
        for text in ["h", "∂", "‖", "⊙", "h̄", "σ", "−", "⁻⁵", "Σ", "→", "₀"] {
            assert!(ink(text) > 10 && ink(text) != missing, "{text}");
        }
    }

    #[test]
    fn a_picture_of_another_program_is_not_ours() {
        let ours = png(&picture("width=\"9\" height=\"9\"", "<rect width=\"5\" height=\"9\"/>")).unwrap();
        assert!(is_our_png(&ours));
        let pixmap = Pixmap::decode_png(&ours).unwrap();
        assert!(
            pixmap.pixels().iter().any(|p| p.alpha() == 255)
                && pixmap.pixels().iter().any(|p| p.alpha() == 0)
        );
        assert!(!is_our_png(&pixmap.encode_png().unwrap()));
        assert!(!is_our_png(&ours[..30]) && !is_our_png(b""));
    }

    #[test]
    fn large_pictures_have_fewer_pixels_and_huge_ones_are_refused() {
        let png_of = |size: &str| png(&picture(size, ""));
        let wide = png_of("width=\"20000\" height=\"10\"").unwrap();
        assert_eq!(wide[16..20], 20_000u32.to_be_bytes());
        let error = png_of("width=\"90000\" height=\"400\"").unwrap_err();
        assert!(matches!(error, PngError::TooLarge { .. }) && error.to_string().contains("90000 × 400"));
        assert!(png("hello").unwrap_err().to_string().contains("no SVG picture"));
    }
}

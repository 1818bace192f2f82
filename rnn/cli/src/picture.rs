//! The destination and the format of figures, from the file name or a flag.

use super::output::{Kind, OutFile, picture, told_otherwise};
use autograd::Magnitude;
use std::io::Write;
use std::path::Path;

/// The format of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Drawn in the terminal
    Text,
    /// A picture that scales
    Svg,
    /// A picture in pixels
    Png,
    /// A picture on a page of PDF
    Pdf,
    /// A table
    Csv,
    /// All numbers
    Json,
}

/// What may be written.
const KINDS: [Kind; 6] = [Kind::Text, Kind::Svg, Kind::Png, Kind::Pdf, Kind::Csv, Kind::Json];

impl Form {
    fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Svg => Kind::Svg,
            Self::Png => Kind::Png,
            Self::Pdf => Kind::Pdf,
            Self::Csv => Kind::Csv,
            Self::Json => Kind::Json,
        }
    }
}

/// Where they are written.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Drawn in the terminal, a picture, a table or all numbers. If not given, what the end of --output says (.svg, .png, .pdf,
    /// .csv, .json); text without it
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// Where to write it; standard output if not given
    #[arg(short, long, value_name = "FILE", value_parser = told_otherwise(&KINDS))]
    output: Option<OutFile>,
}

impl Output {
    /// The requested format.
    ///
    /// # Errors
    /// If the file's extension is unknown, or pixels would go to a terminal.
    pub fn form(&self) -> Result<Form, String> {
        let form = match (self.format, &self.output) {
            (Some(form), _) => form,
            (None, Some(file)) => of(file.path())?,
            (None, None) => Form::Text,
        };
        self.output.as_ref().map_or(Ok(()), |file| file.fits(form.kind()))?;
        let binary = [(Form::Png, "PNG", "png"), (Form::Pdf, "PDF", "pdf")].into_iter().find(|b| b.0 == form);
        if let Some((_, name, ending)) = binary
            && self.output.is_none()
            && std::io::IsTerminal::is_terminal(&std::io::stdout())
        {
            return Err(format!(
                "a {name} is no text for a terminal: give it a file with -o picture.{ending}"
            ));
        }
        Ok(form)
    }

    /// Writes text unchanged; to standard output without styles unless it is a terminal.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn text(&self, text: &str) -> Result<(), Box<dyn std::error::Error>> {
        if let Some(file) = &self.output {
            file.write(anstream::adapter::strip_str(text).to_string().as_bytes())?;
        } else {
            let mut out = anstream::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
        Ok(())
    }

    /// Writes a picture, given as SVG.
    ///
    /// # Errors
    /// If it is too large for pixels, or cannot be written.
    pub fn picture(&self, svg: String, form: Form) -> Result<(), Box<dyn std::error::Error>> {
        let bytes = picture(svg, form.kind())?;
        if let Some(file) = &self.output {
            file.write(&bytes)?;
        } else {
            let mut out = std::io::stdout().lock();
            out.write_all(&bytes)?;
            out.flush()?;
        }
        Ok(())
    }
}

fn of(path: &Path) -> Result<Form, String> {
    let Some(extension) = path.extension() else { return Ok(Form::Text) };
    match extension.to_string_lossy().to_lowercase().as_str() {
        "txt" | "text" => Ok(Form::Text),
        "svg" => Ok(Form::Svg),
        "png" => Ok(Form::Png),
        "pdf" => Ok(Form::Pdf),
        "csv" => Ok(Form::Csv),
        "json" => Ok(Form::Json),
        other => Err(format!(
            "{}: no format is called `{other}`; let the name end in .txt, .svg, .png, .pdf, .csv or .json, or give --format",
            path.display()
        )),
    }
}

/// A number in a table: few digits near 1, scientific notation elsewhere.
pub fn brief(x: f64) -> String {
    if x == 0.0 {
        return "0".into();
    }
    if !x.is_finite() {
        return if x.is_nan() { "–".into() } else { "∞".into() };
    }
    if (1e-3..1e4).contains(&x.abs()) { format!("{x:.4}") } else { format!("{x:.1e}") }
}

/// The same for a number that may exceed the range of `f64`.
pub fn brief_magnitude(x: Magnitude) -> String {
    let near = x.to_f64();
    if near.is_normal() || x.is_zero() || !x.is_finite() {
        return brief(near);
    }
    let log = x.log10();
    format!("{:.1}e{}", 10_f64.powf(log - log.floor()).min(9.9), log.floor())
}

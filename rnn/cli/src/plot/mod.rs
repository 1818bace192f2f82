//! Plots: curves and heat maps, as self-contained SVG, as PNG, and in a terminal.
//!
//! ```
//! use rnn_cli::plot::{Chart, Look, Scale, Series, png};
//!
//! let mut chart = Chart::new("a gradient fades", "steps back", "‖∂L/∂h‖").y_scale(Scale::Log);
//! chart.push(Series::new("0.9 a step", Look::Nth(0), (0..50).map(|n| (f64::from(n), 0.9_f64.powi(n)))));
//! let svg = chart.svg();
//! assert!(svg.starts_with("<svg"));
//! assert!(png(&svg)?.starts_with(b"\x89PNG"));
//! # Ok::<(), rnn_cli::plot::PngError>(())
//! ```

mod axis;
mod chart;
mod colour;
mod heat;
mod panels;
mod pdf;
mod png;
mod scale;
mod series;
mod smooth;
mod svg;
pub mod terminal;

pub use chart::Chart;
pub use colour::viridis;
pub use heat::HeatMap;
pub use panels::panels;
pub use pdf::{is_our_pdf, pdf};
pub use png::{PngError, is_our_png, png, png_fits};
pub use scale::Scale;
pub use series::{Look, Series};
pub use smooth::smoothed;

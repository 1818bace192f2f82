//! A gradient check as a page: the verdict, the table, and the net with every adjoint coloured by its error.

use autograd::Error;
use autograd_check::Survey;
use autograd_view::draw::{self, Checked, Options, Page};

/// The page. `page` describes the net; the results of the check are added to it.
///
/// ```
/// use autograd::Builder;
/// use autograd_check::Check;
/// use autograd_view::draw;
///
/// let g = Builder::new();
/// let (w, x) = (g.parameter("w", [4, 3]), g.input("x", [2, 3]));
/// let survey = Check::new(x.linear(w).tanh().sum()).survey()?;
/// let html = rnn_lab::survey::html(&survey, &draw::Options::default(), draw::Page::default())?;
/// assert!(html.starts_with("<!doctype html>"));
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// As [`draw::html()`].
pub fn html(survey: &Survey, options: &Options, page: Page) -> Result<String, Error> {
    let rules = survey.rules.iter().map(|rule| (rule.node, rule.adjoint, rule.error)).collect();
    let check = Some(Checked { report: survey.report.to_json(), rules });
    draw::html(&survey.graph, options, &Page { point: Some(survey.point.clone()), check, ..page })
}

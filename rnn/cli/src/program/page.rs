//! The report on a program, as a page.

use autograd_check::{Report, Verdict};

const STYLE: &str = "\
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1a1a1a; background: #fff }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
code { font: 0.95em ui-monospace, monospace }
.good { color: #1a6b34 } .bad { color: #b3261e; font-weight: 600 } .open { color: #7a5a00 } .element td { color: #555; border-bottom: 0 }
@media (prefers-color-scheme: dark) { body { color: #e6e6e6; background: #16181c } th, td { border-color: #3a3d44 }
.good { color: #7ed09a } .bad { color: #ff8a80 } .open { color: #e6c15c } .element td { color: #aaa } }";

/// The maximum number of wrong elements shown per tensor.
const SHOWN: usize = 16;

/// The whole page.
pub fn page(command: &str, report: &Report) -> String {
    let mut rows = String::new();
    for tensor in report.worst_first() {
        let c = &tensor.comparison;
        rows += &row(
            "",
            &format!("<code>{}</code> {}", escape(&tensor.name), tensor.shape),
            [c.analytic, c.numeric, c.difference(), c.tolerance],
            tensor.verdict(),
        );
        let wrong = tensor.elements.iter().filter(|e| !e.verdict.is_good());
        for element in wrong.take(SHOWN) {
            rows += &row(
                " class=element",
                &format!("at {:?}", element.index),
                [element.analytic, element.numeric, element.difference(), element.tolerance],
                element.verdict,
            );
        }
    }
    let likely: Vec<String> = (report.likely().into_iter())
        .map(|(hint, tensors)| {
            format!(
                "<p class=bad>Likely: {}: {}</p>\n",
                escape(&report.names(&tensors)),
                escape(&hint.to_string())
            )
        })
        .collect();
    let likely = likely.concat();
    let covered = report.certificate().map_or_else(String::new, |c| format!("<p>Covered: {c}.</p>\n"));
    let notes: Vec<String> = report.notes.iter().map(|note| format!("<li>{}</li>\n", escape(note))).collect();
    let notes = notes.concat();
    let verdict = report.verdict();
    format!(
        "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\n\
         <title>Gradient check: {verdict}</title>\n<style>\n{STYLE}\n</style>\n\
         <h1>Gradient check: <span class={}>{verdict}</span></h1>\n<p><code>{}</code>, seed {}, {} evaluations of the loss</p>\n{likely}\
         <table>\n<thead><tr><th>parameter<th>analytic<th>numeric<th>differ<th>within<th>verdict</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n\
         <ul>\n{notes}</ul>\n{covered}<p>The slope along a random direction, or of a single element: analytic, as the program gives it, and numeric, from differences of the loss. \
         They may differ by as much as the differences themselves can be off.</p>\n</html>\n",
        class(verdict),
        escape(command),
        report.seed,
        report.calls,
    )
}

fn row(class_of: &str, name: &str, numbers: [f64; 4], verdict: Verdict) -> String {
    let [analytic, numeric, differ, within] = numbers;
    format!(
        "<tr{class_of}><td>{name}<td>{analytic:.6e}<td>{numeric:.6e}<td>{differ:.0e}<td>{within:.0e}<td class={}>{verdict}</tr>\n",
        class(verdict)
    )
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        _ if verdict.is_good() => "good",
        Verdict::Inconclusive => "open",
        _ => "bad",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

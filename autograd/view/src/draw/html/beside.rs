//! Several nets side by side: a page with two synchronised frames.

use super::assembly::{escaped, harmless, module};
use serde::Serialize;

#[derive(Serialize)]
struct Net<'a> {
    name: &'a str,
    page: &'a str,
}

/// One page from the pages of several nets, each with a name; two are visible at a time.
///
/// ```
/// let pages = [("before".into(), "<html><body></body></html>".into()), ("after".into(), "<html><body></body></html>".into())];
/// let page = autograd_view::draw::beside("training", &pages);
/// assert!(page.starts_with("<!doctype html>") && page.contains("\"name\":\"after\""));
/// ```
pub fn beside(title: &str, pages: &[(String, String)]) -> String {
    let nets: Vec<Net> = pages.iter().map(|(name, page)| Net { name, page }).collect();
    let json = serde_json::to_string(&nets).expect("strings are always JSON");
    let data = ["<script type=\"application/json\" id=\"nets\">", &harmless(&json), "</script>\n"].concat();
    let script = [include_str!("difference.js"), include_str!("pair.js")].map(module).join("\n");
    let mut page = include_str!("pair.html").to_string();
    // Data comes last, so that no placeholder is replaced inside it.
    for (mark, text) in [
        ("/* pair.css */", include_str!("pair.css")),
        ("/* pair.js */", &script),
        ("<!-- title -->", &escaped(title)),
        ("<!-- data -->", &data),
    ] {
        page = page.replacen(mark, text, 1);
    }
    page
}

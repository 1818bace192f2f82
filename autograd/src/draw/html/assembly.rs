//! One file of many: the style sheet, the modules and the data are written into the page.

/// The modules, each after those that it imports from.
const MODULES: [&str; 16] = [
    include_str!("dom.js"),
    include_str!("data.js"),
    include_str!("numbers.js"),
    include_str!("strips.js"),
    include_str!("state.js"),
    include_str!("lines.js"),
    include_str!("places.js"),
    include_str!("marks.js"),
    include_str!("open.js"),
    include_str!("closed.js"),
    include_str!("rolled.js"),
    include_str!("view.js"),
    include_str!("inspector.js"),
    include_str!("paths.js"),
    include_str!("walk.js"),
    include_str!("main.js"),
];

/// The page with its title and data: each table by the id of its element.
pub(super) fn page(title: &str, tables: &[(&str, String)]) -> String {
    let data: String = tables
        .iter()
        .map(|(id, json)| {
            format!("<script type=\"application/json\" id=\"{id}\">{}</script>\n", harmless(json))
        })
        .collect();
    let script = MODULES.map(module).join("\n");
    // Data last: nothing is looked for in what it says.
    let mut page = include_str!("page.html").to_string();
    for (mark, text) in [
        ("/* style.css */", include_str!("style.css")),
        ("/* modules */", &script),
        ("<!-- title -->", &escaped(title)),
        ("<!-- data -->", &data),
    ] {
        page = page.replacen(mark, text, 1);
    }
    page
}

/// A module without its imports and exports: all modules share one scope here.
fn module(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("import "));
    lines.map(|line| line.strip_prefix("export ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// JSON that cannot end the element it stands in.
fn harmless(json: &str) -> String {
    json.replace('<', "\\u003c")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

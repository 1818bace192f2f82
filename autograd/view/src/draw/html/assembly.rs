//! Bundles the page into one file: style sheet, modules and data.

/// The modules, each after those that it imports from.
const MODULES: [&str; 34] = [
    include_str!("dom.js"),
    include_str!("data.js"),
    include_str!("ops.js"),
    include_str!("live.js"),
    include_str!("difference.js"),
    include_str!("rules.js"),
    include_str!("numbers.js"),
    include_str!("strips.js"),
    include_str!("state.js"),
    include_str!("panels.js"),
    include_str!("lines.js"),
    include_str!("places.js"),
    include_str!("marks.js"),
    include_str!("notes.js"),
    include_str!("open.js"),
    include_str!("closed.js"),
    include_str!("rolled.js"),
    include_str!("heads.js"),
    include_str!("light.js"),
    include_str!("view.js"),
    include_str!("verdict.js"),
    include_str!("inspector.js"),
    include_str!("charts.js"),
    include_str!("jacobians.js"),
    include_str!("eigen.js"),
    include_str!("spectrum.js"),
    include_str!("routes.js"),
    include_str!("equations.js"),
    include_str!("change.js"),
    include_str!("paths.js"),
    include_str!("linked.js"),
    include_str!("walk.js"),
    include_str!("save.js"),
    include_str!("main.js"),
];

/// The page with its title and data: each table with the id of its element.
pub(super) fn page(title: &str, tables: &[(&str, String)]) -> String {
    let element = |(id, json): &(&str, String)| {
        ["<script type=\"application/json\" id=\"", id, "\">", &harmless(json), "</script>\n"].concat()
    };
    let data: String = tables.iter().map(element).collect();
    let script = MODULES.map(module).join("\n");
    // Data comes last, so that no placeholder is replaced inside it.
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

/// A module without imports and exports: all modules share one scope here.
pub(super) fn module(text: &str) -> String {
    let mut in_import = false;
    let is_own = |line: &&str| {
        in_import |= line.starts_with("import ");
        // An import ends with the name of the module.
        let skip = in_import;
        in_import &= !line.ends_with("\";");
        !skip
    };
    let lines = text.lines().filter(is_own);
    lines.map(|line| line.strip_prefix("export ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// JSON that cannot end the element it stands in.
pub(super) fn harmless(json: &str) -> String {
    json.replace('<', "\\u003c")
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_lose_their_imports_and_exports() {
        let text = "// A.\nimport { a } from \"./a.js\";\nimport {\n  b,\n} from \"./b.js\";\nexport const c = a + b;\n";
        assert_eq!(module(text), "// A.\nconst c = a + b;");
        assert!(MODULES.iter().all(|text| !module(text).contains("import ")));
    }
}

//! `rnn graph` with cuts, values and advice, `rnn diff` and `rnn explain`.

mod program;

use program::Folder;
use serde_json::Value;

#[test]
fn two_hundred_steps_are_readable_when_rolled() {
    let folder = Folder::new();
    let rolled = folder.good("graph --cell gru --steps 200 --rolled --format svg");
    let width = |svg: &str| -> usize { svg.split('"').nth(3).unwrap().parse().unwrap() };
    assert!(
        width(&rolled.out) < 5000 && rolled.out.contains("×198") && rolled.err.is_empty(),
        "{}",
        rolled.err
    );
    let unrolled = folder.good("graph --cell gru --steps 200 --format svg");
    assert!(unrolled.err.contains("--rolled") && unrolled.err.contains("--format html"), "{}", unrolled.err);
    folder.bad(
        "graph --cell gru --steps 3 --rolled -o gru.html",
        1,
        &["a page has the whole graph", "--rolled"],
    );
    folder.bad("graph --cell gru --steps 400 -o gru.png", 1, &["PNG", "--rolled", "--format html"]);
    assert!(folder.good("graph --cell lstm --steps 20 --format mermaid").err.contains("500 edges"));
}

#[test]
fn cuts_are_named_by_nodes() {
    let folder = Folder::new();
    let way = folder.good("graph --steps 4 --from l0/h[1] --to l0/h[3]").out;
    assert!(way.contains("// l0/h[2]") && !way.contains("h[4]") && !way.contains("parameter"));
    let around = folder.good("graph --steps 4 --only forward --around l0/h[2] --depth 1").out;
    assert!(around.contains("tanh") && !around.contains('∂') && !around.contains("l0/h[1]\n"));
    folder.bad("graph --around l0/hh[2]", 1, &["no node is called `l0/hh[2]`", "`l0/h[2]`"]);
    folder.bad(
        "graph --from l0/h[3] --to l0/h[1]",
        1,
        &["no path leads from `l0/h[3]` to `l0/h[1]`", "but one leads"],
    );
    folder.bad("graph --from l0/h[1]", 2, &["--to"]);
    folder.bad("graph --depth 3", 2, &["--around"]);
}

/// The value of a loss is a mean of negative logarithms, and its adjoint is 1.
#[test]
fn values_come_whole_or_in_boxes() {
    let folder = Folder::new();
    let dump = |flags: &str| -> Value {
        serde_json::from_str(&folder.good(&format!("graph --steps 2 --format json --values {flags}")).out)
            .unwrap()
    };
    let value = |dump: &Value, name: &str| -> f64 {
        let nodes = dump["nodes"].as_array().unwrap();
        nodes.iter().find(|node| node["name"] == name).unwrap()["value"].as_f64().unwrap()
    };
    let one = dump("");
    assert!(value(&one, "loss") > 0.0 && value(&one, "∂loss").to_bits() == 1f64.to_bits());
    let parts = value(&one, "L[1]") + value(&one, "L[2]");
    assert!((value(&one, "loss") - parts).abs() < 1e-15);
    assert!((value(&dump("--seed 1"), "loss") - value(&one, "loss")).abs() > 1e-9);
    assert!((value(&dump("--passes"), "loss") - value(&one, "loss")).abs() < 1e-12);
    // A loss is a term of the sum, so that its adjoint is that of the sum.
    let dot = folder.good("graph --steps 2 --format dot --values").out;
    assert!(["∂L[1]", "∂L[2]", "∂loss"].iter().all(|name| dot.contains(&format!("{name}\\n1\""))), "{dot}");
    folder.bad("graph --values", 1, &["--values is for JSON", "--format"]);
    folder.bad("graph --seed 2", 1, &["--values"]);
}

/// Written again, its own file is known by its end; one of another program is not replaced.
#[test]
fn a_picture_on_a_page_is_a_pdf() {
    let folder = Folder::new();
    for line in ["graph --steps 2 -o net.pdf", "bptt --steps 4 --only spectrum -o net.pdf"] {
        folder.good(line);
        let bytes = folder.read("net.pdf");
        assert!(bytes.starts_with(b"%PDF-") && bytes.ends_with(b"%%EOF\n%rnn\n"), "{line}");
    }
    folder.write("net.pdf", "%PDF-1.7\n%%EOF\n");
    folder.bad(
        "graph --steps 2 -o net.pdf",
        1,
        &["net.pdf", "is not a PDF page that this program wrote", "--force"],
    );
}

#[test]
fn a_picture_in_pixels_is_a_png() {
    let folder = Folder::new();
    folder.good("graph --steps 2 -o net.png");
    let bytes = std::fs::read(folder.path("net.png")).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.len() > 10_000);
}

/// The output of a comparison that finds a difference.
fn differs(folder: &Folder, arguments: &str) -> String {
    let run = folder.run(&format!("diff {arguments}"));
    assert_eq!((run.code, run.err.as_str()), (Some(1), ""), "{arguments}");
    run.out
}

#[test]
fn diff_ends_with_what_it_found() {
    let folder = Folder::new();
    assert!(folder.good("diff lstm lstm").out.contains("0 nodes removed, 0 added, 0 changed"));
    let said = differs(&folder, "lstm gru");
    assert!(said.starts_with("--- lstm, 3 steps\n+++ gru, 3 steps\n"), "{said}");
    assert!(said.contains("\n- l0/f[1..3] = ") && said.contains("\n+ l0/z[1..3] = "), "{said}");
    folder.bad("diff lstm lstn", 2, &["did you mean `lstm`?"]);
    folder.bad("diff lstm nowhere.json", 2, &["nowhere.json"]);
    folder.bad("diff lstm", 2, &["B"]);
    folder.bad("diff --pass join lstm", 2, &["no pass is called `join`", "join-left"]);
}

#[test]
fn diff_compares_dumps_flags_and_passes() {
    let folder = Folder::new();
    folder.good("graph --cell gru -o a.json");
    folder.good("graph --cell gru --tbptt 2 -o b.json");
    folder.good("diff a.json a.json");
    // The dump has the backward part too.
    let said = differs(&folder, "a.json b.json");
    assert!(said.contains("stop_gradient(h[t−1])") || said.contains("✂"), "{said}");
    folder.good("diff --backward gru a.json");
    differs(&folder, "--pass join-left lstm");
    differs(&folder, "elman gru -o diff.svg");
    assert!(std::fs::read_to_string(folder.path("diff.svg")).unwrap().contains(">added<"));
    // Of a hundred steps with the same difference one is drawn.
    differs(&folder, "--steps 100 --rolled lstm gru -o rolled.svg");
    let rolled = std::fs::read_to_string(folder.path("rolled.svg")).unwrap();
    assert!(rolled.contains("×99") && rolled.contains(">added<") && rolled.contains(">removed<"));
    folder.bad("diff --rolled lstm gru", 2, &["-o FILE.svg"]);
}

/// Goodfellow, Bengio & Courville 2016, eq. 10.21: the two paths from a state to the loss.
#[test]
fn explain_derives_writes_and_checks() {
    let folder = Folder::new();
    let said = folder.good("explain").out;
    assert!(said.contains("h̄ₜ = W_hᵀ ((1 − hₜ₊₁²) ⊙ h̄ₜ₊₁) + Vᵀ o"), "{said}");
    assert!(said.contains("every line of the derivation agrees with the graph to"));
    let some = folder.good("explain --cell lstm --only c").out;
    assert!(some.contains("c̄ₜ = ") && !some.contains("W̄"), "{some}");
    assert!(folder.good("explain --cell gru --steps 2").out.contains("h̄₁ = "));
    folder.good("explain --cell gru --math latex -o gru.tex");
    let tex = String::from_utf8(folder.read("gru.tex")).unwrap();
    assert!(tex.starts_with("\\documentclass") && tex.trim_end().ends_with("\\end{document}"));
    folder.good("explain --cell gru --math mathml -o gru.xhtml");
    let page = String::from_utf8(folder.read("gru.xhtml")).unwrap();
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(&page, options).unwrap();
    assert!(document.root_element().has_tag_name(("http://www.w3.org/1999/xhtml", "html")));
    folder.bad("explain --cell grv", 1, &["did you mean `gru`?"]);
    folder.bad("explain --only q", 1, &["q"]);
    folder.bad("explain --steps 0", 2, &["at least 1"]);
}

//! `rnn study`: the page of a net on data agrees with other commands.

#[path = "page/browser.rs"]
mod browser;
mod program;

use browser::Browser;
use program::{Folder, sentences, sine};
use serde_json::Value;

const QUICK: &str = "--hidden 4 --batch-size 4 --lr 0.02 --epochs 2 --checkpoint";

/// Writes a page and opens it.
fn study(folder: &Folder, flags: &str) -> Option<Browser> {
    folder.good(&format!("study {flags} -o page.html"));
    Browser::open(&folder.path("page.html"), "")
}

fn texts(page: &mut Browser, selector: &str) -> Vec<String> {
    let all = page.ask(&format!(
        "Array.from(document.querySelectorAll('{selector}'), (e) => e.lastChild.textContent.trim())"
    ));
    all.as_array().unwrap().iter().map(|text| text.as_str().unwrap().into()).collect()
}

fn notes(page: &mut Browser) -> Vec<Value> {
    page.ask("graph.notes").as_array().unwrap().clone()
}

#[track_caller]
fn close(a: &Value, b: f64, tolerance: f64) {
    let a = a.as_f64().unwrap();
    assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{a} {b}");
}

/// A classifier's prediction for each prefix equals that of `rnn predict --trace`; its loss is −ln p.
#[test]
fn a_sentence_is_judged_word_by_word() {
    let folder = Folder::new();
    folder.write("s.tsv", sentences());
    folder.good(&format!("train sentiment --data s.tsv --embedding 4 {QUICK} s.safetensors"));
    let sentence = "a~lovely~zebra~story";
    let said = folder.good(&format!("predict --checkpoint s.safetensors --trace --json {sentence}")).out;
    let said: Value = serde_json::from_str(&said).unwrap();
    let flags = format!("--checkpoint s.safetensors --class negative --sentence {sentence}");
    let Some(mut page) = study(&folder, &flags) else { return };
    assert_eq!(texts(&mut page, "#world .reads"), ["a", "lovely", "zebra (unknown)", "story"]);
    let notes = notes(&mut page);
    for (note, step) in notes.iter().zip(said["trace"].as_array().unwrap()) {
        for answer in note["says"].as_array().unwrap() {
            let probability = &step["probabilities"][answer["what"].as_str().unwrap()];
            close(&answer["probability"], probability.as_f64().unwrap(), 1e-5);
        }
    }
    let negative = said["probabilities"]["negative"].as_f64().unwrap();
    assert_eq!((notes.len(), &notes[4]["target"]["what"]), (5, &Value::from("negative")));
    close(&notes[4]["loss"], -negative.ln(), 1e-5);
    // The target is shown above the end, and no prediction before it is computed.
    assert!(texts(&mut page, ".said .target")[0].starts_with("wanted negative"));
    let hidden = "getComputedStyle(document.querySelector('.said')).visibility";
    assert_eq!(page.ask(hidden), "visible");
    page.click("#begin");
    assert_eq!(page.ask(hidden), "hidden");
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// The loss is the mean over the targets: node, caption and equations have the share of a step; the target of a letter is
/// the next one.
#[test]
fn a_fresh_net_is_to_say_the_next_letter() {
    let folder = Folder::new();
    let Some(mut page) = study(&folder, "--cell lstm --hidden 5 --sentence hi~yo") else { return };
    assert_eq!(texts(&mut page, "#world .reads"), ["h", "i", "␣", "y"]);
    let notes = notes(&mut page);
    let targets: Vec<&str> = notes.iter().map(|note| note["target"]["what"].as_str().unwrap()).collect();
    assert_eq!(targets, ["i", "␣", "y", "o"]);
    let losses: Vec<f64> = notes.iter().map(|note| note["loss"].as_f64().unwrap()).collect();
    for (note, loss) in notes.iter().zip(&losses) {
        close(&note["target"]["probability"], (-4.0 * loss).exp(), 1e-12);
    }
    let mean = page.ask("graph.value(graph.find('loss')).entries[0]");
    close(&mean, losses.iter().sum::<f64>(), 1e-6);
    for t in 1..=4 {
        let node = page.ask(&format!("graph.value(graph.find('L[{t}]')).entries[0]")).as_f64().unwrap();
        let caption = page.ask(&format!("document.querySelectorAll('.said .loss')[{}].textContent", t - 1));
        let (name, shown) = caption.as_str().unwrap().split_once(" = ").unwrap();
        assert_eq!(name, format!("L[{t}]"));
        close(&shown.parse::<f64>().unwrap().into(), node, 1e-4);
    }
    let equations = texts(&mut page, "#formulas .formula-row");
    let with_share = |left: &str| {
        let mut lines = equations.iter().map(|line| line.split_whitespace().collect::<String>());
        lines.find(|line| line.starts_with(left)).unwrap_or_else(|| panic!("{left}: {equations:?}"))
    };
    assert!(with_share("Lt=").ends_with("Ny") && with_share("q¯t=").ends_with("Ny"), "{equations:?}");
    // The table of the panel links to the states, and shows the norm of each gradient.
    assert_eq!(page.count(".notes tr"), 5);
    let norm = page.ask("graph.value(graph.find('∂l0/h[2]')).norm").as_f64().unwrap();
    let shown: f64 = page.text(".notes tr:nth-child(3) td:last-child").parse().unwrap();
    assert!((shown / norm - 1.0).abs() < 5e-3, "{shown} {norm}");
    page.click(".notes tr:nth-child(3) td");
    assert_eq!(page.text("#node-name"), "l0/h[2]");
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// The forecast is that of `rnn predict` for a series that ends with the window.
#[test]
fn a_series_is_read_in_its_own_unit() {
    let folder = Folder::new();
    folder.write("sine.csv", sine(60));
    let train = "train series --data sine.csv --column price --window 6 --horizon 2";
    folder.good(&format!("{train} {QUICK} p.safetensors"));
    folder.write("begin.csv", sine(9));
    let said = folder.good("predict --checkpoint p.safetensors --data begin.csv --json").out;
    let said: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let flags = "--checkpoint p.safetensors --data sine.csv --from 3";
    let Some(mut page) = study(&folder, flags) else { return };
    // All six steps are visible.
    page.press("0");
    page.wait("document.querySelectorAll('#world .reads').length === 6");
    let reads: Vec<f64> =
        texts(&mut page, "#world .reads").iter().map(|text| text.parse().unwrap()).collect();
    assert!(reads.len() == 6 && (reads[0] - program::value(3)).abs() < 0.06, "{reads:?}");
    let notes = notes(&mut page);
    let number = |said: &Value| -> f64 { said["what"].as_str().unwrap().parse().unwrap() };
    assert_eq!(said["ahead"], 2);
    assert!((number(&notes[6]["says"][0]) - said["forecast"].as_f64().unwrap()).abs() < 0.06, "{notes:?}");
    assert!((number(&notes[6]["target"]) - program::value(10)).abs() < 0.06, "{notes:?}");
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn a_cut_is_drawn_between_its_steps() {
    let folder = Folder::new();
    let Some(mut page) = study(&folder, "--cell gru --hidden 3 --steps 6 --tbptt 2") else { return };
    let cut = "Array.from(document.querySelectorAll('.severed'), (e) => Number(e.parentNode.dataset.column))";
    // Steps start at column 2, the initial state being in the first: 3 and 5 start a window.
    assert_eq!(page.ask(cut), serde_json::json!([5, 7]));
    let between = "(() => { const x = (s) => document.querySelector(s).getBoundingClientRect().x; \
                   return x('[data-column=\"4\"] .box.cell') < x('[data-column=\"5\"] .severed') && \
                   x('[data-column=\"5\"] .severed') < x('[data-column=\"5\"] .box.cell') })()";
    assert_eq!(page.ask(between), true);
    // A rolled step has no neighbours.
    page.press("1");
    assert_eq!(page.count(".severed"), 0);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn errors_name_the_thing_and_the_mend() {
    let folder = Folder::new();
    folder.write("s.tsv", sentences());
    folder.good(&format!("train sentiment --data s.tsv --embedding 4 {QUICK} s.safetensors"));
    folder.good(&format!("train adding --steps 6 --batches 2 {QUICK} a.safetensors"));
    folder.bad("study --checkpoint s.safetensors", 1, &["a classifier of sentences", "--sentence TEXT"]);
    folder.bad("study --checkpoint s.safetensors --data s.tsv", 1, &["instead of --data"]);
    folder.bad(
        "study --checkpoint s.safetensors --sentence good --class fine",
        1,
        &["the classes are negative, positive"],
    );
    folder.bad("study --checkpoint a.safetensors --sentence good", 1, &["reads no --sentence"]);
    folder.bad("study --sentence hello --class 1", 1, &["--checkpoint"]);
    folder.bad("study --sentence hello --batch 2", 1, &["a page shows one sequence"]);
    folder.bad("study --sentence h", 1, &["--sentence: too short", "longer sentence"]);
    // A flag of a fresh net is no flag of a trained one, also where it stands outside of the quotes.
    folder.bad("study elman a.safetensors --hidden 8", 1, &["`a.safetensors` is a trained net", "--hidden"]);
    folder.bad("study a.safetensors --layers 1", 1, &["--layers"]);
    folder.bad("study a.safetensors~--hidden~8 elman", 1, &["--hidden"]);
    folder.bad("study elman 'a.safetensors~--tbptt~2", 1, &["a quote is open"]);
    assert!(!folder.exists("study.html"));
    // The name of a file may have blanks.
    std::fs::create_dir(folder.path("my nets")).unwrap();
    std::fs::copy(folder.path("a.safetensors"), folder.path("my nets/a.safetensors")).unwrap();
    folder.good("study my~nets/a.safetensors 'my~nets/a.safetensors'~--tbptt~2 a.safetensors -o nets.html");
}

/// Two nets on one clock: what is chosen, computed, open or lit in one is so in the other, by name; and differences are told.
#[test]
fn what_is_done_in_one_net_is_done_in_the_other() {
    let folder = Folder::new();
    let Some(mut page) = study(&folder, "lstm lstm~--tbptt~2 elman --steps 5 --hidden 3") else { return };
    // At first the first net stands beside the last.
    page.wait("sides.right.net === 2 && sides.right.graph !== null");
    let name = "(one) => (one.graph.state.node === null ? null : one.graph.name(one.graph.state.node))";
    let choose = |page: &mut Browser, side: &str, node: &str| {
        page.ask(&format!("void sides.{side}.graph.choose(sides.{side}.graph.find('{node}'))"));
    };
    choose(&mut page, "left", "l0/c[2]");
    assert_eq!(page.ask(&format!("({name})(sides.right)")), Value::Null, "an Elman cell has no c");
    assert!(page.text("#told").ends_with("B has none"), "{}", page.text("#told"));

    // The slider puts the net in the middle there.
    page.ask("(() => { const s = document.getElementById('slider'); s.value = 1; s.dispatchEvent(new Event('input')) })()");
    page.wait("sides.right.net === 1 && sides.right.graph?.state?.node != null");
    assert_eq!(page.ask(&format!("({name})(sides.right)")), "l0/c[2]");
    // Forward a cut changes nothing; backward it does, before it.
    for (node, is_apart) in [("l0/h[2]", false), ("∂l0/h[5]", false), ("∂l0/h[2]", true)] {
        choose(&mut page, "right", node);
        assert_eq!(page.ask(&format!("({name})(sides.left)")), node);
        let mut entries = |side: &str| -> Vec<f64> {
            let all =
                format!("Array.from(sides.{side}.graph.value(sides.{side}.graph.find('{node}')).entries)");
            page.ask(&all).as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
        };
        let (a, b) = (entries("left"), entries("right"));
        let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let apart: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        let apart = length(&apart) / length(&a).max(length(&b));
        let told = page.text("#told");
        assert!(told.starts_with(&format!("{node}: A ‖·‖ = ")), "{told}");
        if is_apart {
            let percent: f64 = told.rsplit(": ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
            assert!((percent / 100.0 / apart - 1.0).abs() < 1e-3 && apart > 0.01, "{told} {apart}");
        } else {
            assert!(apart < 1e-12 && told.ends_with("equal to rounding"), "{told} {apart}");
        }
    }
    // One clock, one zoom, one window, one cell of the matrix.
    page.ask("sides.left.graph.change({ position: sides.left.graph.find('l0/h[3]') + 1 })");
    assert_eq!(page.ask("sides.right.graph.state.position === sides.right.graph.find('l0/h[3]') + 1"), true);
    page.ask("sides.right.graph.change({ open: new Set([4]) })");
    assert_eq!(page.ask("[...sides.left.graph.state.open].join()"), "4");
    page.ask("sides.left.graph.standAt({ share: 0.2, y: 30, scale: 0.8 })");
    let same = "JSON.stringify(sides.left.graph.standing()) === JSON.stringify(sides.right.graph.standing())";
    assert_eq!(page.ask(same), true);
    page.click("#matrix");
    page.ask("sides.left.graph.lightPair({ t: 3, k: 2 })");
    let lit = "sides.right.frame.contentDocument.querySelectorAll('.box.way, .node.way, .way').length > 0";
    assert_eq!(page.ask(lit), true);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// The colours of the boxes are those of the legend, by the difference that is told: equal is green, each power of ten
/// has its place, and what only one net has is grey and dashed.
#[test]
fn colours_of_differences_are_those_of_the_legend() {
    let folder = Folder::new();
    let Some(mut page) = study(&folder, "elman lstm --steps 4 --hidden 3") else { return };
    page.wait("document.documentElement.dataset.ready !== undefined && sides.right.graph !== null");
    page.wait("sides.left.frame.contentDocument.querySelector('.differs') !== null");
    assert_eq!(page.count("#scale text"), 6);
    // Each box of one net: its name, its colour, and its difference computed anew.
    let boxes = page.ask(
        "Array.from(sides.left.frame.contentDocument.querySelectorAll('.box'), (e) => {
          const [a, b] = [sides.left.graph, sides.right.graph];
          const name = a.name(Number(e.dataset.node));
          const other = b.find(name) === null ? null : b.value(b.find(name)).entries;
          const own = a.value(a.find(name)).entries;
          return [name, e.getAttribute('style') ?? '', e.classList.contains('alone'), Array.from(own), other && Array.from(other)];
        })",
    );
    // The shade of the legend nearest to a share of its length.
    let shades =
        page.ask("Array.from(document.querySelectorAll('#scale .shade'), (e) => e.getAttribute('style'))");
    let shades: Vec<Vec<f64>> =
        shades.as_array().unwrap().iter().map(|style| numbers(style.as_str().unwrap())).collect();
    let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let mut seen = [0, 0, 0];
    for row in boxes.as_array().unwrap() {
        let of = |x: &Value| -> Vec<f64> {
            x.as_array().into_iter().flatten().map(|x| x.as_f64().unwrap()).collect()
        };
        let (name, style) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        let (own, other) = (of(&row[3]), of(&row[4]));
        if own.len() != other.len() {
            assert!(row[2] == true && style.is_empty(), "{row}");
            seen[0] += 1;
            continue;
        }
        let apart: Vec<f64> = own.iter().zip(&other).map(|(a, b)| a - b).collect();
        let apart = length(&apart) / length(&own).max(length(&other)).max(1e-300);
        let colour = numbers(style);
        if apart < 1e-11 {
            assert_eq!(colour, [30.0, 142.0, 90.0], "{name}");
            seen[1] += 1;
        } else {
            let place = (apart.log10() + 5.0) / 5.0 * shades.len() as f64;
            let far = |k: usize| (k as f64 + 0.5 - place).abs();
            let (_, there) = shades.iter().enumerate().min_by(|a, b| far(a.0).total_cmp(&far(b.0))).unwrap();
            let off = there.iter().zip(&colour).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off <= 12.0, "{name} is {apart} apart: {colour:?}, and the legend has {there:?}");
            seen[2] += 1;
        }
    }
    assert!(seen.iter().all(|&n| n >= 3), "{seen:?}");
    // What is not finite is as far apart as can be, and no difference of it stops the page: 0 · ∞ in the first step.
    page.ask(
        "{ const g = sides.left.graph; g.numbers(g.find('rnn.weight_hh_l0'))[0] = Infinity; g.recompute() }",
    );
    page.wait("sides.left.frame.contentDocument.querySelectorAll('.box[style*=\"86,14,118\"]').length > 3");
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// The numbers of `--edge:rgb(30,142,90)`.
fn numbers(style: &str) -> Vec<f64> {
    style.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
}

/// Keys work before a box was clicked, in both nets, and buttons say so; the list of keys stands over the whole page; and no
/// window loses its graph where there is little height.
#[test]
fn keys_act_in_both_nets() {
    let folder = Folder::new();
    let Some(mut page) = study(&folder, "lstm lstm~--tbptt~2 --steps 5 --hidden 3") else { return };
    page.wait("sides.right.graph !== null && sides.left.graph !== null");
    let both = |page: &mut Browser, what: &str| {
        page.ask(&format!(
            "[sides.left, sides.right].map((one) => ((document, graph) => {what})(one.frame.contentDocument, one.graph)).join()"
        ))
    };
    let pressed = |page: &mut Browser, id: &str| {
        page.ask(&format!("document.getElementById('{id}').getAttribute('aria-pressed')"))
    };
    let linked = "document.body.classList.contains('linked')";
    page.press("m");
    assert_eq!((both(&mut page, linked), pressed(&mut page, "matrix")), ("true,true".into(), "true".into()));
    for (key, panel) in [("c", "change,change"), ("p", "paths,paths"), ("h", ",")] {
        page.press(key);
        assert_eq!(both(&mut page, "graph.shownPanel()"), panel);
        assert_eq!(pressed(&mut page, "panels"), (panel != ",").to_string());
    }
    page.press("?");
    assert_eq!((page.count("dialog[open]"), page.count("#keys tr") > 15), (1, true));
    page.press("?");
    assert_eq!(page.count("dialog[open]"), 0);
    // A choice of paths is one choice.
    page.ask("sides.right.graph.pickNamed({ loss: 'L[3]', lane: 'l0', state: 'c', step: 2 })");
    assert_eq!(
        both(&mut page, "document.getElementById('matrix-told').textContent.split(' = ')[0]"),
        "‖∂L[3]/∂c[2]‖,‖∂L[3]/∂c[2]‖"
    );
    page.press("d");
    assert_eq!(both(&mut page, "document.documentElement.dataset.theme"), "dark,dark");
    page.click("#panels");
    page.click("#stack");
    let whole = "(() => { const r = document.getElementById('window').getBoundingClientRect(); return r.width > 150 && r.height > 150 && !document.getElementById('world').getAttribute('transform').includes('NaN') })()";
    page.wait(&format!(
        "[sides.left, sides.right].every((one) => ((document) => {whole})(one.frame.contentDocument))"
    ));
    page.click("#matrix");
    assert_eq!(both(&mut page, linked), "false,false");
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn what_cannot_stand_beside_another_net_is_told() {
    let folder = Folder::new();
    let told = |flags: &str, code: i32, part: &str| folder.bad(&format!("study {flags}"), code, &[part]);
    told("elman lstm -o x.json", 1, "the numbers of one net stand in a file");
    told("elman lstmm", 1, "lstmm");
    told("elman lstm~--nonsense", 1, "`lstm --nonsense`: unexpected argument '--nonsense'");
    told("elman lstm --cell gru", 2, "cannot be used with");
    told("elman none.safetensors", 1, "none.safetensors");
}

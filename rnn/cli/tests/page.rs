//! The page of a graph in a browser: it shows the engine's values, and can be navigated by mouse and keyboard.

#[path = "page/browser.rs"]
mod browser;
#[path = "page/measures.rs"]
mod measures;
#[path = "page/panels.rs"]
mod panels;
#[path = "page/shorter.rs"]
mod shorter;

#[allow(dead_code)] // `main`
#[path = "../../lab/examples/forgotten_square.rs"]
mod forgotten_square;

use autograd::{Builder, Graph, NodeId, Point, Value, eval, grad};
use autograd_view::draw;
use browser::Browser;
use rnn::cell::{CellRef, SHIPPED};
use rnn::model::Network;
use rnn_lab::study::{Ask, Bptt, NetSpec};
use std::path::PathBuf;
use tempfile::TempDir;

const SEED: u64 = 1;

/// A net, its point, and its page on disk.
struct Shown {
    network: Network,
    point: Point<f64>,
    folder: TempDir,
}

impl Shown {
    fn new(cell: impl Into<CellRef>, steps: usize) -> Self {
        let net = NetSpec { cell: cell.into(), steps, ..NetSpec::default() };
        let network = net.network(true).unwrap();
        let page = net.page(&network, SEED).unwrap();
        let html = draw::html(&network.graph, &draw::Options::default(), &page).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("page.html"), html).unwrap();
        Self { network, point: page.point.unwrap(), folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("page.html")
    }

    fn open(&self, address: &str) -> Option<Browser> {
        Browser::open(&self.file(), address)
    }

    fn graph(&self) -> &Graph {
        &self.network.graph
    }

    fn find(&self, name: &str) -> NodeId {
        self.graph().find(name).unwrap()
    }

    /// The value of a node by the interpreter.
    fn value(&self, id: NodeId, point: &Point<f64>) -> Vec<f64> {
        match eval::<f64>(self.graph(), point, &[id]).unwrap().remove(0) {
            Value::Float(a) => a.into_iter().collect(),
            Value::Index(a) => a.into_iter().map(|i| i as f64).collect(),
            Value::Bool(a) => a.into_iter().map(|b| f64::from(u8::from(b))).collect(),
        }
    }
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1e-30)
}

#[test]
fn opens_without_a_complaint_and_zooms() {
    let shown = Shown::new("elman", 3);
    let Some(mut page) = shown.open("") else { return };
    assert_eq!(page.text("[aria-pressed=true]"), "Unrolled");
    // Step 0 with the initial state, and three steps, each with a forward and a backward cell.
    assert_eq!(
        [page.count(".column"), page.count(".box.cell.forward"), page.count(".box.cell.backward")],
        [4, 3, 3]
    );
    page.click("#rolled");
    assert_eq!(
        [page.count(".column"), page.count(".edge.loop.forward"), page.count(".edge.loop.backward")],
        [1, 1, 1]
    );
    assert_eq!(page.text(".times"), "× 3");
    page.click("#open");
    assert_eq!(page.text("[aria-pressed=true]"), "Open");
    // Step 2 of an Elman net: x, two products, three sums, tanh.
    assert_eq!(page.count(".column[data-column='4'] .op.forward:not(.output)"), 15);
    page.press("2");
    assert_eq!(page.count(".op"), 0);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn every_name_and_value_is_the_engines() {
    // Cells with many ops: the page computes all of them itself.
    let fits = |name: &&str| rnn::cell::by_name(name).unwrap().fits(3, 4).is_ok();
    let some = SHIPPED.iter().step_by(4).map(|shipped| shipped.name).filter(fits);
    for cell in ["elman", "lstm"].into_iter().chain(some) {
        let shown = Shown::new(cell, 3);
        let Some(mut page) = shown.open("") else { return };
        let graph = shown.graph();
        let known = page.ask("Array.from({ length: graph.count }, (_, i) => [graph.name(i), Array.from(graph.value(i).entries), Array.from(graph.operands(i))])");
        let known = known.as_array().unwrap();
        assert_eq!(known.len(), graph.len());
        for (id, row) in graph.ids().zip(known) {
            assert_eq!(row[0].as_str().unwrap(), graph.name(id).unwrap());
            let operands: Vec<u64> = graph.operands(id).unwrap().map(|x| x.index() as u64).collect();
            let given: Vec<u64> = row[2].as_array().unwrap().iter().map(|x| x.as_u64().unwrap()).collect();
            assert_eq!(given, operands);
            let given: Vec<f64> = row[1].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
            let ours = shown.value(id, &shown.point);
            assert_eq!(given.len(), ours.len());
            assert!(
                given.iter().zip(&ours).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs().max(1.0)),
                "{cell} {}: {given:?} {ours:?}",
                row[0]
            );
        }
    }
}

#[test]
fn a_click_tells_equation_value_adjoint_and_rule() {
    let shown = Shown::new("elman", 3);
    let Some(mut page) = shown.open("") else { return };
    let h = shown.find("l0/h[2]");
    page.click(&format!(".column [data-node='{}']", h.index()));
    assert_eq!(page.text("#node-name"), "l0/h[2]");
    let equation = page.text("#equation math").split_whitespace().collect::<String>();
    assert!(equation.starts_with("h2=tanh"), "{equation}");
    let rule = page.text("#rule math").split_whitespace().collect::<String>();
    assert!(rule.contains("x¯=(1−y2)⊙y¯"), "{rule}");
    let adjoint = shown.graph().adjoint(h, 0).unwrap().unwrap();
    for (place, id) in [("#value", h), ("#adjoint", adjoint)] {
        let entries = page.ask(&format!("document.querySelector('{place} .entries').dataset.entries"));
        let entries: Vec<f64> = entries.as_str().unwrap().split(' ').map(|x| x.parse().unwrap()).collect();
        let ours = shown.value(id, &shown.point);
        assert!(
            entries.len() == 4 && entries.iter().zip(&ours).all(|(a, b)| close(*a, *b, 1e-7)),
            "{entries:?} {ours:?}"
        );
    }
    assert!(page.text(".source .this").contains("h[t] = tanh(W_x x[t] + b_x + W_h h[t-1] + b_h)"));
}

#[test]
fn shares_of_the_steps_add_up_to_the_gradient() {
    let shown = Shown::new("lstm", 4);
    let Some(mut page) = shown.open("#node=rnn.weight_hh_l0") else { return };
    let shares =
        page.ask("Array.from(document.querySelectorAll('.bar[data-share]'), (b) => Number(b.dataset.share))");
    let shares: Vec<f64> = shares.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    let gradient = shown.value(shown.find("∂rnn.weight_hh_l0"), &shown.point);
    let norm = gradient.iter().map(|x| x * x).sum::<f64>().sqrt();
    // The first step starts from a state of zero, and contributes nothing.
    assert!(shares.len() == 4 && shares[0] == 0.0 && shares[1..].iter().all(|x| *x != 0.0), "{shares:?}");
    assert!(close(shares.iter().sum(), norm, 1e-12));
}

#[test]
fn walks_forward_and_back_in_order_of_execution() {
    let shown = Shown::new("elman", 3);
    let Some(mut page) = shown.open("") else { return };
    let lit = "document.querySelectorAll('.box.cell.lit').length";
    assert_eq!(page.ask(lit), 6);
    page.click("#begin");
    assert_eq!(page.ask(lit), 0);
    let mut order: Vec<String> = Vec::new();
    for _ in 0..200 {
        page.press(".");
        let now = page.ask(
            "document.querySelector('.box.cell.now')?.getAttribute('aria-label')?.split(':')[0] ?? null",
        );
        if let Some(now) = now.as_str().filter(|now| order.last().is_none_or(|last| last != now)) {
            order.push(now.into());
        }
    }
    let cells = ["l0/h[1]", "l0/h[2]", "l0/h[3]", "∂l0/h[3]", "∂l0/h[2]", "∂l0/h[1]"];
    order.dedup();
    assert_eq!(order, cells, "a cell is reached when all that it needs is there");
    assert_eq!(page.ask(lit), 6);
    // The gradients of the parameters come last.
    page.press(",");
    assert!(page.count(".box.pill.lit") < page.count(".box.pill"));
    page.ask("document.getElementById('speed').value = 5");
    page.click("#begin");
    page.click("#play");
    page.wait("document.querySelectorAll('.box.cell.lit').length === 6");
}

/// ‖∂L\[3\]/∂h\[1\]‖ by central differences through the interpreter, with the state perturbed. The states of `held`
/// stay constant, as ports do.
fn by_differences(shown: &Shown, loss: &str, state: &str, held: &[&str]) -> f64 {
    let (loss, state) = (shown.find(loss), shown.find(state));
    let mut base = shown.point.clone();
    for name in held {
        let id = shown.find(name);
        let value = shown.value(id, &shown.point);
        base.set(id, ndarray::Array2::from_shape_vec((1, value.len()), value).unwrap().into_dyn());
    }
    let h = shown.value(state, &shown.point);
    let slope = |k: usize| {
        let at = |step: f64| {
            let mut moved = h.clone();
            moved[k] += step;
            let moved = ndarray::Array2::from_shape_vec((1, h.len()), moved).unwrap();
            shown.value(loss, &base.clone().with(state, moved))[0]
        };
        (at(1e-5) - at(-1e-5)) / 2e-5
    };
    (0..h.len()).map(|k| slope(k).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn a_path_has_the_norm_of_its_jacobians() {
    for (cell, state) in [("elman", "h"), ("lstm", "h"), ("lstm", "c")] {
        let shown = Shown::new(cell, 3);
        let Some(mut page) = shown.open("") else { return };
        page.press("p");
        let k = page.ask(&format!("Array.from(document.getElementById('path-state').options).find((o) => o.text === '{state}').value"));
        for (id, value) in [
            ("path-loss", "2".to_string()),
            ("path-state", k.as_str().unwrap().into()),
            ("path-step", "1".into()),
        ] {
            page.ask(&format!("(() => {{ const s = document.getElementById('{id}'); s.value = '{value}'; s.dispatchEvent(new Event('change')) }})()"));
        }
        let norm = page.ask("Number(document.getElementById('path-norm').dataset.exact)").as_f64().unwrap();
        // The h and c of an LSTM are two ports: c is perturbed with h constant, though h was computed from c.
        let held: &[&str] = if state == "c" { &["l0/h[1]"] } else { &[] };
        let ours = by_differences(&shown, "L[3]", &format!("l0/{state}[1]"), held);
        assert!(close(norm, ours, 1e-6), "{cell} {state}: {norm} {ours}");
        // The picture highlights the loss, the states between, and all nodes on the path.
        let on_the_way = |page: &mut Browser, name: &str| {
            page.count(&format!(".box.way[data-node='{}']", shown.find(name).index())) == 1
        };
        assert!(
            on_the_way(&mut page, "L[3]")
                && on_the_way(&mut page, "l0/h[2]")
                && !on_the_way(&mut page, "L[2]")
        );
    }
}

/// With both states together, paths start at c as well as at h: each row of the table highlights a path in the
/// picture, which ends at the loss and passes the row's state.
#[test]
fn each_row_of_the_ways_lights_its_way() {
    let shown = Shown::new("lstm", 4);
    let Some(mut page) = shown.open("") else { return };
    page.press("p");
    let rows = page.count("table.ways tr");
    assert!(rows > 2, "{rows}");
    let mut begun = String::new();
    for row in 0..rows {
        let words = page.ask(&format!(
            "(() => {{ const r = document.querySelectorAll('table.ways tr')[{row}]; r.click(); return r.cells[0].textContent }})()"
        ));
        let lit = |page: &mut Browser, name: &str| {
            page.count(&format!(".box.way[data-node='{}']", shown.find(name).index())) == 1
        };
        assert!(lit(&mut page, "L[4]"), "{words}");
        if let Some(first @ ('h' | 'c')) = words.as_str().unwrap().chars().next() {
            // One box shows both states of a step.
            assert!(lit(&mut page, "l0/h[1]"), "{words}");
            begun.push(first);
        }
    }
    assert!(begun.contains('h') && begun.contains('c'), "{begun}");
}

/// A number is changed in the page, and forward and backward values follow as in the engine; a step of gradient
/// descent moves the weights against their gradient.
#[test]
fn a_changed_number_changes_all_that_is_made_of_it() {
    let shown = Shown::new("lstm", 4);
    let Some(mut page) = shown.open("") else { return };
    let w = shown.find("rnn.weight_hh_l0");
    let mut changed = shown.value(w, &shown.point);
    changed[5] += 0.75;
    page.ask(&format!("(() => {{ graph.numbers({})[5] += 0.75; graph.recompute(); }})()", w.index()));
    let point = |w_is: &[f64]| {
        let value = ndarray::Array2::from_shape_vec((16, 4), w_is.to_vec()).unwrap();
        shown.point.clone().with(w, value)
    };
    let agree = |page: &mut Browser, point: &Point<f64>| {
        let known =
            page.ask("Array.from({ length: graph.count }, (_, i) => Array.from(graph.value(i).entries))");
        for (id, row) in shown.graph().ids().zip(known.as_array().unwrap()) {
            let given: Vec<f64> = row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
            let ours = shown.value(id, point);
            assert!(
                given.iter().zip(&ours).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs().max(1.0)),
                "{}: {given:?} {ours:?}",
                shown.graph().name(id).unwrap()
            );
        }
    };
    agree(&mut page, &point(&changed));
    page.press("c");
    let before = page.ask("graph.value(graph.find('loss')).entries[0]").as_f64().unwrap();
    page.click("#descend");
    let after = page.ask("graph.value(graph.find('loss')).entries[0]").as_f64().unwrap();
    assert!(after < before, "{before} {after}");
    let gradient = shown.value(shown.find("∂rnn.weight_hh_l0"), &point(&changed));
    let moved = page.ask(&format!("Array.from(graph.numbers({}))", w.index()));
    for ((moved, w), g) in moved.as_array().unwrap().iter().zip(&changed).zip(&gradient) {
        assert!((moved.as_f64().unwrap() - (w - 0.1 * g)).abs() < 1e-12);
    }
    page.click("#reset");
    agree(&mut page, &shown.point);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// The page's ‖∂L\[t\]/∂s\[k\]‖, all states together as ports, equal those of `rnn bptt`: at the given values and at
/// changed ones.
#[test]
fn the_page_and_bptt_have_one_definition() {
    for cell in ["elman", "lstm"] {
        let net = NetSpec { cell: cell.into(), steps: 5, ..NetSpec::default() };
        let (model, parameters, feed) = net.example(SEED).unwrap();
        let ask = Ask { layer: 0, split: false, jacobians: false, spectrum: true };
        let bptt = Bptt::of(&model, &parameters, &feed, ask).unwrap();
        let shown = Shown::new(cell, 5);
        let Some(mut page) = shown.open("") else { return };
        page.press("p");
        for t in 0..5 {
            let row = page
                .ask(&format!("graph.owed(graph.lanes[0], {t}).map((c) => [graph.steps[c.step], c.log])"));
            for pair in row.as_array().unwrap().iter().filter(|pair| pair[0] != 0) {
                let k = usize::try_from(pair[0].as_u64().unwrap()).unwrap() - 1;
                let (found, ours) = (pair[1].as_f64().unwrap(), bptt.matrix[[t, k]].log10());
                assert!((found - ours).abs() < 1e-9, "{cell} {t} {k}: {found} {ours}");
            }
        }
        // So are the singular values of the products, and the angle to the direction that comes back best.
        let products = page.ask("graph.spectra(graph.lanes[0], 4).map((p) => [p.lag, ...p.logs, p.angle])");
        let products = products.as_array().unwrap();
        assert!(products.len() >= bptt.spectra[0].products.len());
        for (found, ours) in products.iter().zip(&bptt.spectra[0].products) {
            let found: Vec<f64> = found.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
            let ours: Vec<f64> = std::iter::once(ours.lag as f64)
                .chain(ours.singular.iter().map(|value| value.log10()))
                .chain(ours.angle)
                .collect();
            assert!(
                found.len() == ours.len() && found.iter().zip(&ours).all(|(a, b)| (a - b).abs() < 1e-6),
                "{found:?} {ours:?}"
            );
        }
        assert!(
            page.count(".plane .value") == bptt.spectra[0].steps[0].eigenvalues.len() as u64,
            "eigenvalues are drawn"
        );
    }
}

/// A projection has the values 1 and 0 over any number of steps; diag(1, 1e−20) times a rotation loses a direction to
/// rounding in its second step; of a rotation no direction leads.
#[test]
fn the_page_knows_what_rounding_takes() {
    let Some(mut page) = Shown::new("elman", 3).open("") else { return };
    let mut last = |jacobian: &[f64], n: usize, steps: usize| {
        let product = page.ask(&format!(
            "(({{ logs, angle }}) => ({{ logs: logs.map((x) => (x === -Infinity ? 'zero' : x)), angle }}))(graph.spectra({{ \
             sizes: [{n}], reverse: false, lossSteps: [{steps}], direct: [[1, 2, 3, 4].slice(0, {n})], jacobians: \
             [null, ...new Array({steps}).fill({jacobian:?})] }}, 0).at(-1))"
        ));
        (product["logs"].as_array().unwrap().clone(), product["angle"].as_f64())
    };
    let v = [1.0, 1.0, -1.0, 1.0];
    let projection: Vec<f64> =
        (0..16).map(|k| f64::from(u8::from(k / 4 == k % 4)) - v[k / 4] * v[k % 4] / 4.0).collect();
    let (logs, angle) = last(&projection, 4, 60);
    assert!(logs[..3].iter().all(|log| log.as_f64().unwrap().abs() < 1e-12), "{logs:?}");
    assert_eq!((&logs[3], angle), (&"zero".into(), None));
    let (s, c) = 1f64.sin_cos();
    let (logs, angle) = last(&[c, -s, 1e-20 * s, 1e-20 * c], 2, 40);
    assert!((logs[0].as_f64().unwrap() - 39.0 * c.log10()).abs() < 1e-12 && angle.is_some(), "{logs:?}");
    assert_eq!(logs[1], "zero");
    assert_eq!(last(&[c, -s, s, c], 2, 30).1, None);
}

/// Hovering in one of the three views highlights the others: a cell of the matrix highlights its paths and terms, a
/// term its nodes and edges and its part of the matrix, a node its terms.
#[test]
fn graph_matrix_and_equations_are_linked() {
    let shown = Shown::new("elman", 4);
    let Some(mut page) = shown.open("") else { return };
    page.press("m");
    let point = |page: &mut Browser, selector: &str, kind: &str| {
        page.ask(&format!("document.querySelector(`{selector}`).dispatchEvent(new PointerEvent('{kind}', {{ bubbles: true }}))"));
    };
    let terms = |page: &mut Browser| -> Vec<String> {
        let lit = "Array.from(document.querySelectorAll('.term.lit'), (e) => e.textContent.replace(/\\s|[\u{2061}\u{2062}]/g, ''))";
        page.ask(lit).as_array().unwrap().iter().map(|t| t.as_str().unwrap().into()).collect()
    };
    let way = |page: &mut Browser, name: &str| {
        page.count(&format!(".box.way[data-node='{}']", shown.find(name).index()))
    };
    // The arrow keys move in the matrix: from L[4] by h[1] one up and one right, to L[3] by h[2].
    page.ask("document.getElementById('matrix-large').focus()");
    page.press("ArrowUp");
    page.press("ArrowRight");
    let told = page.text("#matrix-told");
    let exact = page.ask("10 ** graph.owed(graph.lanes[0], 2).find((c) => graph.steps[c.step] === 2).log");
    let number: f64 = told.split("= ").nth(1).unwrap().parse().unwrap();
    assert!(told.starts_with("‖∂L[3]/∂h[2]‖") && close(number, exact.as_f64().unwrap(), 1e-3), "{told}");
    assert_eq!([way(&mut page, "l0/h[2]"), way(&mut page, "L[3]"), way(&mut page, "l0/h[1]")], [1, 1, 0]);
    let lit = terms(&mut page);
    let has = |lit: &[String], wanted: &str| lit.iter().any(|term| term == wanted);
    // The path through h[3], by the gradient of the next step, and the path up to the loss.
    assert!(has(&lit, "Whht−1") && has(&lit, "Vht") && has(&lit, "Wh⊤((1−ht+12)⊙h¯t+1)"), "{lit:?}");
    assert!(!has(&lit, "Wxxt") && !has(&lit, "bx"), "{lit:?}");
    // A term of the backward pass: adjoints, the recurrent weights between them, and nothing of the head.
    let mut found = 0;
    for k in 0..page.count(".term") {
        let term = format!(
            "(() => {{ const e = document.querySelectorAll('.term')[{k}]; e.dispatchEvent(new PointerEvent('pointerover', {{ bubbles: true }})); return e.textContent }})()"
        );
        let text = page.ask(&term);
        let text: String = text
            .as_str()
            .unwrap()
            .chars()
            .filter(|c| !c.is_whitespace() && !"\u{2061}\u{2062}".contains(*c))
            .collect();
        if text == "Wh⊤((1−ht+12)⊙h¯t+1)" {
            assert_eq!(
                [way(&mut page, "∂l0/h[2]"), way(&mut page, "∂logits[2]"), way(&mut page, "L[2]")],
                [1, 0, 0]
            );
            assert!(page.count(".edge.across.backward.way") >= 3);
            found += 1;
        }
    }
    assert_eq!(found, 1);
    point(&mut page, &format!("[data-node='{}'] rect", shown.find("∂l0/h[2]").index()), "pointerover");
    let lit = terms(&mut page);
    assert!(has(&lit, "V⊤o¯t") && !has(&lit, "Vht"), "{lit:?}");
    page.press("m");
    assert_eq!(page.count("#linked:not([hidden])"), 0);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn keys_and_addresses_lead_to_nodes() {
    let shown = Shown::new("gru", 5);
    let Some(mut page) = shown.open("#node=l0/h[1]") else { return };
    page.press("ArrowRight");
    assert_eq!(page.text("#node-name"), "l0/h[2]");
    page.press("ArrowRight");
    assert_eq!(page.text("#node-name"), "l0/h[3]");
    page.press("ArrowRight");
    assert_eq!(page.text("#node-name"), "l0/h[4]");
    page.press("b");
    assert_eq!(page.text("#node-name"), "∂l0/h[4]");
    page.press("ArrowLeft");
    assert_eq!(page.text("#node-name"), "∂l0/h[3]");
    page.press("/");
    "l0/z[2]".chars().for_each(|c| page.press(&c.to_string()));
    page.press("Enter");
    assert_eq!(page.text("#node-name"), "l0/z[2]");
    page.wait("location.hash === '#node=l0/z[2]'");
    page.press("ArrowDown");
    assert_ne!(page.text("#node-name"), "l0/z[2]");
    page.press("?");
    assert_eq!(page.count("dialog[open]"), 1);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn hostile_names_are_only_names() {
    let name = "</script><img src=x onerror=alert(1)>&amp;\"'";
    let g = Builder::new();
    let (x, w) = (g.input("<b>x</b>", [2]), g.parameter(name, [2]));
    let _layer = g.layer("<script>alert(2)</script>");
    let _step = g.step(1);
    let y = (x * w).tanh().named("<i>h");
    grad(y.sum(), &[w]);
    let ones = ndarray::arr1(&[1.0, 2.0]);
    let point = Point::new().with(x, ones.clone()).with(w, ones);
    let page =
        draw::Page { point: Some(point), about: "<script>alert(3)</script>".into(), ..draw::Page::default() };
    let options =
        draw::Options { title: Some("</title><script>alert(4)</script>".into()), ..draw::Options::default() };
    let html = draw::html(&g.graph().unwrap(), &options, &page).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, html).unwrap();
    let Some(mut page) = Browser::open(&file, "") else { return };
    let id = w.id().index();
    page.ask(&format!("graph.choose({id})"));
    assert_eq!(page.text("#node-name"), name);
    page.ask(&format!("graph.choose({})", y.id().index()));
    assert_eq!(
        [page.count("#node-panel img"), page.count("#node-panel b"), page.count("body > script")],
        [0, 0, 4]
    );
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn a_thousand_steps_open() {
    let shown = Shown::new("lstm", 1000);
    let size = std::fs::metadata(shown.file()).unwrap().len();
    assert!(size < 8_000_000, "{size} bytes");
    let Some(mut page) = shown.open("") else { return };
    // Only visible columns exist.
    assert!(page.count(".column") < 60);
    page.ask("graph.choose(graph.find('l0/c[777]'))");
    assert_eq!(page.text("#node-name"), "l0/c[777]");
    assert!(page.count(".column[data-column='779']") == 1);
    // The painting cost of a frame: few elements, few new ones, no dashed line far outside the window, and the
    // timeline is not redrawn.
    let cost = "(async () => {
      const [picture, view] = [document.getElementById('picture'), document.getElementById('window')];
      let [changed, bars, longest] = [0, 0, 0];
      const fill = CanvasRenderingContext2D.prototype.fillRect;
      CanvasRenderingContext2D.prototype.fillRect = function (...a) { bars++; return fill.apply(this, a); };
      new MutationObserver((all) => all.forEach((m) => (changed += m.addedNodes.length + m.removedNodes.length)))
        .observe(picture, { childList: true, subtree: true });
      for (let frame = 0; frame < 60; frame++) {
        view.dispatchEvent(new WheelEvent('wheel', { deltaX: 40, bubbles: true, cancelable: true }));
        await new Promise(requestAnimationFrame);
      }
      for (const e of picture.querySelectorAll('path'))
        if (getComputedStyle(e).strokeDasharray !== 'none') longest = Math.max(longest, e.getBoundingClientRect().width);
      return [picture.querySelectorAll('*').length, changed / 60, bars / 60, longest / view.clientWidth];
    })()";
    let cost: Vec<f64> = serde_json::from_value(page.ask(cost)).unwrap();
    assert!(cost[0] < 1200.0 && cost[1] < 10.0 && cost[2] < 10.0 && cost[3] < 1.5, "{cost:?}");
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// The page of a check opens at the fault.
#[test]
fn a_check_shows_who_is_guilty() {
    let survey = forgotten_square::survey().unwrap();
    let html = rnn_lab::survey::html(&survey, &draw::Options::default(), draw::Page::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, html).unwrap();
    let Some(mut page) = Browser::open(&file, "") else { return };
    assert_eq!(page.text("#verdict"), "FAIL: 13 of 13 gradients");
    assert_eq!([page.count(".op.guilty"), page.count("#tensors tr")], [1, 14]);
    // The numbers of the table are numbers, and those of the accused too.
    assert!(!page.text("#tensors").contains("NaN") && !page.text("#guilty").contains("NaN"));
    page.click("#guilty .link");
    assert_eq!(page.text("#node-name"), "l0/squashed[5]");
}

/// What a net ends with stands apart, by its names: the loss, and the states that are handed on.
#[test]
fn what_is_at_the_end_has_names_and_places() {
    let mode = rnn::model::Mode { carry: true, train: true, ..rnn::model::Mode::default() };
    let net = NetSpec { cell: "lstm".into(), ..NetSpec::default() };
    let (model, ..) = net.example(SEED).unwrap();
    let network = model.network(3, 1, mode).unwrap();
    let html = draw::html(&network.graph, &draw::Options::default(), &draw::Page::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, html).unwrap();
    let Some(mut page) = Browser::open(&file, "") else { return };
    let ends = "Array.from(document.querySelectorAll('#edges .box.value.forward'), (e) => { const r = e.getBoundingClientRect(); return [e.querySelector('text').textContent, Math.round(r.top), Math.round(r.bottom)] })";
    let ends = page.ask(ends);
    let ends = ends.as_array().unwrap();
    let names: Vec<&str> = ends.iter().map(|end| end[0].as_str().unwrap()).collect();
    assert_eq!(names, ["loss", "h_n", "c_n"]);
    assert!(ends.windows(2).all(|pair| pair[0][2].as_i64() < pair[1][1].as_i64()), "{ends:?}");
}

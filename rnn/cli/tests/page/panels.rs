//! The panels, the window and the matrix say what is there.

use super::*;

fn numbers(page: &mut Browser, expression: &str) -> Vec<f64> {
    page.ask(expression).as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Two animation frames: what follows a change is drawn.
fn settle(page: &mut Browser) {
    page.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))");
}

/// The adjoint of a summand is that of the sum: its box has its name, and the value is 1.
#[test]
fn a_box_is_called_what_it_stands_for() {
    let shown = Shown::new("lstm", 3);
    let Some(mut page) = shown.open("") else { return };
    page.click(".box.backward[aria-label^='∂L[1]']");
    assert_eq!(page.text("#node-name"), "∂L[1]");
    assert_eq!(page.text("#value .entries"), "1");
    assert!(page.text("#node-panel").contains("Its node is ∂loss"));
    // A walk over closed steps names what is to be seen.
    page.click("#end");
    let mut walked = Vec::new();
    for _ in 0..60 {
        page.press(",");
        let at = page.text("#where");
        if at.starts_with("backward: ") && at.ends_with(']') {
            let label = at.trim_start_matches("backward: ").to_string();
            let boxes = page.count(&format!(".column .box[aria-label^='{label}']"));
            assert_eq!(boxes, 1, "no box is {label}");
            walked.push(label);
        }
    }
    assert!(walked.contains(&"∂L[3]".to_string()) && walked.contains(&"∂l0/h[1]".to_string()), "{walked:?}");
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// A layer that reads backwards: a pair that has a way, its own equations, and loops that come from t + 1.
#[test]
fn a_reverse_layer_has_its_own_equations() {
    let net = NetSpec { cell: "gru".into(), steps: 4, bidirectional: true, ..NetSpec::default() };
    let network = net.network(true).unwrap();
    let given = net.page(&network, SEED).unwrap();
    let html = draw::html(&network.graph, &draw::Options::default(), &given).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, html).unwrap();
    let Some(mut page) = Browser::open(&file, "") else { return };
    page.press("m");
    page.press("p");
    assert!(page.text("#matrix-told").starts_with("‖∂L[1]/∂h[4]‖ = "), "{}", page.text("#matrix-told"));
    assert_eq!(page.count("#path-norm"), 1);
    let lines = "Array.from(document.querySelectorAll('.formula-row'), (e) => e.textContent.replace(/[\\s\u{2061}\u{2062}]/gu, ''))";
    let line = |page: &mut Browser, left: &str| {
        let all = page.ask(lines);
        let mut all = all.as_array().unwrap().iter().map(|l| l.as_str().unwrap().to_string());
        all.find(|l| l.starts_with(left)).unwrap()
    };
    assert_eq!(line(&mut page, "ht="), "ht=(1−zt)⊙nt+zt⊙ht+1");
    assert!(line(&mut page, "h¯t=").contains("zt−1⊙h¯t−1"));
    let forward = "(() => { const s = document.getElementById('matrix-state'); s.value = Array.from(s.options).find((o) => o.text.startsWith('l0/forward')).value; s.dispatchEvent(new Event('change')) })()";
    page.ask(forward);
    assert_eq!(line(&mut page, "ht="), "ht=(1−zt)⊙nt+zt⊙ht−1");
    assert!(page.text("#matrix-told").starts_with("‖∂L[4]/∂h[1]‖ = "), "{}", page.text("#matrix-told"));
    page.press("1");
    let loops =
        "Array.from(document.querySelectorAll('.carried.loop.forward'), (e) => e.textContent).sort().join()";
    assert_eq!(page.ask(loops), "h[t+1],h[t−1]");
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// With the keys the chosen cell of a large matrix stays in view, and is what is magnified; both axes have numbers.
#[test]
fn the_matrix_follows_the_chosen_cell() {
    let shown = Shown::new("elman", 100);
    let Some(mut page) = shown.open("") else { return };
    let axes = "(() => { const all = []; const write = CanvasRenderingContext2D.prototype.fillText; \
                CanvasRenderingContext2D.prototype.fillText = function (text, x, y) { all.push(String(text)); return write.call(this, text, x, y); }; \
                globalThis.written = all; })()";
    page.ask(axes);
    page.press("m");
    for tick in ["t ↓", "k →", "20", "80"] {
        assert_eq!(page.ask(&format!("written.includes('{tick}')")), true, "{tick}");
    }
    page.press("p");
    page.ask("written.length = 0");
    page.ask("document.getElementById('matrix-state').dispatchEvent(new Event('change'))");
    assert_eq!(page.ask("written.includes('20') && written.includes('t \\\\ k')"), true, "the small one");
    page.ask("document.getElementById('matrix-large').focus()");
    for _ in 0..8 {
        page.press("+");
    }
    // The marked cell is drawn inside of the pane: at its left end, and its lower one.
    let marks = "(() => { const all = []; const draw = CanvasRenderingContext2D.prototype.strokeRect; \
                 CanvasRenderingContext2D.prototype.strokeRect = function (...a) { if (this.canvas.id === 'matrix-large') all.push([...a, this.canvas.clientWidth - 34, this.canvas.clientHeight - 30]); return draw.apply(this, a); }; \
                 globalThis.marked = all; })()";
    page.ask(marks);
    for _ in 0..12 {
        page.press("ArrowUp");
        page.press("ArrowRight");
    }
    assert!(page.text("#matrix-told").starts_with("‖∂L[88]/∂h[13]‖"), "{}", page.text("#matrix-told"));
    let [x, y, w, h, width, height] = numbers(&mut page, "marked.at(-1)")[..] else { panic!() };
    assert!(
        x >= -1.0 && x + w <= width + 1.0 && y >= -1.0 && y + h <= height + 1.0 && w > 8.0,
        "{x} {y} {w} {h}"
    );
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// What was fitted stays so when the window gets another size; a hundred steps fit; the first view of eight has the loss.
#[test]
fn what_was_fitted_fits() {
    let inside = "(() => { const view = document.getElementById('window').getBoundingClientRect(); \
                  const all = Array.from(document.querySelectorAll('.box, .column'), (e) => e.getBoundingClientRect()); \
                  return document.querySelectorAll('.column').length * 1000 + all.filter((r) => r.left < view.left || r.right > view.right || r.top < view.top || r.bottom > view.bottom).length })()";
    let Some(mut page) = Shown::new("lstm", 8).open("") else { return };
    assert_eq!(page.ask(inside), 9000);
    for key in ["0", "m", "p", "m", "h"] {
        page.press(key);
        settle(&mut page);
        page.wait(&format!("{inside} === 9000"));
    }
    drop(page);
    let Some(mut page) = Shown::new("elman", 100).open("") else { return };
    page.press("0");
    assert_eq!(page.ask(inside), 101_000);
}

/// The loss is in sight where numbers are changed; the norm of the gradient is told, before and after it is clipped; `reset`
/// resets both; and what a number may be is said.
#[test]
fn change_tells_loss_norm_and_range() {
    let shown = Shown::new("lstm", 8);
    let Some(mut page) = shown.open("") else { return };
    page.press("c");
    assert_eq!(page.ask("document.activeElement.id"), "change-panel");
    let squares: f64 = shown
        .graph()
        .parameters()
        .map(|id| {
            let adjoint = shown.graph().adjoint(id, 0).unwrap().unwrap();
            shown.value(adjoint, &shown.point).iter().map(|x| x * x).sum::<f64>()
        })
        .sum();
    let norm: f64 = page.text("#norm-now").parse().unwrap();
    assert!(close(norm, squares.sqrt(), 1e-3), "{norm} {}", squares.sqrt());
    let set = |page: &mut Browser, label: &str, value: f64| {
        page.ask(&format!("(() => {{ const e = Array.from(document.querySelectorAll('.descent label'), (l) => l).find((l) => l.textContent.startsWith('{label}')).querySelector('input'); e.value = {value}; e.dispatchEvent(new Event('input')) }})()"));
    };
    let loss = |page: &mut Browser| page.text("#loss-now").parse::<f64>().unwrap();
    let before = loss(&mut page);
    set(&mut page, "lr", 30.0);
    page.click("#descend");
    assert!(loss(&mut page) > before, "much too long a step");
    page.click("#reset");
    let fields = "Array.from(document.querySelectorAll('.descent label input'), (e) => e.value).join()";
    assert_eq!(page.ask(fields), "0.1,0");
    // With a clip the weights move by lr · clip, from the first step on.
    let weights: Vec<usize> = shown.graph().parameters().map(NodeId::index).collect();
    let weights = format!("{weights:?}.flatMap((i) => Array.from(graph.numbers(i)))");
    let first = numbers(&mut page, &weights);
    set(&mut page, "lr", 30.0);
    set(&mut page, "clip", 0.02);
    assert_eq!(page.text("#norm-clipped"), ", clipped to 0.02");
    page.click("#descend");
    let moved = numbers(&mut page, &weights);
    let length = first.iter().zip(&moved).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    assert!(close(length, 30.0 * 0.02, 1e-12), "{length}");
    let summaries = page.ask(
        "Array.from(document.querySelectorAll('#change-panel summary'), (e) => e.textContent).join('; ')",
    );
    let summaries = summaries.as_str().unwrap();
    assert!(
        summaries.contains("0, 1, or 2 = no target")
            && summaries.contains("l0/h[0] one number for all 4 units"),
        "{summaries}"
    );
    // The last numbers of the panel are below its lower edge, and the loss stays above.
    page.ask("document.getElementById('change-panel').scrollTo(0, 1e6)");
    let seen = "(() => { const r = document.getElementById('loss-now').getBoundingClientRect(); const p = document.getElementById('change-panel'); return p.scrollTop > 20 && document.elementFromPoint(r.x + 5, r.y + 5)?.closest('.stays') !== null })()";
    assert_eq!(page.ask(seen), true);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// The factors from step to step are those of the matrix of `rnn bptt`; long equations go on in the next line; and the axis of
/// the shares has numbers.
#[test]
fn factors_axes_and_lines_are_written() {
    let shown = Shown::new("lstm", 8);
    let Some(mut page) = shown.open("") else { return };
    page.press("p");
    let logs = numbers(&mut page, "graph.owed(graph.lanes[0], 7).map((c) => c.log)");
    let fading = page.text("#fading");
    let told = fading.rsplit(": ").next().unwrap().trim_end_matches('.');
    let told: Vec<f64> = told.split(", ").map(|x| x.parse().unwrap()).collect();
    assert_eq!(told.len(), 8);
    for (k, factor) in told.iter().enumerate() {
        assert!(close(*factor, 10f64.powf(logs[k + 1] - logs[k]), 5e-3), "{fading} {logs:?}");
    }
    page.press("m");
    settle(&mut page);
    let cut = "Array.from(document.querySelectorAll('.formula-row math'), (e) => e.getBoundingClientRect().right - document.getElementById('linked-equations').getBoundingClientRect().right).filter((over) => over > 0).length";
    assert_eq!(page.ask(cut), 0);
    page.ask("document.getElementById('linked-equations').style.width = '330px'");
    // Some lines go on at any width: the frame has to be drawn anew first.
    settle(&mut page);
    page.wait("document.querySelectorAll('.formula-row mtr.goes-on').length > 2");
    assert_eq!(page.ask(cut), 0);
    page.ask("graph.choose(graph.find('rnn.weight_hh_l0'))");
    page.ask("graph.showPanel('node')");
    assert!(page.count(".shares text.left") == 4);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// A sum in parentheses that is too long goes on in the next line, its terms still are terms, and nothing of it is lost when
/// the frame changes.
#[test]
fn long_sums_in_parentheses_are_broken() {
    let text = "cell long_sum\n f[t] = sigmoid(W_f x[t] + U_f h[t-1] + V_f (h[t-1] * h[t-1]) + P_f tanh(x[t]) + Q_f tanh(h[t-1]) + b_f)\n \
        h[t] = (1 - f[t]) * h[t-1] + f[t] * tanh(W_n x[t] + U_n h[t-1])";
    let shown = Shown::new(CellRef { text: Some(text.into()), ..CellRef::from("long_sum") }, 4);
    let Some(mut page) = shown.open("") else { return };
    page.press("m");
    settle(&mut page);
    let gate = "document.querySelector('.formula-row math')";
    let told = format!(
        "[{gate}.textContent, {gate}.querySelectorAll('mtr').length, {gate}.getBoundingClientRect().right <= document.getElementById('linked-equations').getBoundingClientRect().right]"
    );
    page.ask("document.getElementById('linked-equations').style.width = '1100px'");
    page.wait(&format!("{gate}.querySelectorAll('mtr').length === 1"));
    let wide = page.ask(&told);
    page.ask("document.getElementById('linked-equations').style.width = '330px'");
    page.wait(&format!("{gate}.querySelectorAll('mtr').length > 2"));
    let narrow = page.ask(&told);
    assert_eq!((&wide[0], &wide[2], &narrow[2]), (&narrow[0], &true.into(), &true.into()), "{wide} {narrow}");
    // What goes on is in the terms that it was in.
    assert_eq!(
        page.ask(&format!(
            "[...{gate}.querySelectorAll('.goes-on')].every((row) => row.querySelector('.term'))"
        )),
        true
    );
    page.ask("document.getElementById('linked-equations').style.width = '1100px'");
    page.wait(&format!("{gate}.querySelectorAll('mtr').length === 1"));
    assert_eq!(page.ask(&told), wide);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

//! The times of the page on this machine, for `docs/drawings.md`:
//! `cargo test --release -p bptt-cli --test page measures -- --ignored --nocapture`.

use super::Shown;

#[test]
#[ignore = "it measures, and asserts nothing"]
fn measures() {
    for steps in [20, 200] {
        let shown = Shown::new("lstm", steps);
        let Some(mut page) = shown.open("") else { return };
        page.press("c");
        // Dragging a weight: the whole graph forward and backward, the shares, and the layout of the visible part.
        let drag = "(async () => {
          const [all, parts] = [[], []];
          const w = graph.numbers(graph.find('rnn.weight_hh_l0'));
          for (let n = 0; n < 40; n++) {
            await new Promise(requestAnimationFrame);
            const begin = performance.now();
            w[0] += 0.01;
            graph.recompute();
            document.getElementById('picture').getBoundingClientRect();
            all.push(performance.now() - begin);
          }
          all.sort((a, b) => a - b);
          return [all[20], all[38]];
        })()";
        println!("LSTM T = {steps}: a drag, median and 95 %: {} ms", page.ask(drag));
        page.press("p");
        let jacobians = "(() => {
          const all = [];
          for (let n = 0; n < 9; n++) {
            const begin = performance.now();
            graph.recompute();
            document.getElementById('path-loss').dispatchEvent(new Event('change'));
            document.getElementById('paths-panel').getBoundingClientRect();
            all.push(performance.now() - begin);
          }
          return all.sort((a, b) => a - b)[4];
        })()";
        println!("  with Jacobians, paths and spectra open: {} ms", page.ask(jacobians));
        page.press("m");
        println!("  and the matrix in the large: {} ms", page.ask(jacobians));
    }
    let shown = Shown::new("lstm", 1000);
    println!("LSTM T = 1000: {} bytes", std::fs::metadata(shown.file()).unwrap().len());
    let Some(mut page) = shown.open("") else { return };
    println!("  opens in {} ms", page.ask("document.documentElement.dataset.ready"));
    let frames = "(async () => {
      const view = document.getElementById('window');
      const times = [];
      let before = await new Promise(requestAnimationFrame);
      for (let frame = 0; frame < 120; frame++) {
        view.dispatchEvent(new WheelEvent('wheel', { deltaX: 40, bubbles: true, cancelable: true }));
        const now = await new Promise(requestAnimationFrame);
        times.push(now - before);
        before = now;
      }
      times.sort((a, b) => a - b);
      return [times[60], times[114], times[119]];
    })()";
    println!("  pans, a frame: median, 95 %, longest: {} ms", page.ask(frames));
}

//! Every shipped cell passes all cross-checks: forward mode, RTRL, one step run T times, padding, batch order,
//! symmetry of the Hessian.

use autograd_check::Verdict;
use rnn::Cell;
use rnn::cell::{SHIPPED, Shipped};
use rnn_lab::study::{NetSpec, witnesses};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Applies a law to every shipped cell, on two threads.
fn walk(law: impl Fn(&Shipped) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(cell) = SHIPPED.get(next.fetch_add(1, Ordering::Relaxed)) {
            law(cell);
        }
    };
    std::thread::scope(|scope| {
        [scope.spawn(work), scope.spawn(work)]
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
}

/// All cross-checks pass; `silent` of them do not apply.
#[track_caller]
fn passes(net: &NetSpec, silent: usize) {
    let heard = witnesses(net, 1).unwrap();
    for witness in &heard {
        let holds = witness.verdict.is_none_or(|verdict| verdict == Verdict::Pass);
        assert!(holds, "{} over {} steps\n{witness}", net.cell, net.steps);
    }
    assert_eq!(heard.iter().filter(|w| w.verdict.is_none()).count(), silent, "{net:?}");
}

/// A small net of a cell: input and state sizes differ, if the cell allows it.
fn net(shipped: &Shipped, hidden: usize) -> NetSpec {
    let input = if shipped.cell().fits(2, hidden).is_ok() { 2 } else { hidden };
    NetSpec { cell: shipped.name.into(), hidden, input, ..NetSpec::default() }
}

#[test]
fn every_cell_from_one_step_to_fifty() {
    walk(|shipped| {
        for steps in [1, 2, 5, 50] {
            passes(&NetSpec { steps, ..net(shipped, 4) }, 0);
        }
    });
}

#[test]
fn stacks_cuts_and_batches() {
    walk(|shipped| {
        let net = NetSpec { steps: 4, batch: 2, ..net(shipped, 4) };
        passes(&NetSpec { layers: 2, window: Some(2), ..net.clone() }, 0);
        // A bidirectional net cannot run step by step: RTRL and the rolled net do not apply.
        passes(&NetSpec { bidirectional: true, lengths: Some(vec![4, 2]), ..net }, 2);
    });
}

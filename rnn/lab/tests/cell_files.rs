//! Every cell file, shipped or an example: printing round-trips, gradients of order one and two are correct, padding
//! has no effect, and the cell learns. A new file in the folder is tested without new code.

#[path = "../../../tests/nets/mod.rs"]
mod nets;

use nets::cells::{OF_FILES, Subject, files};
use nets::{Begin, Problem, Setup, kinks, laws};
use rnn::cell::CellRef;
use rnn::equations::parse;
use rnn_lab::study::learns;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Applies a law to every file, on two threads.
fn walk(law: impl Fn(&Subject) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(subject) = OF_FILES.get(next.fetch_add(1, Ordering::Relaxed)) {
            law(subject);
        }
    };
    std::thread::scope(|scope| {
        [scope.spawn(work), scope.spawn(work)]
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
}

/// Two bidirectional layers, or as much of that as the cell supports; unequal lengths; enough steps to cover its
/// period.
fn net(subject: &Subject, seed: u64) -> Problem {
    let steps = if subject.reads_step { 9.max(subject.period + 1) } else { 4 };
    subject.problem(&Setup {
        steps,
        batch: 2,
        input: 3,
        hidden: 4,
        depth: 2,
        bidirectional: true,
        window: None,
        lengths: Some(vec![steps, steps - 2]),
        begin: Begin::Given,
        seed,
    })
}

#[test]
fn what_is_printed_is_read_again() {
    assert!(files().len() >= 35);
    for (path, subject) in files().iter().zip(&*OF_FILES) {
        assert_eq!(Some(&*subject.name), path.file_stem().and_then(|stem| stem.to_str()));
        let file = subject.file.as_ref().unwrap().file();
        let printed = file.to_string();
        let again = parse(&printed, "printed").unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(file, &again, "{printed}");
    }
}

/// Forward mode has no step size, so there is no second try; and every weight is tested: none has a zero gradient.
#[test]
fn gradients_are_those_of_forward_mode() {
    walk(|subject| {
        let problem = net(subject, 1);
        laws::agrees_with_duals(&problem, &subject.name);
        for (name, gradient) in &problem.solve().gradients {
            let moves = gradient.iter().any(|&d| d != 0.0) || !problem.weights.contains_key(name);
            assert!(moves, "{}: nothing depends on {name}", subject.name);
        }
    });
}

/// Away from kinks, differences must agree. If they are too coarse to decide, another point is tried. All lanes have
/// the same equations, so each weight is checked in one of them.
#[test]
fn gradients_are_those_of_differences() {
    walk(|subject| {
        let smooth = (0..).map(|seed| net(subject, seed)).filter(|problem| kinks::nearest(problem) > 1e-3);
        let agrees = |problem: Problem| {
            let each = problem.each_in_one_lane();
            laws::agrees_with_differences(&problem, &each, &subject.name).passed()
        };
        let decided = smooth.take(3).any(agrees);
        assert!(decided, "{}: differences are too coarse at three points", subject.name);
    });
}

#[test]
fn padding_changes_nothing() {
    walk(|subject| {
        let problem = net(subject, 2);
        laws::padding_is_not_seen(&problem, &subject.name);
        laws::batch_is_its_sequences(&problem, subject.sums, &subject.name);
    });
}

/// The cells that do not learn to add within the lesson: the fraction of the error without memory that they must fall
/// below, and why it is not the tenth required of all others.
const SLOW: [(&str, f64, &str); 5] = [
    ("clockwork", 0.2, "three of its four modules move at one step in 2, 4 and 8 alone"),
    (
        "cornn",
        0.5,
        "time steps of 0.042 are for hundreds of them: these sequences last a third of a unit of time",
    ),
    (
        "indrnn",
        0.6,
        "units of a single layer do not see each other, so that none is a gate: the paper stacks layers",
    ),
    ("qrnn", 0.3, "its gates see two inputs and no state: the paper stacks layers"),
    ("phased-lstm", 0.9, "a unit is open at one step in twenty: it is for sequences of hundreds"),
];

#[test]
fn it_learns_to_add() {
    walk(|subject| {
        let name = &*subject.name;
        let text = Some(subject.file.as_ref().unwrap().text().into());
        let lesson = learns(CellRef { text, ..name.into() }, 1).unwrap();
        let enough = SLOW.iter().find(|slow| slow.0 == name).map_or(0.1, |slow| slow.1);
        assert!(lesson.rest() < enough, "{name} is left with {:.3} of the error: {lesson:?}", lesson.rest());
    });
}

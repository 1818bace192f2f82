//! A small version of the study of the check's power: `cargo run --release --example power` plants many more faults,
//! and its table is in `docs/gradient-checking-power.md`.

mod common;
mod nets;
mod power;

use autograd_check::Verdict;
use power::alarms::{Alarms, check};
use power::fault::{Fault, Kind};
use power::table::{Count, Table};
use power::{Precision, Subject, subjects};

/// Faults in every op and in some random graphs and nets.
fn small(precision: Precision) -> Table {
    let mut table = Table::default();
    let mut add = |subject: &Subject, per| table.add(subject.harvest(per, precision, 1000));
    subjects::ops(1000).iter().for_each(|subject| add(subject, 1));
    (1000..1008).for_each(|seed| add(&subjects::random_graph(seed), 1));
    (999..1002).for_each(|seed| add(&subjects::net(seed), 2));
    table
}

fn assert_powerful(table: &Table) {
    assert!(table.all.effective > 400, "{table}");
    assert!(table.all.catch_rate() >= 0.99 && table.all.name_rate() >= 0.95, "{table}\n{:#?}", table.wrong);
    // Every kind of fault applies somewhere; 10⁻⁶ is below the bound of single precision.
    let counts = |(kind, count): (&Kind, &Count)| kind.fault == Fault::Millionth || count.effective > 0;
    assert!(table.by_fault.len() == 15 + 12 && table.by_fault.iter().all(counts), "{table}");
}

#[test]
fn faults_are_caught_and_their_nodes_named() {
    assert_powerful(&small(Precision::Double));
}

#[test]
fn faults_are_caught_and_their_nodes_named_in_single_precision() {
    assert_powerful(&small(Precision::Single));
}

#[test]
fn right_gradients_raise_no_alarm_on_kinks_either() {
    for single in [false, true] {
        let mut alarms = Alarms::default();
        for seed in 0..500 {
            let report = check(seed, single);
            assert_ne!(report.verdict(), Verdict::Fail, "seed {seed}\n{report}");
            alarms.add(report.verdict());
        }
        assert!(alarms.kinks > 100 && alarms.undecided < 2 && alarms.conventions < 10, "{alarms:?}");
    }
}

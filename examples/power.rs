//! Measures the power of the gradient check: faults planted in correct gradients, and correct gradients at kinks.
//!
//! ```text
//! cargo run --release --example power -- [--seeds N] [--from SEED] [--single] [--misses]
//! cargo run --release --example power -- --false-alarms N [--from SEED] [--single]
//! ```
//!
//! The first prints a Markdown table; `--misses` adds faults that were not caught or not named correctly. The second
//! counts verdicts on correct gradients; `--misses` shows undecided ones. `--single` computes the gradients in `f32`.
//! Intermediate counts go to standard error.

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/nets/mod.rs"]
mod nets;
#[path = "../tests/power/mod.rs"]
mod power;

use autograd_check::Verdict;
use power::alarms::{Alarms, check};
use power::table::Table;
use power::{Harvest, Precision, subjects};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs `work` for all numbers, on two threads, in any order.
fn each(numbers: std::ops::Range<u64>, work: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(numbers.start);
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                break;
            }
            work(number);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(worker);
        scope.spawn(worker);
    });
}

fn table(seeds: std::ops::Range<u64>, precision: Precision, misses: bool) {
    let table = Mutex::new(Table::default());
    let add = |harvest: Harvest| table.lock().unwrap().add(harvest);
    each(seeds.clone(), |seed| {
        subjects::ops(seed).iter().for_each(|subject| add(subject.harvest(1, precision, seed)));
        for part in 0..6 {
            let seed = 6 * seed + part;
            add(subjects::random_graph(seed).harvest(2, precision, seed));
        }
        add(subjects::net(seed).harvest(4, precision, seed));
        eprint!("\rseed {seed} of {seeds:?}: {}", table.lock().unwrap().all);
    });
    eprintln!();
    let mut table = table.into_inner().unwrap();
    println!("{table}");
    if misses {
        table.wrong.sort_by_key(|o| (o.mutant.kind(), o.subject.clone()));
        for o in &table.wrong {
            let (fault, named) = (o.mutant.kind(), o.named.as_ref().map_or("nobody", |(name, _)| name));
            println!(
                "{} {fault} at {} ({}) change {:.1e}: {}, named {named} {}",
                o.subject, o.place, o.op, o.change, o.verdict, o.hint
            );
        }
    }
}

fn alarms(seeds: std::ops::Range<u64>, single: bool, misses: bool) {
    let alarms = Mutex::new(Alarms::default());
    each(seeds, |seed| {
        let report = check(seed, single);
        if !report.passed() && (misses || report.verdict() == Verdict::Fail) {
            eprintln!("seed {seed}: {}\n{report}", report.verdict());
        }
        let mut alarms = alarms.lock().unwrap();
        alarms.add(report.verdict());
        if alarms.checks % 1000 == 0 {
            eprintln!("{}", line(&alarms));
        }
    });
    println!("{}", line(&alarms.into_inner().unwrap()));
}

fn line(a: &Alarms) -> String {
    format!(
        "{} checks of right gradients: {} pass, {} kink, {} convention, {} undecided, {} false alarms",
        a.checks, a.passed, a.kinks, a.conventions, a.undecided, a.failed
    )
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|a| a == flag);
    let number = |flag: &str| {
        let at = arguments.iter().position(|a| a == flag)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let known = ["--seeds", "--single", "--misses", "--false-alarms", "--from"];
    if let Some(unknown) = arguments.iter().find(|a| a.starts_with("--") && !known.contains(&a.as_str())) {
        eprintln!("there is no option {unknown}: the options are {}", known.join(", "));
        std::process::exit(2);
    }
    let precision = if has("--single") { Precision::Single } else { Precision::Double };
    let from = number("--from").unwrap_or(0);
    match number("--false-alarms") {
        Some(count) => alarms(from..from + count, has("--single"), has("--misses")),
        None => table(from..from + number("--seeds").unwrap_or(24), precision, has("--misses")),
    }
}

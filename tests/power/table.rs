//! Mutants counted by fault and by op, as Markdown.

use super::{Harvest, Outcome};
use std::collections::BTreeMap;
use std::fmt;

/// Counts of mutants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub planted: usize,
    /// Changes a gradient by more than the bound.
    pub effective: usize,
    pub caught: usize,
    pub named: usize,
}

impl Count {
    fn add(&mut self, outcome: &Outcome) {
        self.effective += 1;
        self.caught += usize::from(outcome.is_caught());
        self.named += usize::from(outcome.is_named());
    }

    /// The fraction of effective mutants that was caught; 1 for none.
    pub fn catch_rate(&self) -> f64 {
        self.caught as f64 / self.effective.max(1) as f64 + f64::from(u8::from(self.effective == 0))
    }

    /// The fraction of caught mutants that was named correctly; 1 for none.
    pub fn name_rate(&self) -> f64 {
        self.named as f64 / self.caught.max(1) as f64 + f64::from(u8::from(self.caught == 0))
    }
}

/// The counts of all mutants.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub by_fault: BTreeMap<super::fault::Kind, Count>,
    pub by_op: BTreeMap<String, Count>,
    pub all: Count,
    /// Those that were not caught, or not named correctly.
    pub wrong: Vec<Outcome>,
}

impl Table {
    pub fn add(&mut self, harvest: Harvest) {
        for (kind, op) in harvest.planted {
            self.by_fault.entry(kind).or_default().planted += 1;
            self.by_op.entry(op).or_default().planted += 1;
            self.all.planted += 1;
        }
        for outcome in harvest.outcomes {
            self.by_fault.entry(outcome.mutant.kind()).or_default().add(&outcome);
            self.by_op.entry(outcome.op.clone()).or_default().add(&outcome);
            self.all.add(&outcome);
            if !outcome.is_named() {
                self.wrong.push(outcome);
            }
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { planted, effective, caught, named } = self;
        let percent = |share: f64| (1e4 * share).floor() / 100.0;
        write!(
            f,
            "{planted} | {effective} | {caught} | {:.2} % | {named} | {:.2} % | {} |",
            percent(self.catch_rate()),
            percent(self.name_rate()),
            effective - caught
        )
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let head = |f: &mut fmt::Formatter, what: &str| {
            writeln!(f, "| {what} | planted | effective | caught | | named rightly | | missed |")?;
            writeln!(f, "|---|--:|--:|--:|--:|--:|--:|--:|")
        };
        head(f, "fault")?;
        self.by_fault.iter().try_for_each(|(kind, count)| writeln!(f, "| {kind} | {count}"))?;
        writeln!(f, "| **all** | {}\n", self.all)?;
        head(f, "op")?;
        self.by_op.iter().try_for_each(|(op, count)| writeln!(f, "| `{op}` | {count}"))
    }
}

//! The differences as lines of text.

use super::formula::{formula, step_of, template};
use super::{Change, Diff, named};
use autograd::graph::Graph;
use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Write};

/// The text for a named node; steps with equal text share a line.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Line {
    change: Change,
    name: String,
    before: String,
    after: String,
}

pub(super) fn write(diff: &Diff) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = report(&mut text, diff);
    text
}

fn report(to: &mut String, diff: &Diff) -> fmt::Result {
    let count = |change| diff.count(change);
    let many = |n: usize| if n == 1 { "1 node".to_string() } else { format!("{n} nodes") };
    writeln!(
        to,
        "{} removed, {} added, {} changed, {} the same",
        many(count(Change::Removed)),
        count(Change::Added),
        count(Change::Changed),
        count(Change::Same)
    )?;
    for (line, steps) in lines(diff) {
        let name = line.name.replacen("[t]", &steps_of(&steps), 1);
        let sign = match line.change {
            Change::Removed => '-',
            Change::Added => '+',
            Change::Changed | Change::Same => '~',
        };
        match (line.before.as_str(), line.after.as_str()) {
            ("", after) => writeln!(to, "{sign} {name} = {after}")?,
            (before, "") => writeln!(to, "{sign} {name} = {before}")?,
            (before, after) if before == after => {
                writeln!(to, "{sign} {name} = {after}  (its parts differ)")?;
            }
            (before, after) => {
                writeln!(to, "{sign} {name} = {before}")?;
                writeln!(to, "{}→ {after}", " ".repeat(name.chars().count() + 3))?;
            }
        }
    }
    Ok(())
}

/// The lines in the order of the merged graph, each with its steps.
fn lines(diff: &Diff) -> Vec<(Line, BTreeSet<u32>)> {
    let merged = diff.merged();
    let owner = owners(diff);
    let mut touched = vec![false; merged.len()];
    for i in (0..merged.len()).filter(|&i| diff.changes()[i] != Change::Same) {
        touched[owner[i]] = true;
    }
    let (before, after) = (&diff.merged.before, &diff.merged.after);
    let mut order: Vec<(Line, BTreeSet<u32>)> = Vec::new();
    let mut known: HashMap<Line, usize> = HashMap::new();
    for i in (0..merged.len()).filter(|&i| touched[i]) {
        let change = match diff.changes()[i] {
            Change::Same => Change::Changed,
            change => change,
        };
        let line = Line {
            change,
            name: template(merged, i),
            before: before[i].map_or(String::new(), |x| describe(&diff.before, x)),
            after: after[i].map_or(String::new(), |x| describe(&diff.after, x)),
        };
        let k = *known.entry(line.clone()).or_insert(order.len());
        if k == order.len() {
            order.push((line, BTreeSet::new()));
        }
        order[k].1.extend(step_of(merged, i));
    }
    order
}

/// A node's formula with its type; a leaf's kind.
fn describe(graph: &Graph, index: usize) -> String {
    let node = graph.at(index);
    match node.op.operator() {
        Some(_) => formula(graph, index),
        None => format!("{} {}", node.op.name(), node.ty),
    }
}

/// For each node of the merged graph its named node, or the one that it is intermediate to.
fn owners(diff: &Diff) -> Vec<usize> {
    let graph = diff.merged();
    let mut gone: HashMap<usize, Vec<usize>> = HashMap::new();
    for &(from, to, _) in diff.links().iter().filter(|link| link.2 == Change::Removed) {
        gone.entry(to).or_default().push(from);
    }
    let mut owner: Vec<usize> = (0..graph.len()).collect();
    for i in (0..graph.len()).rev().filter(|&i| named(graph, i)) {
        let mut open = vec![i];
        while let Some(user) = open.pop() {
            let read = graph.operands_at(user).chain(gone.get(&user).into_iter().flatten().copied());
            for x in read.filter(|&x| !named(graph, x)) {
                if owner[x] == x {
                    owner[x] = i;
                    open.push(x);
                }
            }
        }
    }
    owner
}

/// `[1..3, 5]`
fn steps_of(steps: &BTreeSet<u32>) -> String {
    let mut runs: Vec<[u32; 2]> = Vec::new();
    for &step in steps {
        match runs.last_mut() {
            Some([_, last]) if *last + 1 == step => *last = step,
            _ => runs.push([step, step]),
        }
    }
    let run =
        |[first, last]: &[u32; 2]| if first == last { first.to_string() } else { format!("{first}..{last}") };
    format!("[{}]", runs.iter().map(run).collect::<Vec<_>>().join(", "))
}

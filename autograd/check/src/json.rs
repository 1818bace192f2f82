//! A report as JSON.
//!
//! One object. `version` is 3; fields may be added without a new version, and none is removed without one.
//!
//! | field | value |
//! |---|---|
//! | `version` | 3 |
//! | `verdict` | `"pass"`, `"kink"`, `"inconclusive"`, `"convention"` or `"fail"`; a program that could not check writes `"error"` and `error`, a text, and nothing else |
//! | `passed` | whether the verdict is pass or kink |
//! | `subject`, `seed`, `order` | the outputs; what was asked for |
//! | `guilty` | null, or who is wrong: `part` (`"vjp"` or `"dual kernel"`), `node`, `op`, `operand`, `operand_name`, `layer`, `gate`, `step` (these three may be null), `index`, `analytic`, `numeric`, `ratio`, `uses` (at how many uses of that line the same is wrong) `of` how many, `rule` (null, or what is sent and what would fit), `hint` (a word or two), `says` (the same as a sentence) |
//! | `tensors` | a list: `name`, `shape`, `order`, `verdict`, `connected`, `norm` of the gradient; along a random direction `analytic`, `numeric`, `error` (the estimate), `tolerance`, `unseen` (both too small for differences), `decided_by` (a witness); `slice` (null, or axis and place) and `all_wrong_told` of a failure; of a function that is no graph `hint` (null, or what a wrong gradient probably is instead, in a word or two), `says` (the same as a sentence) and `hint_of_wrong` (whether that is said of the wrong elements alone); `forward` (null if it was not asked for this one alone); `sides` on a kink (null, or from the left and from the right), `pieces` (null, or the lowest and the highest slope of those that meet there, where the sides alone do not hold the gradient between them), `kinks` (names of nodes), `elements` |
//! | `elements` | a list: `index`, `verdict`, `analytic`, `numeric`, `error`, `tolerance`, `sides`, `pieces`, `unseen` |
//! | `notes` | a list of sentences |
//! | `coverage` | a list: `regime` of an op, and whether it was `visited`; of a function that is no graph empty |
//! | `points` | at how many points |
//! | `certificate` | null, or `tolerance`, `never_missed` (an error of one element above this), of how many `gradients`, and the `seed`; how many of their `elements` were checked by themselves, and `of` how many |
//! | `calls` | how often a function that is not a graph was called |
//! | `scatter` | null, or of a function with another value each time at one point: the number of `calls`, their `mean` and `deviation` |
//! | `witnesses` | a list: `name`, `order`, `verdict`, `difference` (null if it was not asked), `tolerance` |
//!
//! Numbers that are not finite are null.

use super::hint::Hint;
use super::locate::Guilty;
use super::report::{Element, Report, Tensor};
use super::verdict::Comparison;
use super::witness::Witness;
use serde_json::{Value, json};

/// The version of the schema.
const VERSION: u32 = 3;

impl Report {
    /// The report as one object: `version`, `verdict`, `passed`, `subject`, `seed`, `order`, `guilty`, `tensors` with
    /// their `elements`, and `witnesses`. Numbers that are not finite are null.
    pub fn to_json(&self) -> Value {
        json!({
            "version": VERSION,
            "verdict": self.verdict().word(),
            "passed": self.passed(),
            "subject": self.subject,
            "seed": self.seed,
            "order": self.order,
            "guilty": self.guilty.as_ref().map(guilty),
            "tensors": self.tensors.iter().map(tensor).collect::<Vec<_>>(),
            "notes": self.notes,
            "calls": self.calls,
            "scatter": self.scatter.map(|s| json!({ "calls": s.calls, "mean": s.mean, "deviation": s.deviation })),
            "coverage": self.coverage.regimes()
                .map(|(regime, visited)| json!({ "regime": regime, "visited": visited }))
                .collect::<Vec<_>>(),
            "points": self.coverage.points,
            "certificate": self.certificate().map(|c| json!({
                "tolerance": c.tolerance, "never_missed": c.never_missed(), "gradients": c.tensors[0], "seed": c.seed,
                "elements": c.elements[0], "of": c.elements[1],
            })),
            "witnesses": self.witnesses.iter().map(witness).collect::<Vec<_>>(),
        })
    }
}

/// The object that a program writes instead of a report if it could not check.
pub fn error_json(error: &dyn std::fmt::Display) -> Value {
    json!({ "version": VERSION, "verdict": "error", "error": error.to_string() })
}

fn guilty(guilty: &Guilty) -> Value {
    json!({
        "part": guilty.part.word(), "node": guilty.node, "op": guilty.op, "operand": guilty.operand, "operand_name": guilty.operand_name,
        "layer": guilty.layer, "gate": guilty.gate, "step": guilty.step, "index": guilty.index,
        "analytic": guilty.analytic, "numeric": guilty.numeric, "ratio": guilty.ratio(),
        "uses": guilty.uses, "of": guilty.of, "rule": guilty.rule,
        "hint": guilty.hint.word(), "says": guilty.hint.to_string(),
    })
}

fn tensor(t: &Tensor) -> Value {
    let Comparison { analytic, numeric, error, tolerance, sides, pieces, unseen, .. } = t.comparison;
    json!({
        "name": t.name, "shape": t.shape.to_vec(), "order": t.order, "verdict": t.verdict().word(),
        "connected": t.connected, "norm": t.norm,
        "analytic": analytic, "numeric": numeric, "error": error, "tolerance": tolerance,
        "unseen": unseen, "decided_by": t.decided_by.word(), "slice": t.slice, "all_wrong_told": t.all_wrong_told,
        "hint": t.hint.as_ref().map(Hint::word), "says": t.hint.as_ref().map(Hint::to_string), "hint_of_wrong": t.hint_of_wrong,
        "forward": t.forward, "sides": sides, "pieces": pieces, "kinks": t.kinks,
        "elements": t.elements.iter().map(element).collect::<Vec<_>>(),
    })
}

fn element(element: &Element) -> Value {
    let Comparison { analytic, numeric, error, tolerance, sides, pieces, unseen, verdict, .. } =
        element.comparison;
    json!({
        "index": element.index, "verdict": verdict.word(), "analytic": analytic, "numeric": numeric, "error": error,
        "tolerance": tolerance, "sides": sides, "pieces": pieces, "unseen": unseen,
    })
}

fn witness(witness: &Witness) -> Value {
    let Witness { name, order, difference, tolerance, verdict } = witness;
    json!({
        "name": name, "order": order, "verdict": verdict.word(), "difference": difference, "tolerance": tolerance,
    })
}

//! Unrolls one layer over time and names the nodes.

use crate::cell::{Cell, Next, Noise, Step, Weights};
use crate::lengths::Lengths;
use autograd::{Expr, Value};
use ndarray::arr0;

/// Options for unrolling a layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unroll<'a, 'g> {
    /// Whether time runs in reverse, from the last step to the first.
    pub reverse: bool,
    /// The lengths of the sequences, if they differ. In padding the states are carried and the output is zero. The
    /// padding's own results are unused, but their adjoints would spread a NaN: [`Lengths::carry`] replaces the
    /// inputs there.
    pub lengths: Option<&'a Lengths<'g>>,
    /// The number of steps after which the states are detached: truncated BPTT (Williams & Peng 1990). Values are
    /// carried; the adjoint stops. The cuts are at the same input steps in both directions, and only cut sequences
    /// that run on both sides, so padding does not move them.
    pub window: Option<usize>,
    /// The number of earlier steps, `[batch, 1]`, of a continued sequence; `None` at its start.
    pub elapsed: Option<Expr<'g>>,
    /// The source of the cell's dropout masks; `None` if nothing is dropped.
    pub noise: Option<Noise<'g>>,
    /// Whether all steps consist of the same nodes, up to constants. What depends on the number of a step alone is then
    /// not decided while the graph is built: it is a choice by a constant.
    pub alike: bool,
}

/// An unrolled layer. Steps are in the order of the input, also if time runs in reverse.
#[derive(Clone, Debug)]
pub struct Run<'g> {
    /// The output of each step, `[batch, output]`; zero beyond a sequence's length.
    pub outputs: Vec<Expr<'g>>,
    /// For each step, the states after it, `[batch, size]`.
    pub states: Vec<Vec<Expr<'g>>>,
    /// The final states of each sequence.
    pub last: Vec<Expr<'g>>,
    /// The last output of each sequence.
    pub last_output: Expr<'g>,
}

impl<'g> Unroll<'_, 'g> {
    /// Applies `cell` once for each input `[batch, input]`, from the states `initial`.
    ///
    /// The nodes of step t are named after it, from 1: `h[t]`, or `h.carried[t]` where lengths differ.
    ///
    /// # Panics
    /// If there is no input, or the number of lengths' steps differs.
    #[track_caller]
    pub fn run(
        &self,
        cell: &dyn Cell,
        w: &Weights<'g>,
        inputs: &[Expr<'g>],
        initial: &[Expr<'g>],
    ) -> Run<'g> {
        let steps = inputs.len();
        assert!(steps > 0, "a sequence has at least one step");
        let live = self.lengths.map(|lengths| &lengths.live[..]);
        assert!(live.is_none_or(|live| live.len() == steps), "one truth value a step");
        let g = inputs[0].builder();
        let names: Vec<String> = cell.states(1, 1).into_iter().map(|state| state.name).collect();
        let mut order: Vec<usize> = (0..steps).collect();
        if self.reverse {
            order.reverse();
        }
        let mut step = match (self.lengths, self.elapsed) {
            (Some(lengths), _) if self.reverse => Step::from_end(lengths.numbers, steps),
            (_, Some(elapsed)) if !self.reverse => Step::after(elapsed),
            _ => Step::new(1),
        };
        step.set_noise(self.noise);
        step.set_alike(self.alike);
        let (mut states, mut last_output) = (initial.to_vec(), None);
        let mut done = Vec::with_capacity(steps);
        for (k, &t) in order.iter().enumerate() {
            let _step = g.step(t + 1);
            if k > 0 {
                states = self.cut(t.max(order[k - 1]), &states, &names);
            }
            step.go(t + 1, k + 1);
            let next = declared(cell.step(w, inputs[t], &states, &step), &states, &names);
            let named: Vec<Expr> = next.states.iter().zip(&names).map(|(s, name)| s.named(name)).collect();
            // The output is usually a state, and is then carried as one.
            let as_state = named.iter().position(|s| s.id() == next.output.id());
            let output = match live {
                None => {
                    states = named;
                    last_output = Some(next.output);
                    next.output
                }
                Some(live) => {
                    let carry = |new: Expr<'g>, old: Expr<'g>, name: &str| {
                        live[t].select(new, old).named(&format!("{name}.carried"))
                    };
                    let pairs = named.into_iter().zip(states);
                    states = pairs.zip(&names).map(|((new, old), name)| carry(new, old, name)).collect();
                    last_output = Some(match (as_state, last_output) {
                        (Some(i), _) => states[i],
                        (None, Some(before)) => carry(next.output, before, "output"),
                        (None, None) => next.output,
                    });
                    live[t].select(next.output, 0.0).named("output")
                }
            };
            done.push((t, output, states.clone()));
        }
        done.sort_by_key(|&(t, ..)| t);
        let (outputs, by_step) = done.into_iter().map(|(_, output, states)| (output, states)).unzip();
        let last_output = last_output.expect("there is at least one step");
        Run { outputs, states: by_step, last: states, last_output }
    }

    /// The states passed into or out of step `later`, detached if a window ends there.
    fn cut(&self, later: usize, states: &[Expr<'g>], names: &[String]) -> Vec<Expr<'g>> {
        let Some(window) = self.window else { return states.to_vec() };
        let ends = later.is_multiple_of(window);
        if !ends && !self.alike {
            return states.to_vec();
        }
        let cut = |(&s, name): (&Expr<'g>, &String)| {
            let stopped = s.stop_gradient();
            let stopped = self.lengths.map_or(stopped, |lengths| lengths.live[later].select(stopped, s));
            let chosen = if self.alike { chosen(ends, stopped, s) } else { stopped };
            chosen.named(&format!("{name}.cut"))
        };
        states.iter().zip(names).map(cut).collect()
    }
}

/// One of two values, by a constant: the same nodes, whichever it is.
#[track_caller]
pub(crate) fn chosen<'g>(first: bool, yes: Expr<'g>, no: Expr<'g>) -> Expr<'g> {
    let g = yes.builder();
    g.constant(Value::Bool(arr0(first).into_dyn())).select(yes, no)
}

/// A step's result if it has the declared states; otherwise poison.
#[track_caller]
fn declared<'g>(next: Next<'g>, before: &[Expr<'g>], names: &[String]) -> Next<'g> {
    let found = next.states.len();
    let resized = |((new, old), name): ((&Expr, &Expr), &String)| {
        (!new.is_poisoned() && !old.is_poisoned() && new.shape() != old.shape())
            .then(|| format!("the cell's state `{name}` is {}, and its step returns {new:?}", old.shape()))
    };
    let wrong = if found == names.len() {
        next.states.iter().zip(before).zip(names).find_map(resized)
    } else {
        Some(format!("the cell has the states {names:?}, and its step returns {found} of them"))
    };
    match wrong {
        None => next,
        Some(why) => {
            let poison = next.output.builder().refuse(why);
            Next { output: poison, states: vec![poison; before.len()] }
        }
    }
}

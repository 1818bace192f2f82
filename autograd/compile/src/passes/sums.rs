//! A sum of products becomes a product of concatenations: `A₁B₁ + A₂B₂ = [A₁ A₂] [B₁; B₂]`; with a common factor, of
//! a sum: `A₁B + A₂B = (A₁ + A₂) B`.
//!
//! A weight's gradient, `Σₜ aₜᵀ bₜ`, becomes one product over all of time; a state's adjoint, a sum of one product
//! per gate, becomes one product of all gates. Likewise sums over rows, as in a bias gradient, become one sum over
//! all rows.

use super::super::program::{Program, Rewrite};
use super::super::writer::Writer;
use super::products::{Level, Product, levels, place, product};
use autograd::ops::{Add, Axes, Concat, MatMul, Op, ReduceSum};
use std::collections::HashMap;

/// Terms of one kind can be merged.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Kind {
    /// Products with weights, at one level.
    ByWeight(MatMul, Level),
    /// Other products.
    Free(MatMul),
    /// Sums over these axes, with rows concatenated.
    OverRows(Axes, Vec<usize>),
}

/// See the head of the file.
pub(in super::super) struct Sums {
    /// For each sum that changes: the merged terms, and the others.
    plans: HashMap<usize, Plan>,
    absorbed: Vec<bool>,
}

struct Plan {
    groups: Vec<(Kind, Vec<usize>)>,
    others: Vec<usize>,
}

impl Sums {
    pub fn new(p: &Program) -> Self {
        let (readers, invariant) = (p.readers(), p.invariants());
        let levels = levels(p, &invariant);
        let kind = |x: usize, of: usize| {
            if readers[x] != 1 || p.shape(x) != p.shape(of) {
                return None;
            }
            if let Some(Product { a, b, op }) = product(p, x) {
                return match levels.get(&x) {
                    Some(&level) if !op.a_transposed => Some(Kind::ByWeight(op, level)),
                    _ => (!invariant[a] || !invariant[b]).then_some(Kind::Free(op)),
                };
            }
            let Op::ReduceSum(ReduceSum(axes)) = &p.graph.at(x).op else { return None };
            let inner = p.graph.operands_at(x).next()?;
            (axes.iter().next() == Some(0))
                .then(|| Kind::OverRows(axes.clone(), p.shape(inner)[1..].to_vec()))
        };
        let mut this = Self { plans: HashMap::new(), absorbed: vec![false; p.graph.len()] };
        for v in (0..p.graph.len()).filter(|&v| matches!(p.graph.at(v).op, Op::Add(_))) {
            let mut plan = Plan { groups: Vec::new(), others: Vec::new() };
            let mut known: HashMap<Kind, usize> = HashMap::new();
            for x in p.graph.operands_at(v) {
                let Some(kind) = kind(x, v) else {
                    plan.others.push(x);
                    continue;
                };
                let next = plan.groups.len();
                let i = *known.entry(kind.clone()).or_insert(next);
                if i == next {
                    plan.groups.push((kind, Vec::new()));
                }
                plan.groups[i].1.push(x);
            }
            let (groups, single): (Vec<_>, Vec<_>) = plan.groups.into_iter().partition(|(_, g)| g.len() > 1);
            plan.groups = groups;
            plan.others.extend(single.into_iter().flat_map(|(_, group)| group));
            for (kind, group) in &mut plan.groups {
                match kind {
                    // In the order of their weights, so that these merge again.
                    Kind::ByWeight(..) => group.sort_by_key(|&x| product(p, x).map(|x| place(p, x.b))),
                    // In the order of time.
                    _ => group.sort_by_key(|&x| (p.step(x), x)),
                }
                group.iter().for_each(|&x| this.absorbed[x] = true);
            }
            if !plan.groups.is_empty() {
                this.plans.insert(v, plan);
            }
        }
        this
    }
}

impl Rewrite for Sums {
    fn is_idle(&self) -> bool {
        self.plans.is_empty()
    }

    fn dependencies(&self, p: &Program, v: usize, needs: &mut Vec<usize>) {
        let Some(plan) = self.plans.get(&v) else { return needs.extend(p.graph.operands_at(v)) };
        needs.extend(&plan.others);
        for &x in plan.groups.iter().flat_map(|(_, group)| group) {
            needs.extend(p.graph.operands_at(x));
        }
    }

    fn is_fused_away(&self, v: usize) -> bool {
        self.absorbed[v]
    }

    fn write(&mut self, p: &Program, v: usize, out: &mut Writer) -> u32 {
        let Some(plan) = self.plans.get(&v) else { return out.copy(p, v) };
        let mut terms = Vec::new();
        for (kind, group) in &plan.groups {
            let operands = |i: usize, out: &Writer| -> Vec<u32> {
                group.iter().filter_map(|&x| p.graph.operands_at(x).nth(i)).map(|x| out.at(x)).collect()
            };
            out.of_none();
            group.iter().for_each(|&x| out.of_also(&p.of[x]));
            terms.push(match kind {
                Kind::ByWeight(op, _) | Kind::Free(op) => {
                    let (a, b) = together(&operands(0, out), &operands(1, out), out);
                    if let ([a], [b]) = (&a[..], &b[..]) {
                        terms.push(out.add(*op, &[*a, *b]));
                        continue;
                    }
                    out.count("a b + c d → [a c] [b; d]");
                    let a = out.add(Concat { axis: usize::from(!op.a_transposed) }, &a);
                    let b = out.add(Concat { axis: usize::from(op.b_transposed) }, &b);
                    out.add(*op, &[a, b])
                }
                Kind::OverRows(axes, _) => {
                    out.count("Σ a + Σ b → Σ [a; b]");
                    let rows = operands(0, out);
                    let rows = out.add(Concat { axis: 0 }, &rows);
                    out.add(ReduceSum(axes.clone()), &[rows])
                }
            });
        }
        out.of(&p.of[v]);
        terms.extend(plan.others.iter().map(|&x| out.at(x)));
        out.add(Add, &terms)
    }
}

/// Adds the left operands of equal right ones: an expression that an author has written twice has two adjoints.
fn together(a: &[u32], b: &[u32], out: &mut Writer) -> (Vec<u32>, Vec<u32>) {
    let mut of: Vec<(u32, Vec<u32>)> = Vec::with_capacity(b.len());
    let mut known: HashMap<u32, usize> = HashMap::new();
    for (&a, &b) in a.iter().zip(b) {
        let next = of.len();
        match known.entry(b).or_insert(next) {
            &mut i if i < next => of[i].1.push(a),
            _ => of.push((b, vec![a])),
        }
    }
    let mut sum = |terms: &[u32]| match terms {
        [one] => *one,
        all => {
            out.count("a c + b c → (a + b) c");
            out.add(Add, all)
        }
    };
    (of.iter().map(|(_, terms)| sum(terms)).collect(), of.iter().map(|(b, _)| *b).collect())
}

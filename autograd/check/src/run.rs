//! Runs a check: selects tensors and a point, and checks order after order.

use super::compare::{Gradients, Level, freeze};
use super::coverage::Coverage;
use super::locate::Scene;
use super::report::Report;
use super::verdict::Verdict;
use super::visit::Draw;
use super::{Check, Tier, leaves, witness};
use autograd::graph::{Builder, Expr, Graph, NodeId};
use autograd::ops::Sampler;
use autograd::{Error, Kind, Place, Point, Value, eval};

/// At the first point, and at others while a regime is missing.
pub(super) fn run(check: Check, place: Place) -> Result<Report, Error> {
    let (seed, most) = (check.seed, check.visit);
    let others = (most > 1).then(|| check.clone());
    let mut report = once(check, Draw::Usual, place)?;
    let Some(check) = others else { return Ok(report) };
    for k in 1..most {
        if report.coverage.is_complete() || report.verdict() == Verdict::Fail {
            break;
        }
        let draw = Draw::nth(k);
        let check = Check { seed: seed.wrapping_add(k as u64), ..check.clone() };
        let mut next = match once(check, draw, place) {
            Ok(next) => next,
            Err(Error::NotFinite { .. }) => continue,
            Err(error) => return Err(error),
        };
        let place =
            format!("point {} of those that were visited, where what is drawn is {}", k + 1, draw.word());
        match next.verdict() {
            verdict if verdict.is_good() || verdict <= report.verdict() => {}
            // It depends on the point and the random cotangents, not on the gradient.
            Verdict::Convention => {
                report
                    .notes
                    .push(format!("at {place}, the slope at several kinks together is that to no side"));
            }
            _ => {
                next.notes.push(format!("this is {place}"));
                std::mem::swap(&mut report, &mut next);
            }
        }
        report.coverage.merge(&next.coverage);
    }
    Ok(report)
}

/// Checks at one point.
fn once(check: Check, draw: Draw, place: Place) -> Result<Report, Error> {
    let refuse = |reason: String| Error::Build { reason, place };
    if !(1..=2).contains(&check.order) {
        return Err(refuse(format!("a check has order 1 or 2, not {}", check.order)));
    }
    if check.single && check.order != 1 {
        return Err(refuse("a check of gradients in single precision has order 1".into()));
    }
    let Some(first) = check.outputs.first() else {
        return Err(refuse("there is no output to check".into()));
    };
    let graph = first.builder().graph()?;
    claims_fit(&check).map_err(refuse)?;
    if let Some(y) = check.outputs.iter().find(|y| y.ty().kind != Kind::Float) {
        return Err(refuse(format!("{y:?} has no gradient to check: it holds no real numbers")));
    }
    let mut outputs: Vec<NodeId> = Vec::new();
    for y in check.outputs.iter().map(|y| y.id()) {
        if !outputs.contains(&y) || check.cotangents.is_some() {
            outputs.push(y);
        }
    }
    let wrt = wrt(&check, &graph, &outputs)?;
    if wrt.is_empty() {
        let names = check.outputs.iter().map(|y| format!("`{}`", y.name())).collect::<Vec<_>>().join(", ");
        return Err(refuse(format!("{names} depends on no parameter and no real-valued input")));
    }

    let mut sampler = Sampler::new(check.seed);
    let g = Builder::resume(graph.clone());
    let handles = |ids: &[NodeId]| ids.iter().map(|&id| g.expr(id)).collect::<Vec<_>>();
    let (ys, xs) = (handles(&outputs), handles(&wrt));
    if let Some(x) = xs.iter().find(|x| x.ty().kind != Kind::Float) {
        return Err(refuse(format!("there is no gradient towards {x:?}: it holds no real numbers")));
    }
    let claims: Option<Vec<(Expr, Expr)>> = check
        .claims
        .as_ref()
        .map(|claims| claims.iter().map(|(x, dx)| (g.expr(x.id()), g.expr(dx.id()))).collect());
    let given: Vec<NodeId> = check.cotangents.iter().flatten().map(|v| v.id()).collect();
    let claimed = claims.iter().flatten().map(|(_, dx)| dx.id());
    let read: Vec<NodeId> = outputs.iter().chain(&wrt).chain(&given).copied().chain(claimed).collect();
    let drawn = leaves::complete(&graph, check.point.clone(), &read, &mut sampler)?;
    let mut point = draw.apply(&graph, &check.point, drawn);
    let subject = ys.iter().map(|y| format!("{y:?}")).collect::<Vec<_>>().join(", ");
    let mut report = Report::new(subject, check.seed, check.order);
    report.coverage = Coverage::of(&graph, &point, &outputs, &wrt)?;

    let cotangents = if check.cotangents.is_some() {
        handles(&given)
    } else if claims.is_some() {
        ys.iter().map(|_| g.scalar(1.0)).collect()
    } else {
        cotangents(&g, &ys, "cotangent of", &mut sampler, &mut point)
    };
    if check.single {
        point = point.cast::<f32>().cast();
    }
    let first = Level {
        order: 1,
        g: &g,
        ys: &ys,
        cotangents: &cotangents,
        xs: &xs,
        point: &point,
        forward: match claims {
            Some(_) => outputs.iter().map(|y| y.index() + 1).max().unwrap_or(0),
            None => graph.len(),
        },
        largest: 0.0,
        elements: match check.tier {
            Tier::Projection => 0,
            Tier::Sampled(elements) => elements,
            Tier::Full => usize::MAX,
        },
        method: check.method,
        single: check.single,
        claims: claims.as_deref(),
    };
    let gradients = first.compare(&mut sampler, &mut report)?;
    report.witnesses.extend(first.again(&gradients)?);
    report.notes.extend(first.held(&gradients)?);
    let dxs = gradients.distinct();
    if check.order == 2 && report.passed() && !dxs.is_empty() {
        second(&first, &gradients, &dxs, &mut sampler, &mut report)?;
    }
    Ok(report)
}

/// Order 2: the map (x, ȳ) ↦ `ȳᵀ ∂y/∂x`, and the symmetry of the Hessian.
fn second<'g>(
    first: &Level<'_, 'g>,
    gradients: &Gradients<'g>,
    dxs: &[Expr<'g>],
    sampler: &mut Sampler,
    report: &mut Report,
) -> Result<(), Error> {
    let leaf = |x: &&Expr| x.builder().application(x.position()).1.operator().is_none();
    let drawn = first.cotangents.iter().filter(|v| first.point.get(v.id()).is_some());
    let xs: Vec<Expr> = first.xs.iter().chain(drawn).copied().collect();
    let mut point = first.point.clone();
    let tangents = cotangents(first.g, dxs, "tangent of", sampler, &mut point);
    let level = Level {
        order: 2,
        ys: dxs,
        cotangents: &tangents,
        xs: &xs,
        point: &point,
        claims: None,
        largest: gradients.largest,
        ..*first
    };
    let Gradients { largest, floor, .. } = level.compare(sampler, report)?;
    if first.xs.iter().all(|x| leaf(&x)) && report.tensors.iter().all(|t| t.kinks.is_empty()) {
        let graph = first.g.graph()?;
        let outputs: Vec<NodeId> = first.ys.iter().map(|y| y.id()).collect();
        let point = freeze(&graph, first.point, &outputs, first.forward)?;
        let cotangents = eval(&graph, &point, first.cotangents)?;
        let scene = Scene {
            graph: &graph,
            point: &point,
            ys: &outputs,
            cotangents: &cotangents,
            forward: first.forward,
            single: false,
        };
        let values = eval(&graph, &point, first.xs)?;
        let xs: Vec<_> =
            first.xs.iter().map(|x| x.id()).zip(values.into_iter().map(Value::into_float)).collect();
        let dxs: Vec<NodeId> = gradients.all.iter().map(|dx| dx.id()).collect();
        report.witnesses.push(witness::symmetry(&scene, &xs, &dxs, [largest, floor], sampler)?);
    }
    Ok(())
}

/// Validates claims and cotangents.
fn claims_fit(check: &Check) -> Result<(), String> {
    if let Some(cotangents) = &check.cotangents {
        if cotangents.len() != check.outputs.len() {
            return Err(format!(
                "{} cotangents for {} outputs: give one for each",
                cotangents.len(),
                check.outputs.len()
            ));
        }
        if let Some((y, v)) = check.outputs.iter().zip(cotangents).find(|(y, v)| y.ty() != v.ty()) {
            return Err(format!("the cotangent of {y:?} has its shape, and {v:?} has not"));
        }
    } else if check.claims.is_some()
        && let Some(y) = check.outputs.iter().find(|y| !y.shape().is_empty())
    {
        return Err(format!("a gradient of {y:?} needs a cotangent: tell which with `Check::cotangents`"));
    }
    for (x, dx) in check.claims.iter().flatten() {
        if x.ty() != dx.ty() {
            return Err(format!("the adjoint of {x:?} has its shape, and {dx:?} has not"));
        }
    }
    Ok(())
}

/// The expressions with respect to which gradients are taken.
pub(super) fn wrt(check: &Check, graph: &Graph, outputs: &[NodeId]) -> Result<Vec<NodeId>, Error> {
    if let Some(wrt) = &check.wrt {
        return Ok(wrt.iter().map(|x| x.id()).collect());
    }
    if let Some(claims) = &check.claims {
        let all: Vec<NodeId> = claims.iter().map(|(x, _)| x.id()).collect();
        let mut leaves = all.clone();
        for &id in &all {
            if graph.node(id)?.op.operator().is_some() {
                leaves.retain(|other| *other != id);
            }
        }
        return Ok(if leaves.is_empty() { all } else { leaves });
    }
    let wrt = leaves::real(graph, outputs)?;
    // An unused parameter is likely a mistake, and is reported.
    Ok(if wrt.is_empty() { wrt } else { leaves::with_parameters(graph, wrt) })
}

/// A random cotangent for each output, as an input with a value at the point.
fn cotangents<'g>(
    g: &'g Builder,
    outputs: &[Expr<'g>],
    word: &str,
    sampler: &mut Sampler,
    point: &mut Point<f64>,
) -> Vec<Expr<'g>> {
    let cotangent = |y: &Expr<'g>| {
        let leaf = g.input(&format!("{word} {}", y.name()), y.shape());
        // A poisoned leaf has no handle; `compare` returns the error that made it.
        if !leaf.is_poisoned() {
            point.set(leaf, leaves::weights(&leaf.shape(), sampler));
        }
        leaf
    };
    outputs.iter().map(cotangent).collect()
}

//! Gradients computed in `f32`: correct ones pass, an error of a thousandth is caught. The function is known as a
//! graph, as a function in `f64`, or as a function in `f32`.

mod common;
mod nets;
mod power;

use autograd::{Builder, Point, Value, eval, grad};
use autograd_check::{Check, Report};
use autograd_check::{FnCheck, Verdict};
use ndarray::ArrayD;
use power::{Subject, subjects};

/// Nets of 4 steps with sequences of equal length, small ones and one with 32 hidden units, of every cell.
fn nets() -> Vec<Subject> {
    [3, 4, 5, 9, 10, 11].map(subjects::net).into()
}

/// The gradients of a net in `f32`.
fn gradients(net: &Subject) -> Vec<ArrayD<f64>> {
    let g = Builder::resume(net.graph.clone());
    let wrt: Vec<_> = net.leaves.iter().map(|x| g.expr(*x)).collect();
    let gradients = grad(g.expr(net.loss), &wrt);
    let values = eval::<f32>(&g.graph().unwrap(), &net.point.cast(), &gradients).unwrap();
    values.iter().map(|value| value.cast::<f64>().into_float()).collect()
}

/// The loss as a function of all leaves.
fn loss(net: &Subject, x: &[ArrayD<f64>], single: bool) -> f64 {
    let mut point: Point<f64> = net.point.clone();
    net.leaves.iter().zip(x).for_each(|(leaf, x)| point.set(*leaf, x.clone()));
    if single {
        f64::from(eval::<f32>(&net.graph, &point.cast(), &[net.loss]).unwrap()[0].scalar().unwrap())
    } else {
        eval::<f64>(&net.graph, &point, &[net.loss]).unwrap()[0].scalar().unwrap()
    }
}

/// The report on the gradients of a net, with the first multiplied by a factor.
fn report(net: &Subject, factor: f64, single: bool) -> Report {
    let round = |x: &Value<f64>| x.cast::<f32>().cast::<f64>().into_float();
    let at: Vec<ArrayD<f64>> = net.leaves.iter().map(|x| round(net.point.get(*x).unwrap())).collect();
    let mut claims = gradients(net);
    claims[1] *= factor;
    let check = FnCheck::new(&at, &claims).seed(7);
    let unit = f64::from(f32::EPSILON);
    let check = if single { check.precision(unit) } else { check.claimed_precision(unit) };
    check.run(|x| loss(net, x, single)).unwrap()
}

#[test]
fn of_a_function_in_double_precision() {
    for net in nets() {
        let [right, wrong] = [1.0, 1.0003].map(|factor| report(&net, factor, false));
        assert_eq!(right.verdict(), Verdict::Pass, "{}\n{right}", net.name);
        assert_eq!(wrong.verdict(), Verdict::Fail, "{}\n{wrong}", net.name);
    }
}

#[test]
fn of_a_function_in_single_precision() {
    for net in nets() {
        let [right, wrong] = [1.0, 1.001].map(|factor| report(&net, factor, true));
        assert_eq!(right.verdict(), Verdict::Pass, "{}\n{right}", net.name);
        assert_eq!(wrong.verdict(), Verdict::Fail, "{}\n{wrong}", net.name);
        assert_eq!(wrong.of(Verdict::Fail).count(), 1, "{}\n{wrong}", net.name);
    }
}

#[test]
fn of_a_graph() {
    for net in nets() {
        let g = Builder::resume(net.graph.clone());
        let wrt: Vec<_> = net.leaves.iter().map(|x| g.expr(*x)).collect();
        let check = |factor: f64| {
            let mut claims = gradients(&net);
            claims[1] *= factor;
            let claims: Vec<_> = wrt.iter().copied().zip(claims.into_iter().map(|c| g.constant(c))).collect();
            let check = Check::new(g.expr(net.loss)).against(&claims).at(net.point.clone());
            check.single().run().unwrap()
        };
        let [right, wrong] = [1.0, 1.0003].map(check);
        assert_eq!((right.verdict(), &right.guilty), (Verdict::Pass, &None), "{}\n{right}", net.name);
        assert_eq!(wrong.verdict(), Verdict::Fail, "{}\n{wrong}", net.name);
        let name = g.graph().unwrap().name(net.leaves[1]).unwrap();
        assert_eq!(wrong.guilty.as_ref().map(|g| g.operand_name.clone()), Some(name), "{wrong}");
    }
}

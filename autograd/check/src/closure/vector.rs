//! Functions that return an array: Jacobians, and their products with vectors from both sides.
//!
//! All three claims are checked through cotangents: for y = f(x) a random v gives the number ⟨v, y⟩, whose slope
//! along u must be ⟨v, J u⟩ = ⟨Jᵀ v, u⟩. A wrong entry satisfies this for random v and u with probability 0; two
//! cotangents are used nevertheless. Bisection finds the entry, along columns and then down the rows: the function's
//! values along one column serve all its rows.

use super::along::{ON_A_KINK, Subject};
use super::{FnCheck, scatter};
use crate::hint::Hint;
use crate::leaves;
use crate::report::{Element, Report, Tensor};
use crate::verdict::{Comparison, Decider, Verdict};
use crate::witness::Witness;
use autograd::ops::Sampler;
use autograd::{Error, Place, Shape, norm};
use ndarray::{ArrayD, Axis, IxDyn};
use std::collections::HashMap;

impl FnCheck {
    /// Checks a Jacobian of `f`, which returns an array y: `claimed` has an array for each argument, with the shape
    /// of y followed by that of the argument. Wrong entries are listed.
    ///
    /// ```
    /// use autograd_check::FnCheck;
    /// use ndarray::{ArrayD, arr1, arr2};
    ///
    /// let f = |x: &[ArrayD<f64>]| arr1(&[x[0][0] * x[0][1], x[0][1].sin(), x[0][0]]).into_dyn();
    /// let at = [arr1(&[0.3, 0.7]).into_dyn()];
    /// let right = arr2(&[[0.7, 0.3], [0.0, 0.7_f64.cos()], [1.0, 0.0]]).into_dyn();
    /// assert!(FnCheck::at(&at).jacobian(f, &[right.clone()])?.passed());
    /// let mut wrong = right;
    /// wrong[[1, 1]] *= 1.001;
    /// let report = FnCheck::at(&at).jacobian(f, &[wrong])?;
    /// assert_eq!(report.tensors[0].elements[0].index, [1, 1]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`check_fn`](crate::check_fn()).
    #[track_caller]
    pub fn jacobian(
        &self,
        mut f: impl FnMut(&[ArrayD<f64>]) -> ArrayD<f64>,
        claimed: &[ArrayD<f64>],
    ) -> Result<Report, Error> {
        let place = Place::caller();
        let (mut report, mut sampler, y) = self.begin(0, &mut f, place)?;
        let m = y.len();
        let refuse = |reason| Err(Error::Build { reason, place });
        if claimed.len() != self.at.len() {
            return refuse(format!(
                "{} Jacobians for {} arrays: give one for each",
                claimed.len(),
                self.at.len()
            ));
        }
        for ((name, x), j) in self.names.iter().zip(&self.at).zip(claimed) {
            let shape = [y.shape(), x.shape()].concat();
            if j.shape() != shape {
                let shapes = [Shape::from(&shape[..]), Shape::from(j.shape())];
                return refuse(format!(
                    "the Jacobian of `{name}` is {}, and {} was given",
                    shapes[0], shapes[1]
                ));
            }
        }
        // [m, n]
        let matrices: Vec<ArrayD<f64>> = (claimed.iter().zip(&self.at))
            .map(|(j, x)| {
                let flat: Vec<f64> = j.iter().copied().collect();
                ArrayD::from_shape_vec(IxDyn(&[m, x.len()]), flat)
                    .expect("it has the shape [outputs, inputs], as was checked above")
            })
            .collect();
        for _ in 0..ROUNDS {
            let v = leaves::weights(&y.shape().into(), &mut sampler);
            let back = |(j, x): (&ArrayD<f64>, &ArrayD<f64>)| {
                let mut sum = ArrayD::zeros(IxDyn(&[x.len()]));
                for (v, row) in v.iter().zip(j.axis_iter(Axis(0))) {
                    sum.zip_mut_with(&row, |s, j| *s += v * j);
                }
                sum.into_shape_with_order(x.raw_dim()).expect("the sum has a number for each element of x")
            };
            let check = self.claiming(matrices.iter().zip(&self.at).map(back).collect());
            let mut subject = Subject::new(&check, &mut f, v);
            subject.calls = report.calls;
            subject.find_precision(&mut report.notes);
            for (i, matrix) in matrices.iter().enumerate() {
                subject.rivals = turned(matrix, &subject.cotangent, self.at[i].shape());
                let mut tensor = subject.tensor(i, &mut sampler)?;
                subject.entries(&mut tensor, matrix)?;
                // Other axes than those of x are those of a Jacobian.
                tensor.hint = tensor.hint.filter(Hint::is_of_any_array);
                tensor.norm = norm(matrix);
                merge(&mut report, tensor);
            }
            subject.tell(&mut report);
        }
        Ok(report)
    }

    /// Checks vector-Jacobian products of `f`, which returns an array y: `vjp(v)` is `vᵀ ∂y/∂x`, an array for each
    /// argument. It must also be linear in v.
    ///
    /// ```
    /// use autograd_check::FnCheck;
    /// use ndarray::{ArrayD, arr1};
    ///
    /// let f = |x: &[ArrayD<f64>]| x[0].mapv(f64::tanh);
    /// let at = [arr1(&[0.3, 0.7]).into_dyn()];
    /// let slope = at[0].mapv(|x: f64| 1.0 - x.tanh().powi(2));
    /// assert!(FnCheck::at(&at).vjp(f, |v| vec![v * &slope])?.passed());
    /// assert!(!FnCheck::at(&at).vjp(f, |v| vec![v.mapv(f64::abs) * &slope])?.passed());
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`check_fn`](crate::check_fn()).
    #[track_caller]
    pub fn vjp(
        &self,
        mut f: impl FnMut(&[ArrayD<f64>]) -> ArrayD<f64>,
        mut vjp: impl FnMut(&ArrayD<f64>) -> Vec<ArrayD<f64>>,
    ) -> Result<Report, Error> {
        let place = Place::caller();
        let (mut report, mut sampler, y) = self.begin(0, &mut f, place)?;
        let cotangents = [(); ROUNDS].map(|()| leaves::weights(&y.shape().into(), &mut sampler));
        let mut precision = f64::EPSILON;
        let mut asked = |v: &ArrayD<f64>| {
            let claimed = vjp(v);
            self.claiming(claimed.clone()).fits("VJP", place).map(|()| claimed)
        };
        let mut parts = Vec::new();
        for v in &cotangents {
            parts.push(asked(v)?);
            let check = self.claiming(parts[parts.len() - 1].clone());
            let mut subject = Subject::new(&check, &mut f, v.clone());
            subject.calls = report.calls;
            subject.find_precision(&mut report.notes);
            precision = subject.rounding.max(precision);
            for i in 0..self.at.len() {
                let tensor = subject.tensor(i, &mut sampler)?;
                merge(&mut report, tensor);
            }
            subject.tell(&mut report);
        }
        let [v, w] = &cotangents;
        parts.push(asked(&(v - &(2.0 * w)))?);
        report.witnesses.push(linear("the VJP is linear", &parts, precision));
        Ok(report)
    }

    /// Checks Jacobian-vector products of `f`, which returns an array y: `jvp(u)` is `∂y/∂x u`, where u has an array
    /// for each argument. Away from kinks it must also be linear in u.
    ///
    /// ```
    /// use autograd_check::FnCheck;
    /// use ndarray::{ArrayD, arr1};
    ///
    /// let f = |x: &[ArrayD<f64>]| &x[0] * &x[1];
    /// let at = [arr1(&[0.3, 0.7]).into_dyn(), arr1(&[2.0, -1.0]).into_dyn()];
    /// assert!(FnCheck::at(&at).jvp(f, |u| &u[0] * &at[1] + &at[0] * &u[1])?.passed());
    /// assert!(!FnCheck::at(&at).jvp(f, |u| &u[0] * &at[1])?.passed());
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`check_fn`](crate::check_fn()).
    #[track_caller]
    pub fn jvp(
        &self,
        mut f: impl FnMut(&[ArrayD<f64>]) -> ArrayD<f64>,
        mut jvp: impl FnMut(&[ArrayD<f64>]) -> ArrayD<f64>,
    ) -> Result<Report, Error> {
        let place = Place::caller();
        self.takes_no_tier("a JVP", place)?;
        let (mut report, mut sampler, y) = self.begin(0, &mut f, place)?;
        let zeros = || self.at.iter().map(|x| ArrayD::zeros(x.raw_dim())).collect::<Vec<_>>();
        let mut asked = |u: &[ArrayD<f64>]| {
            let tangent = jvp(u);
            if tangent.shape() == y.shape() {
                return Ok(tangent);
            }
            let shapes = [Shape::from(y.shape()), Shape::from(tangent.shape())];
            let reason = format!("the function returns {}, and its JVP {}", shapes[0], shapes[1]);
            Err(Error::Build { reason, place })
        };
        let check = self.claiming(zeros());
        let v = leaves::weights(&y.shape().into(), &mut sampler);
        let mut subject = Subject::new(&check, &mut f, v.clone());
        subject.calls = report.calls;
        subject.find_precision(&mut report.notes);
        for i in 0..self.at.len() {
            subject.turn(i);
            let mut directions: Vec<ArrayD<f64>> = self.told(i).cloned().collect();
            let told = !directions.is_empty();
            if !told {
                let mut draw = || leaves::weights(&self.at[i].shape().into(), &mut sampler);
                directions.extend([(); ON_A_KINK].map(|()| subject.scale.stretch(draw())));
                // Ties stay tied.
                directions[ROUNDS] = subject.scale.stretch(ArrayD::ones(self.at[i].raw_dim()));
            }
            for (number, direction) in directions.into_iter().enumerate() {
                let on_kink = report.tensors.get(i).is_some_and(|t| t.verdict() == Verdict::Kink);
                if number >= ROUNDS && !told && !on_kink {
                    break;
                }
                let mut u = zeros();
                (u[i], _) = subject.inwards(&direction);
                let mut tensor = subject.tangent(&u[i], &asked(&u)?)?;
                tensor.name.clone_from(&self.names[i]);
                merge(&mut report, tensor);
            }
        }
        subject.tell(&mut report);
        let precision = subject.rounding;
        if report.tensors.iter().all(|t| t.verdict() == Verdict::Pass) {
            let [u, w] = [(); 2].map(|()| self.any_direction(&mut sampler));
            let both: Vec<ArrayD<f64>> = u.iter().zip(&w).map(|(u, w)| u - &(2.0 * w)).collect();
            let parts = [&u, &w, &both]
                .map(|u| asked(u).map(|t| vec![t]))
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?;
            report.witnesses.push(linear("the JVP is linear", &parts, precision));
        }
        Ok(report)
    }

    /// The report, the sampler, and the function's value at the point, after this many calls.
    pub(super) fn begin(
        &self,
        calls: usize,
        f: &mut impl FnMut(&[ArrayD<f64>]) -> ArrayD<f64>,
        place: Place,
    ) -> Result<(Report, Sampler, ArrayD<f64>), Error> {
        self.claiming(self.at.clone()).fits("gradient", place)?;
        let y = f(&self.at);
        if y.iter().any(|y| !y.is_finite()) {
            return Err(Error::NotFinite { node: "the function".into() });
        }
        let mut report = Report::new("a function".into(), self.seed, 1);
        report.calls = calls + 1;
        report.scatter = scatter::measure(&y, || f(&self.at), self.budget, &mut report.calls);
        Ok((report, Sampler::new(self.seed), y))
    }

    /// The same for another claimed gradient.
    pub(super) fn claiming(&self, claimed: Vec<ArrayD<f64>>) -> Self {
        Self { claimed, ..self.clone() }
    }
}

/// The number of cotangents, or of directions of each array.
const ROUNDS: usize = 2;

/// What a square Jacobian sends back if it is transposed.
fn turned(jacobian: &ArrayD<f64>, v: &ArrayD<f64>, shape: &[usize]) -> Vec<(Hint, ArrayD<f64>)> {
    let is_square = jacobian.shape()[0] == jacobian.shape()[1];
    let row = |row: ndarray::ArrayViewD<f64>| row.iter().zip(v).map(|(j, v)| j * v).sum();
    let back: Vec<f64> = jacobian.axis_iter(Axis(0)).map(row).collect();
    let back = ArrayD::from_shape_vec(IxDyn(shape), back).ok().filter(|_| is_square);
    back.map(|back| (Hint::Transposed, back)).into_iter().collect()
}

/// Keeps the worse of two results for one array.
fn merge(report: &mut Report, tensor: Tensor) {
    match report.tensors.iter_mut().find(|known| known.name == tensor.name) {
        Some(known) => {
            let worse = known.comparison.worse(tensor.comparison) == tensor.comparison;
            if tensor.verdict() > known.verdict() || tensor.verdict() == known.verdict() && worse {
                *known = tensor;
            }
        }
        None => report.tensors.push(tensor),
    }
}

/// Checks that the answers for v, for w and for v − 2w are consistent, to half of the digits.
fn linear(what: &str, answers: &[Vec<ArrayD<f64>>], precision: f64) -> Witness {
    let (mut off, mut size) = (0.0_f64, 0.0_f64);
    for ((v, w), both) in answers[0].iter().zip(&answers[1]).zip(&answers[2]) {
        off = off.hypot(norm(&(both - v + &(2.0 * w))));
        size = size.hypot(norm(v)).hypot(norm(w));
    }
    let tolerance = precision.sqrt() * size;
    let verdict = if off <= tolerance { Verdict::Pass } else { Verdict::Fail };
    Witness { name: what.into(), order: 1, difference: Some(off), tolerance, verdict }
}

impl<F: FnMut(&[ArrayD<f64>]) -> ArrayD<f64>> Subject<'_, F> {
    /// Finds the wrong entries of a Jacobian [m, n] that fails in some columns.
    fn entries(&mut self, tensor: &mut Tensor, jacobian: &ArrayD<f64>) -> Result<(), Error> {
        let x = &self.check.at[self.i];
        let columns: Vec<Vec<usize>> =
            tensor.elements.iter().filter(|e| e.verdict == Verdict::Fail).map(|e| e.index.clone()).collect();
        let rows = self.cotangent.shape().to_vec();
        tensor.elements.clear();
        tensor.slice = tensor.slice.map(|(axis, k)| (rows.len() + axis, k));
        for column in columns {
            let mut direction = ArrayD::zeros(x.raw_dim());
            direction[&*column] = 1.0;
            let place = direction.iter().position(|u| *u != 0.0).unwrap_or(0);
            let flat: Vec<f64> = jacobian.index_axis(Axis(1), place).iter().copied().collect();
            let claimed =
                ArrayD::from_shape_vec(IxDyn(&rows), flat).expect("a column has a number for each output");
            let (found, all) = self.wrong_outputs(&direction, &claimed)?;
            tensor.all_wrong_told &= all;
            tensor.elements.extend(
                found.into_iter().map(|e| Element { index: [e.index, column.clone()].concat(), ..e }),
            );
        }
        tensor.shape = Shape::from(&[&rows[..], x.shape()].concat()[..]);
        tensor.elements.sort_by(|a, b| b.excess().total_cmp(&a.excess()));
        Ok(())
    }

    /// Checks a claimed tangent along a direction.
    fn tangent(&mut self, direction: &ArrayD<f64>, claimed: &ArrayD<f64>) -> Result<Tensor, Error> {
        let mut tensor = Tensor::of_function(claimed.shape().into(), norm(claimed));
        if let Some((place, &analytic)) = claimed.iter().enumerate().find(|(_, g)| !g.is_finite()) {
            let nothing = ArrayD::zeros(claimed.raw_dim());
            let whole = self.confirmed_beside(direction, Some(&nothing))?;
            let cotangent = std::mem::replace(&mut self.cotangent, nothing.clone());
            self.cotangent.iter_mut().skip(place).take(1).for_each(|v| *v = 1.0);
            let element = self.confirmed_beside(direction, Some(&nothing));
            self.cotangent = cotangent;
            let told = |of: Comparison| Comparison { analytic, verdict: Verdict::Fail, unseen: false, ..of };
            tensor.comparison = told(whole);
            let index = super::bisect::index(claimed.shape(), place);
            tensor.elements.push(Element { index, comparison: told(element?) });
            (tensor.hint, tensor.decided_by) = (Some(Hint::NotFinite), Decider::Gradient);
            tensor.hint_of_wrong = claimed.iter().any(|g| g.is_finite());
            return Ok(tensor);
        }
        let products = &self.cotangent * claimed;
        tensor.comparison = self.confirmed_beside(direction, Some(&products))?;
        if tensor.comparison.verdict == Verdict::Fail {
            let (elements, all) = self.wrong_outputs(direction, claimed)?;
            (tensor.elements, tensor.all_wrong_told) = (elements, all);
        }
        Ok(tensor)
    }

    /// The outputs whose slopes along a direction are wrong, and whether they are all.
    fn wrong_outputs(
        &mut self,
        direction: &ArrayD<f64>,
        claimed: &ArrayD<f64>,
    ) -> Result<(Vec<Element>, bool), Error> {
        let whole = self.cotangent.clone();
        self.kept = Some(HashMap::new());
        let ask = |subject: &mut Self, range: std::ops::Range<usize>| {
            let one = range.len() == 1;
            let part = whole.iter().enumerate().map(|(i, v)| match range.contains(&i) {
                false => 0.0,
                true if one => 1.0,
                true => *v,
            });
            subject.cotangent = ArrayD::from_shape_vec(whole.raw_dim(), part.collect())
                .expect("each number of the whole gave one");
            let products = &subject.cotangent * claimed;
            subject.confirmed_beside(direction, Some(&products))
        };
        let found = self.by_halves(whole.len(), ask);
        (self.cotangent, self.kept) = (whole, None);
        let (found, all) = found?;
        let shape = claimed.shape();
        let element = |(place, comparison)| Element { index: super::bisect::index(shape, place), comparison };
        Ok((found.into_iter().map(element).collect(), all))
    }
}

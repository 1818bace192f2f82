//! Checks that the options of a check fit its function.

use super::{FnCheck, Method, Tier};
use autograd::{Error, Place, Shape};
use ndarray::ArrayD;

impl FnCheck {
    /// `claim` names the claimed arrays, in the singular.
    ///
    /// # Errors
    /// The misfit, by name.
    pub(super) fn fits(&self, claim: &str, place: Place) -> Result<(), Error> {
        let refuse = |reason| Err(Error::Build { reason, place });
        let n = self.at.len();
        let mut like = vec![(claim, &self.claimed)];
        like.extend(self.typical.iter().map(|sizes| ("typical size", sizes)));
        like.extend(
            self.bounds.iter().flat_map(|[lower, upper]| [("lower bound", lower), ("upper bound", upper)]),
        );
        for (what, arrays) in like {
            if arrays.len() != n {
                return refuse(format!("{} {what}s for {n} arrays: give one for each", arrays.len()));
            }
            for (i, a) in arrays.iter().enumerate() {
                self.is_like(i, what, a, place)?;
            }
        }
        if let Some([lower, upper]) = &self.bounds {
            for (i, x) in self.at.iter().enumerate() {
                if x.iter().zip(&lower[i]).zip(&upper[i]).any(|((x, l), u)| !(l <= x && x <= u)) {
                    return refuse(format!("`{}` lies outside its bounds", self.names[i]));
                }
            }
        }
        for (i, u) in &self.directions {
            if *i >= n {
                return refuse(format!("a direction is given for array {i}, and there are {n}"));
            }
            self.is_like(*i, "direction", u, place)?;
        }
        Ok(())
    }

    /// Checks that an array has the shape of array i.
    fn is_like(&self, i: usize, what: &str, a: &ArrayD<f64>, place: Place) -> Result<(), Error> {
        let (x, name) = (&self.at[i], &self.names[i]);
        if x.shape() == a.shape() {
            return Ok(());
        }
        let [own, given] = [x, a].map(|a| Shape::from(a.shape()));
        let reason = format!("the {what} for `{name}` has shape {given}; `{name}` has shape {own}");
        Err(Error::Build { reason, place })
    }

    /// # Errors
    /// If elements are requested for a claim that is checked along directions alone.
    pub(super) fn takes_no_tier(&self, claim: &str, place: Place) -> Result<(), Error> {
        if self.tier == Tier::default() {
            return Ok(());
        }
        let reason = format!("{claim} is asked along directions, not element by element: leave `tier` out");
        Err(Error::Build { reason, place })
    }

    /// # Errors
    /// If another method is requested for a claim that has its own.
    pub(super) fn takes_no_method(&self, claim: &str, place: Place) -> Result<(), Error> {
        if self.method == Method::default() {
            return Ok(());
        }
        let reason = format!("{claim} has differences of its own: leave `method` out");
        Err(Error::Build { reason, place })
    }
}

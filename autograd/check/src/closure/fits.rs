//! What is told of a function must fit it.

use super::FnCheck;
use autograd::{Error, Place, Shape};
use ndarray::ArrayD;

impl FnCheck {
    /// # Errors
    /// What does not fit, by name, if something does not.
    pub(super) fn fits(&self, place: Place) -> Result<(), Error> {
        let shape = |a: &ArrayD<f64>| Shape::from(a.shape());
        let refuse = |reason| Err(Error::Build { reason, place });
        let n = self.at.len();
        let counted = |arrays: &[ArrayD<f64>], what: &str| {
            (arrays.len() != n).then(|| format!("{} {what} for {n} arrays: give one for each", arrays.len()))
        };
        let mut like = vec![(&self.claimed, "gradients", "the gradient")];
        like.extend(self.typical.iter().map(|sizes| (sizes, "arrays of typical sizes", "the typical size")));
        if let Some([lower, upper]) = &self.bounds {
            like.extend([
                (lower, "lower bounds", "the lower bound"),
                (upper, "upper bounds", "the upper bound"),
            ]);
        }
        for (arrays, many, one) in like {
            if let Some(reason) = counted(arrays, many) {
                return refuse(reason);
            }
            for ((name, x), a) in self.names.iter().zip(&self.at).zip(arrays) {
                if x.shape() != a.shape() {
                    return refuse(format!(
                        "{one} of `{name}` {} has its shape, and {} has not",
                        shape(x),
                        shape(a)
                    ));
                }
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
            let Some(x) = self.at.get(*i) else {
                return refuse(format!("a direction is given for array {i}, and there are {n}"));
            };
            if x.shape() != u.shape() {
                let name = &self.names[*i];
                return refuse(format!(
                    "a direction of `{name}` {} has its shape, and {} has not",
                    shape(x),
                    shape(u)
                ));
            }
        }
        Ok(())
    }
}

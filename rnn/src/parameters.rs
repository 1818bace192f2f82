//! The learned arrays of a model, by name. Gradients and optimiser state have the same type.

use ndarray::ArrayD;

/// Arrays by name, in order of declaration. The names are `PyTorch`'s, such as `rnn.weight_ih_l0`.
///
/// ```
/// use ndarray::ArrayD;
/// use rnn::parameters::Parameters;
///
/// let mut parameters = Parameters::new();
/// parameters.insert("rnn.weight_ih_l0", ArrayD::zeros(vec![8, 3]));
/// parameters.insert("rnn.bias_ih_l0", ArrayD::zeros(vec![8]));
/// assert_eq!(parameters.elements(), 32);
/// assert_eq!(parameters["rnn.bias_ih_l0"].shape(), [8]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    entries: Vec<(String, ArrayD<f32>)>,
}

impl Parameters {
    /// No arrays yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an array. An existing name keeps its position, and the old array is returned.
    pub fn insert(&mut self, name: impl Into<String>, array: ArrayD<f32>) -> Option<ArrayD<f32>> {
        let name = name.into();
        if let Some(old) = self.get_mut(&name) {
            return Some(std::mem::replace(old, array));
        }
        self.entries.push((name, array));
        None
    }

    /// The array with a name.
    pub fn get(&self, name: &str) -> Option<&ArrayD<f32>> {
        self.iter().find_map(|(n, array)| (n == name).then_some(array))
    }

    /// The array with a name, mutable.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut ArrayD<f32>> {
        self.iter_mut().find_map(|(n, array)| (n == name).then_some(array))
    }

    /// Names and arrays, in order of declaration.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &ArrayD<f32>)> {
        self.entries.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// Names and mutable arrays, in order of declaration.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut ArrayD<f32>)> {
        self.entries.iter_mut().map(|(name, array)| (name.as_str(), array))
    }

    /// The names, in order of declaration.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// The number of arrays.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no array.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of elements of all arrays.
    pub fn elements(&self) -> usize {
        self.iter().map(|(_, array)| array.len()).sum()
    }

    /// The Euclidean norm of all arrays as one vector.
    ///
    /// Squares are accumulated in f64, where those of f32 values cannot overflow: the norm is infinite or NaN if and
    /// only if an element is.
    pub fn norm(&self) -> f64 {
        self.iter().map(|(_, array)| squares(array)).sum::<f64>().sqrt()
    }

    /// Zeros under the same names and of the same shapes.
    #[must_use]
    pub fn zeros_like(&self) -> Self {
        self.iter().map(|(name, array)| (name, ArrayD::zeros(array.raw_dim()))).collect()
    }
}

/// Σ x², with one partial sum per lane of a vector: a single sum would wait for each addition.
fn squares(array: &ArrayD<f32>) -> f64 {
    let array = array.as_standard_layout(); // borrowed, unless its layout differs
    let blocks = array.as_slice().expect("an array of standard layout is one slice").chunks_exact(16);
    let square = |x: f32| f64::from(x) * f64::from(x);
    let rest: f64 = blocks.remainder().iter().map(|&x| square(x)).sum();
    let mut lanes = [0.0; 16];
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(sum, &x)| *sum += square(x));
    }
    lanes.iter().sum::<f64>() + rest
}

impl std::ops::Index<&str> for Parameters {
    type Output = ArrayD<f32>;

    /// # Panics
    ///
    /// If there is no array with that name; [`Parameters::get`] returns `None` instead.
    fn index(&self, name: &str) -> &ArrayD<f32> {
        match self.get(name) {
            Some(array) => array,
            // An unknown name is a bug in the caller, as with a map.
            None => panic!("no parameter is named `{name}`"),
        }
    }
}

/// Pairs in order of declaration; a later array replaces an earlier one with the same name.
impl<S: Into<String>> FromIterator<(S, ArrayD<f32>)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (S, ArrayD<f32>)>>(pairs: I) -> Self {
        let mut parameters = Self::new();
        for (name, array) in pairs {
            parameters.insert(name, array);
        }
        parameters
    }
}

impl IntoIterator for Parameters {
    type Item = (String, ArrayD<f32>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Parameters {
        [("w", vec![4, 3]), ("b", vec![4]), ("a", vec![])]
            .into_iter()
            .map(|(name, shape)| (name, ArrayD::ones(shape)))
            .collect()
    }

    #[test]
    fn order_is_that_of_declaration() {
        assert_eq!(three().names().collect::<Vec<_>>(), ["w", "b", "a"]);
    }

    #[test]
    fn a_scalar_counts_as_one_element() {
        assert_eq!((three().len(), three().elements()), (3, 12 + 4 + 1));
    }

    /// 1² + 2² + … + n² = n (n + 1) (2n + 1) / 6, exactly.
    #[test]
    fn every_element_counts_in_any_layout() {
        for n in [0, 1, 15, 16, 17, 40] {
            let w: Vec<f32> = (1..=n).map(|k| k as f32).collect();
            let wanted = f64::from(n * (n + 1) * (2 * n + 1) / 6);
            assert_eq!(squares(&ndarray::arr1(&w).into_dyn()).to_bits(), wanted.to_bits());
        }
        let turned = ndarray::arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reversed_axes().into_dyn();
        assert_eq!(squares(&turned).to_bits(), 91f64.to_bits());
    }

    #[test]
    fn a_second_insert_keeps_the_place_and_returns_the_old_array() {
        let mut parameters = three();
        let old = parameters.insert("b", ArrayD::zeros(vec![2]));
        assert_eq!(old, Some(ArrayD::ones(vec![4])));
        assert_eq!(parameters.names().collect::<Vec<_>>(), ["w", "b", "a"]);
        assert_eq!(parameters["b"].shape(), [2]);
    }

    #[test]
    fn zeros_like_has_the_same_names_and_shapes() {
        let shapes = |p: &Parameters| -> Vec<_> {
            p.iter().map(|(name, array)| (name.to_owned(), array.shape().to_vec())).collect()
        };
        let zeros = three().zeros_like();
        assert_eq!(shapes(&zeros), shapes(&three()));
        assert!(zeros.iter().all(|(_, array)| array.iter().all(|&x| x == 0.0)));
    }

    #[test]
    fn an_unknown_name_is_none() {
        assert_eq!(three().get("c"), None);
    }
}

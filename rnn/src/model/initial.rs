//! Initial values of a model's parameters.

use super::{Input, Model, ModelError, Start};
use crate::cell::{Part, Role, Weight};
use crate::init::{self, First, Init};
use crate::parameters::Parameters;
use ndarray::{ArrayD, Axis, Slice};

impl Model {
    /// The parameters' names and shapes, in order: `embedding.weight`, `rnn.weight_ih_l0` …, `rnn.h0` …,
    /// `head.weight`, `head.bias`.
    ///
    /// # Errors
    /// As [`Model::net`].
    pub fn parameter_shapes(&self) -> Result<Vec<(String, Vec<usize>)>, ModelError> {
        Ok(self.specs()?.into_iter().map(|spec| (spec.name, spec.shape)).collect())
    }

    /// Initial values of all parameters: a function of the model and the seed.
    ///
    /// # Errors
    /// As [`Model::net`]; if an initialiser does not fit its weight, or a forget bias is given for a cell without
    /// a forget gate.
    pub fn first_parameters(&self, seed: u64) -> Result<Parameters, ModelError> {
        let specs = self.specs()?;
        let is_forget = |spec: &Spec| spec.parts.iter().any(|part| part.forget_bias.is_some());
        if self.init.forget_bias.is_some() && !specs.iter().any(is_forget) {
            return Err(ModelError::NoForgetGate { cell: self.cell.to_string() });
        }
        specs.into_iter().map(|spec| Ok((spec.name.clone(), self.draw(&spec, seed)?))).collect()
    }

    /// The initial value of a weight, part by part: each is a function of the seed and its own name.
    fn draw(&self, spec: &Spec, seed: u64) -> Result<ArrayD<f32>, ModelError> {
        let mut value = ArrayD::zeros(&spec.shape[..]);
        let mut start = 0;
        for part in &spec.parts {
            let name = if spec.parts.len() == 1 {
                spec.name.clone()
            } else {
                format!("{}/{}", spec.name, part.name)
            };
            let mut shape = spec.shape.clone();
            shape[0] = part.rows;
            let init = match (self.init.forget_bias, part.forget_bias) {
                (Some(value), Some(true)) => First::Init(Init::Constant { value }),
                (Some(_), Some(false)) => First::Init(Init::Zeros),
                _ => part.init.clone().unwrap_or(First::Init(spec.init)),
            };
            let drawn = init.draw(&shape, &mut init::rng(seed, &name));
            let drawn = drawn.map_err(|source| ModelError::Init { weight: name, source })?;
            value.slice_axis_mut(Axis(0), Slice::from(start..start + part.rows)).assign(&drawn);
            start += part.rows;
        }
        Ok(value)
    }

    fn specs(&self) -> Result<Vec<Spec>, ModelError> {
        let net = self.net()?;
        let uniform = |fan: usize| Init::uniform(1.0 / (fan as f64).sqrt());
        let mut specs = Vec::new();
        if let Input::Embedding { symbols, size } = self.input {
            specs.push(Spec::plain("embedding.weight", vec![symbols, size], Init::Normal { std: 1.0 }));
        }
        specs.extend(net.weights().into_iter().map(|Weight { name, shape, role, parts }| {
            Spec {
                name: format!("rnn.{name}"),
                shape: shape.to_vec(),
                init: match role {
                    Role::Input => self.init.input,
                    Role::Recurrent => self.init.recurrent,
                    Role::Bias => None,
                }
                .unwrap_or(uniform(self.hidden)),
                parts,
            }
        }));
        if self.start == Start::Learned {
            specs.extend(net.states().into_iter().map(|state| {
                let init = Init::Constant { value: state.start };
                Spec::plain(&format!("rnn.{}0", state.name), vec![state.lanes(), 1, state.size], init)
            }));
        }
        let width = net.output_size();
        specs.push(Spec::plain("head.weight", vec![self.outputs, width], uniform(width)));
        specs.push(Spec::plain("head.bias", vec![self.outputs], uniform(width)));
        Ok(specs)
    }
}

struct Spec {
    name: String,
    shape: Vec<usize>,
    init: Init,
    /// The parts of a recurrent weight; others are drawn as a whole.
    parts: Vec<Part>,
}

impl Spec {
    fn plain(name: &str, shape: Vec<usize>, init: Init) -> Self {
        let part = Part { name: name.into(), rows: shape[0], init: None, forget_bias: None };
        Self { name: name.into(), shape, init, parts: vec![part] }
    }
}

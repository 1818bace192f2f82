//! First values of a model's parameters.

use super::{Input, Model, ModelError, Start};
use crate::cell::{Role, Weight};
use crate::init::{self, Init};
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

    /// First values of all parameters: a function of the model and the seed.
    ///
    /// # Errors
    /// As [`Model::net`]; if an initialiser does not fit its weight, or a forget bias is given for a cell without
    /// a forget gate.
    pub fn first_parameters(&self, seed: u64) -> Result<Parameters, ModelError> {
        let specs = self.specs()?;
        if self.init.forget_bias.is_some() && !specs.iter().any(|spec| spec.gates.contains(&"f")) {
            return Err(ModelError::NoForgetGate { cell: self.cell.clone() });
        }
        let draw = |spec: Spec| {
            let blocks = spec.gates.len().max(1);
            let mut value = spec
                .init
                .draw(&spec.shape, blocks, &mut init::rng(seed, &spec.name))
                .map_err(|source| ModelError::Init { weight: spec.name.clone(), source })?;
            if let (Some(bias), Some(Role::Bias)) = (self.init.forget_bias, spec.role) {
                set_forget_bias(&mut value, &spec, bias);
            }
            Ok((spec.name, value))
        };
        specs.into_iter().map(draw).collect()
    }

    fn specs(&self) -> Result<Vec<Spec>, ModelError> {
        let net = self.net()?;
        let uniform = |fan: usize| Init::Uniform { bound: 1.0 / (fan as f64).sqrt() };
        let mut specs = Vec::new();
        if let Input::Embedding { symbols, size } = self.input {
            specs.push(Spec::plain("embedding.weight", vec![symbols, size], Init::Normal { std: 1.0 }));
        }
        specs.extend(net.weights().into_iter().map(|Weight { name, shape, role, gates }| {
            Spec {
                name: format!("rnn.{name}"),
                shape: shape.to_vec(),
                init: match role {
                    Role::Input => self.init.input,
                    Role::Recurrent => self.init.recurrent,
                    Role::Bias => None,
                }
                .unwrap_or(uniform(self.hidden)),
                gates,
                role: Some(role),
            }
        }));
        if self.start == Start::Learned {
            specs.extend(net.states().into_iter().map(|state| {
                Spec::plain(&format!("rnn.{}0", state.name), vec![net.lanes(), 1, state.size], Init::Zeros)
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
    gates: &'static [&'static str],
    role: Option<Role>,
}

impl Spec {
    fn plain(name: &str, shape: Vec<usize>, init: Init) -> Self {
        Self { name: name.into(), shape, init, gates: &[], role: None }
    }
}

/// The forget gate's bias, where two biases are added: the first is set, the second is zero.
fn set_forget_bias(value: &mut ArrayD<f32>, spec: &Spec, bias: f64) {
    let Some(gate) = spec.gates.iter().position(|&gate| gate == "f") else { return };
    let size = spec.shape[0] / spec.gates.len();
    let bias = if spec.name.contains("bias_hh") { 0.0 } else { bias };
    #[allow(clippy::cast_possible_truncation)] // rounding is what is meant
    value.slice_axis_mut(Axis(0), Slice::from(gate * size..(gate + 1) * size)).fill(bias as f32);
}

//! Collective ops across devices.

use autograd::ops::{Adjoint, Domain, Notation, Operator, Sample, Sampler};
use autograd::{Expr, Scalar, Type, Value, kernels};
use ndarray::{ArrayD, Axis};

/// An op in the program of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Collective {
    /// `y = Σ x` over all devices.
    AllReduce {
        /// The number of devices.
        devices: usize,
    },
    /// This device's shard of a replicated value.
    Cut {
        /// The sharded axis.
        axis: usize,
        /// The number of devices.
        devices: usize,
    },
}

impl Collective {
    /// Evaluated alone, a device is the first.
    fn kernel<S: Scalar>(&self, x: &[&Value<S>]) -> Value<S> {
        match *self {
            Self::AllReduce { .. } => x[0].clone(),
            Self::Cut { axis, devices } => match x[0] {
                Value::Float(x) => Value::Float(first_rows(x, axis, devices)),
                Value::Index(x) => Value::Index(first_rows(x, axis, devices)),
                Value::Bool(x) => Value::Bool(first_rows(x, axis, devices)),
            },
        }
    }
}

fn first_rows<T: Clone>(x: &ArrayD<T>, axis: usize, devices: usize) -> ArrayD<T> {
    let rows = x.shape()[axis] / devices;
    x.slice_axis(Axis(axis), (0..rows).into()).to_owned()
}

impl Operator for Collective {
    kernels!();

    fn name(&self) -> &'static str {
        match self {
            Self::AllReduce { .. } => "all-reduce",
            Self::Cut { .. } => "share",
        }
    }

    fn infer(&self, operands: &[Type]) -> Result<Type, String> {
        let [x] = operands else { return Err(format!("it takes one operand, not {}", operands.len())) };
        Ok(match *self {
            Self::AllReduce { .. } => x.clone(),
            Self::Cut { axis, devices } => {
                Type { shape: x.shape.resized(axis, x.shape[axis] / devices), kind: x.kind }
            }
        })
    }

    /// The program is differentiated before it is sharded.
    fn vjp<'g>(&self, _: usize, _: &[Expr<'g>], _: Expr<'g>, _: Expr<'g>) -> Adjoint<'g> {
        Adjoint::NotDefined
    }

    fn notation(&self) -> Notation {
        Notation::Function
    }

    fn attributes(&self) -> String {
        match self {
            Self::AllReduce { devices } => format!("of={devices}"),
            Self::Cut { axis, devices } => format!("axis={axis} of={devices}"),
        }
    }

    fn key(&self) -> Option<String> {
        Some(self.attributes())
    }

    fn sample(s: &mut Sampler) -> Sample<Self> {
        let shape = s.shape(0..4);
        Sample::new(Self::AllReduce { devices: 1 }, [s.float(shape, Domain::reals(-3.0, 3.0))])
    }
}

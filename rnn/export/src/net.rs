//! Nets as programs: the forward pass for inference, and the gradient for training.

use crate::program::{ExportError, Output, Program};
use autograd::{Builder, Expr};
use rnn::model::Network;

/// From parameters and inputs to the outputs of all steps, `[time, batch, outputs]`, or to a single one, `[batch,
/// outputs]`: logits for classes.
///
/// # Errors
/// None for a network built by this library.
pub fn forward(network: &Network) -> Result<Program, ExportError> {
    let g = Builder::resume(network.graph.clone());
    let outputs: Vec<Expr> = network.outputs.iter().map(|&id| g.expr(id)).collect();
    let outputs = if let [one] = outputs[..] { one } else { g.stack(0, &outputs).named("outputs") };
    Program::new("forward", g.graph()?, [Output::plain(outputs.id(), "outputs")])
}

/// From parameters, inputs and targets to the loss and its gradient by every parameter. The network must be for
/// training.
///
/// # Errors
/// None for a network built by this library.
pub fn gradient(network: &Network) -> Result<Program, ExportError> {
    let gradients = network.parameters.iter().zip(&network.gradients);
    let gradients = gradients.map(|((name, _), &id)| Output::gradient(id, name));
    let results = std::iter::once(Output::loss(network.loss)).chain(gradients);
    Program::new("gradient", network.graph.clone(), results)
}

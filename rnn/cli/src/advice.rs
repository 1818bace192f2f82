//! The flags that mend an error. The library names the thing; the command line has a flag for it.

use rnn::data;
use rnn::infer::InferError;
use rnn::model::{ModelError, StepError};
use rnn::train::TrainError;
use rnn_lab::study::{BpttError, FlowError};
use std::error::Error;

/// The flags to look at.
pub fn flags(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<data::Error>() {
        return of_data(error);
    }
    if let Some(error) = error.downcast_ref::<ModelError>() {
        return of_model(error);
    }
    if let Some(error) = error.downcast_ref::<StepError>() {
        return of_step(error);
    }
    match error.downcast_ref::<BpttError>() {
        Some(BpttError::Model(error)) => return of_model(error),
        Some(BpttError::Jacobians { .. }) => return Some("--steps, --hidden, --no-jacobians"),
        Some(BpttError::Layer { .. }) => return Some("--layer"),
        _ => {}
    }
    match error.downcast_ref::<FlowError>() {
        Some(FlowError::Bptt(BpttError::Model(error))) => return of_model(error),
        Some(FlowError::Bptt(BpttError::Jacobians { .. })) => return Some("--steps, --hidden"),
        _ => {}
    }
    match (error.downcast_ref::<TrainError>(), error.downcast_ref::<InferError>()) {
        (Some(TrainError::Model(error)), _) => of_model(error),
        (Some(TrainError::Step { source, .. }), _) | (_, Some(InferError::Step(source))) => of_step(source),
        (_, Some(InferError::Data(error))) => of_data(error),
        (_, Some(InferError::NotFinite)) => Some("--lr, --clip"),
        _ => None,
    }
}

fn of_data(error: &data::Error) -> Option<&'static str> {
    match error {
        data::Error::WhichColumn { what: "text", .. } => Some("--text"),
        data::Error::WhichColumn { what: "label", .. } => Some("--label"),
        data::Error::WhichColumn { .. } => Some("--column"),
        data::Error::Label { .. } | data::Error::Classes { .. } => Some("--classes a,b,c"),
        data::Error::ShortSeries { .. } => Some("--window"),
        data::Error::ShortText { .. } => Some("--batch-size"),
        _ => None,
    }
}

fn of_model(error: &ModelError) -> Option<&'static str> {
    match error {
        ModelError::NoForgetGate { .. } => Some("--forget-bias"),
        ModelError::Length { .. } | ModelError::Lengths { .. } => Some("--lengths"),
        _ => None,
    }
}

fn of_step(error: &StepError) -> Option<&'static str> {
    match error {
        StepError::NotFinite { .. } => Some("--lr, --clip"),
        StepError::Model(error) => of_model(error),
        StepError::Graph(_) => None,
    }
}

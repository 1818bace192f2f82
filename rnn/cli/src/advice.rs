//! The flags that mend an error. The library names the thing; the command line names its flag.

use rnn::data;
use rnn::infer::InferError;
use rnn::model::{Cause, ModelError, StepError};
use rnn::tasks::SavedError;
use rnn::train::TrainError;
use rnn_lab::study::{BpttError, FlowError};
use std::error::Error;

/// The relevant flags.
pub fn flags(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<data::Error>() {
        return of_data(error);
    }
    if let Some(InferError::Data(error)) = error.downcast_ref::<InferError>() {
        return of_data(error);
    }
    of_others(error).map(String::from)
}

fn of_others(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<ModelError>() {
        return of_model(error);
    }
    if let Some(SavedError::Model { source, .. }) = error.downcast_ref::<SavedError>() {
        return of_model(source).filter(|_| !matches!(source, ModelError::Memory { .. }));
    }
    if let Some(error) = error.downcast_ref::<StepError>() {
        return of_step(error);
    }
    match error.downcast_ref::<BpttError>() {
        Some(BpttError::Model(error)) => return of_model(error),
        Some(BpttError::Jacobians { .. }) => return Some("--steps, --hidden, --no-jacobians"),
        Some(BpttError::Spectra { .. }) => return Some("--steps, --batch, --hidden"),
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
        _ => None,
    }
}

fn of_data(error: &data::Error) -> Option<String> {
    let flags = match error {
        data::Error::NotUtf8 { guess: encoding, .. } | data::Error::Encoded { found: encoding, .. } => {
            return Some(format!("--encoding {encoding}"));
        }
        data::Error::NotOf { .. } => "--encoding",
        data::Error::WhichColumn { what: "text", .. } => "--text",
        data::Error::WhichColumn { what: "label", .. } => "--label",
        data::Error::WhichColumn { .. } => "--column",
        data::Error::Label { .. } | data::Error::Classes { .. } => "--classes a,b,c",
        data::Error::Gaps { .. } => "--gaps interpolate, --gaps carry",
        data::Error::NoWords { .. } => "--min-count, --vocabulary",
        data::Error::ShortSeries { .. } | data::Error::Windows { .. } => "--window",
        data::Error::ShortText { batch: 2.., .. } => "--batch-size",
        _ => return None,
    };
    Some(flags.into())
}

fn of_model(error: &ModelError) -> Option<&'static str> {
    match error {
        ModelError::NoForgetGate { .. } => Some("--forget-bias"),
        ModelError::Memory { .. } => Some("--hidden, --layers, --steps"),
        ModelError::Length { .. } | ModelError::Lengths { .. } => Some("--lengths"),
        _ => None,
    }
}

fn of_step(error: &StepError) -> Option<&'static str> {
    match error {
        StepError::NotFinite { cause: Cause::Steps, .. } => Some("--lr, --clip"),
        StepError::NotFinite { cause: Cause::Start, .. } => Some("--init, --init-input"),
        StepError::Model(error) => of_model(error),
        _ => None,
    }
}

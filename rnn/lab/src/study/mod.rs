//! Nets to analyse rather than train: small ones to draw and check, and the propagation of gradients back through
//! time.
//!
//! ```
//! use rnn_lab::study::NetSpec;
//!
//! let gru = NetSpec { cell: "gru".into(), steps: 4, ..NetSpec::default() };
//! assert!(gru.network(true)?.graph.text().contains("l0/z[4]"));
//! assert!(gru.check(1, 0)?.passed());
//! # Ok::<(), rnn::model::ModelError>(())
//! ```

mod bptt;
mod fade;
mod gradflow;
mod learns;
mod net_spec;
mod page;
mod placed;
mod precision;
mod reading;
mod sentence;
mod sweep;
mod trial;
mod witnesses;
mod workload;

pub use bptt::{
    Ask, Bias, Bptt, BpttError, Decay, Eigenvalue, ParameterBias, ProductSpectrum, Shares, Spectrum,
    StepSpectrum, Truncation, spectral_norm, truncations,
};
pub use fade::fade;
pub use gradflow::{Course, Flow, FlowError, Update, Way};
pub use learns::{Lesson, learns};
pub use net_spec::NetSpec;
pub use placed::Placed;
pub use precision::{LossOfPrecision, precision_by_steps, precision_of};
pub use reading::{Reading, Study, StudyError, brief, visible};
pub use sentence::{check_sentence, network_of};
pub use sweep::{Dtype, Method, Observation, Sweep};
pub use trial::{Gradients, Trial, WholeNet};
pub use witnesses::{Gap, Witness, rolled, rtrl, witnesses};
pub use workload::{CASES, Prepared, Timing, Workload};

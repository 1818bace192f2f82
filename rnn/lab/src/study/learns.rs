//! A test whether a cell learns: a small adding problem.

use autograd::Value;
use ndarray::{ArrayD, Axis, Slice};
use rnn::cell::CellRef;
use rnn::data::synthetic::Adding;
use rnn::model::{Batch, Head, Inits, Input, Loss, Metrics, Mode, Model, ModelError, Start};
use rnn::train::optim::{Adam, Method};
use rnn::train::schedule::{Decay, Schedule};
use rnn::train::{Clip, Event, Figure, Options, Task, TrainError, Trainer};

/// An adding problem that trains in a second or two, with fixed settings for all cells.
///
/// A layer reads [`Lesson::STEPS`] pairs of a number and a mark, and the head outputs the sum of the two marked
/// numbers after the last ([`Adding`]). Without memory the best output is 1, with the error [`Adding::BASELINE`].
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// The mean squared error on held-out sequences, after each tenth of the updates.
    pub errors: Vec<f64>,
}

impl Lesson {
    /// The length of the sequences.
    pub const STEPS: usize = 8;
    /// The size of the states.
    pub const HIDDEN: usize = 16;
    /// The number of sequences per batch.
    pub const BATCH: usize = 20;
    /// The number of updates, by Adam.
    pub const UPDATES: usize = 1000;
    /// The learning rate.
    pub const RATE: f64 = 0.01;
    /// The bound on the norm of a gradient.
    pub const CLIP: f64 = 1.0;
    /// The number of held-out sequences.
    pub const HELD_OUT: usize = 400;

    /// The smallest error: that of the parameters which training would keep.
    pub fn error(&self) -> f64 {
        self.errors.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The smallest error divided by [`Adding::BASELINE`].
    pub fn rest(&self) -> f64 {
        self.error() / Adding::BASELINE
    }

    /// Whether the error is below a tenth of the one without memory.
    pub fn learned(&self) -> bool {
        self.rest() < 0.1
    }
}

/// Trains a cell on the task. Initial values and sequences are a function of the seed.
///
/// A cell that adds its input to a state reads the pair as the first two of [`Lesson::HIDDEN`] features; the others
/// are zero.
///
/// ```
/// use rnn_lab::study::learns;
///
/// let lesson = learns("min-gru".into(), 1)?;
/// assert!(lesson.learned(), "{lesson:?}");
/// # Ok::<(), rnn::train::TrainError>(())
/// ```
///
/// # Errors
/// If there is no such cell, it does not support these sizes, or a loss or gradient is not finite.
pub fn learns(cell: CellRef, seed: u64) -> Result<Lesson, TrainError> {
    let pair = cell.cell().map_err(ModelError::from)?.fits(2, Lesson::HIDDEN).is_ok();
    let task = Sums::new(cell, if pair { 2 } else { Lesson::HIDDEN }, seed);
    let options = Options {
        epochs: (Lesson::UPDATES / task.batches()) as u64,
        method: Method::Adam(Adam::default()),
        learning_rate: Lesson::RATE,
        schedule: Schedule { warmup: 0, decay: Decay::Constant },
        clip: Some(Clip::Norm(Lesson::CLIP)),
        patience: None,
        seed,
        threads: 1,
    };
    let mut errors = Vec::new();
    Trainer::new(&task, options, serde_json::Value::Null)?.run(
        None,
        |_| false,
        |event| {
            if let Event::Epoch { validation, .. } = event {
                errors.push(validation.loss);
            }
        },
    )?;
    Ok(Lesson { errors })
}

/// The adding problem for inputs of any size.
struct Sums {
    model: Model,
    adding: Adding,
    seed: u64,
}

impl Sums {
    fn new(cell: CellRef, input: usize, seed: u64) -> Self {
        let model = Model {
            cell,
            input: Input::Reals { size: input },
            hidden: Lesson::HIDDEN,
            layers: 1,
            bidirectional: false,
            dropout: 0.0,
            start: Start::Zero,
            window: None,
            head: Head::Last,
            outputs: 1,
            loss: Loss::MeanSquared,
            init: Inits::default(),
        };
        let adding = Adding::new(Lesson::STEPS).expect("the length is above one");
        Self { model, adding, seed }
    }

    /// A batch whose pairs are the first features of inputs that are zero otherwise.
    fn batch(&self, size: usize, index: u64) -> Batch {
        let feed = Batch::from(self.adding.batch(size, self.seed, index));
        let mut x = ArrayD::zeros(vec![Lesson::STEPS, size, self.model.input.size()]);
        x.slice_axis_mut(Axis(2), Slice::from(..2)).assign(&feed.x.into_float());
        Batch { x: Value::Float(x), ..feed }
    }
}

impl Task for Sums {
    fn model(&self) -> &Model {
        &self.model
    }

    fn mode(&self) -> Mode {
        Mode::default()
    }

    fn batches(&self) -> usize {
        Lesson::UPDATES / 10
    }

    fn train(&self, epoch: u64, from: usize) -> Box<dyn Iterator<Item = Batch> + '_> {
        let n = self.batches();
        Box::new((from..n).map(move |i| self.batch(Lesson::BATCH, epoch * n as u64 + i as u64)))
    }

    fn validation(&self) -> Box<dyn Iterator<Item = Batch> + '_> {
        Box::new(std::iter::once(self.batch(Lesson::HELD_OUT, u64::MAX)))
    }

    fn figures(&self, metrics: &Metrics) -> Vec<Figure> {
        vec![Figure { name: "squared error", value: metrics.loss }]
    }
}

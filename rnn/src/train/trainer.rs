//! The training loop.

use super::clip;
use super::difference::{Difference, difference};
use super::history::History;
use super::optim::{Method, OptimError, Optimiser};
use super::progress::{Best, Progress};
use super::schedule::Schedule;
use super::task::Task;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::model::{
    Batch, Cause, Engine, Metrics, ModelError, Networks, Outcome, StepError, Tally, evaluate,
};
use crate::parameters::Parameters;
use ndarray::ArrayD;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The training options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The number of passes over the training part.
    pub epochs: u64,
    /// The update rule.
    pub method: Method,
    /// The learning rate, before the schedule.
    pub learning_rate: f64,
    /// The learning-rate schedule.
    pub schedule: Schedule,
    /// Gradient clipping.
    pub clip: Option<Clip>,
    /// Early stopping: the number of epochs without a better validation after which training ends.
    pub patience: Option<u64>,
    /// The seed of all randomness.
    pub seed: u64,
    /// The number of threads that the rows of a batch are sharded over. Runs are bit-identical for a fixed number.
    pub threads: usize,
}

/// Gradient clipping.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clip {
    /// Scales all gradients together down to this norm (Pascanu, Mikolov & Bengio 2013).
    Norm(f64),
    /// Clamps each element to ± this value.
    Value(f64),
}

/// Why training ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The model cannot be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The learning rate is not positive.
    #[error("the learning rate is {0}: it must be above 0")]
    LearningRate(f64),
    /// The clipping bound is not positive.
    #[error("gradients cannot be clipped to {0}: the bound must be above 0")]
    ClipBound(f64),
    /// There is nothing to train on.
    #[error("the training part has no batch: give more data, or smaller batches and fewer steps")]
    NoBatch,
    /// A batch gave no gradient.
    #[error("update {step}: {source}")]
    Step {
        /// The update that failed.
        step: u64,
        /// The cause.
        source: StepError,
    },
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The checkpoint's optimiser state does not fit.
    #[error(transparent)]
    Optimiser(#[from] OptimError),
    /// The checkpoint has another configuration.
    #[error("cannot go on from `{}`: `{}` was {} and is now {}", path.display(), difference.entry, difference.was, difference.now)]
    Differs {
        /// The checkpoint.
        path: PathBuf,
        /// The difference.
        difference: Difference,
    },
    /// The best model belongs to another run.
    #[error(
        "`{}` is not the best model of the run that `{}` goes on with: {reason}; put that model back, or begin anew at \
         another place",
        best.display(), last.display()
    )]
    Best {
        /// The best model.
        best: PathBuf,
        /// The last state.
        last: PathBuf,
        /// The evidence.
        reason: String,
    },
    /// The number of epochs changed, but the schedule depends on it.
    #[error(
        "cannot go on from `{}`: the schedule `{schedule}` falls over all epochs, of which there were {was} and are now {now}",
        path.display()
    )]
    Epochs {
        /// The checkpoint.
        path: PathBuf,
        /// The schedule.
        schedule: Schedule,
        /// The number of epochs in the checkpoint.
        was: u64,
        /// The number now.
        now: u64,
    },
    /// The checkpoint's progress is invalid.
    #[error("cannot go on from `{}`: {reason}; take another checkpoint", path.display())]
    Resume {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl TrainError {
    /// An error at an update, or in the validation after it, when `made` updates were complete. Unlike the network,
    /// the trainer knows whether the weights are still the initial ones.
    fn at(step: u64, made: u64, source: StepError) -> Self {
        let source = match source {
            StepError::NotFinite { culprit, cause: Cause::Size | Cause::Weights } => {
                let cause = if made == 0 { Cause::Start } else { Cause::Steps };
                StepError::NotFinite { culprit, cause }
            }
            other => other,
        };
        Self::Step { step, source }
    }
}

/// Events of a run.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// An update was made.
    Step {
        /// The progress of the run.
        progress: &'a Progress,
        /// The losses so far, the new one included.
        history: &'a History,
        /// The mean loss of the batch.
        batch: Metrics,
        /// The gradient's norm before clipping.
        norm: f64,
        /// The learning rate used.
        learning_rate: f64,
    },
    /// An epoch is over.
    Epoch {
        /// The progress of the run.
        progress: &'a Progress,
        /// The losses so far, the new one included.
        history: &'a History,
        /// Means over the epoch's batches.
        train: Metrics,
        /// Means over the validation part.
        validation: Metrics,
        /// Whether it is the best so far.
        best: bool,
    },
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// All epochs are finished.
    Done,
    /// The validation stopped improving.
    Early,
    /// A stop was requested.
    Stopped,
}

/// A run: a task, its options, and its progress.
pub struct Trainer<'a> {
    task: &'a dyn Task,
    options: Options,
    engine: Box<dyn Engine + 'a>,
    parameters: Parameters,
    best: Parameters,
    optimiser: Box<dyn Optimiser>,
    carry: Vec<ArrayD<f32>>,
    /// The results of the last batch; the next reuses the memory.
    outcome: Outcome,
    progress: Progress,
    history: History,
    config: serde_json::Value,
}

impl<'a> Trainer<'a> {
    /// A new run. `config` is the checkpoint's configuration.
    ///
    /// # Errors
    /// If an option is out of range or the model cannot be built.
    pub fn new(task: &'a dyn Task, options: Options, config: serde_json::Value) -> Result<Self, TrainError> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        if !positive(options.learning_rate) {
            return Err(TrainError::LearningRate(options.learning_rate));
        }
        if let Some(Clip::Norm(bound) | Clip::Value(bound)) = options.clip
            && !positive(bound)
        {
            return Err(TrainError::ClipBound(bound));
        }
        if task.batches() == 0 {
            return Err(TrainError::NoBatch);
        }
        let model = task.model();
        let parameters = model.first_parameters(options.seed)?;
        let engine = Box::new(Networks::new(model, task.training_mode(), options.threads));
        let optimiser = options.method.optimiser(&parameters);
        let best = parameters.clone();
        Ok(Self {
            task,
            options,
            engine,
            parameters,
            best,
            optimiser,
            carry: Vec::new(),
            outcome: Outcome::default(),
            progress: Progress::default(),
            history: History::default(),
            config,
        })
    }

    /// Uses another engine for the batches. Its results differ in the last bits; everything else is the same, so a
    /// run can start on one engine and resume on another.
    #[must_use]
    pub fn on(mut self, engine: Box<dyn Engine + 'a>) -> Self {
        self.engine = engine;
        self
    }

    /// Resumes from the last checkpoint of a run, `last`, with the best parameters from `best` if there are any. The
    /// patience, the path of the data, and the number of epochs (unless the schedule depends on it) may change.
    ///
    /// # Errors
    /// If a file cannot be read or belongs to another configuration or other data.
    pub fn resume(mut self, best: &Path, last: &Path) -> Result<Self, TrainError> {
        let mut saved = Checkpoint::load(last)?;
        if let Some(difference) = difference(&saved.config, &self.config) {
            return Err(TrainError::Differs { path: last.into(), difference });
        }
        let was = saved.config.pointer("/options/epochs").and_then(serde_json::Value::as_u64);
        if let (true, Some(was)) = (self.options.schedule.needs_total(), was)
            && was != self.options.epochs
        {
            let Options { schedule, epochs: now, .. } = self.options;
            return Err(TrainError::Epochs { path: last.into(), schedule, was, now });
        }
        let shapes = self.task.model().parameter_shapes()?;
        self.parameters = saved.take_parameters(&shapes, last)?;
        self.optimiser.restore(&saved.optimiser)?;
        self.history = History::take(&mut saved.extra);
        self.carry = saved.extra.into_iter().map(|(_, array)| array).collect();
        self.progress = serde_json::from_value(saved.progress)
            .map_err(|e| TrainError::Resume { path: last.into(), reason: e.to_string() })?;
        if let Some(known) = self.progress.best {
            let mut saved = Checkpoint::load(best)?;
            if let Some(reason) = self.is_of_another_run(&saved, &known) {
                return Err(TrainError::Best { best: best.into(), last: last.into(), reason });
            }
            self.best = saved.take_parameters(&shapes, best)?;
        }
        Ok(self)
    }

    /// Evidence that a best model does not belong to this run, whose last state records a best one. If the run was
    /// stopped between the two writes, the best file is newer than the last state.
    fn is_of_another_run(&self, saved: &Checkpoint, known: &Best) -> Option<String> {
        if let Some(Difference { entry, was, now }) = difference(&saved.config, &self.config) {
            return Some(format!("`{entry}` was {was} there and is {now} here"));
        }
        let found = serde_json::from_value::<Progress>(saved.progress.clone()).ok().and_then(|p| p.best);
        match found {
            Some(found) if found.epoch > known.epoch || found == *known => None,
            Some(found) => Some(format!(
                "it was reached after epoch {} with a score of {:.6}, and this run's after epoch {} with {:.6}",
                found.epoch, found.score, known.epoch, known.score
            )),
            None => Some("it does not say after which epoch it was reached".into()),
        }
    }

    /// The progress of the run.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The losses of the run so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The parameters of the best validation; before the first, the current ones.
    pub fn best(&self) -> &Parameters {
        if self.progress.best.is_some() { &self.best } else { &self.parameters }
    }

    /// Trains until all epochs are finished, validation stops improving, or `stop` returns true. It is called before
    /// each update and each validation, and may keep the run's [state](Self::state) during the next update.
    ///
    /// # Errors
    /// If a batch gives no finite gradient or a checkpoint cannot be written.
    pub fn run(
        &mut self,
        save: Option<&Save>,
        mut stop: impl FnMut(&Self) -> bool,
        mut tell: impl FnMut(Event),
    ) -> Result<Finish, TrainError> {
        let total = self.options.epochs.saturating_mul(self.task.batches() as u64);
        while self.progress.epoch < self.options.epochs {
            if self.options.patience.is_some_and(|patience| self.progress.stale >= patience) {
                return Ok(Finish::Early);
            }
            let task = self.task;
            for feed in task.train(self.progress.epoch, self.progress.batch) {
                if stop(self) {
                    self.save_last(save)?;
                    return Ok(Finish::Stopped);
                }
                self.update(&feed, total, &mut tell)?;
                if save.is_some_and(|save| self.progress.step.is_multiple_of(save.every)) {
                    self.save_last(save)?;
                }
            }
            if stop(self) {
                self.save_last(save)?;
                return Ok(Finish::Stopped);
            }
            self.validate(save, &mut tell)?;
        }
        Ok(Finish::Done)
    }

    fn update(&mut self, feed: &Batch, total: u64, tell: &mut impl FnMut(Event)) -> Result<(), TrainError> {
        let step = self.progress.step;
        let seed = mask_seed(self.options.seed, step);
        let outcome = &mut self.outcome;
        self.engine
            .run_into(&self.parameters, feed, &self.carry, seed, true, outcome)
            .map_err(|source| TrainError::at(step + 1, step, source))?;
        let norm = match self.options.clip {
            None => outcome.gradients.norm(),
            Some(Clip::Norm(max)) => clip::by_norm(&mut outcome.gradients, max),
            Some(Clip::Value(bound)) => clip::by_value(&mut outcome.gradients, bound),
        };
        let learning_rate = self.options.learning_rate * self.options.schedule.factor(step, total);
        self.optimiser.step(&mut self.parameters, &outcome.gradients, learning_rate)?;
        self.progress.sums.add(outcome);
        self.progress.step += 1;
        self.progress.batch += 1;
        let mut one = Tally::default();
        one.add(outcome);
        if self.task.mode().carry {
            std::mem::swap(&mut self.carry, &mut outcome.last);
        }
        let batch = one.metrics();
        self.history.training.push(batch.loss);
        let (progress, history) = (&self.progress, &self.history);
        tell(Event::Step { progress, history, batch, norm, learning_rate });
        Ok(())
    }

    fn validate(&mut self, save: Option<&Save>, tell: &mut impl FnMut(Event)) -> Result<(), TrainError> {
        let step = self.progress.step;
        let train = self.progress.sums.metrics();
        let validation = evaluate(&mut *self.engine, &self.parameters, self.task.validation(), |_, _| ())
            .map_err(|source| TrainError::at(step, step, source))?;
        let score = self.task.score(&validation);
        self.progress.epoch += 1;
        self.progress.batch = 0;
        self.progress.sums = Tally::default();
        self.carry.clear();
        let better = self.progress.best.is_none_or(|best| score < best.score);
        if better {
            let Metrics { loss, accuracy } = validation;
            self.progress.best = Some(Best { score, loss, accuracy, epoch: self.progress.epoch });
            self.progress.stale = 0;
            self.best = self.parameters.clone();
            if let Some(save) = save {
                self.checkpoint(false).save(&save.best)?;
            }
        } else {
            self.progress.stale += 1;
        }
        self.history.validation.push(validation.loss);
        // The listener runs before the file is written: a run killed between the two resumes before the end of this
        // epoch and reports it again.
        let (progress, history) = (&self.progress, &self.history);
        tell(Event::Epoch { progress, history, train, validation, best: better });
        self.save_last(save)
    }

    /// The state needed to resume.
    pub fn state(&self) -> Checkpoint {
        self.checkpoint(true)
    }

    fn save_last(&self, save: Option<&Save>) -> Result<(), TrainError> {
        save.map_or(Ok(()), |save| Ok(self.checkpoint(true).save(&save.last)?))
    }

    /// The run as a checkpoint: with all that resuming needs, or with the model alone.
    fn checkpoint(&self, whole: bool) -> Checkpoint {
        let carry = self.carry.iter().enumerate().map(|(i, a)| (format!("carry/{i}"), a.clone()));
        let extra = || carry.chain(self.history.arrays()).collect();
        Checkpoint {
            parameters: self.parameters.clone(),
            optimiser: if whole { self.optimiser.state() } else { Vec::new() },
            extra: if whole { extra() } else { Vec::new() },
            config: self.config.clone(),
            progress: serde_json::to_value(&self.progress).unwrap_or_default(),
        }
    }
}

/// The paths and the interval of checkpoints.
#[derive(Clone, Debug)]
pub struct Save {
    /// The file of the best validation.
    pub best: PathBuf,
    /// The file to resume from.
    pub last: PathBuf,
    /// The number of updates between two writes of it.
    pub every: u64,
}

impl Save {
    /// `NAME.safetensors` for the best and `NAME.last.safetensors` for the last, written every 200 updates.
    pub fn at(best: &Path) -> Self {
        let extension =
            best.extension().map_or_else(|| "safetensors".into(), |e| e.to_string_lossy().into_owned());
        Self { best: best.into(), last: best.with_extension(format!("last.{extension}")), every: 200 }
    }
}

/// The seed of an update's dropout masks.
#[allow(clippy::cast_possible_truncation)] // the lower bits are as good as all
fn mask_seed(seed: u64, step: u64) -> usize {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(step) as usize
}

#[cfg(test)]
mod tests {
    use super::mask_seed;
    use std::collections::HashSet;

    #[test]
    fn every_update_draws_its_own_masks() {
        let seeds: HashSet<_> =
            (0..3).flat_map(|seed| (0..1000).map(move |step| mask_seed(seed, step))).collect();
        assert_eq!(seeds.len(), 3000);
    }
}

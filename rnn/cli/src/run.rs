//! A training run from the command line: checkpoints, reports, stops.

use super::confusion::Confusion;
use super::engine::OnEngine;
use super::flags::{Net, Output, Training};
use super::progress::Reporter;
use super::resume::resume;
use super::say;
use super::stop::Stop;
use clap::Args;
use rnn::model::{Networks, StepError, evaluate};
use rnn::parameters::Parameters;
use rnn::tasks::{Described, Saved, Source};
use rnn::train::{Finish, Save, Task, TrainError, Trainer};
use std::cell::Cell;
use std::process::ExitCode;

/// Flags that all tasks share.
#[derive(Args, Debug)]
pub struct Common {
    #[command(flatten)]
    pub net: Net,
    #[command(flatten)]
    pub training: Training,
    #[command(flatten)]
    pub engine: OnEngine,
    #[command(flatten)]
    pub output: Output,
}

impl Common {
    /// Trains on a task to the end, or until a stop is requested.
    pub(super) fn train(&self, task: &dyn Task, described: Described, data: Option<Source>) -> super::Result {
        self.train_and(task, described, data, |_| Ok(()))
    }

    /// Trains, and passes the best parameters to `after` at the end, before the test part is reported.
    pub(super) fn train_and(
        &self,
        task: &dyn Task,
        described: Described,
        data: Option<Source>,
        after: impl FnOnce(&Parameters) -> Result<(), Box<dyn std::error::Error>>,
    ) -> super::Result {
        let saved = Saved {
            task: described,
            model: task.model().clone(),
            options: self.training.options(),
            batch_size: self.training.batch_size,
            updates: task.batches(),
            data,
        };
        let save = self.save();
        let mut trainer = Trainer::new(task, saved.options.clone(), serde_json::to_value(&saved)?)?;
        if let Some(engine) = self.engine.start(task, saved.batch_size, self.training.threads)? {
            trainer = trainer.on(engine);
        }
        match &save {
            Some(save) if self.output.resume => trainer = resume(trainer, &saved, save)?,
            Some(Save { best, last, .. }) if best.exists() || last.exists() => {
                let old = if best.exists() { best } else { last };
                let how = if last.exists() { "; --resume would go on from its last state" } else { "" };
                say(&format!("{} will be replaced{how}", old.display()));
            }
            _ => {}
        }
        let mut stop = Stop::listen(save.as_ref().map(|save| &*save.last))?;
        let mut reporter = Reporter::new(task, &saved, &self.output, trainer.progress())?;
        let failed = Cell::new(false);
        let outcome = trainer.run(
            save.as_ref(),
            |trainer| stop.now(trainer) || failed.get(),
            |event| {
                reporter.tell(&event);
                failed.set(reporter.failed());
            },
        );
        stop.done();
        // A failed run is plotted too: its curve shows the cause.
        let told = reporter.finish(trainer.history());
        let finish = outcome.map_err(|error| how_to_go_on(error, save.as_ref()))?;
        if finish == Finish::Stopped {
            let step = trainer.progress().step;
            say(&match &save {
                Some(Save { last, .. }) => format!(
                    "stopped after update {step}, saved in {}; the same command with --resume goes on from there",
                    last.display()
                ),
                None => format!("stopped after update {step}; with --checkpoint FILE it would be saved"),
            });
            told?;
            return Ok(ExitCode::from(stop.code()));
        }
        told?;
        if finish == Finish::Early {
            say(&format!("stopped early after epoch {}: --patience", trainer.progress().epoch));
        }
        if let Some(test) = task.test() {
            let mut networks = Networks::new(task.model(), task.mode(), self.training.threads);
            let mut table = task.classes().map(Confusion::new);
            let metrics = evaluate(&mut networks, trainer.best(), test, |feed, outcome| {
                if let Some(table) = &mut table {
                    table.add(feed, outcome);
                }
            })?;
            after(trainer.best())?;
            reporter.test(&metrics, table.as_ref())?;
        } else if let Some(best) = trainer.progress().best {
            reporter.best(&best);
        }
        if let Some(save) = &save {
            say(&format!("best model in {}", save.best.display()));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The paths of checkpoints, if requested.
    fn save(&self) -> Option<Save> {
        let file = self.output.checkpoint.as_ref()?;
        Some(Save { every: self.output.save_every, ..Save::at(file.path()) })
    }
}

/// Another system failed, not the run: it can resume from its last state, on either engine.
fn how_to_go_on(error: TrainError, save: Option<&Save>) -> Box<dyn std::error::Error> {
    match (&error, save) {
        (TrainError::Step { source: StepError::Engine(_), .. }, Some(Save { last, .. })) if last.exists() => format!(
            "{error}; {} has the last state that was saved: the same command with --resume goes on from there, on \
             either engine",
            last.display()
        )
        .into(),
        _ => error.into(),
    }
}

//! A training run from the command line: checkpoints, reports, Ctrl-C.

use super::flags::{Net, Output, Training};
use super::progress::Reporter;
use super::resume::resume;
use super::say;
use clap::Args;
use rnn::files::check_writable;
use rnn::model::Networks;
use rnn::parameters::Parameters;
use rnn::tasks::{Described, Saved, Source};
use rnn::train::{Finish, Save, Task, Trainer};
use std::cell::Cell;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Flags that all tasks share.
#[derive(Args, Debug)]
pub struct Common {
    #[command(flatten)]
    pub net: Net,
    #[command(flatten)]
    pub training: Training,
    #[command(flatten)]
    pub output: Output,
}

impl Common {
    /// Trains on a task to the end, or until Ctrl-C.
    pub(super) fn train(&self, task: &dyn Task, described: Described, data: Option<Source>) -> super::Result {
        self.train_and(task, described, data, |_| Ok(()))
    }

    /// Trains, and shows the best parameters to `after` when the run is over, before the test part is told.
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
        self.output.are_different()?;
        let save = self.save()?;
        let mut trainer = Trainer::new(task, saved.options.clone(), serde_json::to_value(&saved)?)?;
        match &save {
            Some(save) if self.output.resume => trainer = resume(trainer, &saved, save)?,
            Some(Save { best, .. }) if best.exists() => {
                say(&format!(
                    "{} will be replaced; --resume would go on from its last state",
                    best.display()
                ));
            }
            _ => {}
        }
        let interrupted = interruption()?;
        let mut reporter = Reporter::new(task, &saved, &self.output, trainer.progress())?;
        let failed = Cell::new(false);
        let outcome = trainer.run(
            save.as_ref(),
            || failed.get() || interrupted.load(Ordering::Relaxed),
            |event| {
                reporter.tell(&event);
                failed.set(reporter.failed());
            },
        );
        // A run that fails is drawn too: its curve shows how it came to that.
        let told = reporter.finish(trainer.history());
        let finish = outcome?;
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
            return Ok(ExitCode::from(130));
        }
        told?;
        if finish == Finish::Early {
            say(&format!("stopped early after epoch {}: --patience", trainer.progress().epoch));
        }
        if let Some(test) = task.test() {
            let mut networks = Networks::new(task.model(), task.mode(), self.training.threads);
            let metrics = networks.evaluate(trainer.best(), test, |_, _| ())?;
            after(trainer.best())?;
            reporter.test(&metrics)?;
        }
        if let Some(save) = &save {
            say(&format!("best model in {}", save.best.display()));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Where checkpoints go, if they do; refused now and not after an hour if they cannot be written.
    fn save(&self) -> Result<Option<Save>, String> {
        let Some(path) = &self.output.checkpoint else { return Ok(None) };
        let save = Save { every: self.output.save_every, ..Save::at(path) };
        for path in [&save.best, &save.last] {
            check_writable(path).map_err(|e| format!("--checkpoint: {e}"))?;
        }
        Ok(Some(save))
    }
}

/// A flag that Ctrl-C sets. A second Ctrl-C ends the program at once.
fn interruption() -> Result<&'static AtomicBool, ctrlc::Error> {
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(&STOP)
}

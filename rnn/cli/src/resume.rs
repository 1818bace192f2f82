//! Resuming a run, with errors in terms of flags.

use super::flags::flag_of;
use rnn::tasks::Saved;
use rnn::train::{Save, TrainError, Trainer};

/// The trainer resumed from its last checkpoint, or a new one if there is none.
pub fn resume<'a>(
    trainer: Trainer<'a>,
    saved: &Saved,
    save: &Save,
) -> Result<Trainer<'a>, Box<dyn std::error::Error>> {
    if !save.last.exists() {
        super::say(&format!("no {} yet: from the start", save.last.display()));
        return Ok(trainer);
    }
    let (before, _) = Saved::load(&save.last)?;
    if before.task.name() != saved.task.name() {
        let (path, before) = (save.last.display(), before.task.name());
        return Err(format!(
            "`{path}` is a run of `rnn train {before}`: go on with that command, or give another --checkpoint"
        )
        .into());
    }
    if let (Some(was), Some(now)) = (&before.data, &saved.data)
        && was.digest != now.digest
    {
        let [path, was, now] = [&save.last, &was.path, &now.path].map(|path| path.display());
        return Err(format!(
            "cannot go on from `{path}`: it was trained on `{was}`, and `{now}` now holds other data; \
             give the data of the first run with --data, or leave out --resume to begin anew"
        )
        .into());
    }
    trainer.resume(&save.best, &save.last).map_err(|error| match error {
        TrainError::Epochs { was, .. } => {
            format!("{error}; give --epochs {was}, or leave out --resume to begin anew").into()
        }
        TrainError::Differs { path, difference } => format!(
            "cannot go on from `{}`: {} was {} and is now {}; \
             give the flags and the data of the first run, or leave out --resume to begin anew",
            path.display(),
            flag_of(&difference.entry),
            difference.was,
            difference.now
        )
        .into(),
        error => error.into(),
    })
}

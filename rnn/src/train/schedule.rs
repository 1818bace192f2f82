//! The learning rate over the steps of training, as a factor of its initial value.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A learning-rate schedule. Written as `constant`, `cosine`, `cosine:0.1` or `step:1000:0.5`, optionally after
/// `warmup:500+`.
///
/// ```
/// use rnn::train::schedule::Schedule;
///
/// let schedule: Schedule = "warmup:99+cosine".parse()?;
/// assert_eq!(schedule.factor(0, 1099), 0.01); // the first step of the warm-up
/// assert_eq!(schedule.factor(99, 1099), 1.0); // the first step at the full rate
/// assert_eq!(schedule.factor(599, 1099), 0.5); // half way down
/// # Ok::<(), rnn::train::schedule::ScheduleError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Schedule {
    /// Steps of linear warm-up before the decay begins. Goyal et al. 2017, section 2.2.
    pub warmup: u64,
    /// The decay after the warm-up.
    pub decay: Decay,
}

/// How the factor decays from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decay {
    /// No decay.
    Constant,
    /// Half a cosine, from 1 down to the floor at the last step. Loshchilov & Hutter 2017, eq. 5, without restarts.
    Cosine {
        /// The final factor, in [0, 1].
        floor: f64,
    },
    /// Multiplied by `factor` every `every` steps.
    Step {
        /// The number of steps between two drops, at least 1.
        every: u64,
        /// The factor of each drop, above 0.
        factor: f64,
    },
}

/// The string is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no learning-rate schedule: write `constant`, `cosine`, `cosine:FLOOR` (0 to 1), \
     `step:EVERY:FACTOR` (such as `step:1000:0.5`), or `warmup:STEPS+` and one of these"
)]
pub struct ScheduleError(pub String);

impl Schedule {
    /// The factor of the learning rate at `step` (counted from 0) of `total`.
    ///
    /// In a warm-up of n steps the factor is (step + 1) / (n + 1): never 0, and 1 at step n, the first of the decay.
    /// Past the total a cosine stays at its floor.
    pub fn factor(&self, step: u64, total: u64) -> f64 {
        match step.checked_sub(self.warmup) {
            None => (step + 1) as f64 / (self.warmup + 1) as f64,
            Some(step) => self.decay.factor(step, total.saturating_sub(self.warmup)),
        }
    }

    /// Whether the factor depends on the total number of steps: then a run cannot be extended when it resumes.
    pub fn needs_total(&self) -> bool {
        matches!(self.decay, Decay::Cosine { .. })
    }
}

impl Decay {
    fn factor(self, step: u64, total: u64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine { floor } if step >= total => floor,
            Self::Cosine { floor } => {
                let phase = PI * (step as f64 / total as f64);
                floor + (1.0 - floor) * 0.5 * (1.0 + phase.cos())
            }
            Self::Step { every, factor } => factor.powf((step / every.max(1)) as f64),
        }
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let read = || {
            let (warmup, decay) = match text.split_once('+') {
                Some((warmup, decay)) => (warmup.strip_prefix("warmup:")?.parse().ok()?, decay),
                None => (0, text),
            };
            Some(Self { warmup, decay: Decay::read(decay)? })
        };
        read().ok_or_else(|| ScheduleError(text.to_owned()))
    }
}

impl Decay {
    fn read(text: &str) -> Option<Self> {
        match text.split(':').collect::<Vec<_>>()[..] {
            ["constant"] => Some(Self::Constant),
            ["cosine"] => Some(Self::Cosine { floor: 0.0 }),
            ["cosine", floor] => {
                let floor = floor.parse().ok()?;
                (0.0..=1.0).contains(&floor).then_some(Self::Cosine { floor })
            }
            ["step", every, factor] => {
                let (every, factor) = (every.parse().ok()?, factor.parse::<f64>().ok()?);
                (every > 0 && factor > 0.0 && factor.is_finite()).then_some(Self::Step { every, factor })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.warmup > 0 {
            write!(f, "warmup:{}+", self.warmup)?;
        }
        match self.decay {
            Decay::Constant => write!(f, "constant"),
            Decay::Cosine { floor: 0.0 } => write!(f, "cosine"),
            Decay::Cosine { floor } => write!(f, "cosine:{floor}"),
            Decay::Step { every, factor } => write!(f, "step:{every}:{factor}"),
        }
    }
}

impl TryFrom<String> for Schedule {
    type Error = ScheduleError;

    fn try_from(text: String) -> Result<Self, ScheduleError> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schedule: &str, total: u64, expected: &[(u64, f64)]) {
        let schedule: Schedule = schedule.parse().unwrap();
        for &(step, factor) in expected {
            let found = schedule.factor(step, total);
            assert!((found - factor).abs() < 1e-12, "{schedule} at {step}: {found}, not {factor}");
        }
    }

    #[test]
    fn constant_is_one() {
        check("constant", 10, &[(0, 1.0), (9, 1.0), (100, 1.0)]);
    }

    #[test]
    fn cosine_passes_through_the_known_cosines() {
        check("cosine", 12, &[(0, 1.0), (4, 0.75), (6, 0.5), (8, 0.25), (12, 0.0), (20, 0.0)]);
        check("cosine:0.2", 12, &[(0, 1.0), (4, 0.8), (6, 0.6), (8, 0.4), (12, 0.2), (20, 0.2)]);
    }

    #[test]
    fn step_falls_every_so_often() {
        check("step:3:0.5", 99, &[(0, 1.0), (2, 1.0), (3, 0.5), (5, 0.5), (6, 0.25), (30, 0.5_f64.powi(10))]);
    }

    #[test]
    fn warmup_rises_in_a_line_and_then_the_decay_begins() {
        check("warmup:3+constant", 9, &[(0, 0.25), (1, 0.5), (2, 0.75), (3, 1.0), (4, 1.0)]);
        check("warmup:4+cosine", 16, &[(0, 0.2), (3, 0.8), (4, 1.0), (8, 0.75), (10, 0.5), (16, 0.0)]);
        check("warmup:2+step:3:0.1", 99, &[(1, 2.0 / 3.0), (2, 1.0), (4, 1.0), (5, 0.1)]);
    }

    #[test]
    fn totals_without_room_for_a_decay_are_safe() {
        check("cosine:0.5", 0, &[(0, 0.5)]);
        check("warmup:8+cosine", 4, &[(3, 4.0 / 9.0), (8, 0.0)]);
    }

    /// Checks the definition: whether any step's factor changes with the total.
    #[test]
    fn only_what_changes_with_the_total_needs_it() {
        for text in ["constant", "cosine", "cosine:0.1", "step:3:0.5", "warmup:5+constant", "warmup:5+cosine"]
        {
            let schedule: Schedule = text.parse().unwrap();
            let changes =
                (0..30).any(|t| schedule.factor(t, 20).to_bits() != schedule.factor(t, 30).to_bits());
            assert_eq!(schedule.needs_total(), changes, "{text}");
        }
    }

    #[test]
    fn text_and_json_round_trip() {
        for text in ["constant", "cosine", "cosine:0.1", "step:1000:0.5", "warmup:500+cosine"] {
            let schedule: Schedule = text.parse().unwrap();
            assert_eq!(schedule.to_string(), text);
            assert_eq!(serde_json::to_value(schedule).unwrap(), text);
            assert_eq!(serde_json::from_value::<Schedule>(text.into()).unwrap(), schedule);
        }
    }

    #[test]
    fn a_bad_string_is_answered_with_the_forms() {
        for text in [
            "",
            "linear",
            "cosine:2",
            "cosine:",
            "step:0:0.5",
            "step:10",
            "step:9:0",
            "step:9:inf",
            "warmup:5",
            "warmup:5+",
            "warmup:-1+cosine",
            "warmup:1+warmup:1+cosine",
            "constant:1",
        ] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}`")) && error.contains("step:1000:0.5"), "{error}");
        }
    }
}

//! Signals: what asks a run to stop, and what would end any command half-way.
//!
//! Ctrl-C, SIGTERM (batch systems send it) and SIGHUP (a closed terminal) mean one thing: save and stop. A run looks
//! between two updates. If an update lasts longer than a moment, the state from before it is saved instead, by a thread of
//! its own, and the program ends.

use rnn::checkpoint::Checkpoint;
use rnn::files::Lock;
use rnn::train::Trainer;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a stop waits for the update that is under way.
const PATIENCE: Duration = Duration::from_millis(300);
/// Updates that last longer than this are kept a state for.
const SLOW: Duration = Duration::from_millis(100);
/// How often the thread looks.
const GLANCE: Duration = Duration::from_millis(50);

/// What a run asks whether it is to stop.
pub struct Stop {
    /// The number of the signal that came; 0 for none.
    signal: Arc<AtomicUsize>,
    shared: Arc<Mutex<Shared>>,
    /// When the run was last between two updates, and how long the update before lasted.
    asked: Instant,
    first: bool,
    last: Option<PathBuf>,
}

/// What the thread saves if the run does not come to it.
#[derive(Default)]
struct Shared {
    /// The state before the update that is under way, and that update's number.
    before: Option<(Checkpoint, u64)>,
    /// Whether the run looks after itself from here on.
    over: bool,
}

impl Stop {
    /// Listens to signals, for a run whose last state is saved at `last`.
    ///
    /// # Errors
    /// If the system has no way to listen.
    pub fn listen(last: Option<&Path>) -> io::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        let again = Arc::new(AtomicBool::new(false));
        for number in signals() {
            // A second one ends the program at once.
            flag::register_conditional_shutdown(number, 128 + number, again.clone())?;
            flag::register(number, again.clone())?;
            flag::register_usize(number, signal.clone(), usize::try_from(number).unwrap_or_default())?;
        }
        let shared = Arc::new(Mutex::new(Shared::default()));
        let stop =
            Self { signal, shared, asked: Instant::now(), first: true, last: last.map(Path::to_owned) };
        stop.watch();
        Ok(stop)
    }

    /// Whether to stop now. Asked before each update.
    pub fn now(&mut self, trainer: &Trainer) -> bool {
        let lasted = self.asked.elapsed();
        let mut shared = lock(&self.shared);
        shared.before = None;
        if self.signal.load(Ordering::Relaxed) != 0 {
            shared.over = true;
            return true;
        }
        // A copy of the state costs little beside an update that is slow; nobody knows yet how slow the first is.
        if self.last.is_some() && (self.first || lasted > SLOW) {
            shared.before = Some((trainer.state(), trainer.progress().step));
        }
        self.first = false;
        drop(shared);
        self.asked = Instant::now();
        false
    }

    /// The run is over: what is left is short.
    pub fn done(&self) {
        lock(&self.shared).over = true;
    }

    /// What the program ends with if it was stopped: 130 after Ctrl-C.
    pub fn code(&self) -> u8 {
        u8::try_from(128 + self.signal.load(Ordering::Relaxed)).unwrap_or(u8::MAX)
    }

    fn watch(&self) {
        let (signal, shared, last) = (self.signal.clone(), self.shared.clone(), self.last.clone());
        std::thread::spawn(move || {
            while signal.load(Ordering::Relaxed) == 0 {
                std::thread::sleep(GLANCE);
            }
            std::thread::sleep(PATIENCE);
            let shared = lock(&shared);
            if shared.over {
                return;
            }
            let code = 128 + i32::try_from(signal.load(Ordering::Relaxed)).unwrap_or_default();
            match (&shared.before, &last) {
                (Some((state, step)), Some(path)) => match state.save(path) {
                    Ok(()) => {
                        super::say(&format!(
                            "stopped inside update {}; the state after update {step} is saved in {}; the same command with \
                             --resume goes on from there",
                            step + 1,
                            path.display()
                        ));
                        end(code);
                    }
                    Err(error) => super::say(&format!("error: {error}")),
                },
                (None, None) => {
                    super::say("stopped inside an update; with --checkpoint FILE its run would be saved");
                    end(code);
                }
                _ => super::say("stopping after this update, which is saved; a second signal stops at once"),
            }
        });
    }
}

/// Ends the program, whatever the other threads do.
fn end(code: i32) -> ! {
    Lock::release_all();
    std::process::exit(code)
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What asks to stop. A hang-up that the caller has told us to ignore, as `nohup` does, does not.
fn signals() -> Vec<i32> {
    #[cfg(unix)]
    {
        let mut signals = vec![SIGINT, SIGTERM];
        signals.extend((!is_ignored(signal_hook::consts::SIGHUP)).then_some(signal_hook::consts::SIGHUP));
        signals
    }
    #[cfg(not(unix))]
    vec![SIGINT, SIGTERM]
}

/// Whether the process was started with a signal ignored, as Linux tells.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let mask = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    mask().is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Lets a write that goes beyond the limit on the size of files fail, as a full disk does, instead of ending the
/// program.
pub fn survive_file_limit() {
    #[cfg(unix)]
    let _ = flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

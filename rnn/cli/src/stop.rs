//! Signals that stop a run.
//!
//! Ctrl-C, SIGTERM (from batch systems) and SIGHUP (from a closed terminal) all mean: save and stop. A run checks
//! between two updates. If an update takes longer than a moment, a separate thread saves the state from before it and
//! ends the program.

use rnn::checkpoint::Checkpoint;
use rnn::files::Lock;
use rnn::train::Trainer;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a stop waits for the current update.
const PATIENCE: Duration = Duration::from_millis(300);
/// Before updates slower than this, the state is kept.
const SLOW: Duration = Duration::from_millis(100);
/// The polling interval of the thread.
const GLANCE: Duration = Duration::from_millis(50);

/// A number that a signal to stop sets, for a command whose children stop by themselves.
///
/// # Errors
/// If the handlers cannot be installed.
pub fn heard() -> io::Result<Arc<AtomicUsize>> {
    let signal = Arc::new(AtomicUsize::new(0));
    for number in signals() {
        flag::register_usize(number, signal.clone(), usize::try_from(number).unwrap_or_default())?;
    }
    Ok(signal)
}

/// The variable in which a program names itself to a child that ends with it.
pub const PARENT: &str = "RNN_ENDS_WITH";

/// Lets this process be asked to stop when the one that started it ends, however that ends, if it wants this.
///
/// # Errors
/// If the system refuses.
pub fn with_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if let Some(parent) = std::env::var(PARENT).ok().and_then(|id| id.parse::<u32>().ok()) {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // It may have ended before.
        if getppid().is_none_or(|id| u32::try_from(id.as_raw_nonzero().get()) != Ok(parent)) {
            return Err(io::Error::other("the tournament of this run has ended"));
        }
    }
    Ok(())
}

/// Asks a child to stop: where there are signals, by SIGTERM, so that it saves.
///
/// # Errors
/// If it cannot be reached.
pub fn ask(child: &mut Child) -> io::Result<()> {
    #[cfg(unix)]
    return Ok(rustix::process::kill_process(
        rustix::process::Pid::from_child(child),
        rustix::process::Signal::TERM,
    )?);
    #[cfg(not(unix))]
    child.kill()
}

/// The stop request of a run.
pub struct Stop {
    /// The number of the received signal; 0 for none.
    signal: Arc<AtomicUsize>,
    shared: Arc<Mutex<Shared>>,
    /// When the last update started.
    asked: Instant,
    first: bool,
    last: Option<PathBuf>,
}

/// What the thread saves if the run does not.
#[derive(Default)]
struct Shared {
    /// The state before the current update, and the number of updates in it.
    before: Option<(Checkpoint, u64)>,
    /// Whether the run saves itself from here on.
    over: bool,
}

impl Stop {
    /// Handles signals, for a run whose last state is saved at `last`.
    ///
    /// # Errors
    /// If the handlers cannot be installed.
    pub fn listen(last: Option<&Path>) -> io::Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        let again = Arc::new(AtomicBool::new(false));
        for number in signals() {
            // A second signal ends the program at once.
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

    /// Whether to stop now. Called before each update.
    pub fn now(&mut self, trainer: &Trainer) -> bool {
        let lasted = self.asked.elapsed();
        let mut shared = lock(&self.shared);
        shared.before = None;
        if self.signal.load(Ordering::Relaxed) != 0 {
            shared.over = true;
            return true;
        }
        // Copying the state is cheap compared with a slow update; the duration of the first is unknown.
        if self.last.is_some() && (self.first || lasted > SLOW) {
            shared.before = Some((trainer.state(), trainer.progress().step));
        }
        self.first = false;
        drop(shared);
        self.asked = Instant::now();
        false
    }

    /// The run is over: what remains is short.
    pub fn done(&self) {
        lock(&self.shared).over = true;
    }

    /// The exit code of a stopped program: 130 after Ctrl-C.
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

/// Ends the program, whatever other threads do.
fn end(code: i32) -> ! {
    Lock::release_all();
    std::process::exit(code)
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The signals that request a stop. A SIGHUP that the parent ignores, as under `nohup`, is excluded.
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

/// Whether the process was started with a signal ignored, as Linux reports it.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let mask = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    mask().is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Makes a write past the file size limit fail, as on a full disk, instead of ending the program.
pub fn survive_file_limit() {
    #[cfg(unix)]
    let _ = flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

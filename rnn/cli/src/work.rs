//! A progress message from commands that work for longer than a moment.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Reports after a second, and then at growing intervals, that a command is at work, until it is dropped.
#[derive(Debug)]
pub struct Work {
    /// Closed when the work ends.
    _over: Sender<()>,
}

/// The size of the work, once it is known.
static SIZE: Mutex<String> = Mutex::new(String::new());

/// The delay of the first message.
const FIRST: Duration = Duration::from_secs(1);
/// The delay of the next one; later intervals grow up to the last.
const NEXT: Duration = Duration::from_secs(10);
const LAST: Duration = Duration::from_mins(1);

impl Work {
    /// Starts the reports.
    pub fn begin() -> Self {
        let (sender, receiver) = channel::<()>();
        let started = Instant::now();
        std::thread::spawn(move || {
            let mut pause = FIRST;
            while receiver.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let size = SIZE.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let seconds = started.elapsed().as_secs();
                super::say(&match pause {
                    FIRST => format!("at work{size}; Ctrl-C stops"),
                    _ => format!("at work for {seconds} s{size}"),
                });
                pause = if pause == FIRST { NEXT } else { LAST.min(2 * pause) };
            }
        });
        Self { _over: sender }
    }
}

/// Sets the size of the work in words: `10000 steps`.
pub fn on(size: &str) {
    *SIZE.lock().unwrap_or_else(PoisonError::into_inner) = format!(" on {size}");
}

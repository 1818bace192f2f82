//! A thread pool: workers spin for fifty microseconds after their last task, and then sleep.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A task for a worker.
pub(super) trait Task: Send + Sync {
    /// Runs it; catches panics.
    fn run(&self);

    /// Signals its end.
    fn done(&self);
}

/// How long a worker spins before it sleeps: longer than the pause between two runs of a tight loop, and too short to
/// be noticed.
const LOOKOUT: Duration = Duration::from_micros(50);

/// A signal from one thread to another.
#[derive(Debug, Default)]
pub(super) struct Signal {
    given: AtomicBool,
    asleep: Mutex<bool>,
    wake: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The guarded state is always valid, so a panic elsewhere does not invalidate it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Signal {
    /// Sends the signal.
    pub fn give(&self) {
        self.given.store(true, Ordering::Release);
        // The sleeper holds the lock between its last check and its sleep, so the signal is not lost.
        if *lock(&self.asleep) {
            self.wake.notify_one();
        }
    }

    /// Waits for the signal, and resets it.
    pub fn wait(&self) {
        let start = Instant::now();
        loop {
            for _ in 0..64 {
                if self.given.swap(false, Ordering::Acquire) {
                    return;
                }
                std::hint::spin_loop();
            }
            if start.elapsed() > LOOKOUT {
                break;
            }
        }
        let mut asleep = lock(&self.asleep);
        while !self.given.swap(false, Ordering::Acquire) {
            *asleep = true;
            asleep = self.wake.wait(asleep).unwrap_or_else(PoisonError::into_inner);
        }
        *asleep = false;
    }
}

/// A worker thread and its task slot.
struct Worker {
    busy: AtomicBool,
    task: Mutex<Option<Arc<dyn Task>>>,
    signal: Signal,
}

impl Worker {
    fn live(&self) {
        loop {
            self.signal.wait();
            let task = lock(&self.task).take();
            if let Some(task) = &task {
                task.run();
            }
            // Mark the worker idle before signalling the end: the waiter may submit the next task at once.
            self.busy.store(false, Ordering::Release);
            if let Some(task) = task {
                task.done();
            }
        }
    }
}

/// One worker fewer than the machine has cores, since the caller works too. They live as long as the program.
static WORKERS: LazyLock<Vec<Arc<Worker>>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (1..cores)
        .filter_map(|i| {
            let worker = Arc::new(Worker {
                busy: AtomicBool::new(false),
                task: Mutex::new(None),
                signal: Signal::default(),
            });
            let theirs = worker.clone();
            // If a thread cannot be started the caller does the work itself.
            std::thread::Builder::new().name(format!("rows-{i}")).spawn(move || theirs.live()).ok()?;
            Some(worker)
        })
        .collect()
});

/// Submits a task to an idle worker; returns whether there was one.
pub(super) fn give(task: &Arc<dyn Task>) -> bool {
    for worker in WORKERS.iter() {
        if worker.busy.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            *lock(&worker.task) = Some(task.clone());
            worker.signal.give();
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs until the door is opened.
    struct Long {
        running: AtomicBool,
        open: Signal,
        done: Signal,
    }

    impl Task for Long {
        fn run(&self) {
            self.running.store(true, Ordering::Release);
            self.open.wait();
        }

        fn done(&self) {
            self.done.give();
        }
    }

    /// A task must not wait for a busy worker while others are idle or the caller could run it.
    #[test]
    fn a_thread_has_one_task_at_a_time() {
        let mut given: Vec<Arc<Long>> = Vec::new();
        for _ in 0..WORKERS.len() + 20 {
            let long = Arc::new(Long {
                running: AtomicBool::new(false),
                open: Signal::default(),
                done: Signal::default(),
            });
            let task: Arc<dyn Task> = long.clone();
            if give(&task) {
                while !long.running.load(Ordering::Acquire) && given.len() < WORKERS.len() {
                    std::thread::yield_now();
                }
                given.push(long);
            }
        }
        given.iter().for_each(|long| long.open.give());
        given.iter().for_each(|long| long.done.wait());
        assert!(given.len() <= WORKERS.len(), "{} tasks at once for {} threads", given.len(), WORKERS.len());
    }
}

//! Threads that wait for work: they look out for it for fifty microseconds after the last, and then sleep.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Work for a thread.
pub(super) trait Task: Send + Sync {
    /// Does it, and lets no panic out.
    fn run(&self);

    /// Says that it is done.
    fn done(&self);
}

/// How long a thread looks out before it sleeps: longer than the pause between two runs of a tight loop, and too short
/// to be noticed.
const LOOKOUT: Duration = Duration::from_micros(50);

/// Something that one thread says and another waits for.
#[derive(Debug, Default)]
pub(super) struct Signal {
    given: AtomicBool,
    asleep: Mutex<bool>,
    wake: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded is valid at every moment: a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Signal {
    /// Gives the signal.
    pub fn give(&self) {
        self.given.store(true, Ordering::Release);
        // The sleeper holds the lock between its last look and its sleep: so this is not lost.
        if *lock(&self.asleep) {
            self.wake.notify_one();
        }
    }

    /// Waits until the signal is given, and takes it back.
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

/// A thread and where its work is put.
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
            // Free before its end is known: whoever waits for the task may give the next.
            self.busy.store(false, Ordering::Release);
            if let Some(task) = task {
                task.done();
            }
        }
    }
}

/// One thread less than the machine has cores: the caller works too. They live as long as the program.
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
            // Without a thread the caller does the work itself.
            std::thread::Builder::new().name(format!("rows-{i}")).spawn(move || theirs.live()).ok()?;
            Some(worker)
        })
        .collect()
});

/// Gives a task to a free thread; says whether there was one.
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

    /// Work given to a thread that works already would wait for it, while others are free or the caller could do it.
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

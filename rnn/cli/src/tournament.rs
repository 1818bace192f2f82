//! `rnn tournament`: several cells, each trained with several seeds on one task, in one table.
//!
//! Every run is one of `rnn train`, a program of its own with its checkpoint and its log in the folder. So a tournament
//! can have every task and every flag, and goes on where it was stopped.

mod table;

use super::output::{OutFile, folder};
use super::stop;
use crate::plot::{Chart, Look, Series};
use crate::say;
use rnn::cell::CellRef;
use rnn::files::Lock;
use rnn::tasks::Saved;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use table::{by_cell, statistics, table};

/// Train several cells on one task, each with several seeds, and compare them in one table
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The task and its flags stand after `--`, as `rnn train` has them. Every net gets the same flags; --parameters there gives each cell \
states of the size at which the nets have equally many parameters.

Examples: three cells at one size; at equal numbers of parameters; a cell of your own on your text
  rnn tournament --cells elman,lstm,mgu -o far -- adding --steps 50 --hidden 32 --epochs 5 --clip 1
  rnn tournament --cells gru,lstm,mgu --seeds 1..5 -o even -- adding --steps 50 --parameters 5000 --clip 1
  rnn tournament --cells lstm,my.cell -o mine -- text --data notes.txt --hidden 64

The folder keeps each run's best model and log, tournament.json with all figures, and curves.svg. Ctrl-C saves and stops; the same \
command goes on, and one with more cells or seeds runs only what is new.")]
pub struct Args {
    /// The cells: names that `rnn cells` lists, or files of equations
    #[arg(long, required = true, value_delimiter = ',', value_name = "NAME|FILE.cell,…")]
    cells: Vec<String>,
    /// Each cell is trained once with each of these seeds
    #[arg(long, default_value = "1..3", value_name = "A..B|A,B,…", value_parser = seeds)]
    seeds: Seeds,
    /// The folder that the runs are kept in
    #[arg(short, long, value_name = "DIR", value_parser = folder(&FILES))]
    output: OutFile,
    /// One JSON object with all runs on standard output, and nothing else there
    #[arg(long)]
    json: bool,
    /// A task of `rnn train`, with its flags
    #[arg(last = true, required = true, value_name = "TASK [FLAG]")]
    task: Vec<String>,
}

const FILES: [&str; 2] = ["tournament.json", "curves.svg"];

/// Flags of `rnn train` that the tournament gives itself.
const OURS: [&str; 7] = ["--cell", "--seed", "--checkpoint", "--resume", "--log", "--plot", "--forecast"];

/// Flags after which nothing is trained.
const TOLD: [&str; 4] = ["-h", "--help", "-V", "--version"];

#[derive(Clone, Debug)]
struct Seeds(Vec<u64>);

/// `1..5` with both ends, or `1,4,7`.
fn seeds(text: &str) -> Result<Seeds, String> {
    const MOST: u64 = 1000;
    let number = |text: &str| {
        text.trim().parse::<u64>().map_err(|_| format!("`{text}` is no seed: 1..5 or 1,4,7 is needed"))
    };
    let all = match text.split_once("..") {
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last.strip_prefix('=').unwrap_or(last))?);
            if first > last || last - first >= MOST {
                return Err(format!("a range goes up, over at most {MOST} seeds"));
            }
            (first..=last).collect()
        }
        None => text.split(',').map(number).collect::<Result<BTreeSet<u64>, _>>()?.into_iter().collect(),
    };
    Ok(Seeds(all))
}

/// The file `tournament.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Tournament {
    /// The task with its flags.
    task: Vec<String>,
    runs: Vec<Run>,
}

/// A finished run.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Run {
    cell: String,
    seed: u64,
    hidden: usize,
    parameters: usize,
    /// `test`, or `validation` for a task without a test part.
    part: String,
    /// The figures of the best model on that part.
    figures: BTreeMap<String, f64>,
    /// The loss on the validation part after each epoch.
    validation: Vec<f64>,
    /// Updates a second, with validation and start-up; none if it had been trained before.
    speed: Option<f64>,
    /// What was read from the data, if there is any.
    data: Option<String>,
}

/// How a run ended.
enum End {
    Finished(Run),
    /// Its error stands above.
    Failed(Cause),
    /// By this signal.
    Stopped(usize),
}

/// Why a run failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The flags are wrong, and would be for every run.
    Usage,
    /// It did not begin: no seed of this cell will.
    Start,
    /// While it was trained.
    Training,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> super::Result {
        let cells = self.cells()?;
        if let Some(flag) = self.task.iter().find(|word| OURS.iter().any(|ours| is_flag(word, ours))) {
            return Err(
                format!("{flag}: a tournament gives each run its own; leave it out after `--`").into()
            );
        }
        if let Some(flag) = self.task.iter().find(|word| TOLD.contains(&&***word)) {
            return Err(format!("{flag} trains nothing: try `rnn train {}`", self.task.join(" ")).into());
        }
        // A mistake in the task is one in every run: it is told before there is a folder.
        let own = [self.cells[0].as_str(), "--seed", "1", "--checkpoint", "best.safetensors"];
        let words = ["rnn", "train"].into_iter().chain(self.task.iter().map(String::as_str));
        let words: Vec<OsString> = words.chain(["--cell"]).chain(own).map(OsString::from).collect();
        if let Some(code) = super::unreadable(&words) {
            return Ok(code);
        }
        fs::create_dir_all(self.output.path()).map_err(|error| {
            format!("--output: the folder `{}` cannot be made: {error}; give another name", self.output)
        })?;
        let _lock =
            Lock::take(&self.output.path().join(FILES[0])).map_err(|error| format!("--output: {error}"))?;
        let mut tournament = self.begin(&cells)?;
        let signal = stop::heard()?;
        let (all, mut failed) = (cells.len() * self.seeds.0.len(), BTreeMap::new());
        for (of_cell, (name, cell)) in cells.iter().enumerate() {
            for (of_seed, &seed) in self.seeds.0.iter().enumerate() {
                if tournament.runs.iter().any(|run| run.cell == *name && run.seed == seed) {
                    continue;
                }
                let place = of_cell * self.seeds.0.len() + of_seed + 1;
                say(&format!("\n{name}, seed {seed}: run {place} of {all}"));
                match self.train(name, cell, seed, &signal)? {
                    End::Finished(run) => {
                        self.of_one_data(&tournament, &run)?;
                        tournament.runs.push(run);
                    }
                    End::Failed(Cause::Usage) => return Ok(ExitCode::from(2)),
                    End::Failed(Cause::Start) => {
                        *failed.entry(name.as_str()).or_insert(0) += self.seeds.0.len() - of_seed;
                        break;
                    }
                    End::Failed(Cause::Training) => *failed.entry(name.as_str()).or_insert(0) += 1,
                    End::Stopped(signal) => {
                        say("stopped; the same command goes on from here");
                        return Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX)));
                    }
                }
                self.save(&tournament)?;
            }
        }
        self.save(&tournament)?;
        tournament.runs.retain(|run| self.asks(run));
        let mut out = anstream::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&tournament)?)?;
        } else if !tournament.runs.is_empty() {
            table(&mut out, &tournament, &failed)?;
        }
        out.flush()?;
        Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Whether a run is one of those asked for; others stay in the file.
    fn asks(&self, run: &Run) -> bool {
        self.seeds.0.contains(&run.seed) && self.cells.iter().any(|cell| name_of(cell) == run.cell)
    }

    /// All runs of a tournament read the same data.
    fn of_one_data(&self, tournament: &Tournament, run: &Run) -> Result<(), String> {
        match tournament.runs.iter().find(|other| other.data != run.data) {
            None => Ok(()),
            Some(other) => Err(format!(
                "the data is not what it was: {}, seed {}, in `{}` was trained on other data; give another --output",
                other.cell, other.seed, self.output
            )),
        }
    }

    /// The cells by the names that their runs have.
    fn cells(&self) -> Result<Vec<(String, CellRef)>, Box<dyn Error>> {
        let mut cells: Vec<(String, CellRef)> = Vec::new();
        for asked in &self.cells {
            let cell = CellRef::open(asked)?;
            let name = name_of(asked);
            if cells.iter().any(|(other, _)| *other == name) {
                return Err(
                    format!("two of the cells are called `{name}`: their runs would be one file").into()
                );
            }
            cells.push((name, cell));
        }
        Ok(cells)
    }

    /// The runs that the folder already has.
    fn begin(&self, cells: &[(String, CellRef)]) -> Result<Tournament, Box<dyn Error>> {
        let path = self.output.path().join(FILES[0]);
        let fresh = Tournament { task: self.task.clone(), runs: Vec::new() };
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(fresh),
            text => text.map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?,
        };
        if text.trim().is_empty() {
            return Ok(fresh);
        }
        let mut kept: Tournament = serde_json::from_str(&text).map_err(|error| {
            format!("`{}` is not a tournament: {error}; give another --output", path.display())
        })?;
        if kept.task != self.task {
            return Err(format!(
                "`{}` is a tournament of `{}`: give the same task and flags, or another --output",
                self.output,
                kept.task.join(" ")
            )
            .into());
        }
        let mut lost = Vec::new();
        for run in &kept.runs {
            let Some((_, cell)) = cells.iter().find(|(name, _)| *name == run.cell) else { continue };
            let best = self.file(&run.cell, run.seed, "safetensors");
            match Saved::load(&best) {
                Err(error) => {
                    say(&format!("{error}: {}, seed {}, is trained again", run.cell, run.seed));
                    lost.push((run.cell.clone(), run.seed));
                }
                Ok((saved, _)) if saved.model.cell.text.is_some() && saved.model.cell.text != cell.text => {
                    return Err(format!(
                        "`{}` was trained with other equations than the cell `{}` has now: give another --output",
                        best.display(),
                        run.cell
                    )
                    .into());
                }
                Ok(_) => {}
            }
        }
        kept.runs.retain(|run| !lost.contains(&(run.cell.clone(), run.seed)));
        Ok(kept)
    }

    /// A file of a run.
    fn file(&self, cell: &str, seed: u64, ending: &str) -> PathBuf {
        self.output.path().join(format!("{cell}-{seed}.{ending}"))
    }

    /// Trains one net, from its last state if it has one.
    fn train(
        &self,
        name: &str,
        cell: &CellRef,
        seed: u64,
        signal: &AtomicUsize,
    ) -> Result<End, Box<dyn Error>> {
        let stopped = || Some(signal.load(Ordering::Relaxed)).filter(|signal| *signal != 0);
        if let Some(signal) = stopped() {
            return Ok(End::Stopped(signal));
        }
        let (best, log) = (self.file(name, seed, "safetensors"), self.file(name, seed, "jsonl"));
        let goes_on = self.file(name, seed, "last.safetensors").exists();
        if !goes_on && log.exists() {
            // That it is there again tells that the run began.
            fs::remove_file(&log)
                .map_err(|error| format!("`{}` cannot be replaced: {error}", log.display()))?;
        }
        let before = updates(&lines(&log));
        let asked = self.cells.iter().find(|asked| name_of(asked) == name);
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("train").args(&self.task).arg("--cell").arg(asked.map_or(&cell.name, |asked| asked));
        command.args(["--seed", &seed.to_string(), "--checkpoint"]).arg(&best).arg("--log").arg(&log);
        command.args(goes_on.then_some("--resume")).env(stop::PARENT, std::process::id().to_string());
        let started = Instant::now();
        let status = wait(&mut command, signal)?;
        let seconds = started.elapsed().as_secs_f64();
        if !status.success() {
            return Ok(match stopped() {
                Some(signal) => End::Stopped(signal),
                None if status.code() == Some(2) => End::Failed(Cause::Usage),
                None if !log.exists() => End::Failed(Cause::Start),
                None => End::Failed(Cause::Training),
            });
        }
        let log = lines(&log);
        let (saved, _) = Saved::load(&best)?;
        let (part, figures) = figures(&log).ok_or("the log of the run has no figures")?;
        let epochs = log.iter().filter(|line| line["event"] == "epoch");
        let done = updates(&log).saturating_sub(before);
        Ok(End::Finished(Run {
            cell: name.into(),
            seed,
            hidden: saved.model.hidden,
            parameters: saved.model.parameter_count()?,
            part: part.into(),
            figures,
            validation: epochs.filter_map(|line| line["validation loss"].as_f64()).collect(),
            speed: (done > 0).then(|| done as f64 / seconds),
            data: saved.data.map(|data| data.digest),
        }))
    }

    /// Writes the figures, and the curves: the mean over the seeds of the loss on the validation part.
    fn save(&self, tournament: &Tournament) -> Result<(), Box<dyn Error>> {
        self.output.write_in(FILES[0], serde_json::to_string_pretty(tournament)?.as_bytes())?;
        let title = format!("rnn tournament: {}", self.task.join(" "));
        let mut chart = Chart::new(&title, "epoch", "loss on the validation part, mean over seeds");
        let asked: Vec<&Run> = tournament.runs.iter().filter(|run| self.asks(run)).collect();
        for (place, (cell, runs)) in by_cell(&asked).into_iter().enumerate() {
            // A run that has stopped early is in the mean as far as it went.
            let epochs = runs.iter().map(|run| run.validation.len()).max().unwrap_or(0);
            let mean =
                |epoch: usize| statistics(runs.iter().filter_map(|run| run.validation.get(epoch)).copied()).0;
            let points = (0..epochs).map(|epoch| ((epoch + 1) as f64, mean(epoch)));
            chart.push(Series::new(cell, Look::Nth(place), points));
        }
        self.output.write_in(FILES[1], chart.svg().as_bytes())?;
        Ok(())
    }
}

/// Whether a word is this flag, perhaps with its value.
fn is_flag(word: &str, flag: &str) -> bool {
    word.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

/// Runs a program to its end. Ctrl-C reaches it too, and it saves; another signal is passed on.
fn wait(command: &mut Command, signal: &AtomicUsize) -> std::io::Result<ExitStatus> {
    /// How long Ctrl-C may take to reach it.
    const PATIENCE: Duration = Duration::from_secs(1);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let (mut heard, mut passed_on): (Option<Instant>, bool) = (None, false);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let asked = signal.load(Ordering::Relaxed) != 0;
        if asked && !passed_on && heard.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            passed_on = true;
            stop::ask(&mut child)?;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The lines of a log.
fn lines(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The updates that a log tells of.
fn updates(log: &[Value]) -> u64 {
    log.iter().filter_map(|line| line["step"].as_u64()).max().unwrap_or(0)
}

/// The figures on the test part, or on the validation part after the best epoch.
fn figures(log: &[Value]) -> Option<(&'static str, BTreeMap<String, f64>)> {
    let test = log.iter().rfind(|line| line["event"] == "test").map(|line| ("test", line));
    let best = || log.iter().rfind(|line| line["best"] == true).map(|line| ("validation", line));
    let (part, line) = test.or_else(best)?;
    let of_part =
        |(key, value): (&String, &Value)| Some((key.strip_prefix(part)?.trim().to_string(), value.as_f64()?));
    Some((part, line.as_object()?.iter().filter_map(of_part).collect()))
}

/// The name that the runs of a cell have.
fn name_of(cell: &str) -> String {
    Path::new(cell).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_or_a_list() {
        assert_eq!(seeds("2..4").unwrap().0, [2, 3, 4]);
        assert_eq!(seeds("7,1,7").unwrap().0, [1, 7]);
        for wrong in ["4..2", "1..5000", "one", "1,,2", ""] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }
}

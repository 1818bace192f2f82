//! `rnn tournament`: several cells, each trained with several seeds on one task, in one table.
//!
//! Every run is one of `rnn train`, a program of its own with its checkpoint and its log in the folder. So a tournament
//! can have every task and every flag, and goes on where it was stopped.

use super::cells::thousands;
use super::output::{OutFile, folder};
use super::progress::plain;
use super::stop;
use crate::plot::{Chart, Look, Series};
use crate::{paint, say};
use rnn::cell::CellRef;
use rnn::tasks::Saved;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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
            let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
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
    /// Updates a second, with validation and start-up.
    speed: f64,
}

/// How a run ended.
enum End {
    Finished(Run),
    /// It failed while it was trained; what it said stands above.
    Failed,
    /// It did not begin: its error, which is that of the command, stands above.
    Refused(ExitCode),
    /// By this signal.
    Stopped(usize),
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
        let mut tournament = self.begin(&cells)?;
        let signal = stop::heard()?;
        let (all, mut failed) = (cells.len() * self.seeds.0.len(), BTreeMap::new());
        let mut place = 0;
        for (name, cell) in &cells {
            for &seed in &self.seeds.0 {
                place += 1;
                if tournament.runs.iter().any(|run| run.cell == *name && run.seed == seed) {
                    continue;
                }
                say(&format!("\n{name}, seed {seed}: run {place} of {all}"));
                match self.train(name, cell, seed, &signal)? {
                    End::Finished(run) => tournament.runs.push(run),
                    End::Failed => *failed.entry(name.as_str()).or_insert(0) += 1,
                    End::Refused(code) => return Ok(code),
                    End::Stopped(signal) => {
                        say("stopped; the same command goes on from here");
                        return Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX)));
                    }
                }
                self.save(&tournament)?;
            }
        }
        self.save(&tournament)?;
        // Earlier cells and seeds stay in the file, and out of the table.
        let asked =
            |run: &Run| self.seeds.0.contains(&run.seed) && cells.iter().any(|(name, _)| *name == run.cell);
        tournament.runs.retain(asked);
        let mut out = anstream::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&tournament)?)?;
        } else {
            table(&mut out, &tournament, &failed)?;
        }
        out.flush()?;
        Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The cells by the names that their runs have.
    fn cells(&self) -> Result<Vec<(String, CellRef)>, Box<dyn Error>> {
        let mut cells: Vec<(String, CellRef)> = Vec::new();
        for asked in &self.cells {
            let cell = CellRef::open(asked)?;
            let name = Path::new(asked).file_stem().unwrap_or_default().to_string_lossy().into_owned();
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
        fs::create_dir_all(self.output.path())
            .map_err(|error| format!("--output: {}: {error}", self.output))?;
        let path = self.output.path().join(FILES[0]);
        let fresh = Tournament { task: self.task.clone(), runs: Vec::new() };
        let Ok(text) = fs::read_to_string(&path) else { return Ok(fresh) };
        if text.trim().is_empty() {
            return Ok(fresh);
        }
        let kept: Tournament = serde_json::from_str(&text).map_err(|error| {
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
        for run in &kept.runs {
            let Some((_, cell)) = cells.iter().find(|(name, _)| *name == run.cell) else { continue };
            let best = self.file(&run.cell, run.seed, "safetensors");
            let (saved, _) = Saved::load(&best)?;
            if saved.model.cell.text.is_some() && saved.model.cell.text != cell.text {
                return Err(format!(
                    "`{}` was trained with other equations than the cell `{}` has now: give another --output",
                    best.display(),
                    run.cell
                )
                .into());
            }
        }
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
        let (best, log) = (self.file(name, seed, "safetensors"), self.file(name, seed, "jsonl"));
        let goes_on = self.file(name, seed, "last.safetensors").exists();
        let before = if goes_on { updates(&lines(&log)) } else { 0 };
        let asked =
            self.cells.iter().find(|asked| Path::new(asked).file_stem().is_some_and(|stem| stem == name));
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("train").args(&self.task).arg("--cell").arg(asked.map_or(&cell.name, |asked| asked));
        command.args(["--seed", &seed.to_string(), "--checkpoint"]).arg(&best).arg("--log").arg(&log);
        command.args(goes_on.then_some("--resume"));
        let started = Instant::now();
        let status = wait(&mut command, signal)?;
        let seconds = started.elapsed().as_secs_f64();
        match signal.load(Ordering::Relaxed) {
            0 => {}
            signal => return Ok(End::Stopped(signal)),
        }
        let log = lines(&log);
        if !status.success() {
            // Before the first update it is the command that is wrong, and is for every run.
            let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            return Ok(if updates(&log) == 0 { End::Refused(ExitCode::from(code)) } else { End::Failed });
        }
        let (saved, _) = Saved::load(&best)?;
        let (part, figures) = figures(&log).ok_or("the log of the run has no figures")?;
        let epochs = log.iter().filter(|line| line["event"] == "epoch");
        Ok(End::Finished(Run {
            cell: name.into(),
            seed,
            hidden: saved.model.hidden,
            parameters: saved.model.parameter_count()?,
            part: part.into(),
            figures,
            validation: epochs.filter_map(|line| line["validation loss"].as_f64()).collect(),
            speed: updates(&log).saturating_sub(before) as f64 / seconds,
        }))
    }

    /// Writes the figures, and the curves: the mean over the seeds of the loss on the validation part.
    fn save(&self, tournament: &Tournament) -> Result<(), Box<dyn Error>> {
        self.output.write_in(FILES[0], serde_json::to_string_pretty(tournament)?.as_bytes())?;
        let title = format!("rnn tournament: {}", self.task.join(" "));
        let mut chart = Chart::new(&title, "epoch", "loss on the validation part, mean over seeds");
        for (place, (cell, runs)) in by_cell(tournament).into_iter().enumerate() {
            let epochs = runs.iter().map(|run| run.validation.len()).min().unwrap_or(0);
            let mean = |epoch: usize| statistics(runs.iter().map(|run| run.validation[epoch])).0;
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

/// Runs a program to its end. Ctrl-C reaches it too, and it saves; a signal that does not is passed on as its end.
fn wait(command: &mut Command, signal: &AtomicUsize) -> std::io::Result<ExitStatus> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let mut told: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if signal.load(Ordering::Relaxed) != 0 && told.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            child.kill()?;
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

/// The runs of each cell.
fn by_cell(tournament: &Tournament) -> BTreeMap<&str, Vec<&Run>> {
    let mut cells: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    tournament.runs.iter().for_each(|run| cells.entry(&run.cell).or_default().push(run));
    cells
}

/// The mean and the sample standard deviation, which one value does not have.
fn statistics(values: impl Iterator<Item = f64> + Clone) -> (f64, Option<f64>) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let squares: f64 = values.map(|x| (x - mean).powi(2)).sum();
    (mean, (n > 1.0).then(|| (squares / (n - 1.0)).sqrt()))
}

/// A line for each cell, the lowest loss first.
fn table(
    out: &mut impl Write,
    tournament: &Tournament,
    failed: &BTreeMap<&str, usize>,
) -> std::io::Result<()> {
    let mut cells: Vec<(&str, Vec<&Run>)> = by_cell(tournament).into_iter().collect();
    let mean = |runs: &[&Run], figure: &str| {
        statistics(runs.iter().filter_map(|run| run.figures.get(figure)).copied())
    };
    cells.sort_by(|(_, a), (_, b)| mean(a, "loss").0.total_cmp(&mean(b, "loss").0));
    let Some(first) = tournament.runs.first() else { return writeln!(out, "no run has ended well") };
    // A loss that has a name of its own stands there once.
    let names: Vec<&String> = first
        .figures
        .keys()
        .filter(|name| *name != "loss" || !first.figures.contains_key("squared error"))
        .collect();
    let head = |name: &String| if name == "accuracy" { "ACCURACY %".into() } else { name.to_uppercase() };
    let mut rows: Vec<Vec<String>> = vec![["CELL", "HIDDEN", "PARAMETERS"].map(String::from).to_vec()];
    rows[0].extend(names.iter().map(|name| head(name)).chain(["UPDATES/S".into(), "RUNS".into()]));
    for (cell, runs) in &cells {
        let mut row = vec![(*cell).to_string(), runs[0].hidden.to_string(), thousands(runs[0].parameters)];
        for name in &names {
            let (mean, deviation) = mean(runs, name);
            row.push(written(name, mean, deviation));
        }
        row.push(format!("{:.0}", statistics(runs.iter().map(|run| run.speed)).0));
        row.push(runs.len().to_string());
        rows.push(row);
    }
    writeln!(
        out,
        "{}, on the {} part, mean ± standard deviation over seeds\n",
        tournament.task.join(" "),
        first.part
    )?;
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    for (place, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, text)| {
                let width = width(column);
                if column == 0 { format!("{text:width$}") } else { format!("{text:>width$}") }
            })
            .collect();
        let style = if place == 0 { paint::FAINT } else { anstyle::Style::new() };
        writeln!(out, "{style}{}{style:#}", cells.join("  "))?;
    }
    for (cell, times) in failed {
        writeln!(out, "{cell}: {times} of its runs failed, and are not in the table")?;
    }
    Ok(())
}

/// A mean and a deviation, with equally many decimals.
fn written(name: &str, mean: f64, deviation: Option<f64>) -> String {
    let fixed = |decimals: usize, scale: f64| {
        let deviation =
            deviation.map_or(String::new(), |deviation| format!(" ± {:.decimals$}", scale * deviation));
        format!("{:.decimals$}{deviation}", scale * mean)
    };
    match (name, mean.abs()) {
        ("accuracy", _) => fixed(1, 100.0),
        (_, 0.01..1e6) => fixed(4, 1.0),
        _ => format!(
            "{}{}",
            plain(mean),
            deviation.map_or(String::new(), |deviation| format!(" ± {}", plain(deviation)))
        ),
    }
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

    /// 2, 4, 4, 4, 5, 5, 7, 9 have the mean 5 and the sample variance 32 / 7.
    #[test]
    fn the_deviation_is_that_of_a_sample() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let (mean, deviation) = statistics(values.into_iter());
        assert!((mean - 5.0).abs() < 1e-15 && (deviation.unwrap() - (32f64 / 7.0).sqrt()).abs() < 1e-15);
        assert_eq!(statistics([3.0].into_iter()), (3.0, None));
    }

    #[test]
    fn a_deviation_has_the_decimals_of_its_mean() {
        assert_eq!(written("loss", 0.153_61, Some(0.008_23)), "0.1536 ± 0.0082");
        assert_eq!(written("loss", 0.001_5, Some(0.000_25)), "1.50e-3 ± 2.50e-4");
        assert_eq!(written("accuracy", 0.875, Some(0.011)), "87.5 ± 1.1");
        assert_eq!(written("loss", 2.0, None), "2.0000");
    }
}

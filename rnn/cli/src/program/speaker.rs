//! A program that answers JSON lines, one question at a time.

use super::super::work;
use super::array::{Form, read, write};
use ndarray::ArrayD;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The program, and its recorded answers.
pub struct Speaker {
    command: String,
    process: Option<(Child, ChildStdin, BufReader<ChildStdout>)>,
    known: VecDeque<(Value, Value)>,
    record: Option<File>,
}

/// A program's loss, gradient and options.
#[derive(Debug)]
pub struct Claims {
    pub names: Vec<String>,
    pub at: Vec<ArrayD<f64>>,
    pub gradient: Vec<ArrayD<f64>>,
    pub precision: Option<f64>,
    pub typical: Option<Vec<ArrayD<f64>>>,
    pub bounds: Option<[Vec<ArrayD<f64>>; 2]>,
    /// Whether it computes a gradient at other parameters too.
    pub again: bool,
    form: Form,
}

impl Speaker {
    /// Starts a program that answers first from a record.
    ///
    /// # Errors
    /// If the record cannot be read or written. A program that cannot be started fails at its first question.
    pub fn start(command: &str, record: Option<&Path>) -> Result<Self, String> {
        let mut speaker =
            Self { command: command.into(), process: None, known: VecDeque::new(), record: None };
        let Some(path) = record else { return Ok(speaker) };
        let told = |error: std::io::Error| format!("--record: {}: {error}", path.display());
        if path.exists() {
            let text = std::fs::read_to_string(path).map_err(told)?;
            let mut whole = 0;
            for line in text.split_inclusive('\n') {
                // The last line may be truncated.
                let Ok(Value::Array(pair)) = serde_json::from_str(line) else { break };
                let [question, answer] = &pair[..] else { break };
                if !line.ends_with('\n') {
                    break;
                }
                speaker.known.push_back((question.clone(), answer.clone()));
                whole += line.len();
            }
            let rest = &text[whole..];
            if whole == 0 && !rest.trim().is_empty() {
                return Err(format!("--record: {} holds something else: name another file", path.display()));
            }
            if !rest.is_empty() {
                let file = OpenOptions::new().write(true).open(path).map_err(told)?;
                file.set_len(whole as u64).map_err(told)?;
            }
            let first = speaker.known.pop_front();
            if first.is_some_and(|(known, _)| known != json!({ "command": command })) {
                return Err(format!(
                    "--record: {} holds answers of another program: name another file",
                    path.display()
                ));
            }
        }
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(told)?;
        if file.metadata().map_err(told)?.len() == 0 {
            writeln!(file, "{}", json!([{ "command": command }, null])).map_err(told)?;
        }
        speaker.record = Some(file);
        Ok(speaker)
    }

    fn process(&mut self) -> Result<&mut (Child, ChildStdin, BufReader<ChildStdout>), String> {
        if self.process.is_none() {
            let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
            let mut child = Command::new(shell)
                .args([flag, &self.command])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .map_err(|error| format!("`{}` cannot be started: {error}", self.command))?;
            let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
                return Err(format!("`{}` has no input or output", self.command));
            };
            self.process = Some((child, to, BufReader::new(from)));
        }
        Ok(self.process.as_mut().expect("it was started"))
    }

    /// Asks one question.
    fn ask(&mut self, question: Value) -> Result<Value, String> {
        if let Some((asked, answer)) = self.known.pop_front() {
            if asked == question {
                return Ok(answer);
            }
            return Err(
                "--record: its answers are to other questions: give the same options, or another file".into(),
            );
        }
        let command = self.command.clone();
        work::on(&format!("`{command}`, which has not answered yet; it was asked {}", brief(&question)));
        let (child, to, from) = self.process()?;
        let sent = writeln!(to, "{question}").and_then(|()| to.flush());
        let mut line = String::new();
        loop {
            line.clear();
            let read = from.read_line(&mut line).map_err(|error| format!("`{command}`: {error}"))?;
            if read == 0 || sent.is_err() && line.trim().is_empty() {
                let status = child.wait().map_or_else(|e| e.to_string(), |status| status.to_string());
                return Err(format!(
                    "`{command}` ended before it answered ({status}); it was asked {}",
                    brief(&question)
                ));
            }
            // Libraries may print banners on standard output.
            if line.trim_start().starts_with('{') {
                break;
            }
            eprint!("{line}");
        }
        let answer: Value =
            serde_json::from_str(&line).or_else(|_| serde_json::from_str(&finite(&line))).map_err(
                |error| format!("`{command}` answered what is no JSON: {error}\n  {}", brief_text(&line)),
            )?;
        if let Some(error) = answer.get("error") {
            let error = error.as_str().map_or_else(|| error.to_string(), str::to_string);
            return Err(format!("`{command}`: {error}"));
        }
        if let Some(record) = &mut self.record {
            writeln!(record, "{}", json!([question, answer]))
                .and_then(|()| record.flush())
                .map_err(|error| format!("--record: {error}"))?;
        }
        Ok(answer)
    }

    /// The parameters, the gradient, and the other options.
    pub fn claims(&mut self) -> Result<Claims, String> {
        let answer = self.ask(json!({ "ask": "gradient" }))?;
        let parameters = answer.get("parameters").and_then(Value::as_object).ok_or(
            "the first answer has no `parameters`: it is {\"parameters\": {name: array}, \"gradient\": {name: array}}",
        )?;
        if parameters.is_empty() {
            return Err("the program has no parameters".into());
        }
        let names: Vec<String> = parameters.keys().cloned().collect();
        let mut form = Form::Nested;
        let mut at = Vec::new();
        for (name, value) in parameters {
            let (array, its) = read(value).map_err(|reason| format!("parameter `{name}` {reason}"))?;
            form = its;
            at.push(array);
        }
        let arrays = |key: &str| arrays(&answer, key, &names);
        let gradient = arrays("gradient")?.ok_or("the answer has no `gradient`")?;
        let typical = arrays("typical")?;
        let bounds = match (arrays("lower")?, arrays("upper")?) {
            (None, None) => None,
            (lower, upper) => {
                let all = |of: f64| at.iter().map(|x| x.mapv(|_| of)).collect::<Vec<_>>();
                Some([
                    lower.unwrap_or_else(|| all(f64::NEG_INFINITY)),
                    upper.unwrap_or_else(|| all(f64::INFINITY)),
                ])
            }
        };
        let precision = match answer.get("precision") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(match name.as_str() {
                "float64" => f64::EPSILON,
                "float32" => f64::from(f32::EPSILON),
                "float16" => 9.765_625e-4,
                "bfloat16" => 7.8125e-3,
                _ => {
                    return Err(format!(
                        "`precision` is {name:?}: give a number, or \"float64\", \"float32\", \"float16\" or \"bfloat16\""
                    ));
                }
            }),
            Some(value) => Some(
                value
                    .as_f64()
                    .filter(|x| *x > 0.0)
                    .ok_or_else(|| format!("`precision` is {value}: give a number above 0"))?,
            ),
        };
        let again = answer.get("again").and_then(Value::as_bool).unwrap_or(false);
        Ok(Claims { names, at, gradient, precision, typical, bounds, again, form })
    }

    /// The loss at other parameters.
    pub fn loss(&mut self, claims: &Claims, x: &[ArrayD<f64>]) -> Result<f64, String> {
        let answer = self.ask(json!({ "ask": "loss", "at": at(claims, x) }))?;
        match answer.get("loss") {
            Some(Value::Null) => Ok(f64::NAN),
            Some(value) => value.as_f64().ok_or_else(|| format!("the loss is {value}, which is no number")),
            None => Err("the answer has no `loss`".into()),
        }
    }

    /// The gradient at other parameters.
    pub fn gradient(&mut self, claims: &Claims, x: &[ArrayD<f64>]) -> Result<Vec<ArrayD<f64>>, String> {
        let answer = self.ask(json!({ "ask": "gradient", "at": at(claims, x) }))?;
        arrays(&answer, "gradient", &claims.names)?.ok_or_else(|| "the answer has no `gradient`".into())
    }

    /// Waits for the program to end.
    pub fn end(mut self) -> Result<(), String> {
        if let Some((mut child, to, _)) = self.process.take() {
            drop(to);
            let began = std::time::Instant::now();
            while began.elapsed().as_secs_f64() < 2.0 {
                if child.try_wait().map_err(|error| error.to_string())?.is_some() {
                    return Ok(());
                }
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            // It ignores the end of its input.
            let _ = child.kill();
            let _ = child.wait();
        }
        Ok(())
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        if let Some((mut child, to, _)) = self.process.take() {
            drop(to);
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn at(claims: &Claims, x: &[ArrayD<f64>]) -> Value {
    let pairs = claims.names.iter().zip(x).map(|(name, x)| (name.clone(), write(x, claims.form)));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

/// An array for each name.
fn arrays(answer: &Value, key: &str, names: &[String]) -> Result<Option<Vec<ArrayD<f64>>>, String> {
    let Some(object) = answer.get(key) else { return Ok(None) };
    let array = |name: &String| {
        let value = object.get(name).ok_or_else(|| format!("`{key}` has no `{name}`"))?;
        read(value).map(|(array, _)| array).map_err(|reason| format!("`{key}` of `{name}` {reason}"))
    };
    if let Some(other) =
        object.as_object().into_iter().flatten().map(|(name, _)| name).find(|n| !names.contains(n))
    {
        return Err(format!("`{key}` has `{other}`, which is no parameter"));
    }
    names.iter().map(array).collect::<Result<Vec<_>, _>>().map(Some)
}

/// Python writes NaN and Infinity, which are not JSON.
fn finite(line: &str) -> String {
    line.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null")
}

fn brief(question: &Value) -> String {
    let word = question["ask"].as_str().unwrap_or_default();
    format!("for the {word}")
}

fn brief_text(line: &str) -> String {
    let line = line.trim();
    let end = line.char_indices().nth(120).map_or(line.len(), |(i, _)| i);
    if end < line.len() { format!("{} …", &line[..end]) } else { line.into() }
}

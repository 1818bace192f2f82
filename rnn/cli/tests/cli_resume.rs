//! `rnn train --resume`: a run that is stopped at any moment resumes bit for bit.

#![cfg(unix)]

mod program;

use program::{Folder, program};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const RUN: &str = "train text --data text.txt --hidden 24 --embedding 8 --steps 10 --batch-size 4 --epochs 12 \
                   --dropout 0.2 --clip 1 --schedule warmup:10+cosine --save-every 3 --log-interval 1 --resume";

const FILES: [&str; 4] = [".safetensors", ".last.safetensors", ".jsonl", ".svg"];

fn arguments(name: &str) -> String {
    format!("{RUN} --checkpoint {name}.safetensors --log {name}.jsonl --plot {name}.svg")
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("text.txt", "the quick brown fox jumps over the lazy dog.\n".repeat(30));
    folder
}

fn interrupt(child: &Child) {
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_in_the_same_files() {
    let folder = folder();
    let started = Instant::now();
    folder.good(&arguments("whole"));
    let whole = started.elapsed();

    let mut ends = Vec::new();
    for i in 0..10_u32 {
        let mut child = folder.command(&arguments("parts")).stderr(Stdio::null()).spawn().unwrap();
        // Arbitrary moments: before the first save, between two, during a write.
        std::thread::sleep(whole * (17 * i % 31) / 150 + Duration::from_millis(3));
        if i % 3 == 2 {
            interrupt(&child);
        } else {
            child.kill().unwrap();
        }
        ends.push(child.wait().unwrap().code());
    }
    assert!(ends.contains(&None), "none was killed: {ends:?}");
    folder.good(&arguments("parts"));
    for file in FILES {
        let (whole, parts) = (folder.read(&format!("whole{file}")), folder.read(&format!("parts{file}")));
        assert!(whole == parts, "{file} differs after {ends:?}");
    }
}

#[test]
fn an_interrupt_saves_and_says_how_to_go_on() {
    let folder = folder();
    let long = arguments("a").replace("--epochs 12", "--epochs 100000").replace("--save-every 3", "");
    let long = long.replace("warmup:10+cosine", "warmup:10+constant");
    let child = folder.command(&long).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while !folder.exists("a.safetensors") && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("saved in a.last.safetensors; the same command with --resume goes on"), "{said}");
    let on = folder.run(&long.replace("100000", "1"));
    assert!(on.err.contains("going on after update"), "{}", on.err);
}

#[test]
fn more_epochs_may_be_asked_for_and_nothing_else() {
    let folder = folder();
    let arguments = |name| arguments(name).replace("warmup:10+cosine", "warmup:10+step:9:0.9");
    folder.good(&arguments("a").replace("--epochs 12", "--epochs 1"));
    folder.good(&arguments("a").replace("--epochs 12", "--epochs 2 --patience 9"));
    assert_eq!(folder.last("a.jsonl", "epoch")["epoch"], 2);
    for (flag, other) in [
        ("--hidden 24", "--hidden 25"),
        ("--dropout 0.2", "--dropout 0.3"),
        ("--steps 10", "--steps 11"),
        ("--batch-size 4", "--batch-size 5"),
        ("--embedding 8", "--embedding 0"),
        ("--clip 1", "--clip-value 1"),
        ("--schedule warmup:10+step:9:0.9", "--schedule constant"),
        ("--resume", "--resume --seed 2"),
        ("--resume", "--resume --lr 0.5"),
        ("--resume", "--resume --cell gru"),
        ("--resume", "--resume --init xavier"),
        ("--resume", "--resume --optim sgd --lr 0.001"),
        ("--resume", "--resume --threads 2"),
    ] {
        let name = other.replace("--resume ", "");
        let name = name.split(' ').next().unwrap();
        folder.bad(&arguments("a").replace(flag, other), 1, &[name, " was ", "give the flags and the data"]);
    }
    folder.bad(
        "train adding --checkpoint a.safetensors --resume",
        1,
        &["a.last.safetensors", "is a run of `rnn train text`"],
    );
}

#[test]
fn a_cosine_falls_over_as_many_epochs_as_were_said() {
    let folder = folder();
    let epochs = |n: u32| arguments("a").replace("--epochs 12", &format!("--epochs {n}"));
    folder.good(&epochs(2));
    let before = folder.read("a.last.safetensors");
    for n in [1, 3] {
        let parts = [
            "`warmup:10+cosine` falls over all epochs",
            &format!("were 2 and are now {n}"),
            "give --epochs 2",
        ];
        folder.bad(&epochs(n), 1, &parts);
    }
    folder.good(&epochs(2));
    assert!(folder.read("a.last.safetensors") == before);
}

/// Of the same size and with the same symbols: only the digest differs.
#[test]
fn a_run_goes_on_with_its_own_data_alone() {
    let folder = folder();
    let run = arguments("a").replace("--epochs 12", "--epochs 1");
    folder.good(&run);
    folder.write("other.txt", "the quick brown dog jumps over the lazy fox.\n".repeat(30));
    let parts =
        ["`a.last.safetensors`", "trained on `text.txt`", "`other.txt` now holds other data", "--data"];
    folder.bad(&run.replace("text.txt", "other.txt"), 1, &parts);
    folder.write("moved.txt", folder.read("text.txt"));
    folder.good(&run.replace("text.txt", "moved.txt"));
    folder.write("text.txt", folder.read("other.txt"));
    folder.bad(&run, 1, &["trained on `text.txt`", "`text.txt` now holds other data"]);

    folder.write("sine.csv", program::sine(100));
    let series = "train series --data sine.csv --column price --hidden 4 --epochs 1 --checkpoint s.safetensors --resume";
    folder.good(series);
    let late = program::sine(100).replace("99,96.90983005625053", "99,96.9");
    assert_ne!(late, program::sine(100));
    folder.write("sine.csv", late); // in the test part, which only the digest covers
    folder.bad(series, 1, &["trained on `sine.csv`", "other data"]);

    folder.write("s.tsv", program::sentences());
    let sentiment = "train sentiment --data s.tsv --hidden 4 --epochs 1 --checkpoint c.safetensors --resume";
    folder.good(sentiment);
    let mut lines: Vec<String> = program::sentences().lines().map(String::from).collect();
    lines.swap(1, 2);
    folder.write("s.tsv", lines.join("\n"));
    folder.bad(sentiment, 1, &["trained on `s.tsv`", "other data"]);
}

/// A checkpoint is written every few updates: its size must not grow with them.
#[test]
fn a_checkpoint_does_not_grow_with_the_run() {
    let folder = Folder::new();
    let run = |epochs: u32| {
        folder.good(&format!(
            "train adding --steps 2 --batches 1000 --batch-size 1 --hidden 1 --epochs {epochs} \
             --checkpoint a{epochs}.safetensors"
        ));
        folder.read(&format!("a{epochs}.last.safetensors")).len()
    };
    let (short, long) = (run(2), run(12));
    assert!(long < short + 2048, "{short} bytes after 2000 updates, {long} after 12000");
}

#[test]
fn a_full_disk_leaves_the_old_checkpoint() {
    let folder = folder();
    let arguments = |name| arguments(name).replace("warmup:10+cosine", "constant");
    folder.good(&arguments("a").replace("--epochs 12", "--epochs 1"));
    let before = FILES.map(|file| folder.read(&format!("a{file}")));
    // A file size limit of 8 KiB, which every checkpoint of this net exceeds.
    let limited = format!("trap '' XFSZ; ulimit -f 8; exec {} {}", program().display(), arguments("a"));
    let output = Command::new("bash").args(["-c", &limited]).current_dir(folder.path("")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write `a.last.safetensors`") && said.contains("untouched"), "{said}");
    assert!(before[0] == folder.read("a.safetensors") && before[1] == folder.read("a.last.safetensors"));
    folder.good(&arguments("a"));
    let parts = std::fs::read_dir(folder.path("")).unwrap();
    assert!(parts.flatten().all(|e| !e.file_name().to_string_lossy().ends_with(".part")));
}

/// The losses of the updates in a log, by update.
fn losses(folder: &Folder, log: &str) -> Vec<f64> {
    let text = String::from_utf8(folder.read(log)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter(|line| line["event"] == "step").map(|line| line["loss"].as_f64().unwrap()).collect()
}

#[track_caller]
fn assert_follows(found: &[f64], wanted: &[f64], updates: usize) {
    assert!(found.len() >= updates && wanted.len() >= updates, "{} {}", found.len(), wanted.len());
    for (k, (a, b)) in found.iter().zip(wanted).enumerate() {
        assert!((a - b).abs() < 1e-4 * b, "update {}: {a}, not {b}", k + 1);
    }
}

#[test]
fn a_run_goes_on_on_another_engine() {
    let Some((folder, run, own)) = goes_on_on("xla") else {
        return testing::missing("JAX", "install it where RNN_PYTHON is, as .ci/run does");
    };
    // On two devices.
    let two = run("two").replace("--epochs 8", "--epochs 1");
    folder.good(&format!("{two} --engine xla --devices 2"));
    assert_follows(&losses(&folder, "two.jsonl"), &own[..losses(&folder, "two.jsonl").len()], 20);
}

/// The same by a plugin, without Python.
#[cfg(feature = "pjrt")]
#[test]
fn a_run_goes_on_by_a_plugin() {
    let python = std::env::var("RNN_PYTHON").unwrap_or_else(|_| "python3".into());
    let place = "import xla_plugins.xla_cpu_pjrt as p; print(p.__path__[0] + '/xla_cpu_pjrt.so')";
    let output = std::process::Command::new(python).args(["-c", place]).output().unwrap();
    if !output.status.success() {
        return testing::missing("xla-cpu-pjrt", "install it with pip where RNN_PYTHON is, as .ci/run does");
    }
    let file = String::from_utf8(output.stdout).unwrap();
    assert!(goes_on_on(&format!("pjrt:{}", file.trim())).is_some());
}

/// An engine follows this program's own for over 200 updates, with the dropout of the model and the cell; a run killed on
/// one resumes on the other. Gives the runs by their names and the losses of our own; nothing where there is no JAX.
fn goes_on_on(engine: &str) -> Option<(Folder, impl Fn(&str) -> String, Vec<f64>)> {
    let folder = folder();
    folder.write("noisy.cell", "cell noisy\n  h[t] = tanh(W x[t] + U dropout(h[t-1], 0.25) + b)\n");
    let run = |name: &str| {
        arguments(name)
            .replace("--epochs 12", "--epochs 8")
            .replace("warmup:10+cosine", "warmup:10+constant")
            .replace("--dropout 0.2", "--dropout 0.2 --cell noisy.cell")
    };
    let on_xla = |arguments: &str| format!("{arguments} --engine {engine}");
    folder.good(&run("own"));
    let own = losses(&folder, "own.jsonl");
    let xla = folder.run(&on_xla(&run("xla")));
    if xla.err.contains("needs a Python with JAX") {
        return None;
    }
    assert_eq!(xla.code, Some(0), "{}", xla.err);
    assert!(xla.err.contains("gradients by XLA on"), "{}", xla.err);
    assert_follows(&losses(&folder, "xla.jsonl"), &own, 200);

    // Started here, killed, resumed there, killed, and finished here. No turn ends by itself.
    let turn = run("both").replace("--epochs 8", "--epochs 100000");
    for (command, on_xla) in [(turn.clone(), false), (on_xla(&turn), true)] {
        let said = std::fs::File::create(folder.path("said")).unwrap();
        let mut child = folder.command(&command).stderr(said).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_mins(2);
        let log = folder.path("both.jsonl");
        let written = || std::fs::read_to_string(&log).map_or(0, |text| text.matches('\n').count());
        // Resuming first truncates the log to the last checkpoint: so these lines are this turn's.
        let goal = written() + 70;
        while written() < goal && Instant::now() < deadline && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let ended = child.try_wait().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let said = String::from_utf8(folder.read("said")).unwrap();
        assert_eq!(ended, None, "it ended by itself: {said}");
        assert!(written() >= goal, "{} of {goal} lines: {said}", written());
        assert_eq!(said.contains("gradients by XLA on"), on_xla, "{said}");
    }
    let end = folder.good(&run("both"));
    assert!(end.err.contains("going on after update"), "{}", end.err);
    assert_follows(&losses(&folder, "both.jsonl"), &own, 200);
    Some((folder, run, own))
}

#[test]
fn an_engine_that_is_missing_is_told_how_to_be_had() {
    let folder = folder();
    let run = |python: &str, more: &str| {
        let mut command = folder.command(&format!("{} --engine xla {more}", arguments("a")));
        let output = command.env("RNN_PYTHON", python).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run("no-such-python", "");
    assert_eq!(code, Some(1));
    assert!(
        said.contains("error: --engine xla needs a Python with JAX: `no-such-python` does not start"),
        "{said}"
    );
    assert!(said.contains("python3 -m pip install jax"), "{said}");
    folder.write("no-jax", "#!/bin/sh\necho \"No module named 'jax': pip install jax\"\nexit 3\n");
    std::fs::set_permissions(folder.path("no-jax"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let (code, said) = run(folder.path("no-jax").to_str().unwrap(), "");
    assert_eq!(code, Some(1));
    assert!(said.contains("has no JAX: No module named 'jax'"), "{said}");
    let (_, said) = run("python3", "--devices 3");
    assert!(said.contains("--batch-size 4 cannot be shared evenly over --devices 3"), "{said}");
    folder.bad(&format!("{} --devices 2", arguments("a")), 1, &["--devices is for --engine xla"]);
    folder.bad(&format!("{} --engine tpu", arguments("a")), 2, &["own, xla, or pjrt:FILE"]);
    let plugin = format!("{} --engine pjrt:none.so", arguments("a"));
    let why = if cfg!(feature = "pjrt") { "`none.so`: it cannot be loaded" } else { "is not in this build" };
    folder.bad(&plugin, 1, &["--engine pjrt", why]);
}

/// A shell script in place of Python.
fn stand_in(folder: &Folder, script: &str) -> String {
    folder.write("stand-in", format!("#!/bin/sh\n{script}\n"));
    let path = folder.path("stand-in");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path.to_str().unwrap().into()
}

#[test]
fn an_engine_that_fails_is_told_by_what_it_is_and_how_the_run_goes_on() {
    let folder = folder();
    let run = |python: &str, more: &str| {
        let mut command = folder.command(&format!("{} --engine xla {more}", arguments("a")));
        let output = command.env("RNN_PYTHON", python).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    // A Python that has JAX, and dies.
    let dies = stand_in(&folder, "echo ready cpu; read line; exit 7");
    let said = run(&dies, "--threads 2");
    assert!(said.contains("--threads 2 is for this program's own engine"), "{said}");
    assert!(said.contains("update 1: the driver of XLA: it has ended, with exit status: 7"), "{said}");
    assert!(!said.contains("--resume") && !said.contains("pip install"), "{said}");
    folder.good(&arguments("a").replace("--epochs 12", "--epochs 1").replace("+cosine", "+constant"));
    let before = folder.read("a.last.safetensors");
    let mut on = folder.command(&format!("{} --engine xla", arguments("a").replace("+cosine", "+constant")));
    let said = String::from_utf8(on.env("RNN_PYTHON", &dies).output().unwrap().stderr).unwrap();
    assert!(
        said.contains("the driver of XLA: it has ended")
            && said.contains("a.last.safetensors has the last state"),
        "{said}"
    );
    assert!(said.contains("with --resume goes on from there"), "{said}");
    assert!(folder.read("a.last.safetensors") == before);
    // A Python that ends before it is ready: JAX may be installed.
    let said = run(&stand_in(&folder, "exit 5"), "");
    assert!(said.contains("--engine xla: the driver of XLA: it has ended, with exit status: 5"), "{said}");
    assert!(!said.contains("pip install"), "{said}");
    // The real driver, with a JAX that reports two devices.
    std::fs::create_dir(folder.path("jax")).unwrap();
    folder.write("numpy.py", "float32 = float64 = int32 = uint64 = bool_ = None\n");
    folder.write("jax/sharding.py", "Mesh = NamedSharding = PartitionSpec = None\n");
    folder.write(
        "jax/__init__.py",
        "export = None\ndevice_count = lambda: 2\nclass config: update = staticmethod(lambda *_: None)\n",
    );
    let mut many =
        folder.command(&arguments("b").replace("--batch-size 4", "--batch-size 8 --engine xla --devices 8"));
    let output = many.env("RNN_PYTHON", "python3").env("PYTHONPATH", folder.path("")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if said.contains("does not start") {
        return testing::missing("python3", "install it");
    }
    assert!(said.contains("JAX finds 2 devices, and not 8: give --devices 2"), "{said}");
    assert!(!said.contains("pip install"), "{said}");
}

//! `rnn train --resume`: a run that is stopped at any moment goes on bit for bit.

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
        // Moments that fall anywhere: before the first save, between two, while one is written.
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
        ("--schedule warmup:10+cosine", "--schedule constant"),
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
    folder.write("text.txt", "the quick brown fox jumps over the lazy dog!\n".repeat(31));
    folder.bad(&arguments("a"), 1, &["--data"]);
    folder.bad(
        "train adding --checkpoint a.safetensors --resume",
        1,
        &["a.last.safetensors", "is a run of `rnn train text`"],
    );
}

#[test]
fn a_full_disk_leaves_the_old_checkpoint() {
    let folder = folder();
    folder.good(&arguments("a").replace("--epochs 12", "--epochs 1"));
    let before = FILES.map(|file| folder.read(&format!("a{file}")));
    // No file may grow beyond 8 KiB, which no checkpoint of this net fits in.
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

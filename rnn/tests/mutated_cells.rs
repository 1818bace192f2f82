//! Any text is refused with a message or is a cell, and so is any data file: nothing panics, hangs or exhausts
//! memory.

mod exercise;
#[path = "exercise/files.rs"]
mod files;

use exercise::is_cell;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus as Rng;
use rnn::equations::EquationCell;
use std::fs::read_dir;
use std::path::Path;
use std::time::{Duration, Instant};

/// Every cell file, and the fuzzer's seeds.
fn texts() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["cells", "../examples/cells", "fuzz/corpus/cell_file"].map(|folder| root.join(folder));
    let files =
        folders.iter().flat_map(|folder| read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "cell")).collect();
    files.sort();
    files.into_iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The text split into words, signs and white space.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let is_in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    for c in text.chars() {
        match words.last_mut() {
            Some(word) if is_in_word(c) && word.ends_with(is_in_word) => word.push(c),
            _ => words.push(c.into()),
        }
    }
    words
}

#[test]
fn words_in_other_places() {
    let (texts, mut rng) = (texts(), Rng::seed_from_u64(1));
    let all: Vec<Vec<String>> = texts.iter().map(|text| words(text)).collect();
    let mut cells = 0;
    for round in 0..20_000 {
        let mut words = all[round % all.len()].clone();
        for _ in 0..rng.random_range(1..4) {
            let other = &all[rng.random_range(0..all.len())];
            let word = other[rng.random_range(0..other.len())].clone();
            let (i, j) = (rng.random_range(0..words.len()), rng.random_range(0..words.len()));
            match rng.random_range(0..4) {
                0 => words[i] = word,
                1 => words.insert(i, word),
                2 => drop(words.remove(i)),
                _ => words.swap(i, j),
            }
        }
        cells += usize::from(is_cell(&words.concat()));
    }
    assert!(cells > 1000, "few texts got past the parser: {cells}");
}

#[test]
fn other_bytes() {
    let (texts, mut rng) = (texts(), Rng::seed_from_u64(2));
    for round in 0..20_000 {
        let mut bytes = texts[round % texts.len()].clone().into_bytes();
        for _ in 0..rng.random_range(1..6) {
            let i = rng.random_range(0..bytes.len());
            match rng.random_range(0..3) {
                0 => bytes[i] = rng.random(),
                1 => bytes.insert(i, rng.random_range(0x20..0x7f)),
                _ => drop(bytes.remove(i)),
            }
        }
        is_cell(&String::from_utf8_lossy(&bytes));
    }
}

fn lines_of(numbers: impl Iterator<Item = usize>, line: impl Fn(usize) -> String) -> String {
    numbers.map(line).collect::<Vec<_>>().concat()
}

/// The text fails quickly with the error `what`.
#[track_caller]
fn refused(text: &str, what: &str) {
    let start = Instant::now();
    let faults = EquationCell::read(text, "large.cell").expect_err("too large to be a cell").to_string();
    assert!(faults.contains(what), "{}", faults.chars().take(2000).collect::<String>());
    assert!(faults.len() < 20_000, "a message of {} bytes", faults.len());
    assert!(start.elapsed() < Duration::from_mins(1), "it all but hangs: {:?}", start.elapsed());
}

#[test]
fn deep_and_long_expressions() {
    const N: usize = 100_000;
    let h = |value: String| format!("cell a\n h[t] = {value}");
    refused(&h("(".repeat(N)), "more than 64 deep");
    assert!(is_cell(&h("(".repeat(64) + "W x[t]" + &")".repeat(64))));
    refused(&h("(".repeat(N) + "h[t-1]" + &")".repeat(N)), "more than 64 deep");
    refused(&h("tanh(".repeat(N)), "more than 64 deep");
    refused(&h("U V W ".repeat(N) + "x[t]"), "at most 1000 factors");
    refused(&h("b + ".repeat(N) + "b"), "at most 1000 factors");
    refused(&h("b".to_owned() + &"^2".repeat(N)), "one power");
    refused(&h("concat(".to_owned() + &"x[t], ".repeat(1100) + "x[t])"), "at most 1000 factors");
    refused(&h("-".repeat(N)), "expected an expression");
    refused(&h("[".repeat(N)), "expected an expression");
    refused(&h(format!("W[1{}] x[t]", "+1".repeat(N))), "at most 1000 terms in its indices");
    assert!(is_cell(&h("-".repeat(N) + "W x[t]")));
    assert!(is_cell(&h("W ".repeat(999) + "h[t-1]")));
    assert!(is_cell(&h("b + ".repeat(999) + "b")));
}

#[test]
fn numbers_beyond_all_bounds() {
    let h = |value: &str| format!("cell a\n h[t] = {value}");
    refused(&h("1e999 * x[t]"), "too large");
    refused(&h("x[t-1000000000]"), "whole number of steps");
    refused(&h("x[t-99999999999999999999]"), "whole number of steps");
    refused(&h("x[t]^1e300"), "a power is a whole number");
    refused(&h("x[t]⁹⁹⁹⁹⁹⁹⁹⁹⁹⁹⁹⁹"), "a power is a whole number");
    refused("cell a\n size m = hidden * 1000000000\n state h: m\n h[t] = W x[t]", "not a size");
    refused("cell a\n size m = 1000000 * hidden * 1000000\n state h: m\n h[t] = W x[t]", "not a size");
    refused("cell a\n size m = hidden / 0\n state h: m\n h[t] = W x[t]", "not a size");
    let many = lines_of(0..900, |i| format!(" a{i}[t] = h[t-1000]\n"));
    refused(&format!("cell a\n{many} h[t] = a0[t-999] + a1[t-999]"), "steps of memory");
    let wide = EquationCell::read("cell a\n size m = hidden * 1000000\n state h: m\n h[t] = W x[t]", "wide")
        .unwrap();
    assert!(rnn::Cell::fits(&wide, 3, 4).unwrap_err().contains("from 1 to a million"));
    let fixed = EquationCell::read("cell a\n fixed A = 1\n h[t] = A h[t-1] + W x[t]", "fixed").unwrap();
    assert!(rnn::Cell::fits(&fixed, 3, 100_000).unwrap_err().contains("numbers"));
}

#[test]
fn loops_of_nothing() {
    let loops: String = ('a'..='h').map(|j| format!(" for {j} = 1..1000\n")).collect::<Vec<_>>().concat();
    refused(&format!("cell a\n{loops}{} h[t] = W x[t]", " end\n".repeat(8)), "repeats nothing");
}

#[test]
fn very_many_lines() {
    let lines = |line: &dyn Fn(usize) -> String| "cell a\n".to_owned() + &lines_of(0..80_000, line);
    refused(&lines(&|_| "a\n".into()), "begins no line");
    refused(&lines(&|_| "=\n".into()), "expected");
    refused(&lines(&|_| "init\n".into()), "and 79990 more");
    refused(&lines(&|i| format!("c{i}[t]=t\n")), "at most 1000 lines");
    refused(&lines(&|_| "size\n# and\n".into()), "and 79990 more");
    refused(&"\n".repeat(1 << 20), "a cell begins with its name");
    refused(&"#".repeat(1 << 21), "at most a million bytes");
    // The maximum number, each open until the previous one is fixed.
    let chain = lines_of((0..990).rev(), |i| format!(" a{i}[t] = tanh(a{}[t-1] + a{i}[t-1])\n", i + 1));
    let start = Instant::now();
    assert!(EquationCell::read(&format!("cell a\n{chain} a990[t] = W x[t]\n output a5"), "chain").is_ok());
    assert!(start.elapsed() < Duration::from_mins(1), "it all but hangs: {:?}", start.elapsed());
    let unread = lines_of(0..990, |i| format!(" const k{i} = 1\n"));
    refused(&format!("cell a\n{unread} h[t] = x[t]"), "nothing reads the constant");
}

#[test]
fn functions_that_grow() {
    let double = lines_of(1..60, |i| format!(" fn f{i}(a) = f{}(a) + f{}(a)\n", i - 1, i - 1));
    refused(&format!("cell a\n fn f0(a) = a\n{double} h[t] = f59(x[t])"), "more than 20000 terms");
    let deep = " fn g(a) = ".to_owned() + &"b + ".repeat(900) + "a\n";
    let nest = "g(".repeat(60) + "x[t]" + &")".repeat(60);
    refused(&format!("cell a\n{deep} h[t] = {nest}"), "nest too deep");
    let bump = lines_of(1..990, |i| format!(" fn f{i}(a) = f{}(a + b)\n", i - 1));
    refused(&format!("cell a\n fn f0(a) = a\n{bump} h[t] = f989(x[t])"), "nest too deep");
}

/// Loops that would exceed the limits, and trees of maximum depth, in a loop.
#[test]
fn loops_that_grow() {
    let nested = "for a = 1..9\n for b = 1..9\n for c = 1..9\n for d = 1..9\n u[a][b][c][d][t] = x[t]\n end\n end\n end\n end\n";
    refused(&format!("cell a\n {nested} h[t] = W x[t]"), "loops make more than");
    refused("cell a\n for j = 1..1000000000\n u[j][t] = x[t]\n end\n h[t] = W x[t]", "");
    refused("cell a\n for j = 1..1000^3\n u[j][t] = x[t]\n end\n h[t] = W x[t]", "");
    let sums = "sum(".repeat(3)
        + "h[t-a]"
        + " for a = 1..100) + sum(h[t-1] for b = 1..100)".repeat(2).as_str()
        + ")";
    refused(&format!("cell a\n h[t] = W x[t] + {sums}"), "");
    let long = "b + ".repeat(900) + "a[j]";
    assert!(
        EquationCell::read(
            &format!("cell a\n for j = 1..2\n u[j][t] = {long}\n end\n h[t] = W x[t] + u[1][t] + u[2][t]"),
            "a"
        )
        .is_ok()
    );
    let columns = "size k = 900\n state S: [hidden, k]\n S[t] = S[t-1] + outer(S[t-1] (W x[t]), V x[t])\n h[t] = S[t] (Q x[t])";
    assert!(EquationCell::read(&format!("cell a\n {columns}"), "a").is_ok());
    refused(
        &format!("cell a\n {}", columns.replace("S[t-1] (W x[t])", "S[t-2] (W x[t])")),
        "steps of memory",
    );
}

/// Data files and checkpoints with bytes changed, removed and moved. `rnn/fuzz` does this for hours.
#[test]
fn mutated_files_are_refused_or_read() {
    let table = "sentence,label\n\"a, \"\"b\"\"\",1\ngood film,0\n\nनमस्ते,pos\n1.5,NA\n".as_bytes().to_vec();
    let numbers = b"x\ty\n1\t2\n\t3\n4\tNaN\n5\t1e400\n".to_vec();
    let mut checkpoint = rnn::checkpoint::Checkpoint::default();
    checkpoint.parameters.insert("w", ndarray::ArrayD::ones(vec![2, 3]));
    checkpoint.optimiser.push(("step".into(), ndarray::ArrayD::ones(vec![])));
    let (seeds, mut rng) = ([table, numbers, checkpoint.to_bytes().unwrap()], Rng::seed_from_u64(2));
    let mut read = [0, 0];
    for round in 0..30_000 {
        let mut bytes = seeds[round % 3].clone();
        for _ in 0..rng.random_range(0..4) {
            let (i, j) = (rng.random_range(0..bytes.len()), rng.random_range(0..bytes.len()));
            match rng.random_range(0..5) {
                0 => bytes[i] = rng.random(),
                1 => bytes[i] = b"\",\n\t\r0{}[]:"[rng.random_range(0..11)],
                2 => bytes.swap(i, j),
                3 => bytes.insert(i, bytes[j]),
                _ if bytes.len() > 1 => drop(bytes.remove(i)),
                _ => {}
            }
        }
        read[0] += usize::from(files::is_table(&bytes));
        read[1] += usize::from(files::is_checkpoint(&bytes));
    }
    assert!(read[0] > 1000 && read[1] > 1000, "{read:?}");
}

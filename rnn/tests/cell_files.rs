//! The cell files.

use autograd::{Builder, check};
use rnn::equations::EquationCell;
use rnn::{Layers, Start};
use std::path::Path;

fn files(folder: &str) -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "cell"));
    files.sort();
    files
}

#[test]
fn all_files_are_read_and_checked() {
    let mut wrong = 0;
    for path in files("cells").into_iter().chain(files("../examples/cells")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let cell = match EquationCell::read(&text, &path.display().to_string()) {
            Ok(cell) => cell,
            Err(faults) => {
                println!("{faults}\n");
                wrong += 1;
                continue;
            }
        };
        let printed = cell.file().to_string();
        let again = rnn::equations::parse(&printed, "printed").unwrap_or_else(|f| panic!("{printed}\n{f}"));
        assert_eq!(cell.file(), &again, "{printed}");
        let g = Builder::new();
        let net = Layers::new(cell, 4, 4).depth(2).bidirectional(true);
        let size = if net.output_size() == 8 && net.fits().is_err() { println!("{}: {:?}", path.display(), net.fits()); continue } else { 4 };
        let run = net.unroll(&g, &net.declare(&g, ""), g.input("x", [3, 2, size]), None, &Start::Zero);
        match check(run.output()) {
            Ok(report) if report.passed() => {}
            Ok(report) => { println!("{}\n{report}", path.display()); wrong += 1; }
            Err(error) => { println!("{}: {error}", path.display()); wrong += 1; }
        }
    }
    assert_eq!(wrong, 0);
}

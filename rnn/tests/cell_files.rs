//! Every cell file, shipped or an example: it is read, printed and read again, and its gradients of order one and two
//! are right. A file that is put into a folder is tested with no more code.

use rnn::cell::CellRef;
use rnn::equations::{EquationCell, parse};
use rnn::study::Specimen;
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.join("cells"), root.join("../examples/cells")];
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cell"));
    files.sort();
    files
}

fn read(path: &Path) -> EquationCell {
    let text = std::fs::read_to_string(path).unwrap();
    EquationCell::read(&text, &path.display().to_string()).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn what_is_printed_is_read_again() {
    assert!(files().len() >= 34);
    for path in files() {
        let cell = read(&path);
        assert_eq!(Some(cell.name()), path.file_stem().and_then(|stem| stem.to_str()));
        let printed = cell.file().to_string();
        let again = parse(&printed, "printed").unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(cell.file(), &again, "{printed}");
    }
}

#[test]
fn gradients_are_right() {
    for path in files() {
        let cell = read(&path);
        // A cell whose input and states have one size is a single layer in one direction.
        let wide = rnn::Cell::fits(&cell, 8, 4).is_ok();
        let layers = if wide { 2 } else { 1 };
        let cell = CellRef { text: Some(cell.text().into()), ..cell.name().into() };
        let lengths = Some(vec![4, 2]);
        let net = Specimen {
            cell,
            steps: 4,
            batch: 2,
            input: 4,
            layers,
            bidirectional: wide,
            lengths,
            ..Specimen::default()
        };
        // Kinks and saturation lie elsewhere for another seed; a wrong rule is wrong for all.
        let report = (0..3).map(|seed| net.check(2, seed).unwrap()).find(autograd::Report::passed);
        assert!(report.is_some(), "{}\n{}", path.display(), net.check(2, 0).unwrap());
    }
}

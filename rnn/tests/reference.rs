//! Every layer gives PyTorch's numbers: outputs, states, loss and all gradients, in f64.

use rnn::compare::compare;
use std::path::Path;

#[test]
fn all_layers_agree_with_pytorch() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reference");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut count = 0;
    for path in files.filter(|path| path.extension().is_some_and(|e| e == "json")) {
        count += 1;
        for difference in compare(&path).unwrap() {
            let (what, largest) = (&difference.what, difference.largest);
            assert!(largest <= 1e-10, "{}: {what} differs by {largest:e}", path.display());
        }
    }
    assert_eq!(count, 8, "four kinds of layer, each in one direction and in both");
}

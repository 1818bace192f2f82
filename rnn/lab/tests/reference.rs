//! Every layer, and every cell given as equations by a reference, has PyTorch's numbers: outputs, states, loss and
//! all gradients, in f64.

use rnn_lab::compare::compare;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/reference").join(name)
}

/// Compares all references of a folder; returns their number.
#[track_caller]
fn agree(folder: &Path) -> usize {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
    let check = |path: PathBuf| {
        for difference in compare(&path).unwrap() {
            let (what, largest) = (&difference.what, difference.largest);
            assert!(largest <= 1e-10, "{}: {what} differs by {largest:e}", path.display());
        }
    };
    files.map(check).count()
}

#[test]
fn all_layers_agree_with_pytorch() {
    assert_eq!(agree(&folder("")), 8, "four kinds of layer, each in one direction and in both");
}

#[test]
fn cells_of_equations_agree_with_pytorch() {
    assert_eq!(
        agree(&folder("cells")),
        4 + 16,
        "one state and two, a memory of two steps, outputs of other sizes; the cells of `literature.py`"
    );
}

/// The result of comparing a reference with one change.
fn changed(name: &str, change: impl Fn(&mut Value)) -> Result<Vec<(String, f64)>, String> {
    let text = std::fs::read_to_string(folder(name)).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    change(&mut file);
    said(&file.to_string())
}

fn said(text: &str) -> Result<Vec<(String, f64)>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.json");
    std::fs::write(&path, text).unwrap();
    let differences = compare(&path).map_err(|error| error.to_string())?;
    Ok(differences.into_iter().map(|d| (d.what, d.largest)).collect())
}

/// Every number counts: perturbed by a millionth, it is the only one that differs, if nothing is computed from it.
#[test]
fn every_number_that_is_compared_is_seen() {
    for (pointer, what) in [
        ("/output/1/2/3", "output"),
        ("/final/c/2/4", "last c"),
        ("/loss", "loss"),
        ("/grad/x/2/0/1", "∂x"),
        ("/grad/weights/w_ci/4", "∂w_ci"),
        ("/grad/initial/h/3/0", "∂initial h"),
    ] {
        let differences = changed("cells/lstm-peephole.json", |file| {
            let number = file.pointer_mut(pointer).unwrap();
            *number = (number.as_f64().unwrap() + 1e-6).into();
        });
        let wrong: Vec<_> = differences.unwrap().into_iter().filter(|d| d.1 > 1e-10).map(|d| d.0).collect();
        assert_eq!(wrong, [what], "{pointer}");
    }
}

#[test]
fn a_packed_weight_may_be_given_part_by_part_or_whole() {
    let packed = |file: &mut Value| {
        let text = file["cell"].as_str().unwrap().to_owned() + "  pack W = W_f W_n\n";
        file["cell"] = text.into();
    };
    let agree = |file: Result<Vec<(String, f64)>, String>| file.unwrap().iter().all(|d| d.1 <= 1e-10);
    assert!(agree(changed("cells/mgu.json", packed)));
    assert!(agree(changed("cells/mgu.json", |file| {
        packed(file);
        for object in ["/weights", "/grad/weights"] {
            let weights = file.pointer_mut(object).unwrap().as_object_mut().unwrap();
            let rows = ["W_f", "W_n"].map(|name| weights.remove(name).unwrap());
            weights
                .insert("W".into(), rows.iter().flat_map(|rows| rows.as_array().unwrap().clone()).collect());
        }
    })));
}

#[test]
fn what_is_no_reference_is_refused_with_its_file_and_field() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &str); 22] = [
        ("cells/mgu.json", |f| drop(f.as_object_mut().unwrap().remove("x")), "`x` is missing"),
        ("cells/mgu.json", |f| drop(f.as_object_mut().unwrap().remove("cell")), "it is no reference"),
        (
            "cells/mgu.json",
            |f| drop(f["weights"].as_object_mut().unwrap().remove("U_n")),
            "`weights.U_n` is missing",
        ),
        (
            "cells/mgu.json",
            |f| drop(f["grad"].as_object_mut().unwrap().remove("initial")),
            "`grad.initial` is missing",
        ),
        ("cells/mgu.json", |f| f["weights"]["W_x"] = json!(1), "`weights.W_x` is no parameter of the cell"),
        ("cells/mgu.json", |f| f["final"]["c"] = json!(1), "`final.c` is no state of the cell: it has h"),
        (
            "cells/mgu.json",
            |f| f["weights"]["b_f"] = json!([1, 2]),
            "`weights.b_f` is an array of the shape [2]: the shape [4] is wanted",
        ),
        ("cells/mgu.json", |f| f["x"][3] = json!([[1, 2], [3]]), "`x` is no array"),
        (
            "cells/mgu.json",
            |f| f["initial"]["h"][0][0] = json!(null),
            "`initial.h` holds null, which is no finite number",
        ),
        ("cells/mgu.json", |f| f["loss"] = json!("1"), "`loss` holds a text, which is no finite number"),
        (
            "cells/mgu.json",
            |f| f["time"] = json!(1_000_000_000_000_u64),
            "`time` is 1000000000000: it must be a whole number from 1 to 1000000",
        ),
        (
            "cells/mgu.json",
            |f| f["hidden"] = json!(1_000_000),
            "`weights.W_f` is an array of the shape [4, 3]: the shape [1000000, 3] is wanted",
        ),
        ("cells/mgu.json", |f| f["batch"] = json!(0), "`batch` is 0"),
        ("cells/mgu.json", |f| f["input"] = json!(2.5), "`input` is 2.5"),
        ("cells/mgu.json", |f| f["lengths"] = json!([6, 4]), "`lengths` is no list of 3 lengths"),
        (
            "cells/mgu.json",
            |f| f["lengths"][1] = json!(7),
            "`lengths` holds 7: a length is at least 1 and at most 6",
        ),
        ("cells/mgu.json", |f| f["lengths"][1] = json!(0), "`lengths` holds 0"),
        ("cells/mgu.json", |f| f["cell"] = json!("cell a\n  h[t] = tahn(W x[t])"), "`cell`:\nerror: "),
        ("gru.json", |f| f["kind"] = json!("TCN"), "`kind` is TCN: it must be RNN, LSTM or GRU"),
        ("gru.json", |f| f["layers"] = json!(1_000_000), "`layers` is 1000000, and `weights` holds 8 arrays"),
        ("gru.json", |f| f["bidirectional"] = json!(1), "`bidirectional` is a number"),
        (
            "gru.json",
            |f| f["hn"] = json!([]),
            "`hn` is an array of the shape [0]: the shape [2, 3, 4] is wanted",
        ),
    ];
    for (name, change, part) in cases {
        let error = changed(name, change).unwrap_err();
        assert!(error.contains("changed.json: ") && error.contains(part), "{part}: {error}");
    }
    let text = std::fs::read_to_string(folder("cells/mgu.json")).unwrap();
    let nan = text.replacen("\"b_f\": [", "\"b_f\": [NaN, ", 1);
    let error = said(&nan).unwrap_err();
    assert!(error.contains("changed.json: `weights.b_f`: "), "{error}");
}

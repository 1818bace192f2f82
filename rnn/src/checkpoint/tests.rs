//! Round trips, files written by Python, and every kind of invalid file.

use ndarray::{ArrayD, arr0, arr1, arr2};
use tempfile::TempDir;

use super::*;

fn checkpoint() -> Checkpoint {
    let weight = arr2(&[[1.5, -0.0, f32::MIN_POSITIVE / 8.0], [f32::MAX, 1e-45, -1.5]]);
    Checkpoint {
        parameters: [
            ("rnn.weight_ih_l0", weight.into_dyn()),
            ("rnn.bias_ih_l0", arr1(&[0.1, 0.2]).into_dyn()),
            ("embedding.weight", ArrayD::zeros(vec![0, 3])),
        ]
        .into_iter()
        .collect(),
        optimiser: vec![("step".into(), arr0(7.0).into_dyn()), ("a/rnn.b".into(), arr1(&[3.0]).into_dyn())],
        extra: vec![("h".into(), ArrayD::ones(vec![1, 2, 3]))],
        config: json!({ "hidden": 2, "cell": "lstm", "name": "a \"quoted\" ∂" }),
        progress: json!({ "step": u64::MAX, "best": 0.1 + 0.2, "small": 5e-324 }),
    }
}

/// Saves the bytes and loads them as a checkpoint.
fn load(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("m.safetensors");
    files::write_whole(&path, bytes).unwrap();
    Checkpoint::load(&path)
}

fn bits(array: &ArrayD<f32>) -> Vec<u32> {
    array.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn everything_comes_back_bit_by_bit_and_in_order() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("m.safetensors");
    checkpoint().save(&path).unwrap();
    let loaded = Checkpoint::load(&path).unwrap();
    assert_eq!(loaded, checkpoint());
    let name = "rnn.weight_ih_l0"; // −0 = 0 for `==`
    assert_eq!(bits(&loaded.parameters[name]), bits(&checkpoint().parameters[name]));
    assert_eq!(
        loaded.parameters.names().collect::<Vec<_>>(),
        ["rnn.weight_ih_l0", "rnn.bias_ih_l0", "embedding.weight"]
    );
}

#[test]
fn the_same_checkpoint_gives_the_same_bytes() {
    assert_eq!(checkpoint().to_bytes().unwrap(), checkpoint().to_bytes().unwrap());
}

#[test]
fn memory_order_does_not_matter() {
    let mut transposed = Checkpoint::default();
    transposed.parameters.insert("w", arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reversed_axes().into_dyn());
    assert_eq!(load(&transposed.to_bytes().unwrap()).unwrap(), transposed);
}

/// The state dict of a `torch.nn.LSTM(2, 1)` as Python saved it; `rnn/tests/data/checkpoint.py` made it.
#[test]
fn a_file_written_by_python_is_read() {
    let lstm = load(include_bytes!("../../tests/data/checkpoint.safetensors")).unwrap();
    let arange = |shape: &[usize]| {
        let n = u16::try_from(shape.iter().product::<usize>()).unwrap();
        ArrayD::from_shape_vec(shape, (0..n).map(f32::from).collect()).unwrap()
    };
    assert_eq!(lstm.parameters.len(), 4);
    assert_eq!(lstm.parameters["weight_ih_l0"], arange(&[4, 2]));
    assert_eq!(lstm.parameters["weight_hh_l0"], arange(&[4, 1]));
    assert_eq!(lstm.parameters["bias_hh_l0"], arange(&[4]));
    assert_eq!(lstm.optimiser, [("step".into(), arr0(3.0).into_dyn())]);
    assert_eq!((lstm.config, lstm.progress), (json!({ "hidden": 1 }), json!(null)));
}

#[track_caller]
fn assert_error(found: Result<impl std::fmt::Debug, CheckpointError>, parts: &[&str]) {
    let text = found.unwrap_err().to_string();
    for part in parts {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
}

#[test]
fn a_missing_file_is_named() {
    assert_error(Checkpoint::load(Path::new("/no/m")), &["cannot read `/no/m`", "check the name"]);
}

#[test]
fn a_failed_save_leaves_the_old_checkpoint() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("m.safetensors");
    checkpoint().save(&path).unwrap();
    let mut bad = checkpoint();
    bad.parameters.insert("extra/new", arr1(&[1.0]).into_dyn());
    assert_error(bad.save(&path), &["`extra/new`"]);
    assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint());
}

#[test]
fn other_files_are_refused() {
    for other in [&b"This is a text of more than eight bytes."[..], b"PK\x03\x04\x00\x00\x08\x08\x00\x00"] {
        assert_error(load(other), &["m.safetensors` is not a safetensors file", "give a checkpoint"]);
    }
}

#[test]
fn a_cut_anywhere_is_found() {
    let bytes = checkpoint().to_bytes().unwrap();
    for length in 0..bytes.len() {
        assert_error(load(&bytes[..length]), &["is incomplete", "copy it again"]);
    }
}

/// The file with its header changed, as text.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let bytes = checkpoint().to_bytes().unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    assert!(header.contains(from), "no `{from}` in {header}");
    let header = header.replace(from, to);
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[8 + length..]].concat()
}

#[test]
fn a_file_made_by_something_else_is_refused() {
    assert_error(load(&edited("rnn.format", "else")), &["no `rnn.format`", "save its metadata with it"]);
}

#[test]
fn another_format_version_is_refused() {
    let newer = edited(r#""rnn.format":"1""#, r#""rnn.format":"2""#);
    assert_error(load(&newer), &["has checkpoint format `2`", "reads format `1`", "a newer one"]);
}

#[test]
fn damage_is_named_with_its_part() {
    assert_error(load(&edited("rnn.config", "config")), &["damaged: rnn.config: it is missing"]);
    assert_error(load(&edited(r#""rnn.config":"{"#, r#""rnn.config":"{{"#)), &["damaged: rnn.config: key"]);
    let integers = edited(r#""dtype":"F32","shape":[2]"#, r#""dtype":"I32","shape":[2]"#);
    assert_error(load(&integers), &["array `rnn.bias_ih_l0`: it is I32"]);
    let vast = edited("[0,3]", "[0,4611686018427387904,4611686018427387904]");
    assert_error(load(&vast), &["damaged: rnn.digest", "not those that were saved"]);
}

/// Flips one bit in every byte of the file: the file is refused, or the saved data comes back.
#[test]
fn no_flip_of_a_bit_goes_unseen() {
    let bytes = checkpoint().to_bytes().unwrap();
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        let loaded = load(&flipped);
        assert!(loaded.is_err() || loaded.unwrap() == checkpoint(), "byte {place}");
    }
}

#[test]
fn arrays_that_ran_away_are_neither_saved_nor_loaded() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("m.safetensors");
    checkpoint().save(&path).unwrap();
    for value in [f32::NAN, f32::INFINITY] {
        for at in [0, 1] {
            let mut bad = checkpoint();
            let array = if at == 0 {
                bad.parameters.get_mut("rnn.bias_ih_l0").unwrap()
            } else {
                &mut bad.optimiser[1].1
            };
            array[[0]] = value;
            assert_error(bad.save(&path), &["has an element that is", "not saved"]);
            assert_error(load(&bad.to_bytes().unwrap()), &["damaged: array `", "has an element that is"]);
        }
    }
    assert_eq!(Checkpoint::load(&path).unwrap(), checkpoint());
}

#[test]
fn a_key_of_the_header_stands_once() {
    let twice = edited(
        r#""rnn.bias_ih_l0":{"#,
        r#""rnn.weight_ih_l0":{"dtype":"F32","shape":[2],"data_offsets":[24,32]},"rnn.bias_ih_l0":{"#,
    );
    assert_error(load(&twice), &["damaged: the header: `rnn.weight_ih_l0` stands there twice"]);
}

/// Python's `safetensors` writes the metadata in another order, and sorts the arrays.
#[test]
fn the_digest_does_not_depend_on_the_order() {
    let mut other = checkpoint();
    let mut parameters: Vec<_> = std::mem::take(&mut other.parameters).into_iter().collect();
    parameters.reverse();
    other.parameters = parameters.into_iter().collect();
    other.optimiser.reverse();
    let find = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.split("rnn.digest\":\"").nth(1).unwrap()[..16].to_string()
    };
    assert_eq!(find(&checkpoint().to_bytes().unwrap()), find(&other.to_bytes().unwrap()));
    let without = edited(r#""rnn.digest":"#, r#""rnn.digesu":"#);
    assert_error(load(&without), &["the metadata's key `rnn.digesu`: it is not known"]);
}

#[test]
fn a_name_is_used_once() {
    let mut twice = checkpoint();
    twice.extra.push(twice.extra[0].clone());
    assert_error(twice.to_bytes(), &["`extra/h`: the name is taken"]);
}

fn specs(entries: &[(&str, &[usize])]) -> Vec<(String, Vec<usize>)> {
    entries.iter().map(|&(name, shape)| (name.to_owned(), shape.to_vec())).collect()
}

const MODEL: [(&str, &[usize]); 3] =
    [("embedding.weight", &[0, 3]), ("rnn.weight_ih_l0", &[2, 3]), ("rnn.bias_ih_l0", &[2])];

#[test]
fn parameters_are_taken_in_the_order_of_the_model() {
    let mut loaded = checkpoint();
    let parameters = loaded.take_parameters(&specs(&MODEL), Path::new("m")).unwrap();
    assert_eq!(parameters.names().collect::<Vec<_>>(), MODEL.map(|(name, _)| name));
    assert_eq!(parameters["rnn.bias_ih_l0"], arr1(&[0.1, 0.2]).into_dyn());
    assert!(loaded.parameters.is_empty());
}

#[test]
fn parameters_that_do_not_fit_are_named_with_both_shapes() {
    let [embedding, weight, bias] = MODEL;
    for (model, text) in [
        (&[embedding, weight][..], "`rnn.bias_ih_l0` is [2] in the file and missing in the model"),
        (
            &[embedding, ("rnn.weight_ih_l0", &[2, 4]), bias],
            "`rnn.weight_ih_l0` is [2, 3] in the file and [2, 4] in the model",
        ),
        (
            &[embedding, weight, bias, ("head.bias", &[5])],
            "`head.bias` is missing in the file and [5] in the model",
        ),
    ] {
        let mut loaded = checkpoint();
        let taken = loaded.take_parameters(&specs(model), Path::new("m"));
        assert_error(taken, &["checkpoint `m` does not fit", text, "build the model from"]);
        assert_eq!(loaded, checkpoint());
    }
}

//! Files of weights that lack something, or are something else.

use super::{Array, arrays, files};
use rnn_export::import::{self, Framework, Imported};
use std::path::Path;

/// A file of a framework with changed arrays.
fn with(file: &str, change: impl FnOnce(&mut Vec<Array>)) -> Result<Imported, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import").join(file);
    let mut all = arrays(&std::fs::read(path).unwrap());
    change(&mut all);
    let bytes: Vec<Vec<u8>> =
        all.iter().map(|(.., numbers)| numbers.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views = all.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (name.clone(), view.unwrap())
    });
    import::read(&safetensors::serialize(views, None).unwrap(), None, false)
        .map_err(|error| error.to_string())
}

/// A part of a layer is no layer, and what else a file has is named.
#[test]
fn files_that_lack_an_array_are_refused() {
    for (file, gone, says) in [
        ("torch-lstm.safetensors", "weight_hh_l0", "`weight_hh_l0` is missing"),
        ("torch-lstm.safetensors", "bias_hh_l0", "`bias_hh_l0` is missing"),
        (
            "torch-lstm-deep.safetensors",
            "weight_ih_l1",
            "`bias_hh_l1` belongs to a recurrent layer of which other arrays",
        ),
        ("torch-lstm-deep.safetensors", "weight_ih_l1_reverse", "`weight_ih_l1_reverse` is missing"),
        (
            "torch-lstm-deep.safetensors",
            "weight_ih_l0_reverse",
            "`bias_hh_l0_reverse` belongs to a recurrent layer",
        ),
        ("keras-lstm.safetensors", "lstm/lstm_cell/kernel", "`lstm/lstm_cell/kernel` is missing"),
        ("keras-lstm.safetensors", "lstm/lstm_cell/recurrent_kernel", "no recurrent layer was found"),
        ("flax-lstm.safetensors", "params/cell/if/kernel", "`params/cell/if/kernel` is missing"),
        ("flax-lstm.safetensors", "params/cell/hi/kernel", "no recurrent layer was found"),
        ("haiku-gru.safetensors", "gru/w_i", "`gru/w_i` is missing"),
        ("haiku-lstm.safetensors", "lstm/linear/b", "`lstm/linear/b` is missing"),
        ("equinox-gru.safetensors", "weight_hh", "`weight_hh` is missing"),
        ("mlx-gru.safetensors", "Wx", "`Wx` is missing"),
        ("mlx-gru.safetensors", "Wh", "no recurrent layer was found"),
    ] {
        let error = with(file, |all| all.retain(|(name, ..)| name != gone)).map(|i| i.cell);
        assert!(error.as_ref().is_err_and(|error| error.contains(says)), "{file} without {gone}: {error:?}");
    }
    // A gate too few or too many.
    for (file, short, says) in [
        (
            "torch-lstm.safetensors",
            "bias_hh_l0",
            "`weight_hh_l0` has 16 rows of gates, and the recurrent bias beside it 15",
        ),
        ("keras-gru-before.safetensors", "gru_1/gru_cell/bias", "and the input bias beside it 11"),
        ("haiku-gru.safetensors", "gru/b", "`gru/w_h` has 12 rows of gates, and the input bias beside it 11"),
        ("haiku-lstm.safetensors", "lstm/linear/b", "and the input bias beside it 15"),
        ("equinox-gru.safetensors", "bias_n", "`bias_n` has 3 numbers for 4 units"),
        ("mlx-lstm.safetensors", "bias", "`Wh` has 16 rows of gates, and the input bias beside it 15"),
        ("flax-lstm.safetensors", "params/cell/hf/bias", "and the recurrent bias beside it 15"),
    ] {
        let error = with(file, |all| {
            let (_, shape, numbers) = all.iter_mut().find(|(name, ..)| name == short).unwrap();
            numbers.pop();
            *shape = vec![numbers.len()];
        });
        assert!(error.as_ref().is_err_and(|error| error.contains(says)), "{file}: {error:?}");
    }
    let odd = with("torch-lstm.safetensors", |all| all[0].2[0] = f32::NAN);
    assert_eq!(odd.unwrap_err(), "layer 1 has a weight that is not finite");
    let more = with("torch-lstm.safetensors", |all| all.push(("fc.weight".into(), vec![2, 1], vec![0.0; 2])));
    assert_eq!(more.unwrap().left_out, ["fc.weight"]);
    let head = with("haiku-lstm.safetensors", |all| {
        all.push(("linear/w".into(), vec![4, 2], vec![0.0; 8]));
        all.push(("linear/b".into(), vec![2], vec![0.0; 2]));
    });
    assert_eq!(head.unwrap().left_out, ["linear/b", "linear/w"]);
    for (gone, says) in [
        (
            "bidirectional_1/forward",
            "`bidirectional_1/backward_lstm_1/lstm_cell/` reads the sequence from its end",
        ),
        ("bidirectional_1/backward", "some of its layers read both directions and others one"),
    ] {
        let part =
            with("keras-lstm-deep.safetensors", |all| all.retain(|(name, ..)| !name.starts_with(gone)));
        assert!(part.as_ref().is_err_and(|error| error.contains(says)), "{part:?}");
    }
    let two = with("torch-lstm.safetensors", |all| {
        let named =
            |net: &str| all.iter().map(|(n, s, x)| (format!("{net}.{n}"), s.clone(), x.clone())).collect();
        let both: [Vec<_>; 2] = [named("encoder"), named("decoder")];
        *all = both.concat();
    });
    let error = two.unwrap_err();
    assert!(
        error.contains("several nets, `decoder.`, `encoder.`: write a file with the arrays of one"),
        "{error}"
    );
}

/// Element types that are not read are no matter in other layers; double precision is rounded, and so it is said.
#[test]
fn element_types_are_told() {
    use safetensors::Dtype::{BF16, F16, F32, F64};
    let of = |dtypes: [safetensors::Dtype; 2]| {
        let named = [("weight_ih_l0", vec![4, 3]), ("weight_hh_l0", vec![4, 4]), ("fc.weight", vec![1, 4])];
        let bytes = [0; 16 * 8];
        let views = named.iter().map(|(name, shape)| {
            let dtype = if *name == "fc.weight" { dtypes[1] } else { dtypes[0] };
            let size = shape.iter().product::<usize>() * dtype.bitsize() / 8;
            (*name, safetensors::tensor::TensorView::new(dtype, shape.clone(), &bytes[..size]).unwrap())
        });
        import::read(&safetensors::serialize(views, None).unwrap(), None, false).map_err(|e| e.to_string())
    };
    let single = of([F32, BF16]).unwrap();
    assert!(!single.rounded && single.left_out == ["fc.weight"]);
    assert!(of([F64, F32]).unwrap().rounded && !of([F32, F64]).unwrap().rounded);
    let error = of([F16, F32]).unwrap_err();
    assert_eq!(error, "the array `weight_hh_l0` is of F16: convert it to F32 first");
}

/// What was said of a file must fit it.
#[test]
fn a_file_that_is_of_another_framework_is_told() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import/torch-lstm.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let said = |from, relu| import::read(&bytes, from, relu).unwrap_err().to_string();
    assert_eq!(said(Some(Framework::Keras), false), "its names are those of PyTorch, and not of Keras");
    assert_eq!(said(None, true), "relu is for a simple recurrent layer, and these are of lstm");
}

/// A file with changed bytes is an error or a net, whatever they are.
#[test]
fn changed_bytes_end_in_an_error_or_a_net() {
    let rounds = std::env::var("ROUNDS").map_or(100, |rounds| rounds.parse().unwrap());
    let mut state = 1_u64;
    // Numbers of a linear congruence (Knuth's MMIX).
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % n
    };
    for path in [files("safetensors"), files("onnx")].concat() {
        let (whole, folder) = (std::fs::read(&path).unwrap(), path.parent().unwrap());
        for _ in 0..rounds {
            let mut bytes = whole.clone();
            for _ in 0..=below(3) {
                let place = below(bytes.len());
                match below(4) {
                    0 => bytes[place] = u8::try_from(below(256)).unwrap(),
                    1 => bytes[place] = bytes[place].wrapping_add(1),
                    2 => bytes[place] ^= 1 << below(8),
                    _ => bytes.truncate(place.max(1)),
                }
            }
            if path.extension().is_some_and(|found| found == "onnx") {
                drop(import::onnx(&bytes, folder));
            } else {
                drop(import::read(&bytes, None, false));
            }
        }
    }
}

/// Paddle's two names are one array: where they are not, the file is not Paddle's.
#[test]
fn second_names_are_taken_for_second_names_alone() {
    let file = "paddle-gru-deep.safetensors";
    let error = with(file, |all| {
        let (.., numbers) = all.iter_mut().find(|(name, ..)| name == "1.cell_bw.weight_hh").unwrap();
        numbers[0] += 1.0;
    });
    let says = "`1.cell_bw.weight_hh` should be `weight_hh_l1_reverse` under its second name, and is another";
    assert!(error.as_ref().is_err_and(|error| error.contains(says)), "{error:?}");
    // A bias that is not learned has the second name alone.
    let whole = with(file, |_| ()).unwrap();
    let without = with(file, |all| all.retain(|(name, ..)| !name.starts_with("bias_ih_l"))).unwrap();
    assert_eq!((&whole, whole.from), (&without, "Paddle"));
    let projected = with("paddle-lstm.safetensors", |all| {
        all.push(("0.cell.weight_ho".into(), vec![4, 4], vec![0.0; 16]));
    });
    assert!(projected.unwrap_err().contains("`0.cell.weight_ho` is a projection of the state"));
}

/// What people have instead of safetensors is told by its first bytes, and a file that was cut by what it lacks.
#[test]
fn other_files_are_told_by_their_kind() {
    let said = |bytes: &[u8]| import::read(bytes, None, false).unwrap_err().to_string();
    assert!(said(b"PK\x03\x04....").starts_with("it is a zip archive, as PyTorch's .pt"));
    assert!(said(b"\x89HDF\r\n\x1a\n").starts_with("it is an HDF5 file"));
    assert!(said(b"\x80\x02}q").starts_with("it is a pickle"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import/torch-lstm.safetensors");
    let whole = std::fs::read(path).unwrap();
    for end in [0, 5, 20, whole.len() - 1] {
        assert!(
            said(&whole[..end]).starts_with("it is no safetensors file, or was cut short: "),
            "{}",
            said(&whole[..end])
        );
    }
}

/// A module that someone calls `cell` is no layer of Paddle's.
#[test]
fn names_of_modules_do_not_decide() {
    let moved = with("torch-lstm.safetensors", |all| {
        all.iter_mut().for_each(|(name, ..)| *name = format!("cell.{name}"));
    });
    assert_eq!(moved.unwrap().from, "PyTorch");
    let inner = with("torch-lstm.safetensors", |all| {
        all.push(("net.cell.weight".into(), vec![3, 4], vec![0.5; 12]));
    });
    let inner = inner.unwrap();
    assert_eq!((inner.from, &*inner.heads[0].name), ("PyTorch", "net.cell"));
    assert_eq!(with("paddle-lstm.safetensors", |_| ()).unwrap().from, "Paddle");
}

/// A matrix without elements is no weight.
#[test]
fn layers_without_features_are_refused() {
    let none = with("torch-lstm.safetensors", |all| {
        let (_, shape, numbers) = all.iter_mut().find(|(name, ..)| name == "weight_ih_l0").unwrap();
        (*shape, *numbers) = (vec![16, 0], vec![]);
    });
    assert!(none.unwrap_err().contains("layer 1 reads 0 features into 4 units"));
}

/// Which linear layers can be the head, and which may follow it.
#[test]
fn linear_layers_that_read_the_states_are_offered() {
    let heads = |more: &[(&str, [usize; 2])]| {
        let imported = with("torch-lstm.safetensors", |all| {
            for (name, shape) in more {
                all.push(((*name).into(), shape.to_vec(), vec![0.1; shape[0] * shape[1]]));
            }
        });
        let all = imported.unwrap().heads.into_iter().filter(|head| !head.is_table);
        all.map(|head| (head.name, head.followed_by)).collect::<Vec<_>>()
    };
    let named = |name: &str, next: Option<&str>| (name.to_string(), next.map(String::from));
    assert_eq!(heads(&[]), []);
    assert_eq!(heads(&[("fc.weight", [2, 4])]), [named("fc", None)]);
    // These read other features, or are a table of embeddings.
    assert_eq!(heads(&[("fc.weight", [4, 2]), ("embedding.weight", [9, 4])]), []);
    // Words that contain the letters of a table's name are none.
    for name in ["ensemble.fc", "member_fc", "assembler", "Embassy.out"] {
        assert_eq!(heads(&[(&format!("{name}.weight"), [9, 4])]), [named(name, None)]);
    }
    // A table of embeddings is told by its name, and follows no head.
    for name in ["embed", "embed_tokens", "tok_emb", "wordEmbeddings", "encoder.embedding_1", "Emb2"] {
        let table = format!("{name}.weight");
        let imported = with("torch-lstm.safetensors", |all| {
            all.push((table.clone(), vec![9, 4], vec![0.1; 36]));
            all.push(("fc.weight".into(), vec![4, 4], vec![0.1; 16]));
        });
        let all = imported.unwrap().heads;
        let found: Vec<_> = all.iter().map(|head| (&*head.name, head.is_table)).collect();
        let mut wanted = [(name, true), ("fc", false)];
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        assert!(all.iter().all(|head| head.name != "fc" || head.followed_by.is_none()), "{name}");
    }
    assert_eq!(heads(&[("a.weight", [5, 4]), ("b.weight", [2, 5])]), [named("a", Some("b"))]);
    assert_eq!(heads(&[("a.weight", [2, 4]), ("b.weight", [3, 4])]), [named("a", None), named("b", None)]);
}

//! The array names and gate orders of each framework.
//!
//! | from | gates of an LSTM | gates of a GRU | matrices | biases |
//! |---|---|---|---|---|
//! | PyTorch, Paddle, candle | i f g o | r z n | `[gates · hidden, input]` | two |
//! | Keras, both directions too | i f c o | z r h | `[input, gates · hidden]` | one; of a GRU two, or one where the reset comes before |
//! | Flax linen | an array each | an array each | `[input, hidden]` | at the state's product; of a GRU at the input's, and at n |
//! | Haiku | i g f o, and f gets 1 more in the forward pass | z r a, reset before, update gate the other way round | `[input, gates · hidden]` | one |
//! | Equinox | i f g o | r z n | `[gates · hidden, input]` | one, and one at n |
//! | MLX | i f g o | r z n | `[gates · hidden, input]` | one, and one at n |
//!
//! The files in `tests/data/import/` were written by the frameworks; the script is beside them.

use super::{Arrays, ImportError, Lane};
use crate::recurrent::reordered;
use ndarray::{Array1, Array2, Axis, concatenate, s};

/// The framework of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framework {
    /// PyTorch: `weight_ih_l0`; and frameworks with its names and orders, such as candle.
    Torch,
    /// Paddle: PyTorch's names and orders, and second names such as `0.cell.weight_ih`.
    Paddle,
    /// Keras: `lstm/lstm_cell/recurrent_kernel`.
    Keras,
    /// Flax linen: `params/cell/hi/kernel`.
    Flax,
    /// Haiku: `lstm/linear/w`.
    Haiku,
    /// Equinox: `weight_ih` and `bias`.
    Equinox,
    /// MLX: `Wx`, `Wh`.
    Mlx,
}

/// A cell and one layer of it.
type Single = (&'static str, Lane);

/// The cell, whether it is bidirectional, and the lanes from the first layer on.
type Lanes = (&'static str, bool, Vec<Lane>);

impl Framework {
    /// By its command-line name, every framework that has a form of its own; Paddle's is PyTorch's.
    pub const ALL: [(&'static str, Self); 6] = [
        ("torch", Self::Torch),
        ("keras", Self::Keras),
        ("flax", Self::Flax),
        ("haiku", Self::Haiku),
        ("equinox", Self::Equinox),
        ("mlx", Self::Mlx),
    ];

    /// Its display name.
    pub fn title(self) -> &'static str {
        match self {
            Self::Torch => "PyTorch",
            Self::Paddle => "Paddle",
            Self::Keras => "Keras",
            Self::Flax => "Flax",
            Self::Haiku => "Haiku",
            Self::Equinox => "Equinox",
            Self::Mlx => "MLX",
        }
    }

    /// The framework that uses these names.
    pub(super) fn of(arrays: &Arrays) -> Option<Self> {
        let has = |end: &str| arrays.names().any(|name| leaf(name) == end);
        let ends = |end: &str| arrays.names().any(|name| name.replace('.', "/").ends_with(end));
        let torch = arrays.names().any(|name| leaf(name).starts_with("weight_ih_l"));
        let mut layers = modules(arrays, "weight_ih_l0").into_iter();
        Some(if layers.any(|prefix| arrays.names().any(|name| paddle_name(name, &prefix).is_some())) {
            Self::Paddle
        } else if torch || has("weight_ih") && has("bias_ih") {
            Self::Torch
        } else if has("weight_ih") {
            Self::Equinox
        } else if has("recurrent_kernel") {
            Self::Keras
        } else if ends("hi/kernel") || ends("hr/kernel") || ends("/h/kernel") {
            Self::Flax
        } else if has("w_h") || ends("linear/w") {
            Self::Haiku
        } else if has("Wh") || has("Whh") {
            Self::Mlx
        } else {
            return None;
        })
    }

    /// Whether only an array of a recurrent layer has this name.
    pub(super) fn is_recurrent(self, name: &str) -> bool {
        let starts = |starts: &[&str]| starts.iter().any(|start| leaf(name).starts_with(start));
        let is = |names: &[&str]| names.contains(&leaf(name));
        match self {
            Self::Torch | Self::Paddle => starts(&["weight_ih", "weight_hh", "bias_ih", "bias_hh"]),
            Self::Keras => name.contains("_cell/") || is(&["recurrent_kernel"]),
            Self::Flax => {
                let gate = name.rsplit(['/', '.']).nth(1).unwrap_or_default();
                matches!(gate.as_bytes(), [b'i' | b'h', b'i' | b'f' | b'g' | b'o' | b'r' | b'z' | b'n'])
            }
            Self::Haiku => is(&["w_i", "w_h"]),
            Self::Equinox => is(&["weight_ih", "weight_hh", "bias_n"]),
            Self::Mlx => is(&["Wx", "Wh", "Wxh", "Whh", "bhn"]),
        }
    }

    /// The layers, with gates in the order of the cells here.
    pub(super) fn lanes(self, arrays: &mut Arrays) -> Result<Lanes, ImportError> {
        match self {
            Self::Torch | Self::Paddle => torch(arrays),
            Self::Keras => stacked(arrays, "recurrent_kernel", keras, true),
            Self::Flax => {
                let ends = ["hi/kernel", "hr/kernel", "h/kernel"];
                let end = ends.into_iter().find(|end| !modules(arrays, end).is_empty());
                stacked(arrays, end.unwrap_or("hi/kernel"), flax, false)
            }
            Self::Haiku if modules(arrays, "w_h").is_empty() => {
                stacked(arrays, "linear/w", haiku_linear, false)
            }
            Self::Haiku => stacked(arrays, "w_h", haiku_gru, false),
            Self::Equinox => stacked(arrays, "weight_ih", equinox, false),
            Self::Mlx if modules(arrays, "Whh").is_empty() => stacked(arrays, "Wh", mlx, false),
            Self::Mlx => stacked(arrays, "Whh", mlx_simple, false),
        }
    }
}

/// The part of a name after the last `/` or `.`.
pub(super) fn leaf(name: &str) -> &str {
    name.rsplit(['/', '.']).next().unwrap_or(name)
}

/// The prefixes of the modules with an array whose name ends like this, in order: `lstm`, `lstm_1`, …, `lstm_10`.
fn modules(arrays: &Arrays, end: &str) -> Vec<String> {
    let prefix = |name: &str| {
        let rest = ["/", "."].iter().find_map(|dot| name.strip_suffix(&end.replace('/', dot)))?;
        (rest.is_empty() || rest.ends_with(['/', '.'])).then(|| rest.to_owned())
    };
    let mut all: Vec<String> = arrays.names().filter_map(prefix).collect();
    all.sort_by_key(|prefix| (prefix.len(), prefix.clone()));
    all
}

/// Layers, one per module; in Keras one of both directions is two: `forward_lstm` and `backward_lstm`.
fn stacked(
    arrays: &mut Arrays,
    end: &str,
    read: fn(&mut Arrays, &str) -> Result<Single, ImportError>,
    both: bool,
) -> Result<Lanes, ImportError> {
    // A linear layer that is in no module is a head of Haiku's.
    let found = |arrays: &Arrays| {
        let all = modules(arrays, end).into_iter();
        all.filter(|module| !module.is_empty() || end != "linear/w").collect::<Vec<String>>()
    };
    let all = found(arrays);
    let (mut cell, mut lanes, mut pairs) = (None, Vec::new(), 0);
    for module in all.iter().filter(|module| !reads_from_the_end(module)) {
        let back = counterpart(module).filter(|back| both && all.contains(back));
        pairs += usize::from(back.is_some());
        for module in [Some(module), back.as_ref()].into_iter().flatten() {
            let (kind, lane) = read(arrays, module)?;
            if *cell.get_or_insert(kind) != kind {
                return Err(different());
            }
            lanes.push(lane);
        }
    }
    if let Some(module) = found(arrays).first() {
        let why = if both {
            "and none beside it reads it from its start"
        } else {
            "both directions are imported from the names of PyTorch and Keras, and from ONNX"
        };
        return Err(ImportError::Refused(format!("`{module}` reads the sequence from its end: {why}")));
    }
    if pairs > 0 && 2 * pairs != lanes.len() {
        return Err(ImportError::Refused(
            "some of its layers read both directions and others one: give one kind of them".into(),
        ));
    }
    Ok((cell.unwrap_or("elman"), pairs > 0, lanes))
}

/// Whether a part of a module's path says that it reads the sequence backwards.
fn reads_from_the_end(module: &str) -> bool {
    let parts = || module.split(['/', '.']);
    let is = |part: &str, word: &str| part.split('_').any(|found| found == word);
    parts().any(|part| part.starts_with("backward_") || part == "backward" || is(part, "reverse"))
}

/// The module of the other direction: `…/forward_lstm` and `…/backward_lstm`.
fn counterpart(module: &str) -> Option<String> {
    let at = module.rmatch_indices("forward_").map(|(at, _)| at);
    let mut begins = at.filter(|&at| at == 0 || module[..at].ends_with(['/', '.']));
    let at = begins.next()?;
    Some(format!("{}backward_{}", &module[..at], &module[at + "forward_".len()..]))
}

fn different() -> ImportError {
    ImportError::Refused("its layers are of different cells: give one kind of them".into())
}

/// A lane whose arrays fit each other; `name` is its recurrent matrix.
fn whole(lane: Lane, name: &str) -> Result<Lane, ImportError> {
    match lane.misfit() {
        None => Ok(lane),
        Some((what, found)) => Err(ImportError::Array {
            name: name.into(),
            reason: format!("has {} rows of gates, and the {what} beside it {found}", lane.weight_hh.nrows()),
        }),
    }
}

/// The cell with this number of gate rows per unit.
fn by_gates(rows: usize, hidden: usize, name: &str) -> Result<&'static str, ImportError> {
    match (rows / hidden.max(1), rows.is_multiple_of(hidden.max(1))) {
        (4, true) => Ok("lstm"),
        (3, true) => Ok("gru"),
        (1, true) => Ok("elman"),
        _ => Err(ImportError::Array {
            name: name.into(),
            reason: format!("has {rows} gates for {hidden} units: 1, 3 or 4 times as many are wanted"),
        }),
    }
}

/// `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, optionally with the suffix `_reverse`; or those of a
/// cell, without `_l0`.
fn torch(arrays: &mut Arrays) -> Result<Lanes, ImportError> {
    let projects = |name: &&str| leaf(name).starts_with("weight_hr") || leaf(name) == "weight_ho";
    if let Some(name) = arrays.names().find(projects) {
        return Err(ImportError::Refused(format!(
            "`{name}` is a projection of the state: the cell `lstm-projection` has one, and is not imported"
        )));
    }
    for module in modules(arrays, "weight_ih_l0") {
        paddle(arrays, &module)?;
    }
    let (layered, cells) = (modules(arrays, "weight_ih_l0"), modules(arrays, "weight_ih"));
    let (prefix, single) = match (&layered[..], &cells[..]) {
        ([prefix], _) => (prefix.clone(), false),
        ([], [prefix]) => (prefix.clone(), true),
        ([], []) => return Ok(("elman", false, Vec::new())),
        ([], all) | (all, _) => {
            return Err(ImportError::Refused(format!(
                "it has several nets, `{}`: write a file with the arrays of one of them",
                all.join("`, `")
            )));
        }
    };
    let bidirectional = arrays.rank(&format!("{prefix}weight_ih_l0_reverse")).is_some();
    let (mut lanes, mut cell) = (Vec::new(), "elman");
    for layer in 0.. {
        let directions = if bidirectional { &["", "_reverse"][..] } else { &[""] };
        let layer = if single { String::new() } else { format!("_l{layer}") };
        if arrays.rank(&format!("{prefix}weight_ih{layer}")).is_none() {
            break;
        }
        for direction in directions {
            let name = |what: &str| format!("{prefix}{what}{layer}{direction}");
            let weight_hh = arrays.matrix(&name("weight_hh"))?;
            let gates = weight_hh.nrows();
            let own = by_gates(gates, weight_hh.ncols(), &name("weight_hh"))?;
            if !lanes.is_empty() && own != cell {
                return Err(different());
            }
            cell = own;
            // A layer without biases has none of the two.
            let biased = ["bias_ih", "bias_hh"].iter().any(|what| arrays.rank(&name(what)).is_some());
            let mut bias = |what: &str| {
                if biased { arrays.vector(&name(what)) } else { Ok(Array1::zeros(gates)) }
            };
            let (bias_ih, bias_hh) = (bias("bias_ih")?, bias("bias_hh")?);
            let weight_ih = arrays.matrix(&name("weight_ih"))?;
            let lane = Lane { weight_ih, weight_hh, bias_ih, bias_hh };
            lanes.push(whole(lane, &name("weight_hh"))?);
        }
        if single {
            break;
        }
    }
    Ok((cell, bidirectional, lanes))
}

/// Paddle's state dictionaries have each array under two names: `weight_ih_l0` as PyTorch, and `0.cell.weight_ih`, in a
/// layer of both directions `0.cell_fw.weight_ih` and `0.cell_bw.weight_ih`. The second name is taken away.
fn paddle(arrays: &mut Arrays, prefix: &str) -> Result<(), ImportError> {
    let second = |name: &str| Some((name.to_owned(), paddle_name(name, prefix)?));
    let all: Vec<(String, String)> = arrays.names().filter_map(second).collect();
    for (second, first) in all {
        arrays.one_of_two_names(&second, &first)?;
    }
    Ok(())
}

/// The first name of an array of Paddle's with this second name, in the module with this prefix.
fn paddle_name(name: &str, prefix: &str) -> Option<String> {
    let (layer, rest) = name.strip_prefix(prefix)?.split_once('.')?;
    let (cell, what) = rest.split_once('.')?;
    let direction = match cell {
        "cell" | "cell_fw" => "",
        "cell_bw" => "_reverse",
        _ => return None,
    };
    let known = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].contains(&what);
    let layer: usize = layer.parse().ok().filter(|_| known)?;
    Some(format!("{prefix}{what}_l{layer}{direction}"))
}

/// `kernel`, `recurrent_kernel`, `bias`.
fn keras(arrays: &mut Arrays, prefix: &str) -> Result<Single, ImportError> {
    let weight_hh = arrays.matrix(&format!("{prefix}recurrent_kernel"))?.reversed_axes();
    let weight_ih = arrays.matrix(&format!("{prefix}kernel"))?.reversed_axes();
    let (gates, name) = (weight_hh.nrows(), format!("{prefix}bias"));
    let cell = by_gates(gates, weight_hh.ncols(), &format!("{prefix}recurrent_kernel"))?;
    let none = Array1::zeros(gates);
    let (rank, two) = (arrays.rank(&name), arrays.rank(&name) == Some(2));
    let (bias_ih, bias_hh) = match rank {
        None => (none.clone(), none),
        Some(2) => {
            let both = arrays.matrix(&name)?;
            (both.row(0).to_owned(), both.row(1).to_owned())
        }
        Some(_) => (arrays.vector(&name)?, none),
    };
    let lane = whole(Lane { weight_ih, weight_hh, bias_ih, bias_hh }, &format!("{prefix}recurrent_kernel"))?;
    Ok(match cell {
        // One bias: the reset gate acts before the product.
        "gru" if rank.is_some() && !two => ("gru-reset-before", reordered(&lane, &[1, 0, 2])),
        "gru" if rank.is_none() => {
            let why =
                "a GRU without bias does not tell whether its reset gate acts before the product or after it";
            return Err(ImportError::Refused(format!("`{prefix}kernel`: {why}")));
        }
        "gru" => ("gru", reordered(&lane, &[1, 0, 2])),
        cell => (cell, lane),
    })
}

/// `ii/kernel`, …, `hi/kernel`, `hi/bias`, …: an array per gate.
fn flax(arrays: &mut Arrays, prefix: &str) -> Result<Single, ImportError> {
    let dot = if prefix.contains('/') { "/" } else { "." };
    let has = |arrays: &Arrays, name: &str| arrays.rank(&format!("{prefix}{name}{dot}kernel")).is_some();
    let (cell, gates): (_, &[&str]) = if has(arrays, "hi") {
        ("lstm", &["i", "f", "g", "o"])
    } else if has(arrays, "hr") {
        ("gru", &["r", "z", "n"])
    } else {
        ("elman", &[""])
    };
    let mut side = |side: &str| -> Result<(Array2<f32>, Array1<f32>), ImportError> {
        let (mut kernels, mut biases) = (Vec::new(), Vec::new());
        for gate in gates {
            let name = |what: &str| format!("{prefix}{side}{gate}{dot}{what}");
            let kernel = arrays.matrix(&name("kernel"))?.reversed_axes();
            biases.push(match arrays.rank(&name("bias")) {
                Some(_) => arrays.vector(&name("bias"))?,
                None => Array1::zeros(kernel.nrows()),
            });
            if kernels.first().is_some_and(|first: &Array2<f32>| first.dim() != kernel.dim()) {
                return Err(ImportError::Refused(format!("the gates of `{prefix}` differ in their shapes")));
            }
            kernels.push(kernel);
        }
        let views: Vec<_> = kernels.iter().map(|kernel| kernel.view()).collect();
        let kernel = concatenate(Axis(0), &views).expect("they are of one shape");
        let views: Vec<_> = biases.iter().map(|bias| bias.view()).collect();
        Ok((kernel, concatenate(Axis(0), &views).expect("vectors join")))
    };
    let ((weight_ih, bias_ih), (weight_hh, bias_hh)) = (side("i")?, side("h")?);
    let name = format!("{prefix}h{}{dot}kernel", gates[0]);
    let found = by_gates(weight_hh.nrows(), weight_hh.ncols(), &name)?;
    if found != cell {
        return Err(ImportError::Refused(format!("the gates of `{prefix}` are not square at the state")));
    }
    Ok((cell, whole(Lane { weight_ih, weight_hh, bias_ih, bias_hh }, &name)?))
}

/// `linear/w` of an LSTM, `[input + hidden, 4 · hidden]`, or of a simple layer with `linear_1` for the state.
fn haiku_linear(arrays: &mut Arrays, prefix: &str) -> Result<Single, ImportError> {
    let w = arrays.matrix(&format!("{prefix}linear/w"))?.reversed_axes();
    let bias = arrays.vector(&format!("{prefix}linear/b"))?;
    let none = Array1::zeros(w.nrows());
    if arrays.rank(&format!("{prefix}linear_1/w")).is_some() {
        let weight_hh = arrays.matrix(&format!("{prefix}linear_1/w"))?.reversed_axes();
        let second = format!("{prefix}linear_1/b");
        let bias_hh = if arrays.rank(&second).is_some() { arrays.vector(&second)? } else { none };
        let lane = Lane { weight_ih: w, weight_hh, bias_ih: bias, bias_hh };
        return Ok(("elman", whole(lane, &format!("{prefix}linear_1/w"))?));
    }
    let hidden = w.nrows() / 4;
    if w.nrows() != 4 * hidden || w.ncols() <= hidden {
        let reason = format!("is {:?}, and [input + hidden, 4 · hidden] is wanted", [w.ncols(), w.nrows()]);
        return Err(ImportError::Array { name: format!("{prefix}linear/w"), reason });
    }
    let input = w.ncols() - hidden;
    let (weight_ih, weight_hh) = (w.slice(s![.., ..input]).to_owned(), w.slice(s![.., input..]).to_owned());
    let lane = Lane { weight_ih, weight_hh, bias_ih: bias, bias_hh: none };
    let lane = whole(lane, &format!("{prefix}linear/w"))?;
    let mut lane = reordered(&lane, &[0, 2, 1, 3]);
    // Haiku adds this in its forward pass.
    lane.bias_ih.slice_mut(s![hidden..2 * hidden]).mapv_inplace(|b| b + 1.0);
    Ok(("lstm", lane))
}

/// `w_i`, `w_h`, `b` of a GRU. Its `z` is `1 − z` here: `σ(−a) = 1 − σ(a)`.
fn haiku_gru(arrays: &mut Arrays, prefix: &str) -> Result<Single, ImportError> {
    let weight_ih = arrays.matrix(&format!("{prefix}w_i"))?.reversed_axes();
    let weight_hh = arrays.matrix(&format!("{prefix}w_h"))?.reversed_axes();
    let bias_ih = arrays.vector(&format!("{prefix}b"))?;
    let bias_hh = Array1::zeros(weight_hh.nrows());
    let hidden = weight_hh.ncols();
    let name = format!("{prefix}w_h");
    if by_gates(weight_hh.nrows(), hidden, &name)? != "gru" {
        return Err(ImportError::Array { name, reason: "is not [hidden, 3 · hidden]".into() });
    }
    let mut lane = reordered(&whole(Lane { weight_ih, weight_hh, bias_ih, bias_hh }, &name)?, &[1, 0, 2]);
    lane.weight_ih.slice_mut(s![hidden..2 * hidden, ..]).mapv_inplace(|w| -w);
    lane.weight_hh.slice_mut(s![hidden..2 * hidden, ..]).mapv_inplace(|w| -w);
    lane.bias_ih.slice_mut(s![hidden..2 * hidden]).mapv_inplace(|b| -b);
    Ok(("gru-reset-before", lane))
}

/// `weight_ih`, `weight_hh`, `bias`; `bias_n` of a GRU is inside the reset.
fn equinox(arrays: &mut Arrays, prefix: &str) -> Result<Single, ImportError> {
    one_bias(arrays, prefix, ["weight_ih", "weight_hh", "bias", "bias_n"])
}

/// `Wx`, `Wh`, and `bias` of an LSTM, or `b` and `bhn` of a GRU.
fn mlx(arrays: &mut Arrays, prefix: &str) -> Result<Single, ImportError> {
    let bias = if arrays.rank(&format!("{prefix}b")).is_some() { "b" } else { "bias" };
    one_bias(arrays, prefix, ["Wx", "Wh", bias, "bhn"])
}

fn mlx_simple(arrays: &mut Arrays, prefix: &str) -> Result<Single, ImportError> {
    one_bias(arrays, prefix, ["Wxh", "Whh", "bias", "bhn"])
}

/// PyTorch's gate order with one bias, and optionally another for the last gate at the state's product.
fn one_bias(arrays: &mut Arrays, prefix: &str, names: [&str; 4]) -> Result<Single, ImportError> {
    let [ih, hh, bias, last] = names.map(|name| format!("{prefix}{name}"));
    let (weight_ih, weight_hh) = (arrays.matrix(&ih)?, arrays.matrix(&hh)?);
    let (gates, hidden) = (weight_hh.nrows(), weight_hh.ncols());
    let cell = by_gates(gates, hidden, &hh)?;
    let bias_ih = if arrays.rank(&bias).is_some() { arrays.vector(&bias)? } else { Array1::zeros(gates) };
    let mut bias_hh = Array1::zeros(gates);
    if arrays.rank(&last).is_some() {
        let own = arrays.vector(&last)?;
        if own.len() != hidden {
            let reason = format!("has {} numbers for {hidden} units", own.len());
            return Err(ImportError::Array { name: last, reason });
        }
        bias_hh.slice_mut(s![gates - hidden..]).assign(&own);
    }
    Ok((cell, whole(Lane { weight_ih, weight_hh, bias_ih, bias_hh }, &hh)?))
}

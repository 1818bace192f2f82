//! Linear layers that read the states: heads.
//!
//! The names of a safetensors file do not tell what a linear layer reads, each state or the last one, nor what function
//! follows it. An ONNX file tells both.

use super::frameworks::leaf;
use super::{Arrays, Framework};
use ndarray::{Array1, Array2, Ix1, Ix2};
use rnn::model::Head;

/// A linear layer after recurrent ones: `W h + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Its module, or its node: `fc`.
    pub name: String,
    /// `[outputs, features]`
    pub weight: Array2<f32>,
    /// `[outputs]`
    pub bias: Array1<f32>,
    /// What it reads; `None` if the file does not tell.
    pub reads: Option<Head>,
    /// The function of its result.
    pub function: Function,
    /// Another layer of the file that can read its result, through a function that the file does not tell.
    pub followed_by: Option<String>,
    /// Whether its name is that of a table of embeddings, which is a head only where it is said to be, as tied ones are.
    pub is_table: bool,
    /// Its arrays in the file.
    pub arrays: Vec<String>,
}

/// What follows a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Nothing, as far as the file tells.
    Identity,
    /// σ of each number.
    Sigmoid,
    /// A softmax.
    Softmax,
    /// The logarithm of a softmax.
    LogSoftmax,
}

/// The words for a table of embeddings in the names of modules.
const TABLES: [&str; 8] =
    ["emb", "embs", "embed", "embeds", "embedding", "embeddings", "embedder", "embedders"];

/// Whether a module's name says that it is a table of embeddings: `embed_tokens`, `word_embeddings`, `tokenEmbedding`.
fn is_table(module: &str) -> bool {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in module.chars() {
        if !c.is_alphabetic() || c.is_uppercase() && before.is_lowercase() {
            words.push(String::new());
        }
        if c.is_alphabetic() {
            words.last_mut().expect("it has one").extend(c.to_lowercase());
        }
        before = c;
    }
    words.iter().any(|word| TABLES.contains(&word.as_str()))
}

/// The linear layers of a file of arrays, by name: a matrix and, if there is one, a bias that fits it.
///
/// Those of PyTorch, candle, Equinox and MLX are `[outputs, features]`; those of Paddle, Keras, Flax and Haiku
/// `[features, outputs]`. A table of embeddings is told by its name alone.
fn all(arrays: &Arrays, framework: Framework) -> Vec<Linear> {
    let (suffix, bias, turned) = match framework {
        Framework::Torch | Framework::Equinox | Framework::Mlx => ("weight", "bias", false),
        Framework::Paddle => ("weight", "bias", true),
        Framework::Keras | Framework::Flax => ("kernel", "bias", true),
        Framework::Haiku => ("w", "b", true),
    };
    let layer = |(name, array): (&String, &ndarray::ArrayD<f32>)| {
        let module = name.strip_suffix(suffix).filter(|_| leaf(name) == suffix)?;
        let weight = array.clone().into_dimensionality::<Ix2>().ok()?;
        let weight = if turned { weight.reversed_axes() } else { weight };
        if weight.is_empty() {
            return None;
        }
        let mut own = vec![name.clone()];
        let bias = match arrays.all.get_key_value(&format!("{module}{bias}")) {
            None => Array1::zeros(weight.nrows()),
            Some((name, array)) => {
                own.push(name.clone());
                let array = array.clone().into_dimensionality::<Ix1>().ok()?;
                Some(array).filter(|array| array.len() == weight.nrows())?
            }
        };
        Some(Linear {
            name: module.trim_end_matches(['/', '.']).into(),
            weight,
            bias,
            reads: None,
            function: Function::Identity,
            followed_by: None,
            is_table: is_table(module),
            arrays: own,
        })
    };
    arrays.all.iter().filter_map(layer).collect()
}

/// The linear layers that read this number of features.
pub(super) fn heads(arrays: &Arrays, framework: Framework, features: usize) -> Vec<Linear> {
    let all = all(arrays, framework);
    let reads = |reader: &&Linear, what: &Linear| {
        !reader.is_table && reader.name != what.name && reader.weight.ncols() == what.weight.nrows()
    };
    let of = |head: &Linear| {
        let followed_by = all.iter().find(|reader| reads(reader, head)).map(|reader| reader.name.clone());
        Linear { followed_by, ..head.clone() }
    };
    all.iter().filter(|head| head.weight.ncols() == features).map(of).collect()
}

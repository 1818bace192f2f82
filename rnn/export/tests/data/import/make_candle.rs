//! Layers of candle with random weights, as `VarMap::save` writes them; and beside each what it computes: y from x, and
//! the derivative of Σ v ⊙ y by x. All arrays of values are [time, batch, feature].
//!
//! Made with candle-core and candle-nn 0.11.1 and serde_json 1, in a crate of its own:
//!
//! ```sh
//! cargo new made && cd made && cargo add candle-core@0.11.1 candle-nn@0.11.1 serde_json
//! cp ../make_candle.rs src/main.rs && cargo run -- FOLDER
//! ```

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::rnn::{Direction, GRUConfig, LSTMConfig, RNN};
use candle_nn::{VarBuilder, VarMap, gru, lstm};

const T: usize = 5;
const B: usize = 2;
const D: usize = 3;
const H: usize = 4;

/// Numbers that look random.
fn drawn(shape: &[usize], seed: usize) -> Tensor {
    let number = |k: usize| 1.3 * ((k * 7919 + seed * 104_729) as f32 * 0.37).sin();
    let all: Vec<f32> = (0..shape.iter().product()).map(number).collect();
    Tensor::from_vec(all, shape, &Device::Cpu).unwrap()
}

/// The outputs of all steps.
fn run<L: RNN>(layer: &L, x: &Tensor, output: impl Fn(&L::State) -> Tensor) -> Result<Tensor> {
    let steps = (0..T).map(|t| x.get(t)).collect::<Result<Vec<_>>>()?;
    let mut state = layer.zero_state(B)?;
    let mut all = Vec::new();
    for x in steps {
        state = layer.step(&x, &state)?;
        all.push(output(&state));
    }
    Tensor::stack(&all, 0)
}

fn save(folder: &str, name: &str, weights: &VarMap, run: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let (x, v) = (Var::from_tensor(&drawn(&[T, B, D], 101))?, drawn(&[T, B, H], 102));
    let y = run(&x)?;
    let slopes = (&y * &v)?.sum_all()?.backward()?;
    let dx = slopes.get(&x).expect("y depends on x");
    weights.save(format!("{folder}/candle-{name}.safetensors"))?;
    let flat = |a: &Tensor| a.flatten_all().and_then(|a| a.to_vec1::<f32>()).unwrap();
    let values = serde_json::json!({"time": T, "batch": B, "input": D, "hidden": H,
        "x": flat(&x), "v": flat(&v), "y": flat(&y), "dx": flat(dx)});
    std::fs::write(format!("{folder}/candle-{name}.json"), format!("{values}\n"))?;
    Ok(())
}

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).expect("the folder to write to");
    for name in ["lstm", "gru"] {
        let weights = VarMap::new();
        let builder = VarBuilder::from_varmap(&weights, DType::F32, &Device::Cpu);
        let fill = || {
            let all = weights.data().lock().unwrap();
            let mut names: Vec<_> = all.keys().cloned().collect();
            names.sort();
            names.iter().enumerate().try_for_each(|(k, name)| all[name].set(&drawn(all[name].dims(), k)))
        };
        if name == "lstm" {
            let layer = lstm(D, H, LSTMConfig { direction: Direction::Forward, ..LSTMConfig::default() }, builder)?;
            fill()?;
            save(&folder, name, &weights, |x| run(&layer, x, |state| state.h().clone()))?;
        } else {
            let layer = gru(D, H, GRUConfig::default(), builder)?;
            fill()?;
            save(&folder, name, &weights, |x| run(&layer, x, |state| state.h().clone()))?;
        }
    }
    Ok(())
}

//! Text generation: each symbol is drawn from the model's distribution and fed back.

use super::{InferError, agree, softmax, symbols};
use crate::cell::Clock;
use crate::data::Vocabulary;
use crate::model::{Batch, Mode, Model, Network};
use crate::parameters::Parameters;
use autograd::{NodeId, Point, Value};
use autograd_compile::{Executable, compile};
use ndarray::ArrayD;
use rand::{Rng, RngExt};

/// A language model that reads and writes symbol by symbol. The state after one symbol is the state before the next,
/// so a single-step network generates text of any length.
pub struct Generator {
    network: Network,
    point: Point<f32>,
    /// Computes the logits of the next symbol, then the states.
    executable: Executable<f32>,
    unknown: Option<usize>,
    /// The period after which the cell's clock restarts, and the steps since the last restart.
    restarts: Option<(usize, usize)>,
    logits: Vec<f64>,
}

impl Generator {
    /// A model in its initial state, trained on windows of that many steps: a restarting clock has this period.
    ///
    /// # Errors
    /// If the model cannot be built or does not fit this vocabulary.
    pub fn new(
        model: &Model,
        parameters: &Parameters,
        vocabulary: &Vocabulary,
        window: usize,
    ) -> Result<Self, InferError> {
        agree("symbols", vocabulary.len(), symbols(model))?;
        agree("symbols", vocabulary.len(), model.outputs)?;
        let network = model.network(1, 1, Mode { carry: true, clock: true, ..Mode::default() })?;
        let start = network.first_states()?;
        let point = network.point(parameters, &symbol(0, model.outputs), &start, 0)?;
        let wanted: Vec<NodeId> = network.outputs.iter().chain(&network.last).copied().collect();
        let executable = compile(&network.graph, &wanted)?;
        let restarts = model.cell.cell().is_ok_and(|cell| cell.clock() == Clock::Restarts);
        let restarts = restarts.then_some((window.max(1), 0));
        Ok(Self { network, point, executable, unknown: vocabulary.unknown(), restarts, logits: Vec::new() })
    }

    /// Reads a symbol.
    ///
    /// # Errors
    /// If the model's output is not finite.
    pub fn read(&mut self, id: usize) -> Result<(), InferError> {
        self.point.set(self.network.x, Value::Index(ArrayD::from_elem(vec![1, 1], id)));
        let mut values = self.executable.run(&self.point)?.into_iter();
        let logits = values.next().map(Value::into_float).ok_or(InferError::Nothing)?;
        self.logits = logits.iter().copied().map(f64::from).collect();
        if self.logits.iter().any(|z| !z.is_finite()) {
            return Err(InferError::NotFinite);
        }
        for (&id, state) in self.network.start.iter().zip(values) {
            self.point.set(id, state);
        }
        if let (Some((window, taken)), Some(&clock)) = (&mut self.restarts, self.network.start.last()) {
            *taken += 1;
            if taken == window {
                *taken = 0;
                self.point.set(clock, ArrayD::zeros(vec![1, 1, 1]));
            }
        }
        Ok(())
    }

    /// Draws the next symbol and reads it. A temperature of 0 takes the most probable; the unknown symbol is never
    /// drawn.
    ///
    /// # Errors
    /// If nothing was read before, or the model's output is not finite.
    pub fn write(&mut self, temperature: f64, random: &mut impl Rng) -> Result<usize, InferError> {
        let id = draw(&self.logits, temperature, self.unknown, random).ok_or(InferError::Nothing)?;
        self.read(id)?;
        Ok(id)
    }
}

/// Draws a class with probability softmax(z / temperature); a temperature of 0 takes the first with the largest
/// logit. Never returns `forbidden`; `None` if there is no class.
pub fn draw(
    logits: &[f64],
    temperature: f64,
    forbidden: Option<usize>,
    random: &mut impl Rng,
) -> Option<usize> {
    let allowed: Vec<usize> = (0..logits.len()).filter(|&i| Some(i) != forbidden).collect();
    let largest =
        allowed.iter().copied().reduce(|best, i| if logits[i] > logits[best] { i } else { best })?;
    if temperature <= 0.0 {
        return Some(largest);
    }
    let probabilities = softmax(allowed.iter().map(|&i| (logits[i] - logits[largest]) / temperature));
    let mut left = random.random::<f64>();
    for (&i, p) in allowed.iter().zip(probabilities) {
        left -= p;
        if left < 0.0 {
            return Some(i);
        }
    }
    Some(largest) // rounding may leave a last crumb of probability
}

/// A batch of one symbol, with an unused target.
fn symbol(id: usize, outputs: usize) -> Batch {
    let index = |id| Value::Index(ArrayD::from_elem(vec![1, 1], id));
    Batch { x: index(id), y: index(outputs), lengths: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init;

    /// The frequency of each class in 20 000 draws.
    fn shares(logits: &[f64], temperature: f64, forbidden: Option<usize>) -> Vec<f64> {
        let mut random = init::rng(1, "draw");
        let mut counts = vec![0.0; logits.len()];
        (0..20_000).for_each(|_| counts[draw(logits, temperature, forbidden, &mut random).unwrap()] += 1.0);
        counts.into_iter().map(|n| n / 20_000.0).collect()
    }

    #[track_caller]
    fn assert_shares(found: Vec<f64>, expected: &[f64]) {
        // Four standard deviations of a frequency in 20 000 draws are below 0.015.
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 0.015), "{found:?} {expected:?}");
    }

    #[test]
    fn symbols_are_drawn_as_often_as_the_softmax_says() {
        let logits = [0.6_f64, 0.3, 0.1].map(f64::ln);
        assert_shares(shares(&logits, 1.0, None), &[0.6, 0.3, 0.1]);
        // At half the temperature odds are squared: 36 : 9 : 1.
        assert_shares(shares(&logits, 0.5, None), &[36.0 / 46.0, 9.0 / 46.0, 1.0 / 46.0]);
        assert_shares(shares(&logits, 1.0, Some(0)), &[0.0, 0.75, 0.25]);
        assert_shares(shares(&logits, 1e-300, None), &[1.0, 0.0, 0.0]);
        assert_shares(shares(&logits, 1e300, None), &[1.0 / 3.0; 3]);
    }

    #[test]
    fn at_temperature_zero_the_likeliest_is_taken_and_the_forbidden_never() {
        let mut random = init::rng(1, "draw");
        assert_eq!(draw(&[1.0, 3.0, 2.0], 0.0, None, &mut random), Some(1));
        assert_eq!(draw(&[1.0, 3.0, 2.0], 0.0, Some(1), &mut random), Some(2));
        assert_eq!(draw(&[1.0], 0.0, Some(0), &mut random), None);
    }
}

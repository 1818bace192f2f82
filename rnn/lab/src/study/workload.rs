//! Benchmark nets: one layer, a head and a loss at each step.

use autograd::{NodeId, Point, Value};
use autograd_compile::{Compiler, Executable, StepTime};
use ndarray::ArrayD;
use rnn::cell::CellRef;
use rnn::model::{Head, Inits, Input, Loss, Mode, Model, ModelError, Network, Start};
use serde::Serialize;
use std::time::{Duration, Instant};

/// A net and its batch size.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// The cell.
    pub cell: CellRef,
    /// The number of sequences per batch.
    pub batch: usize,
    /// The number of steps.
    pub steps: usize,
    /// The number of input features.
    pub input: usize,
    /// The size of the states.
    pub hidden: usize,
    /// The number of classes.
    pub classes: usize,
}

/// The benchmark cases: name, cell, batch, steps, input, hidden, classes.
pub const CASES: [(&str, &str, [usize; 5]); 9] = [
    ("tiny-elman", "elman", [1, 20, 8, 16, 8]),
    ("tiny-lstm", "lstm", [1, 20, 8, 16, 8]),
    ("char-elman", "elman", [32, 50, 64, 128, 64]),
    ("char-lstm", "lstm", [32, 50, 64, 128, 64]),
    ("char-gru", "gru", [32, 50, 64, 128, 64]),
    ("char-mgu", "mgu", [32, 50, 64, 128, 64]),
    ("wide-lstm", "lstm", [64, 100, 512, 512, 64]),
    ("wide-mgu", "mgu", [64, 100, 512, 512, 64]),
    ("long-lstm", "lstm", [16, 1000, 10, 64, 10]),
];

/// Timings of runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// From scratch to the first gradient: building, differentiating, compiling, running. In seconds.
    pub first_s: f64,
    /// The median of the runs, in milliseconds.
    pub median_ms: f64,
    /// The shortest run, in milliseconds.
    pub min_ms: f64,
    /// The number of runs.
    pub runs: usize,
}

/// A compiled workload with input values.
#[derive(Debug)]
pub struct Prepared {
    /// The graph and its handles.
    pub network: Network,
    /// Loss and gradients.
    pub executable: Executable<f32>,
    /// The values.
    pub point: Point<f32>,
    built: Duration,
}

impl Workload {
    /// The case with a name.
    pub fn case(name: &str) -> Option<Self> {
        let (_, cell, sizes) = CASES.into_iter().find(|(known, ..)| *known == name)?;
        let [batch, steps, input, hidden, classes] = sizes;
        Some(Self { cell: cell.into(), batch, steps, input, hidden, classes })
    }

    fn model(&self) -> Model {
        Model {
            cell: self.cell.clone(),
            input: Input::Reals { size: self.input },
            hidden: self.hidden,
            layers: 1,
            bidirectional: false,
            dropout: 0.0,
            start: Start::Zero,
            window: None,
            head: Head::EachStep,
            outputs: self.classes,
            loss: Loss::CrossEntropy,
            init: Inits::default(),
        }
    }

    /// Builds, differentiates and compiles the net.
    ///
    /// # Errors
    /// If there is no such net.
    pub fn prepare(&self, compiler: &Compiler) -> Result<Prepared, ModelError> {
        let model = self.model();
        let parameters = model.first_parameters(1)?;
        let start = Instant::now();
        let network = model.network(self.steps, self.batch, Mode { train: true, ..Mode::default() })?;
        let outputs: Vec<NodeId> =
            [network.loss].into_iter().chain(network.gradients.iter().copied()).collect();
        let executable = compiler.compile(&network.graph, &outputs)?;
        let built = start.elapsed();
        let mut point = Point::new();
        for (name, id) in &network.parameters {
            if let Some(value) = parameters.get(name) {
                point.set(*id, value.clone());
            }
        }
        // Arbitrary values that fill [−1, 1) evenly (Weyl's sequence of the golden ratio).
        let mut k = 0.0;
        let mut next = || {
            k += 1.0;
            (k * 0.618_033_988_749_894_9_f64).fract()
        };
        #[allow(clippy::cast_possible_truncation)] // single precision is what is timed
        let x = ArrayD::from_shape_simple_fn(vec![self.steps, self.batch, self.input], || {
            (2.0 * next() - 1.0) as f32
        });
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a class below `classes`
        let y = ArrayD::from_shape_simple_fn(vec![self.steps, self.batch], || {
            (next() * self.classes as f64) as usize
        });
        point.set(network.x, x);
        point.set(network.y, Value::<f32>::Index(y));
        Ok(Prepared { network, executable, point, built })
    }
}

impl Prepared {
    /// Runs for the given time, and at least five times.
    ///
    /// # Errors
    /// If a run fails.
    pub fn time(&self, seconds: f64) -> Result<Timing, autograd::Error> {
        let inputs: Vec<_> = self.point.iter().map(|(id, value)| (id, value.into())).collect();
        let shape = |id: &NodeId| Ok(self.network.graph.node(*id)?.ty.shape.clone());
        let outputs = [self.network.loss].into_iter().chain(self.network.gradients.iter().copied());
        let mut arrays: Vec<ArrayD<f32>> = outputs
            .map(|id| shape(&id).map(|shape| ArrayD::zeros(&*shape)))
            .collect::<Result<_, autograd::Error>>()?;
        let mut run = || {
            let start = Instant::now();
            let mut views: Vec<_> = arrays.iter_mut().map(|array| array.view_mut()).collect();
            self.executable.call(&inputs, &mut views)?;
            Ok::<_, autograd::Error>(start.elapsed())
        };
        let first = self.built + run()?;
        (0..3).try_for_each(|_| run().map(|_| ()))?;
        let mut times = Vec::new();
        let start = Instant::now();
        while times.len() < 5 || start.elapsed().as_secs_f64() < seconds {
            times.push(run()?.as_secs_f64() * 1e3);
        }
        times.sort_unstable_by(f64::total_cmp);
        Ok(Timing {
            first_s: first.as_secs_f64(),
            median_ms: times[times.len() / 2],
            min_ms: times[0],
            runs: times.len(),
        })
    }

    /// The time of each step of the executable.
    ///
    /// # Errors
    /// If a run fails.
    pub fn profile(&self, runs: usize) -> Result<Vec<StepTime>, autograd::Error> {
        self.executable.profile(&self.point, runs)
    }
}

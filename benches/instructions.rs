//! Repeats one gradient for an instruction counter; run by `benches/instructions.py`.
//!
//! `instructions CASE RUNS`: a case of `rnn profile`, on one thread.

use autograd_compile::Compiler;
use rnn_lab::study::{Prepared, Workload};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(case), Some(runs)) = (arguments.next(), arguments.next()) else {
        return println!("benches/instructions.py counts; this is what it counts");
    };
    let work = Workload::case(&case).unwrap_or_else(|| panic!("there is no case `{case}`"));
    let runs: usize = runs.parse().expect("the second argument is a number of runs");
    let Prepared { network, executable, point, .. } =
        work.prepare(&Compiler::new()).expect("every case compiles");
    let inputs: Vec<_> = point.iter().map(|(id, value)| (id, value.into())).collect();
    let ids = [network.loss].into_iter().chain(network.gradients.iter().copied());
    let shape = |id| network.graph.node(id).expect("it is the network's own").ty.shape.to_vec();
    let mut arrays: Vec<ndarray::ArrayD<f32>> = ids.map(|id| ndarray::ArrayD::zeros(shape(id))).collect();
    let mut views: Vec<_> = arrays.iter_mut().map(|array| array.view_mut()).collect();
    for _ in 0..runs {
        executable.call(&inputs, &mut views).expect("all leaves have values");
    }
}

//! A warm run of a compiled graph allocates nothing, and an executable can be shared by threads.

use allocation_counter::measure;
use autograd::Value;
use autograd_compile::{Compiler, Executable};
use ndarray::ArrayD;
use rnn_lab::study::{Prepared, Workload};

fn prepared(cell: &str, batch: usize, threads: usize) -> Prepared {
    let work = Workload { cell: cell.into(), batch, steps: 6, input: 5, hidden: 8, classes: 7 };
    work.prepare(&Compiler::new().threads(threads)).unwrap()
}

#[test]
fn a_warm_run_allocates_nothing() {
    for cell in ["elman", "lstm", "gru", "mgu", "lstm-layernorm"] {
        for threads in [1, 2] {
            let Prepared { network, executable, point, .. } = prepared(cell, 4, threads);
            let inputs: Vec<_> = point.iter().map(|(id, value)| (id, value.into())).collect();
            let ids = [network.loss].into_iter().chain(network.gradients.iter().copied());
            let shape = |id| network.graph[id].ty.shape.to_vec();
            let mut arrays: Vec<ArrayD<f32>> = ids.map(|id| ArrayD::zeros(shape(id))).collect();
            let mut views: Vec<_> = arrays.iter_mut().map(|array| array.view_mut()).collect();
            // Twice: the first run allocates, the second may still grow buffers.
            executable.call(&inputs, &mut views).unwrap();
            executable.call(&inputs, &mut views).unwrap();
            let info = measure(|| executable.call(&inputs, &mut views).unwrap());
            assert_eq!(info.count_total, 0, "{cell}, {threads} threads: {info:?}");
        }
    }
}

#[test]
fn many_threads_share_an_executable() {
    fn shareable<T: Send + Sync>(_: &T) {}
    let Prepared { executable, point, .. } = prepared("lstm", 5, 2);
    shareable::<Executable<f32>>(&executable);
    let want: Vec<Value<f32>> = executable.run(&point).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(executable.run(&point).unwrap(), want)));
        }
    });
}

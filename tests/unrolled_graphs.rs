//! Unrolled graphs: names, text, size, and errors.

mod nets;

use autograd::graph::{Node, Role, verify};
use autograd::ops::Op;
use autograd::{Builder, Expr, Graph, NodeId, Type, grad};
use expect_test::expect;
use nets::{Begin, Problem, Setup, cells};
use rnn::cell::{Cell, Next, State, Step, Weight, Weights, by_name};
use rnn::{Layers, Start};
use std::collections::HashSet;
use std::sync::Arc;

const SMALL: Setup = Setup {
    steps: 3,
    batch: 2,
    input: 2,
    hidden: 2,
    depth: 1,
    bidirectional: false,
    window: None,
    lengths: None,
    begin: Begin::Given,
    seed: 0,
};

/// Whether a node is a named leaf, a named node, or the adjoint of one.
fn is_named(graph: &Graph, id: NodeId) -> bool {
    let Node { op, origin, .. } = graph.node(id).unwrap();
    match (op, origin.role) {
        (Op::Leaf(leaf), _) => leaf.name().is_some(),
        (_, Role::Forward) => origin.name.is_some() && origin.ordinal == 0,
        (_, Role::Adjoint { of, .. }) => is_named(graph, graph.ids().nth(of as usize).unwrap()),
        (_, Role::Backward { .. }) => false,
    }
}

#[test]
fn every_node_has_a_name_of_its_own_that_finds_it() {
    cells::each(4, |subject, setup| {
        let graph = subject.problem(&setup).graph();
        assert_eq!(verify(&graph), Ok(()));
        let mut names = HashSet::new();
        for id in graph.ids().filter(|&id| is_named(&graph, id)) {
            let name = graph.name(id).unwrap();
            assert_eq!(graph.find(&name), Ok(id), "{name}");
            assert!(names.insert(name.clone()), "two nodes are called {name}");
        }
    });
}

#[test]
fn unrolling_again_gives_the_same_text() {
    cells::each(2, |subject, setup| {
        let problem = subject.problem(&setup);
        assert_eq!(problem.graph().text(), problem.graph().text());
    });
}

/// The op of the node with a name.
fn op(graph: &Graph, name: &str) -> &'static str {
    graph[graph.find(name).unwrap()].op.name()
}

#[test]
fn states_gates_and_adjoints_are_found_by_name() {
    let setup = Setup { depth: 2, bidirectional: true, ..SMALL };
    let graph = Problem::new(by_name("lstm").unwrap(), &setup).graph();
    for lane in ["l0/forward", "l0/reverse", "l1/forward", "l1/reverse"] {
        for step in 1..=3 {
            let table = [
                ("i", "sigmoid"),
                ("f", "sigmoid"),
                ("g", "tanh"),
                ("o", "sigmoid"),
                ("c", "add"),
                ("h", "mul"),
            ];
            for (gate, word) in table {
                assert_eq!(op(&graph, &format!("{lane}/{gate}[{step}]")), word);
                let (of, adjoint) = (format!("{lane}/{gate}[{step}]"), format!("∂{lane}/{gate}[{step}]"));
                let shape = |name: &str| graph[graph.find(name).unwrap()].ty.clone();
                assert_eq!(shape(&of), shape(&adjoint));
            }
        }
    }
    let graph = Problem::new(by_name("gru").unwrap(), &SMALL).graph();
    let table = [("r", "sigmoid"), ("z", "sigmoid"), ("n", "tanh"), ("h", "add")];
    for (gate, word) in table {
        assert_eq!(op(&graph, &format!("l0/{gate}[2]")), word);
    }
}

/// The second direction runs in reverse: its step 1 reads the state after step 2, and its last step reads the initial
/// state, which counts as step T + 1.
#[test]
fn the_second_direction_reads_the_later_step() {
    let setup = Setup { bidirectional: true, ..SMALL };
    let graph = Problem::new(by_name("elman").unwrap(), &setup).graph();
    let reads = |name: &str, of: &str| {
        let of = graph.find(of).unwrap();
        let mut stack = vec![graph.find(name).unwrap()];
        let mut direct = false;
        // Stops at named states.
        while let Some(id) = stack.pop() {
            for x in graph.operands(id).unwrap() {
                direct |= x == of;
                let origin = &graph[x].origin;
                if !(origin.ordinal == 0 && origin.name.as_deref() == Some("h")) {
                    stack.push(x);
                }
            }
        }
        direct
    };
    assert!(reads("l0/forward/h[2]", "l0/forward/h[1]") && !reads("l0/forward/h[2]", "l0/forward/h[3]"));
    assert!(reads("l0/reverse/h[2]", "l0/reverse/h[3]") && !reads("l0/reverse/h[2]", "l0/reverse/h[1]"));
    assert!(reads("l0/forward/h[1]", "l0/forward/h[0]") && reads("l0/reverse/h[3]", "l0/reverse/h[4]"));
}

#[test]
fn three_steps_of_elman_read_as_the_equation_does() {
    let g = Builder::new();
    let net = Layers::of(by_name("elman").unwrap(), 2, 4);
    let x = g.batch_input("x", Type::float([3, 1, 2]), 1);
    let run = net.unroll(&g, &net.declare(&g, ""), x, None, &Start::Zero);
    assert_eq!(run.outputs.len(), 3);
    expect![[r#"
        %0 = input "x" batch=1 : [3, 1, 2]
        %1 = parameter "weight_ih_l0" : [4, 2]
        %2 = parameter "weight_hh_l0" : [4, 4]
        %3 = parameter "bias_ih_l0" : [4]
        %4 = parameter "bias_hh_l0" : [4]
        %5 = at %0 axis=0 0 : [1, 2]  // x[1]
        %6 = at %0 axis=0 1 : [1, 2]  // x[2]
        %7 = at %0 axis=0 2 : [1, 2]  // x[3]
        %8 = constant 0 : []
        %9 = broadcast %8 shape=[1, 4] : [1, 4]  // l0/h[0]
        %10 = matmul %5 %1 bᵀ : [1, 4]  // l0/h[1]#1
        %11 = add %10 %3 : [1, 4]  // l0/h[1]#2
        %12 = matmul %9 %2 bᵀ : [1, 4]  // l0/h[1]#3
        %13 = add %11 %12 : [1, 4]  // l0/h[1]#4
        %14 = add %13 %4 : [1, 4]  // l0/h[1]#5
        %15 = tanh %14 : [1, 4]  // l0/h[1]
        %16 = matmul %6 %1 bᵀ : [1, 4]  // l0/h[2]#1
        %17 = add %16 %3 : [1, 4]  // l0/h[2]#2
        %18 = matmul %15 %2 bᵀ : [1, 4]  // l0/h[2]#3
        %19 = add %17 %18 : [1, 4]  // l0/h[2]#4
        %20 = add %19 %4 : [1, 4]  // l0/h[2]#5
        %21 = tanh %20 : [1, 4]  // l0/h[2]
        %22 = matmul %7 %1 bᵀ : [1, 4]  // l0/h[3]#1
        %23 = add %22 %3 : [1, 4]  // l0/h[3]#2
        %24 = matmul %21 %2 bᵀ : [1, 4]  // l0/h[3]#3
        %25 = add %23 %24 : [1, 4]  // l0/h[3]#4
        %26 = add %25 %4 : [1, 4]  // l0/h[3]#5
        %27 = tanh %26 : [1, 4]  // l0/h[3]
    "#]]
    .assert_eq(&g.graph().unwrap().text());
}

/// The numbers of nodes, of edges, and of elements of all values.
fn size(problem: &Problem, gradients: bool) -> [usize; 3] {
    let g = Builder::new();
    let built = problem.build(&g);
    if gradients {
        grad(built.loss, &built.wrt());
    }
    let graph = g.graph().unwrap();
    let edges = graph.ids().map(|id| graph.operands(id).unwrap().len()).sum();
    let elements = graph.ids().map(|id| graph[id].ty.shape.count()).sum();
    [graph.len(), edges, elements]
}

/// The size is linear in the number of steps (second differences are zero), forward and backward. For a cell that
/// does something at some steps alone, steps are multiples of its period. Each cell is tested in two of the eight
/// kinds of net.
#[test]
fn graphs_grow_linearly_with_time() {
    for (place, subject) in cells::ALL.iter().enumerate() {
        let name = &subject.name;
        for kind in [place % 8, (place + 5) % 8] {
            let (bidirectional, ragged, window) =
                (kind % 2 == 1, kind / 2 % 2 == 1, (kind >= 4).then_some(5));
            let size = |steps: usize, gradients| {
                let lengths = ragged.then(|| vec![steps, 3]);
                let setup = Setup { steps, depth: 2, bidirectional, window, lengths, ..SMALL };
                size(&subject.problem(&setup), gradients)
            };
            for gradients in [false, true] {
                // Windows of five steps divide all these lengths.
                let [a, b, c] = [10, 20, 40].map(|steps| size(steps * subject.period, gradients));
                for i in 0..3 {
                    assert_eq!(c[i] - b[i], 2 * (b[i] - a[i]), "{name}, kind {kind}: {a:?} {b:?} {c:?}");
                }
            }
        }
    }
}

#[test]
fn two_thousand_steps_cost_a_hundred_times_twenty() {
    let size = |steps| size(&Problem::new(by_name("lstm").unwrap(), &Setup { steps, ..SMALL }), true);
    let ([a, b, c], long) = (size(20), size(2000));
    let [d, e, f] = size(40);
    assert_eq!(long, [a + 99 * (d - a), b + 99 * (e - b), c + 99 * (f - c)]);
}

fn lstm() -> Arc<dyn Cell> {
    by_name("lstm").unwrap()
}

/// The error of a net of `cell` and `depth` layers over `steps` steps, without the place.
fn refusal(cell: Arc<dyn Cell>, depth: usize, steps: usize, start: &[[usize; 3]]) -> String {
    let g = Builder::new();
    let net = Layers::of(cell, 3, 4).depth(depth);
    let (weights, x) = (net.declare(&g, ""), g.input("x", [steps, 2, 3]));
    let start: Vec<Expr> =
        start.iter().enumerate().map(|(i, &s)| g.parameter(&format!("start{i}"), s)).collect();
    let start = if start.is_empty() { Start::Zero } else { Start::From(start) };
    let run = net.unroll(&g, &weights, x, None, &start);
    // A refused net can be used like any other.
    let _ = (run.output(), run.last_output(), run.last(0));
    let error = g.graph().unwrap_err().to_string();
    let (reason, place) = error.rsplit_once('\n').unwrap();
    assert!(place.starts_with("  at ") && place.contains("tests/unrolled_graphs.rs:"), "{error}");
    reason.into()
}

#[test]
fn a_net_has_layers_and_steps() {
    assert_eq!(refusal(lstm(), 1, 0, &[]), "a net of 1 layers over 0 steps: both are at least 1");
    assert_eq!(refusal(lstm(), 0, 2, &[]), "a net of 0 layers over 2 steps: both are at least 1");
}

#[test]
fn a_start_has_a_value_for_each_state() {
    assert_eq!(
        refusal(lstm(), 1, 2, &[[1, 2, 4]]),
        r#"1 initial states were given, and the cell has ["h", "c"]"#
    );
}

#[test]
fn what_is_given_has_its_shapes() {
    assert_eq!(
        refusal(lstm(), 1, 2, &[[1, 2, 4], [1, 2, 5]]),
        "the initial `c` is [1, 2, 4], or with 1 for the batch, and not start1 [1, 2, 5]"
    );
    let refusal = |depth: usize, lengths: &[usize]| {
        let g = Builder::new();
        let weights = Layers::of(lstm(), 3, 2).depth(depth).declare(&g, "");
        let (x, lengths) = (g.input("x", [4, 2, 3]), g.index_input("lengths", lengths, 5));
        let line = line!() + 1;
        let _ = Layers::of(lstm(), 3, 2).unroll(&g, &weights, x, Some(lengths), &Start::Zero);
        let error = g.graph().unwrap_err().to_string();
        error.strip_suffix(&format!("\n  at tests/unrolled_graphs.rs:{line}")).unwrap().to_string()
    };
    // [2] would broadcast over the two features.
    assert_eq!(refusal(1, &[2]), "lengths are [2, 1], one for each sequence, and not lengths [2] of 0..5");
    assert_eq!(refusal(2, &[2, 1]), "weights of 2 layers and directions were given, and the net has 1");
}

/// A cell with one mistake.
#[derive(Debug)]
enum Wrong {
    /// It reads a weight that it does not declare.
    Name,
    /// It declares two states and returns one.
    Count,
    /// It returns a state of another size.
    Size,
}

impl Cell for Wrong {
    fn weights(&self, input: usize, hidden: usize) -> Vec<Weight> {
        vec![Weight::input("W_f", [hidden, input]), Weight::recurrent("U_f", [hidden, hidden])]
    }

    fn states(&self, _: usize, hidden: usize) -> Vec<State> {
        let h = State::new("h", hidden);
        if matches!(self, Self::Count) { vec![h, State::new("c", hidden)] } else { vec![h] }
    }

    fn step<'g>(&self, w: &Weights<'g>, x: Expr<'g>, state: &[Expr<'g>], _: &Step<'g>) -> Next<'g> {
        match self {
            Self::Name => (x.linear(w["W_F"]) + state[0]).into(),
            Self::Count => (x.linear(w["W_f"]) + state[0]).into(),
            Self::Size => x.into(),
        }
    }
}

#[test]
fn a_step_keeps_to_what_its_cell_declares() {
    assert_eq!(
        refusal(Arc::new(Wrong::Name), 1, 2, &[]),
        "the cell declares no weight `W_F`; did you mean `W_f`?"
    );
    assert_eq!(
        refusal(Arc::new(Wrong::Count), 1, 2, &[]),
        r#"the cell has the states ["h", "c"], and its step returns 1 of them"#
    );
    assert_eq!(
        refusal(Arc::new(Wrong::Size), 1, 2, &[]),
        "the cell's state `h` is [2, 4], and its step returns x[1] [2, 3]"
    );
}

#[test]
fn an_unknown_cell_is_answered_with_the_nearest() {
    assert_eq!(
        by_name("lsmt").unwrap_err().to_string(),
        "there is no cell called `lsmt`; did you mean `lstm`? `rnn cells` lists them"
    );
    assert_eq!(
        by_name("transformer").unwrap_err().to_string(),
        "there is no cell called `transformer`: `rnn cells` lists them"
    );
}

/// Without a window nothing is detached, unless the cell itself stops gradients.
#[test]
fn nothing_is_cut_without_a_window() {
    for subject in cells::ALL.iter().filter(|subject| !subject.stops) {
        let graph = subject.problem(&SMALL).graph();
        assert!(graph.ids().all(|id| !matches!(graph[id].op, Op::StopGradient(_))));
    }
}

/// A net in a separate layer scope: an encoder and a decoder in one graph.
#[test]
fn two_nets_stand_in_one_graph() {
    let g = Builder::new();
    let net = Layers::of(lstm(), 3, 4);
    let x = g.input("x", [2, 1, 3]);
    let encoded = {
        let _encoder = g.layer("encoder");
        net.unroll(&g, &net.declare(&g, "encoder."), x, None, &Start::Zero)
    };
    let start = Start::From(vec![encoded.last(0), encoded.last(1)]);
    let _decoder = g.layer("decoder");
    let _ = net.unroll(&g, &net.declare(&g, "decoder."), x, None, &start);
    let graph = g.graph().unwrap();
    assert!(graph.find("encoder/l0/h[2]").is_ok() && graph.find("decoder/l0/h[2]").is_ok());
}

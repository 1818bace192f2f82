//! Building a graph: error messages, names of nodes, snapshots.

use autograd::graph::{Role, verify};
use autograd::ops::{Add, Concat, Stack};
use autograd::{Builder, Error, Expr, Graph, Point, Type, Value, eval, grad};
use ndarray::{arr0, arr1};
use std::sync::Arc;

/// The builder's error for a construction, without the place.
fn refusal(build: impl Fn(&Builder)) -> String {
    let g = Builder::new();
    build(&g);
    let text = g.graph().unwrap_err().to_string();
    let (message, place) = text.rsplit_once("\n  at ").unwrap();
    assert!(place.starts_with(file!()), "{place}");
    message.into()
}

/// One line per shape rule: the expression and the message.
#[test]
fn shape_errors_name_op_operands_and_reason() {
    macro_rules! says {
        ($($build:expr => $message:literal;)*) => {$(
            let build: &dyn for<'g> Fn(&'g Builder, Expr<'g>, Expr<'g>, Expr<'g>) -> Expr<'g> = &$build;
            let message = refusal(|g| {
                let (a, b) = (g.parameter("a", [2, 3]), g.input("b", [4]));
                assert!(build(g, a, b, g.index_input("i", [5], 9)).is_poisoned());
            });
            assert_eq!(message, $message);
        )*};
    }
    says! {
        |_, a, b, _| a + b => "add(a [2, 3], b [4]): [2, 3] and [4] do not broadcast";
        |_, a, b, _| a * b => "mul(a [2, 3], b [4]): [2, 3] and [4] do not broadcast";
        |_, a, _, i| a * i => "mul(a [2, 3], i [5] of 0..9): it takes real numbers, not [5] of 0..9";
        |_, a, _, i| a.less(i) => "less(a [2, 3], i [5] of 0..9): [2, 3] cannot be compared with [5] of 0..9";
        |_, a, b, _| a.select(b, 0.0) => "select(a [2, 3], b [4], constant#1 []): it chooses by truth values, not by [2, 3]";
        |_, a, _, _| a.matmul(a) => "matmul(a [2, 3], a [2, 3]): the inner sizes differ: [2, 3] · [2, 3]";
        |_, a, b, _| a.matmul(b) => "matmul(a [2, 3], b [4]): a matrix has two axes; [4] has 1";
        |_, a, _, _| a.sum_over([2]) => "sum(a [2, 3]): there is no axis 2 in [2, 3], which has 2";
        |_, a, _, _| a.softmax(2) => "softmax(a [2, 3]): there is no axis 2 in [2, 3], which has 2";
        |_, a, _, _| a.broadcast_to([3]) => "broadcast(a [2, 3]): [2, 3] does not broadcast to [3]";
        |_, a, _, _| a.reshape([5]) => "reshape(a [2, 3]): [2, 3] has 6 elements and [5] has 5";
        |_, a, _, _| a.transpose(&[0, 0]) => "transpose(a [2, 3]): [0, 0] is not an order of the axes of [2, 3]";
        |_, a, _, _| a.slice(1, 2..4) => "slice(a [2, 3]): 2..4 is not within the 3 places of axis 1";
        |_, a, _, _| a.at(0, 2) => "at(a [2, 3]): axis 0 has 2 places, and no place 2";
        |_, a, _, _| a.pad(2, 1, 1) => "pad(a [2, 3]): there is no axis 2 in [2, 3], which has 2";
        |g, a, b, _| g.concat(0, &[a, b]) => "concat(a [2, 3], b [4]): [2, 3] and [4] differ beside axis 0";
        |g, a, b, _| g.stack(0, &[a, b]) => "stack(a [2, 3], b [4]): [2, 3] and [4] differ";
        |g, _, _, _| g.apply(Add, &[]) => "add(): it needs at least one operand";
        |g, _, _, _| g.apply(Concat { axis: 0 }, &[]) => "concat(): it needs at least one operand";
        |g, a, _, _| g.apply(Stack { axis: 3 }, &[a]) => "stack(a [2, 3]): [2, 3] has no place for a new axis 3";
        |_, a, _, i| a.gather(i) => "gather(a [2, 3], i [5] of 0..9): indices go up to 8, and there are 2 rows";
        |_, a, b, _| a.gather(b) => "gather(a [2, 3], b [4]): rows are chosen by whole numbers, not by [4]";
        |_, a, _, i| a.scatter_add(i, 9) => "scatter_add(a [2, 3], i [5] of 0..9): [2, 3] does not begin with the axes of the indices, [5]";
        |_, _, _, i| i.one_hot(8) => "one_hot(i [5] of 0..9): indices go up to 8, and there are 8 rows";
        |_, _, _, i| i.dropout_mask([2], 0.5, 0) => "dropout_mask(i [5] of 0..9): the seed is one whole number, not [5] of 0..9";
        |_, a, _, _| a.insert_axis(3) => "a [2, 3] has no place for a new axis 3";
        |_, a, _, _| a.split::<2>(1)[0] => "axis 1 of a [2, 3] cannot be cut into 2 equal parts";
        |g, _, _, _| g.batch_input("x", Type::float([2]), 1) => "the input `x` [2] has no axis 1 for its samples";
        |g, _, _, _| g.parameter("a", [1]) => "there are two leaves called `a`: give one another name";
        |_, a, b, _| { let _first = a.exp().named("h"); b.exp().named("h") } => "`h` is already the name of another node: name it otherwise, or in a layer of its own";
    }
}

#[test]
fn poison_spreads_in_silence_and_the_first_error_stays() {
    let g = Builder::new();
    let (a, b) = (g.parameter("a", [2]), g.parameter("b", [3]));
    let bad = a + b;
    let line = line!() - 1;
    let worse = (bad.exp() + 1.0).matmul(bad).slice(7, 0..1).named("h");
    let _second = a.matmul(b);
    assert!(worse.is_poisoned() && worse.shape().is_empty() && format!("{worse:?}") == "poisoned");
    assert!(grad(worse, &[a])[0].is_poisoned());
    let Err(Error::Operands { op, place, .. }) = g.graph() else { panic!() };
    assert_eq!((op.as_str(), place.file(), place.line()), ("add", file!(), line));
}

#[test]
fn handles_of_other_graphs_and_builders_are_errors() {
    let (g, other) = (Builder::new(), Builder::new());
    let (x, y) = (g.parameter("x", []), other.parameter("y", []));
    let graph = g.graph().unwrap();
    assert!(matches!(graph.node(y.id()), Err(Error::Foreign { index: 0, .. })));
    assert!(matches!(eval::<f64>(&graph, &Point::new(), &[y]), Err(Error::Foreign { .. })));
    assert!(matches!(
        eval::<f64>(&graph, &Point::new().with(y, arr0(1.0)), &[x]),
        Err(Error::Foreign { .. })
    ));
    let _sum = g.apply(Add, &[x, g.expr(y.id())]);
    assert!(matches!(g.graph(), Err(Error::Foreign { .. })));
}

/// Two builders resume one graph: handles of the common part are valid in both, handles of the additions are not.
#[test]
fn builders_that_resume_one_graph_do_not_take_each_others_handles() {
    let g = Builder::new();
    let x = g.parameter("x", []).id();
    let shared = g.graph().unwrap();
    let (left, right) = (Builder::resume(shared.clone()), Builder::resume(shared.clone()));
    let (of_left, of_right) = (left.expr(x).exp().id(), right.expr(x).sin().id());
    let of_first = g.expr(x).tanh().id();
    assert!([of_left, of_right, of_first].iter().all(|id| id.index() == 1));
    let graphs = [left.graph().unwrap(), right.graph().unwrap(), g.graph().unwrap()];
    for (graph, own) in graphs.iter().zip([of_left, of_right, of_first]) {
        assert_eq!(graph[x].op, shared[x].op);
        assert_eq!(graph.ids().collect::<Vec<_>>(), [x, own]);
        for id in [of_left, of_right, of_first] {
            assert_eq!(graph.node(id).is_ok(), id == own);
        }
    }
    assert!(left.expr(of_right).is_poisoned() && left.graph().is_err());
    // A branch of a branch accepts all earlier handles.
    let further = Builder::resume(graphs[1].clone());
    let of_further = further.expr(of_right).exp().id();
    assert_eq!(further.graph().unwrap().ids().collect::<Vec<_>>(), [x, of_right, of_further]);
    assert!(graphs[1].node(of_further).is_err());
}

#[test]
#[should_panic(expected = "belongs to another graph")]
fn a_foreign_handle_indexes_nothing() {
    let (g, other) = (Builder::new(), Builder::new());
    let y = other.parameter("y", []).id();
    g.parameter("x", []);
    let _ = &g.graph().unwrap()[y];
}

#[test]
fn an_expression_of_another_builder_is_refused() {
    let (g, other) = (Builder::new(), Builder::new());
    let (x, y) = (g.parameter("x", []), other.parameter("y", []));
    assert!((x + y).is_poisoned());
    assert!(g.graph().unwrap_err().to_string().starts_with("add: an operand belongs to another builder"));
}

#[test]
fn values_that_do_not_fit_are_named() {
    let g = Builder::new();
    let (x, i) = (g.parameter("x", [2]), g.index_input("i", [2], 3));
    let graph = g.graph().unwrap();
    let read = |point: &Point<f64>| eval(&graph, point, &[x.id(), i.id()]).unwrap_err().to_string();
    let (xs, is) = (arr1(&[1.0, 2.0]), Value::Index(arr1(&[0, 3]).into_dyn()));
    assert_eq!(read(&Point::new()), "`x` ([2]) has no value: set it at the point before evaluating");
    assert_eq!(
        read(&Point::new().with(x, arr0(1.0))),
        "the value for `x` does not fit: it needs [2], and was given []"
    );
    assert_eq!(
        read(&Point::new().with(x, xs.clone()).with(i, is)),
        "the value for `i` does not fit: the index 3 at [1] is not in 0..3"
    );
    assert_eq!(
        read(&Point::new().with(x, xs.clone()).with(i, xs)),
        "the value for `i` does not fit: it needs [2] of 0..3, and was given [2]"
    );
}

/// h[t] = tanh(x w + h[t−1] w) for two steps in a layer, and its gradient twice.
fn recurrence() -> Arc<Graph> {
    let g = Builder::new();
    let (x, w) = (g.input("x", [2]), g.parameter("w", [2]));
    let mut h = g.zeros([2]);
    {
        let _layer = g.layer("l0");
        for t in 1..=2 {
            let _step = g.step(t);
            h = (x * w + h * w).tanh().named("h");
        }
    }
    let dw = grad(h.sum(), &[w])[0];
    grad(dw.sum(), &[w]);
    verify(&g.graph().unwrap()).unwrap();
    g.graph().unwrap()
}

#[test]
fn names_say_layer_variable_step_and_part() {
    let graph = recurrence();
    let op = |name: &str| graph[graph.find(name).unwrap()].op.name();
    assert_eq!(op("l0/h[1]"), "tanh");
    assert_eq!(op("l0/h[2]"), "tanh");
    assert_eq!(op("l0/h[2]#1"), "mul");
    assert_eq!(op("l0/h[2]#3"), "add");
    assert_eq!(op("w"), "parameter");
    assert_ne!(graph.find("l0/h[1]").unwrap(), graph.find("l0/h[2]").unwrap());
    // Every node has a name that finds it.
    for id in graph.ids() {
        assert_eq!(graph.find(&graph.name(id).unwrap()).unwrap(), id, "{}", graph.name(id).unwrap());
    }
}

#[test]
fn adjoints_are_named_by_their_node_and_their_sweep() {
    let graph = recurrence();
    assert_eq!(graph.sweeps().len(), 2);
    let h = graph.find("l0/h[1]").unwrap();
    for (sweep, name) in [(0, "∂l0/h[1]"), (1, "∂₂l0/h[1]")] {
        let adjoint = graph.adjoint(h, sweep).unwrap().unwrap();
        assert_eq!(graph.find(name).unwrap(), adjoint);
        assert_eq!(graph.name(adjoint).unwrap(), name);
        let origin = &graph[adjoint].origin;
        assert_eq!(
            origin.role,
            Role::Adjoint { of: u32::try_from(h.index()).unwrap(), sweep: u32::try_from(sweep).unwrap() }
        );
        assert_eq!((origin.layer.as_deref(), origin.step), (Some("l0"), Some(1)));
    }
    assert_eq!(graph.adjoint(h, 2).unwrap(), None);
}

#[test]
fn a_name_that_is_not_there_is_answered_with_the_nearest() {
    let graph = recurrence();
    let suggestion = |name: &str| graph.find(name).unwrap_err().to_string();
    assert_eq!(suggestion("l0/h[3]"), "no node is called `l0/h[3]`; the nearest name is `l0/h[1]`");
    assert_eq!(suggestion("l1/h[2]"), "no node is called `l1/h[2]`; the nearest name is `l0/h[2]`");
    assert_eq!(suggestion("something else"), "no node is called `something else`");
}

#[test]
fn a_name_of_very_many_adjoints_is_only_unknown() {
    let g = Builder::new();
    let _ = g.input("x", [2]).tanh().named("h");
    let name = format!("{}h", "∂".repeat(8_000));
    assert!(matches!(g.graph().unwrap().find(&name), Err(Error::Unknown { .. })));
}

#[test]
fn a_node_may_have_a_second_name_and_keeps_the_first() {
    let g = Builder::new();
    let x = g.parameter("x", []);
    let y = x.exp().named("y").named("out");
    let graph = g.graph().unwrap();
    assert_eq!((graph.find("y").unwrap(), graph.find("out").unwrap()), (y.id(), y.id()));
    assert_eq!(graph.name(y.id()).unwrap(), "y");
}

/// Reverse mode knows an op by its trait alone.
#[test]
fn grad_names_no_op() {
    let files = [include_str!("../autograd/src/grad/mod.rs"), include_str!("../autograd/src/grad/parts.rs")];
    let code = files.iter().flat_map(|file| file.lines()).filter(|line| !line.trim_start().starts_with("//"));
    let named: Vec<_> = code.filter(|line| line.contains("Op::")).collect();
    assert!(named.is_empty(), "{named:?}");
}

#[test]
fn scopes_end_where_they_are_dropped_and_nest() {
    let g = Builder::new();
    let x = g.parameter("x", []);
    let inner = {
        let _outer = g.layer("outer");
        let _step = g.step(3);
        {
            let _inner = g.layer("inner");
            x.exp().named("a").name()
        }
    };
    assert_eq!(inner, "outer/inner/a[3]");
    assert_eq!(x.exp().named("a").name(), "a");
}

#[test]
fn a_snapshot_does_not_change_and_costs_no_copy_until_building_goes_on() {
    let g = Builder::new();
    let x = g.parameter("x", []);
    let y = x.exp();
    let before = g.graph().unwrap();
    assert!(Arc::ptr_eq(&before, &g.graph().unwrap()));
    let (text, z) = (before.text(), y.sin());
    assert_eq!((before.len(), before.text()), (2, text));
    let after = g.graph().unwrap();
    assert_eq!(after.len(), 3);
    // Handles of the earlier graph are valid in the later one; a later handle is foreign to the earlier.
    assert_eq!(after[y.id()].op, before[y.id()].op);
    assert!(before.node(z.id()).is_err());
}

#[test]
fn resume_goes_on_where_a_graph_ends_and_leaves_it_alone() {
    let g = Builder::new();
    let x = g.parameter("x", []);
    let y = x.exp() + x.exp();
    let first = g.graph().unwrap();
    let more = Builder::resume(first.clone());
    let again = more.expr(x.id()).exp();
    assert_eq!(again.name(), "exp#3"); // numbering of unnamed nodes continues
    assert!(more.parameter("x", []).is_poisoned()); // and leaves keep their names
    let more = Builder::resume(first.clone());
    let dx = grad(more.expr(y.id()), &[more.expr(x.id())])[0];
    let graph = more.graph().unwrap();
    verify(&graph).unwrap();
    assert_eq!(first.len(), 4);
    let value = eval(&graph, &Point::new().with(x, arr0(0.5)), &[dx]).unwrap().remove(0);
    assert_eq!(value.scalar(), Some(2.0 * 0.5_f64.exp()));
}

#[test]
fn the_same_construction_gives_the_same_text() {
    assert_eq!(recurrence().text(), recurrence().text());
    assert!(recurrence().text().starts_with("%0 = input \"x\" : [2]\n%1 = parameter \"w\" : [2]\n"));
}

#[test]
fn too_many_elements_are_refused_when_the_leaf_is_made() {
    let message = refusal(|g| assert!(g.parameter("w", [usize::MAX, 2]).is_poisoned()));
    assert!(
        message.starts_with("parameter \"w\" [18446744073709551615, 2] has too many elements"),
        "{message}"
    );
}

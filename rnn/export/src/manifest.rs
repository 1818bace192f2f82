//! The manifest of a module: the arguments and results of its function in order.

use crate::devices::Shared;
use crate::program::{Program, Real, Role};
use crate::values::element;
use autograd::Type;
use serde_json::{Value, json};

/// The calling convention as JSON.
///
/// Each argument has a `name`, a `shape`, a `dtype` in NumPy's terms, a `kind` (`parameter` or `input`) and the
/// `batch_axis`, or null. Each result has a name, shape and dtype, a `role` (`loss`, `gradient`, `next`, `output`),
/// for a gradient and for a next value, `of`: its argument, and the `batch_axis` along which it is sharded if the
/// program is one for several devices. `devices` is their number.
pub fn manifest(program: &Program, shared: Option<&Shared>, real: Real) -> Value {
    let array = |name: &str, ty: &Type| json!({ "name": name, "shape": ty.shape.to_vec(), "dtype": element(ty.kind, real).1 });
    let with = |mut array: Value, more: Value| {
        if let (Some(fields), Value::Object(more)) = (array.as_object_mut(), more) {
            fields.extend(more);
        }
        array
    };
    let arguments = program.arguments.iter().map(|a| {
        let kind = if a.parameter { "parameter" } else { "input" };
        with(array(&a.name, &a.ty), json!({ "kind": kind, "batch_axis": a.batch_axis }))
    });
    let cut = |k: usize| shared.and_then(|shared| shared.results[k]);
    let results = program.results.iter().enumerate().filter_map(|(k, r)| {
        let (role, of) = match &r.role {
            Role::Loss => ("loss", None),
            Role::Gradient(of) => ("gradient", Some(of)),
            Role::Next(of) | Role::Counted(of) => ("next", Some(of)),
            Role::Output => ("output", None),
        };
        let ty = &program.graph.node(r.id).ok()?.ty;
        Some(with(array(&r.name, ty), json!({ "role": role, "of": of, "batch_axis": cut(k) })))
    });
    json!({
        "name": program.name,
        "real": real.to_string(),
        "devices": shared.map_or(1, |shared| shared.devices),
        "arguments": arguments.collect::<Vec<_>>(),
        "results": results.collect::<Vec<_>>(),
    })
}

//! What stands beside a module: the arguments and results of its function in order, for whoever calls it.

use crate::program::{Program, Real, Role};
use crate::values::element;
use autograd::Type;
use serde_json::{Value, json};

/// The calling convention as JSON.
///
/// Each argument has a `name`, a `shape`, a `dtype` as NumPy calls it, a `kind` (`parameter` or `input`) and the
/// `batch_axis` along which samples lie, or null. Each result has a name, shape and dtype, a `role` (`loss`, `gradient`,
/// `next`, `output`), and for a gradient and for a next value, `of`: the argument it belongs to.
pub fn manifest(program: &Program, real: Real) -> Value {
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
    let results = program.results.iter().filter_map(|r| {
        let (role, of) = match &r.role {
            Role::Loss => ("loss", None),
            Role::Gradient(of) => ("gradient", Some(of)),
            Role::Next(of) => ("next", Some(of)),
            Role::Output => ("output", None),
        };
        let ty = &program.graph.node(r.id).ok()?.ty;
        Some(with(array(&r.name, ty), json!({ "role": role, "of": of })))
    });
    json!({
        "name": program.name,
        "real": real.to_string(),
        "arguments": arguments.collect::<Vec<_>>(),
        "results": results.collect::<Vec<_>>(),
    })
}

//! StableHLO text, which XLA, and with it JAX, compiles for CPU, GPU and TPU.
//!
//! The function is `@main`; its arguments and results are those of the [`Program`], in order. Every operation has its
//! node's name as location, so that XLA's dumps and profiles show `∂l0/h[3]`.
//!
//! Specification: <https://github.com/openxla/stablehlo/blob/main/docs/spec.md>.

mod body;
mod columns;
mod devices;
mod dropout;
mod element;
mod emitter;
pub(crate) mod erf;
mod loops;
mod ops;
mod writer;

pub use devices::module_for;

use crate::program::{Argument, ExportError, Program, Real};
use element::{Element, quoted, tensor};
use emitter::Emitter;
use loops::Plan;
use std::fmt::Write;
use writer::{Val, Writer, names, types};

/// The form of time steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Similar steps as one loop: the size of the module, and XLA's compile time, do not grow with the number of
    /// steps.
    #[default]
    Rolled,
    /// Every step separately, as in the graph.
    Unrolled,
}

/// The program as a module.
///
/// # Errors
/// If a custom op is not in the library.
pub fn module(program: &Program, real: Real, form: Form) -> Result<String, ExportError> {
    let plan = Plan::new(program, form == Form::Rolled, |_| ());
    let mut emitter = Emitter::new(program, plan, real);
    let arguments = program.arguments.iter().enumerate().map(|(k, a)| argument_value(k, a, real));
    let results = emitter.run(arguments.collect())?;
    Ok(function(program, real, emitter.w, &results))
}

fn argument_value(k: usize, argument: &Argument, real: Real) -> Val {
    let element = Element::of(argument.ty.kind, real);
    Val { name: format!("%arg{k}"), shape: argument.ty.shape.clone(), element }
}

/// The module around the body of its function.
fn function(program: &Program, real: Real, w: Writer, results: &[Val]) -> String {
    let argument = |(k, a): (usize, &Argument)| {
        let element = Element::of(a.ty.kind, real);
        format!("%arg{k}: {} loc({})", tensor(&a.ty.shape, element), quoted(&a.name))
    };
    let arguments: Vec<String> = program.arguments.iter().enumerate().map(argument).collect();
    let mut text = format!("module @{} {{\n", symbol(&program.name));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  func.func public @main({}) -> ({}) {{", arguments.join(", "), types(results));
    text += &w.into_text();
    let _ = writeln!(text, "    return {} : {}\n  }}\n}}", names(results), types(results));
    text
}

/// A name restricted to the characters of a symbol.
fn symbol(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

//! Collective operations, and the function around the program of one device.
//!
//! The program is the body of one `sdy.manual_computation` over a mesh of one axis, `data`: arguments with a batch
//! axis arrive sharded along it, the others replicated. It is written in Shardy's dialect,
//! <https://openxla.org/shardy/sdy_dialect>.

use super::element::{Element, quoted, tensor};
use super::emitter::Emitter;
use super::ops::addition;
use super::writer::{Val, names, types};
use super::{Form, Plan, argument_value, symbol};
use crate::devices::{Collective, Shared};
use crate::program::{Argument, ExportError, Program, Real};
use std::fmt::Write;

/// A program for several devices as a module.
///
/// # Errors
/// If a custom op is not in the library.
pub fn module_for(program: &Program, shared: &Shared, real: Real, form: Form) -> Result<String, ExportError> {
    let (devices, own) = (shared.devices, &shared.program);
    let plan = Plan::new(own, form == Form::Rolled, |id| own.collectives.get(&id).copied());
    let mut emitter = Emitter::new(own, plan, real);
    let values: Vec<Val> =
        own.arguments.iter().enumerate().map(|(k, a)| argument_value(k, a, real)).collect();
    let results = emitter.run(values.clone())?;

    let of_argument = |a: &Argument| sharding(a.ty.shape.len(), a.batch_axis);
    let given: Vec<String> =
        program.arguments.iter().map(|a| tensor(&a.ty.shape, Element::of(a.ty.kind, real))).collect();
    let outer = program.arguments.iter().zip(&given).enumerate().map(|(k, (a, ty))| {
        format!("%given{k}: {ty} {{sdy.sharding = #sdy.sharding{}}} loc({})", of_argument(a), quoted(&a.name))
    });
    let inner = values.iter().map(|v| format!("{}: {}", v.name, v.ty()));
    let whole: Vec<(String, String)> = results
        .iter()
        .zip(&shared.results)
        .map(|(value, &axis)| {
            let shape = axis
                .map_or(value.shape.clone(), |axis| value.shape.resized(axis, value.shape[axis] * devices));
            (tensor(&shape, value.element), sharding(shape.len(), axis))
        })
        .collect();
    let joined = |all: &mut dyn Iterator<Item = String>| all.collect::<Vec<_>>().join(", ");
    let back =
        joined(&mut whole.iter().map(|(ty, axes)| format!("{ty} {{sdy.sharding = #sdy.sharding{axes}}}")));
    let (tys, out) = (
        joined(&mut whole.iter().map(|(ty, _)| ty.clone())),
        joined(&mut whole.iter().map(|(_, axes)| axes.clone())),
    );
    let given_names = joined(&mut (0..given.len()).map(|k| format!("%given{k}")));
    let returned = match results.len() {
        1 => "%whole".into(),
        n => joined(&mut (0..n).map(|k| format!("%whole#{k}"))),
    };
    let many = if results.len() == 1 { String::new() } else { format!(":{}", results.len()) };

    let mut text = format!(
        "module @{} attributes {{mhlo.num_partitions = {devices} : i32, mhlo.num_replicas = 1 : i32}} {{\n",
        symbol(&program.name)
    );
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  sdy.mesh @mesh = <[\"data\"={devices}]>");
    let _ = writeln!(text, "  func.func public @main({}) -> ({back}) {{", joined(&mut { outer }));
    let _ = writeln!(
        text,
        "    %whole{many} = sdy.manual_computation({given_names}) in_shardings=[{}] out_shardings=[{out}] \
         manual_axes={{\"data\"}} ({}) {{",
        joined(&mut program.arguments.iter().map(of_argument)),
        joined(&mut { inner }),
    );
    text += &emitter.w.into_text();
    let _ = writeln!(text, "    sdy.return {} : {}", names(&results), types(&results));
    let _ = writeln!(text, "    }} : ({}) -> ({tys})", given.join(", "));
    let _ = writeln!(text, "    return {returned} : {tys}\n  }}\n}}");
    Ok(text)
}

/// `<@mesh, [{}, {"data"}]>`: sharded along an axis.
fn sharding(rank: usize, axis: Option<usize>) -> String {
    let of = |k: usize| if Some(k) == axis { "{\"data\"}" } else { "{}" };
    format!("<@mesh, [{}]>", (0..rank).map(of).collect::<Vec<_>>().join(", "))
}

impl Emitter<'_> {
    /// Writes a collective operation.
    pub(super) fn collective(&mut self, op: Collective, x: &Val) -> Val {
        match op {
            Collective::AllReduce { devices } => self.all_reduce(x, devices),
            Collective::Cut { axis, devices } => {
                let rows = x.shape[axis] / devices;
                let device = self.w.put("stablehlo.partition_id : tensor<ui32>", &[], Element::U32);
                let device = self.w.convert(&device, Element::I32);
                let rows_before = self.w.whole(rows as u64, Element::I32);
                let start = self.w.binary("multiply", &device, &rows_before);
                self.w.dynamic_slice(x, axis, &start, rows)
            }
        }
    }

    /// One per value: XLA merges those that can run together.
    fn all_reduce(&mut self, x: &Val, devices: usize) -> Val {
        let name = self.w.fresh();
        let channel = self.w.channel();
        let all: Vec<String> = (0..devices).map(|k| k.to_string()).collect();
        self.w.line(&format!(
            "{name} = \"stablehlo.all_reduce\"({}) <{{channel_handle = #stablehlo.channel_handle<handle = {channel}, type = 1>, \
             replica_groups = dense<[[{}]]> : tensor<1x{devices}xi64>, use_global_device_ids}}> ({{",
            x.name,
            all.join(", ")
        ));
        addition(&mut self.w, &tensor(&[], x.element));
        self.w.located(&format!("}}) : ({0}) -> {0}", x.ty()));
        Val { name, ..x.clone() }
    }
}

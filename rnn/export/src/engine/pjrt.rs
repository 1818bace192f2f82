//! Training by a PJRT plugin: XLA as a library loaded at run time, without Python.

mod api;

use super::{EngineError, Runner, Xla, arguments, stopped, write_value};
use crate::program::{Program, Real};
use crate::values::element;
use api::{Buffer, Compiled, Kind};
use autograd::Point;
use ndarray::ArrayD;
use rnn::model::{Mode, Model, StepError};
use safetensors::Dtype;
use std::collections::HashMap;
use std::path::Path;

/// A plugin, with its compiled programs.
#[derive(Debug)]
pub struct Plugin {
    // Programs are dropped before their client.
    loaded: HashMap<String, Compiled>,
    plugin: api::Plugin,
}

impl Xla<Plugin> {
    /// Loads a plugin, and uses its first device.
    ///
    /// # Errors
    /// If it is not a plugin, or finds no device.
    pub fn plugin(path: &Path, model: &Model, mode: Mode) -> Result<Self, EngineError> {
        let plugin = api::Plugin::open(path)
            .map_err(|reason| EngineError::Plugin { path: path.into(), reason: first_line(&reason) })?;
        let driver = Plugin { loaded: HashMap::new(), plugin };
        Ok(Self { model: model.clone(), mode, devices: 1, driver, made: Vec::new() })
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().into()
}

fn failed(error: String) -> StepError {
    StepError::Engine(format!("the PJRT plugin: {}", first_line(&error)))
}

impl Runner for Plugin {
    fn platform(&self) -> &str {
        &self.plugin.platform
    }

    fn load(&mut self, name: &str, text: &str, _about: &str) -> Result<(), StepError> {
        let compiled = self.plugin.compile(text).map_err(failed)?;
        self.loaded.insert(name.into(), compiled);
        Ok(())
    }

    fn unload(&mut self, name: &str) -> Result<(), StepError> {
        self.loaded.remove(name);
        Ok(())
    }

    fn run(
        &mut self,
        name: &str,
        program: &Program,
        point: &Point<f32>,
    ) -> Result<Vec<ArrayD<f32>>, StepError> {
        let compiled = self.loaded.get(name).ok_or_else(|| failed("it has no such program".into()))?;
        let mut given: Vec<Buffer> = Vec::with_capacity(program.arguments.len());
        for (argument, (value, wide)) in program.arguments.iter().zip(arguments(program, point)?) {
            let mut bytes = Vec::new();
            write_value(&mut bytes, value, wide).map_err(stopped)?;
            let kind = match element(argument.ty.kind, Real::F32).0 {
                Dtype::BOOL => Kind::Bool,
                Dtype::I32 => Kind::I32,
                Dtype::U64 => Kind::U64,
                _ => Kind::F32,
            };
            given.push(self.plugin.buffer(&bytes, kind, &argument.ty.shape).map_err(failed)?);
        }
        let found = self.plugin.run(compiled, &given).map_err(failed)?;
        let mut shapes = Vec::with_capacity(found.len());
        for result in &program.results {
            shapes.push(&program.graph.node(result.id)?.ty.shape);
        }
        if found.len() != shapes.len() {
            return Err(failed(format!("it gave {} results, and not {}", found.len(), shapes.len())));
        }
        let mut all = Vec::with_capacity(found.len());
        for (buffer, shape) in found.iter().zip(&shapes) {
            let numbers = self.plugin.numbers(buffer, shape).map_err(failed)?;
            let array = ArrayD::from_shape_vec(shape.to_vec(), numbers);
            all.push(array.expect("as many were read as it has"));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests;

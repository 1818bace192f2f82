//! The cells that ship with the crate, and cells by name.

use super::Cell;
use crate::data::file;
use crate::equations::{EquationCell, Faults};
use autograd::nearest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A cell that ships with the crate, defined by its file of equations alone.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its name on the command line.
    pub name: &'static str,
    /// The text of its file.
    pub text: &'static str,
}

impl Shipped {
    /// The cell.
    ///
    /// # Panics
    /// If the file has a fault; a test reads every shipped file.
    pub fn cell(&self) -> Arc<EquationCell> {
        Arc::new(EquationCell::read(self.text, self.name).expect("the files that are shipped have no fault"))
    }
}

/// The cells that are known best, by name: those of PyTorch and cuDNN, and their nearest kin.
pub const SHIPPED: &[Shipped] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// Cells from the literature, from echo states to matrix memories, by name.
pub const LITERATURE: &[Shipped] = include!(concat!(env!("OUT_DIR"), "/literature.rs"));

/// All cells that have a name: [`SHIPPED`], then [`LITERATURE`].
pub fn named() -> impl Iterator<Item = &'static Shipped> {
    SHIPPED.iter().chain(LITERATURE)
}

/// Why a cell cannot be provided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CellError {
    /// There is no cell of that name.
    #[error("there is no cell called `{name}`{}`rnn cells` lists them", match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`? "),
        None => ": ".into(),
    })]
    Unknown {
        /// The name asked for.
        name: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] crate::data::Error),
    /// The file has faults.
    #[error("the cell cannot be read\n{0}")]
    Faults(#[from] Faults),
    /// A constant that the cell does not have.
    #[error("{0}")]
    Constant(String),
}

/// A cell by its name or by the text of its file. A checkpoint keeps it, so that it loads anywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellRef {
    /// The cell's name.
    pub name: String,
    /// The text of its file; `None` for the shipped cell of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Constants whose values override those of the file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constants: BTreeMap<String, f64>,
}

impl CellRef {
    /// A shipped cell by its name, or a cell by the path of its file, which ends in `.cell`. The file's text is
    /// stored.
    ///
    /// # Errors
    /// If there is no such cell or file, or the file has faults.
    pub fn open(name: &str) -> Result<Self, CellError> {
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "cell") {
            let text = file::read(path)?;
            let cell = EquationCell::read(&text, name)?;
            return Ok(Self { name: cell.name().into(), text: Some(text), constants: BTreeMap::new() });
        }
        let shipped = find(name)?;
        Ok(Self { text: Some(shipped.text.into()), ..name.into() })
    }

    /// The same with another value for a constant.
    ///
    /// # Errors
    /// If the cell has no such constant.
    pub fn set(mut self, constant: &str, value: f64) -> Result<Self, CellError> {
        self.constants.insert(constant.into(), value);
        self.cell()?;
        Ok(self)
    }

    /// The cell.
    ///
    /// # Errors
    /// If there is none of that name, its text has faults, or a constant does not exist.
    pub fn cell(&self) -> Result<Arc<dyn Cell>, CellError> {
        let mut cell = match &self.text {
            Some(text) => EquationCell::read(text, &self.name)?,
            None => EquationCell::read(find(&self.name)?.text, &self.name)?,
        };
        for (name, value) in &self.constants {
            cell.set(name, *value).map_err(CellError::Constant)?;
        }
        Ok(Arc::new(cell))
    }
}

impl From<&str> for CellRef {
    fn from(name: &str) -> Self {
        Self { name: name.into(), text: None, constants: BTreeMap::new() }
    }
}

impl fmt::Display for CellRef {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn find(name: &str) -> Result<&'static Shipped, CellError> {
    named().find(|cell| cell.name == name).ok_or_else(|| CellError::Unknown {
        name: name.into(),
        nearest: nearest(name, named().map(|cell| cell.name.into())),
    })
}

/// The shipped cell of a name.
///
/// # Errors
/// If there is none; the nearest name is suggested.
pub fn by_name(name: &str) -> Result<Arc<dyn Cell>, CellError> {
    Ok(find(name)?.cell())
}

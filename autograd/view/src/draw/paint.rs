//! Colours by class, the same in all pictures, with enough contrast for a projector.

use super::label::Class;
use super::scene::Item;
use crate::diff::Change;

/// The colours of a box.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Paint {
    pub fill: &'static str,
    pub edge: &'static str,
    pub ink: &'static str,
}

const fn paint(fill: &'static str, edge: &'static str, ink: &'static str) -> Paint {
    Paint { fill, edge, ink }
}

/// Colours of parameters, cyclically: edge and ink, and fill. Gradients have the same.
const PARAMETERS: [Paint; 8] = [
    paint("#fbe9f3", "#ad2a75", "#8a1c5b"),
    paint("#e5f4f1", "#127c6e", "#0c5f54"),
    paint("#f2ecfb", "#6f42b5", "#553091"),
    paint("#f6f0dc", "#8a6d0b", "#6b5407"),
    paint("#fdeaea", "#b8322f", "#942421"),
    paint("#ddf4f8", "#07809c", "#055f75"),
    paint("#edf4e2", "#52791a", "#3d5c11"),
    paint("#e9ecf1", "#55657b", "#3b495c"),
];

impl Class {
    /// The colours of a node.
    pub fn paint(self) -> Paint {
        match self {
            Self::Input => paint("#e3f3e6", "#2b8044", "#17512a"),
            Self::Parameter(k) | Self::Gradient(k) => PARAMETERS[k % PARAMETERS.len()],
            Self::Named => paint("#dfecfa", "#2a68a8", "#12395f"),
            Self::Interior => paint("#ffffff", "#7f98b2", "#26415c"),
            Self::Output => paint("#eee3fa", "#6d3aa8", "#431f6d"),
            Self::Cut => paint("#fff5f5", "#d01f1f", "#b01010"),
            Self::Mask => paint("#f4f4f4", "#a9a9a9", "#6a6a6a"),
            Self::Adjoint => paint("#fde9d6", "#c05f12", "#6e3404"),
            Self::Backward => paint("#ffffff", "#cf9d74", "#7a431a"),
        }
    }

    /// The name of the class in the legend.
    pub fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Parameter(_) => "parameter",
            Self::Named => "named value",
            Self::Interior => "on the way",
            Self::Output => "result",
            Self::Cut => "cut: no gradient passes",
            Self::Mask => "mask, choice",
            Self::Adjoint => "adjoint ∂",
            Self::Gradient(_) => "gradient of a parameter",
            Self::Backward => "on the way to an adjoint",
        }
    }
}

impl Item {
    /// The colours of a node: by its class, or by its change when two graphs are compared.
    pub fn paint(&self) -> Paint {
        self.change.map_or_else(|| self.class.paint(), Change::paint)
    }
}

impl Change {
    pub(super) fn paint(self) -> Paint {
        match self {
            Self::Removed => paint("#fdeeee", "#c62828", "#8e1b1b"),
            Self::Added => paint("#e4f5e7", "#1e8a3c", "#0f5724"),
            Self::Changed => paint("#fff3d6", "#c98a00", "#6f4b00"),
            Self::Same => paint("#ffffff", "#c3ccd5", "#8593a1"),
        }
    }

    /// The name in the legend.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Same => "the same",
        }
    }
}

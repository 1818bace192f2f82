//! The layout of a picture.
//!
//! 1. [`kin`](super::kin) finds which nodes of different steps are the same node of the step, so that one [`sheet`] plans
//!    all steps: levels, order, middles.
//! 2. [`wire`] decides for each operand whether it is a line or a name.
//! 3. [`rows`] gives the levels their heights; between two levels is a *channel* for lines to other columns,
//!    between two columns a *gutter*. No box stands in either, so lines that keep to them meet none.
//! 4. [`place`] puts the sheets, the side column and the tags in their places, and [`route`] draws the lines.
//!
//! All of it is linear in the number of nodes, but for sorting.

mod crossings;
mod order;
mod place;
mod plan;
mod route;
mod rows;
mod sheet;
mod side;
mod spread;
pub(super) mod text;
mod wire;

use super::cut::Part;
use super::detail::Detail;
use super::scene::Scene;
use plan::Plan;
use rows::Rows;
use sheet::Sheet;

// Sizes in pixels; of type above a column, in a box, in small, in the circle of an op.
pub(super) const HEADING: f64 = 13.0;
pub(super) const TITLE: f64 = 12.0;
pub(super) const SMALL: f64 = 9.0;
pub(super) const SIGN: f64 = 11.0;
pub(super) const TAG_HEIGHT: f64 = 13.0;

/// The size of the letters under a name. Pictures with few boxes have room for larger ones, and are often shown reduced.
pub(super) fn under_a_name(detail: Detail) -> f64 {
    if detail == Detail::Ops { SMALL } else { SMALL + 1.5 }
}

/// A rectangle, by its upper left corner.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub(super) struct Frame {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Frame {
    pub fn middle(&self) -> [f64; 2] {
        [self.x + self.width / 2.0, self.y + self.height / 2.0]
    }

    fn bottom(&self) -> f64 {
        self.y + self.height
    }

    fn right(&self) -> f64 {
        self.x + self.width
    }
}

/// An operand shown as a name.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    /// The link.
    pub link: usize,
    /// Whether it is above the operand and names the user; otherwise it is below the user and names the operand.
    pub above: bool,
    pub text: String,
    pub frame: Frame,
}

/// An operand shown as a line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The link.
    pub link: usize,
    pub points: Vec<[f64; 2]>,
    pub shape: Bend,
}

/// The shape of a line through its points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bend {
    /// Curves with vertical ends.
    Curve,
    /// Vertical and horizontal segments with round corners.
    Corner,
    /// One arc on the left.
    Bow,
}

/// The positions of everything.
#[derive(Debug)]
pub(super) struct Layout {
    pub width: f64,
    pub height: f64,
    /// The box of each item.
    pub frames: Vec<Frame>,
    pub tags: Vec<Tag>,
    pub lines: Vec<Line>,
    /// The left edge of each step's column.
    pub columns: Vec<f64>,
    pub column_width: f64,
    /// The width of each step's column: the common width, or less for a first one that is nearly empty.
    pub widths: Vec<f64>,
    /// The bands with their names.
    pub bands: Vec<(String, Frame)>,
    /// The line between the forward and backward parts.
    pub divider: Option<f64>,
    /// The frames around columns that represent several steps.
    pub rolls: Vec<Frame>,
}

impl Layout {
    pub fn new(scene: &Scene) -> Self {
        let mut plan = Plan::new(scene);
        plan.sheets.iter_mut().for_each(Sheet::arrange);
        let mut across = route::Across::new(&plan);
        plan.rows = plan
            .sheets
            .iter()
            .enumerate()
            .map(|(s, sheet)| Rows::new(sheet, |c| across.lanes(s, c)))
            .collect();
        place::place(&plan, &mut across)
    }
}

/// The sheets of a part.
fn of_part(part: Part) -> [usize; 2] {
    if part == Part::Forward { [0, 1] } else { [2, 3] }
}

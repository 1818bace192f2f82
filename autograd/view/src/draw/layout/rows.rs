//! The heights of the levels of a sheet, measured upwards from its lower edge.

use super::TAG_HEIGHT;
use super::sheet::Sheet;

/// The distance between two lanes of a channel or gutter.
pub(super) const LANE: f64 = 7.0;
const CHANNEL: f64 = 16.0;
const BETWEEN_BANDS: f64 = 12.0;

/// A level: the floor, the tags below the boxes, the boxes, the tags above them, and the roof.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub floor: f64,
    pub middle: f64,
    pub roof: f64,
}

/// The levels of a sheet from the lowest.
#[derive(Debug)]
pub(super) struct Rows {
    pub rows: Vec<Row>,
    pub height: f64,
}

impl Rows {
    /// `lanes` returns the number of lanes of the channel below a level; the last channel is above all levels.
    pub fn new(sheet: &Sheet, lanes: impl Fn(usize) -> usize) -> Self {
        let mut height = 6.0;
        let mut rows: Vec<Row> = Vec::with_capacity(sheet.levels.len());
        let mut band = None;
        for (l, level) in sheet.levels.iter().enumerate() {
            let boxes = || level.iter().map(|&c| &sheet.cells[c]).filter(|c| c.is_box);
            let here = boxes().next().map(|c| c.band);
            let new_band = l > 0 && here != band;
            band = here;
            let base = if l == 0 { 4.0 } else { CHANNEL };
            let floor = height + base + lanes(l) as f64 * LANE + if new_band { BETWEEN_BANDS } else { 0.0 };
            let tags = |any: bool| if any { TAG_HEIGHT + 2.0 } else { 0.0 };
            let tallest = boxes().map(|c| c.height).fold(0.0, f64::max);
            let middle = floor + tags(boxes().any(|c| c.tags_below)) + tallest / 2.0;
            let roof = middle + tallest / 2.0 + tags(boxes().any(|c| c.tags_above));
            rows.push(Row { floor, middle, roof });
            height = roof;
        }
        if !rows.is_empty() {
            height += 10.0 + lanes(rows.len()) as f64 * LANE;
        }
        Self { rows, height }
    }

    /// The height of a lane of the channel below a level. Lanes are counted from the row beneath, so the first one
    /// assigned is the lowest.
    pub fn lane(&self, channel: usize, lane: usize) -> f64 {
        let beneath = channel.checked_sub(1).map_or(0.0, |l| self.rows[l].roof);
        beneath + 8.0 + lane as f64 * LANE
    }
}

//! Positions the sheets side by side, the parts above each other, and everything in them.

use super::plan::{PORT, Plan, Seat};
use super::route::{Across, Gutter};
use super::rows::{LANE, Row};
use super::{Bend, Frame, HEADING, Layout, Line, TAG_HEIGHT, of_part, side, text};
use crate::draw::cut::Part;
use crate::draw::layout::wire::Wire;
use crate::draw::scene::Column;

/// The space between the edge and the drawing.
const MARGIN: f64 = 16.0;
/// The space above the forward part, for the title and the step numbers.
const HEAD: f64 = 52.0;
/// The upper edge of the frame of a column that represents several steps.
const ROLL: f64 = 27.0;
/// The space between the parts.
const DIVIDE: f64 = 34.0;
/// The space left of the first step, for the names of the bands.
const BAND_NAME: f64 = 18.0;

/// The left edges of columns and gutters.
struct Columns {
    side: f64,
    steps: Vec<f64>,
    end: f64,
    width: f64,
    inner: f64,
    first: f64,
    /// The horizontal range that the first step uses: often initial states alone.
    start: Option<[f64; 2]>,
}

impl Columns {
    /// The width of a step's column.
    fn width_of(&self, step: usize) -> f64 {
        self.start.filter(|_| step == 0).map_or(self.width, |[from, to]| to - from)
    }

    /// The right edge of the last step.
    fn last(&self) -> Option<f64> {
        let last = self.steps.len().checked_sub(1)?;
        Some(self.steps[last] + self.width_of(last))
    }

    /// The left shift of a step's contents over empty space.
    fn shift(&self, step: usize) -> f64 {
        self.start.filter(|_| step == 0).map_or(0.0, |[from, _]| from)
    }
}

pub(super) fn place(plan: &Plan, across: &mut Across) -> Layout {
    let frame = |&[width, height]: &[f64; 2]| Frame { width, height, ..Frame::default() };
    let mut frames: Vec<Frame> = plan.sizes.iter().map(frame).collect();
    let Heights { floors, divider, bottom, edges } = heights(plan, across, &mut frames);
    across.assign(plan, &frames, &floors, edges);
    let columns = columns(plan, across);
    for ((frame, item), seat) in frames.iter_mut().zip(&plan.scene.items).zip(&plan.seats) {
        frame.x = match (item.column, *seat) {
            (Column::Side, _) | (_, None) => columns.first - frame.width,
            (column, Some(Seat { sheet, cell })) => {
                let sheet = &plan.sheets[sheet];
                let left = match column {
                    Column::Step(s) => {
                        columns.steps[s] + (columns.width - sheet.width) / 2.0 - columns.shift(s)
                    }
                    _ => columns.end,
                };
                left + sheet.cells[cell].x - frame.width / 2.0
            }
        };
    }
    let mut layout = Layout {
        width: columns.end + plan.sheets[1].width.max(plan.sheets[3].width) + MARGIN,
        height: bottom,
        frames,
        tags: Vec::new(),
        lines: Vec::new(),
        bands: bands(plan, &columns, &floors),
        column_width: columns.width,
        widths: (0..columns.steps.len()).map(|s| columns.width_of(s)).collect(),
        columns: columns.steps.clone(),
        divider,
        rolls: rolls(plan, &columns, bottom),
    };
    let ports = tags(plan, across, &mut layout);
    lines(plan, across, &columns, (&floors, edges), &ports, &mut layout);
    layout
}

/// The lower edges of the sheets, the line between the parts, the lower edge of the picture.
struct Heights {
    floors: [f64; 4],
    divider: Option<f64>,
    bottom: f64,
    /// The start of lanes around the parts: upwards from the first, downwards from the second.
    edges: [f64; 2],
}

/// Stacks the parts and assigns every box its height.
fn heights(plan: &Plan, across: &Across, frames: &mut [Frame]) -> Heights {
    let mut heights = Heights { floors: [0.0; 4], divider: None, bottom: HEAD, edges: [0.0; 2] };
    for part in [Part::Forward, Part::Backward] {
        if plan.scene.items.iter().all(|item| item.part != part || item.outside) {
            continue;
        }
        let aside = aside(plan, part);
        let sizes: Vec<f64> = aside.iter().map(|&i| frames[i].height).collect();
        let high =
            of_part(part).map(|s| plan.rows[s].height).into_iter().fold(side::height(&sizes), f64::max);
        if part == Part::Backward {
            heights.divider = Some(heights.bottom + DIVIDE / 2.0);
            heights.bottom += DIVIDE;
        }
        let around = across.loops(part) as f64 * LANE;
        if part == Part::Forward {
            heights.bottom += around;
        }
        let top = heights.bottom;
        heights.bottom += high;
        for s in of_part(part) {
            // Outputs are at the outer edge of their part.
            let forward = part == Part::Forward;
            heights.floors[s] = if forward { top + plan.rows[s].height } else { heights.bottom };
        }
        for (frame, seat) in frames.iter_mut().zip(&plan.seats) {
            if let Some(Seat { sheet, cell }) = *seat
                && of_part(part).contains(&sheet)
            {
                frame.y = heights.floors[sheet] - row(plan, sheet, cell).middle - frame.height / 2.0;
            }
        }
        put_aside(plan, &aside, frames, top, heights.bottom);
        heights.edges[usize::from(part == Part::Backward)] =
            if part == Part::Forward { top } else { heights.bottom + LANE };
        if part == Part::Backward && around > 0.0 {
            heights.bottom += around + LANE;
        }
    }
    heights
}

fn row(plan: &Plan, sheet: usize, cell: usize) -> Row {
    plan.rows[sheet].rows[plan.sheets[sheet].cells[cell].level]
}

/// The items at the side of a part, from the top: ordered by their first users or operands.
fn aside(plan: &Plan, part: Part) -> Vec<usize> {
    let items = &plan.scene.items;
    let aside = |&i: &usize| items[i].part == part && items[i].column == Column::Side && !items[i].outside;
    (0..items.len()).filter(aside).collect()
}

/// Assigns the items at the side their heights.
fn put_aside(plan: &Plan, aside: &[usize], frames: &mut [Frame], top: f64, bottom: f64) {
    let items = &plan.scene.items;
    let mut wants: Vec<(f64, usize)> = Vec::new();
    // Data flows upwards: operands of other side items come last, and are lower.
    let mut want = vec![f64::NAN; items.len()];
    for &i in aside {
        let links = plan.incoming[i].iter().map(|&l| plan.scene.links[l].from);
        let links = plan.outgoing[i].iter().map(|&l| plan.scene.links[l].to).chain(links);
        let near = links.filter(|&j| items[j].part == items[i].part && items[j].column != Column::Side);
        let nearest = near.min_by_key(|&j| (items[j].column, j));
        want[i] = nearest.map_or(f64::NAN, |j| frames[j].middle()[1]);
    }
    for &i in aside.iter().rev() {
        if want[i].is_nan() {
            let users = plan.outgoing[i].iter().map(|&l| want[plan.scene.links[l].to]);
            want[i] = users.filter(|y| !y.is_nan()).fold(f64::NAN, f64::max) + 1.0;
        }
        wants.push((if want[i].is_nan() { bottom } else { want[i] }, i));
    }
    wants.sort_by(|a, b| a.0.total_cmp(&b.0));
    let sizes: Vec<f64> = wants.iter().map(|&(_, i)| frames[i].height).collect();
    let middles = side::stack(&wants.iter().map(|w| w.0).collect::<Vec<_>>(), &sizes, top, bottom);
    for ((_, i), middle) in wants.into_iter().zip(middles) {
        frames[i].y = middle - frames[i].height / 2.0;
    }
}

fn columns(plan: &Plan, across: &Across) -> Columns {
    let has_arcs = plan.wires.contains(&Wire::Arc);
    let side = MARGIN + if has_arcs { 40.0 } else { 0.0 };
    let items = plan.scene.items.iter().zip(&plan.sizes);
    let widest = items
        .filter(|(item, _)| item.column == Column::Side && !item.outside)
        .map(|(_, size)| size[0])
        .fold(0.0, f64::max);
    let first = side + widest;
    // The frame of a column that represents several steps is around its heading too.
    let rolled = plan.scene.steps.iter().filter(|step| !step.group.is_empty());
    let headings = rolled.map(|step| text::width(&step.heading(), HEADING));
    let width = headings.fold(plan.sheets[0].width.max(plan.sheets[2].width), f64::max);
    let inner = across.gutter(Gutter::Inner);
    let steps = plan.scene.steps.len();
    let start = first + if steps > 0 { across.gutter(Gutter::First) + BAND_NAME } else { 24.0 };
    let mut columns = Columns { side, steps: Vec::new(), end: start, width, inner, first, start: None };
    columns.start = narrow(plan, width).filter(|_| steps > 1);
    let mut x = start;
    for s in 0..steps {
        columns.steps.push(x);
        x += columns.width_of(s) + inner;
    }
    columns.end = columns.last().map_or(start, |last| last + across.gutter(Gutter::Last));
    columns
}

/// The range of the boxes in the first step, if they leave most of it empty.
fn narrow(plan: &Plan, width: f64) -> Option<[f64; 2]> {
    let of_first =
        plan.scene.items.iter().zip(&plan.seats).filter(|(item, _)| item.column == Column::Step(0));
    let mut span = [f64::INFINITY, f64::NEG_INFINITY];
    for seat in of_first.filter_map(|(_, seat)| *seat) {
        let sheet = &plan.sheets[seat.sheet];
        let cell = &sheet.cells[seat.cell];
        let left = (width - sheet.width) / 2.0 + cell.x;
        span = [span[0].min(left - cell.room / 2.0), span[1].max(left + cell.room / 2.0)];
    }
    // Space for the step number.
    let middle = f64::midpoint(span[0], span[1]);
    let span = [span[0].min(middle - 20.0), span[1].max(middle + 20.0)];
    (span[1] - span[0] < 0.5 * width).then_some(span)
}

/// Positions the tags; returns for each link where it meets the lower edge of its user.
fn tags(plan: &Plan, across: &Across, layout: &mut Layout) -> Vec<f64> {
    let mut ports = vec![0.0; plan.wires.len()];
    for i in 0..plan.scene.items.len() {
        let frame = layout.frames[i];
        let needed: Vec<(usize, f64)> =
            plan.ports(i).filter(|&(l, _)| is_needed(plan, across, i, l)).collect();
        let mut x = frame.middle()[0] - needed.iter().map(|(_, width)| width).sum::<f64>() / 2.0;
        for (l, width) in needed {
            ports[l] = x + width / 2.0;
            match plan.wires[l] {
                Wire::TagBelow => {
                    let tag = Frame { x: x + 1.5, y: frame.bottom(), width: width - 3.0, height: TAG_HEIGHT };
                    layout.tags.push(plan.tag(l, false, tag));
                }
                Wire::Across { .. } | Wire::Loop { .. } => {
                    from_afar(plan, i).for_each(|other| ports[other] = x + width / 2.0);
                }
                _ => {}
            }
            x += width;
        }
        if plan.is_commutative(i) {
            uncross(plan, i, &mut ports);
        }
        let above: Vec<usize> =
            plan.outgoing[i].iter().copied().filter(|&l| plan.wires[l] == Wire::TagAbove).collect();
        let leaves = |&l: &usize| plan.wires[l] == Wire::Rise || across.leaves_above(l);
        let has_line = plan.outgoing[i].iter().any(leaves);
        let total: f64 = above.iter().map(|&l| plan.tag_width(l) + 3.0).sum();
        let mut x = frame.middle()[0] + if has_line { PORT / 2.0 } else { -total / 2.0 };
        for l in above {
            let width = plan.tag_width(l);
            let tag = Frame { x: x + 1.5, y: frame.y - TAG_HEIGHT, width, height: TAG_HEIGHT };
            layout.tags.push(plan.tag(l, true, tag));
            x += width + 3.0;
        }
    }
    ports
}

/// Assigns the ports of an item in the order in which their lines arrive.
fn uncross(plan: &Plan, item: usize, ports: &mut [f64]) {
    let Some(Seat { sheet, cell }) = plan.seats[item] else { return };
    let sheet = &plan.sheets[sheet];
    let mut lines: Vec<(f64, usize)> = Vec::new();
    for &l in plan.incoming[item].iter().filter(|&&l| plan.wires[l] == Wire::Rise) {
        if let Some(from) = plan.seats[plan.scene.links[l].from] {
            let last = sheet.passing.get(&(from.cell, sheet.cells[cell].level - 1)).copied();
            lines.push((sheet.cells[last.unwrap_or(from.cell)].x, l));
        }
    }
    let mut places: Vec<f64> = lines.iter().map(|&(_, l)| ports[l]).collect();
    places.sort_by(f64::total_cmp);
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    for ((_, l), place) in lines.into_iter().zip(places) {
        ports[l] = place;
    }
}

/// The lines to an item from other columns.
fn from_afar<'a>(plan: &'a Plan, item: usize) -> impl Iterator<Item = usize> + 'a {
    plan.incoming[item].iter().copied().filter(|&l| plan.wires[l].is_across())
}

/// Whether a port is needed on an item's lower edge: lines from other columns may all arrive at its side.
fn is_needed(plan: &Plan, across: &Across, item: usize, link: usize) -> bool {
    !plan.wires[link].is_across() || from_afar(plan, item).any(|l| across.needs_port(l))
}

fn lines(
    plan: &Plan,
    across: &Across,
    columns: &Columns,
    (floors, edges): (&[f64], [f64; 2]),
    ports: &[f64],
    layout: &mut Layout,
) {
    for (link, wire) in plan.wires.iter().enumerate() {
        let ends = plan.scene.links[link];
        let (from, to) = (layout.frames[ends.from], layout.frames[ends.to]);
        let (points, shape) = match wire {
            Wire::Rise => (rise(plan, link, &from, &to, floors, ports[link]), Bend::Curve),
            Wire::Across { .. } => {
                let gutter = across.column(plan, link);
                let left = match gutter {
                    Some((Gutter::First, _)) => columns.first,
                    Some((Gutter::Inner, s)) => columns.steps[s] - columns.inner,
                    _ => columns.last().unwrap_or(0.0),
                };
                (across.points(plan, link, &layout.frames, floors, left, ports[link]), Bend::Corner)
            }
            Wire::Loop { right } => {
                let Column::Step(s) = plan.scene.items[ends.to].column else { continue };
                let [before, after] = [columns.steps[s] - columns.inner, columns.steps[s] + columns.width];
                let left = if *right { [after, before] } else { [before, after] };
                let points = across.around(plan, link, &layout.frames, floors, (left, edges), ports[link]);
                (points, Bend::Corner)
            }
            Wire::Arc => {
                let ([_, a], [_, b]) = (from.middle(), to.middle());
                let out = (columns.side - 8.0 - (a - b).abs() / 4.0).max(MARGIN / 2.0);
                (vec![[from.x, a], [out.min(from.x - 10.0), f64::midpoint(a, b)], [to.x, b]], Bend::Bow)
            }
            Wire::TagBelow | Wire::TagAbove => continue,
        };
        layout.lines.push(Line { link, points, shape });
    }
}

/// The points of a rising line, through its cells on the levels that it passes.
fn rise(plan: &Plan, link: usize, from: &Frame, to: &Frame, floors: &[f64], port: f64) -> Vec<[f64; 2]> {
    let link = plan.scene.links[link];
    let (Some(a), Some(b)) = (plan.seats[link.from], plan.seats[link.to]) else {
        return Vec::new();
    };
    let sheet = &plan.sheets[a.sheet];
    // The transformation from sheet to picture coordinates.
    let shift = from.middle()[0] - sheet.cells[a.cell].x;
    let floor = floors[a.sheet];
    let start = row(plan, a.sheet, a.cell);
    let mut points = vec![[from.middle()[0], from.y], [from.middle()[0], floor - start.roof]];
    for level in sheet.cells[a.cell].level + 1..sheet.cells[b.cell].level {
        if let Some(&cell) = sheet.passing.get(&(a.cell, level)) {
            let (x, row) = (sheet.cells[cell].x + shift, plan.rows[a.sheet].rows[level]);
            points.extend([[x, floor - row.floor], [x, floor - row.roof]]);
        }
    }
    points.extend([[port, floor - row(plan, b.sheet, b.cell).floor], [port, to.bottom()]]);
    points
}

/// The frames of the columns that represent several steps.
fn rolls(plan: &Plan, columns: &Columns, bottom: f64) -> Vec<Frame> {
    let frame =
        |&x: &f64| Frame { x: x - 6.0, y: ROLL, width: columns.width + 12.0, height: bottom - ROLL - 4.0 };
    let steps = plan.scene.steps.iter().zip(&columns.steps);
    steps.filter(|(step, _)| !step.group.is_empty()).map(|(_, x)| frame(x)).collect()
}

/// The bands of the steps, across all columns.
fn bands(plan: &Plan, columns: &Columns, floors: &[f64]) -> Vec<(String, Frame)> {
    let (Some(first), Some(last)) = (columns.steps.first(), columns.steps.last()) else {
        return Vec::new();
    };
    let mut bands = Vec::new();
    for sheet in [0, 2] {
        let mut reach: std::collections::BTreeMap<usize, [f64; 2]> = std::collections::BTreeMap::new();
        for cell in plan.sheets[sheet].cells.iter().filter(|cell| cell.is_box) {
            let row = plan.rows[sheet].rows[cell.level];
            let [low, high] = reach.entry(cell.band).or_insert([row.floor, row.roof]);
            (*low, *high) = (low.min(row.floor), high.max(row.roof));
        }
        for (band, [low, high]) in reach {
            if let Some(name) = plan.scene.band_name(band) {
                let (y, height) = (floors[sheet] - high - 8.0, high - low + 16.0);
                let width = last + columns.width - first + BAND_NAME + 6.0;
                bands.push((name.to_string(), Frame { x: first - BAND_NAME, y, width, height }));
            }
        }
    }
    bands
}

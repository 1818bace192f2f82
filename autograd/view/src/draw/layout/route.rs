//! Routes lines to other columns: straight from the side of a box, or along the channel above or below it, into the
//! gutter between the columns, up or down in a lane, and to the user in the same way.

use super::Frame;
use super::plan::{Plan, Seat};
use super::rows::{LANE, Rows};
use super::wire::Wire;
use crate::draw::cut::Part;
use crate::draw::scene::Column;
use std::collections::{BTreeMap, HashMap};

/// The lines of one node to one side form a net and share a lane; those of kin have equal nets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Net {
    gutter: Gutter,
    /// The sheet and cell of the operand; for an item without a sheet, an extra sheet number and the item's index.
    source: (usize, usize),
    right: bool,
}

/// A gutter: before the first step, between two steps, after the last.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Gutter {
    First,
    Inner,
    Last,
}

/// How a line leaves or reaches a box.
#[derive(Clone, Copy, Debug)]
enum Door {
    /// At its side, as the n-th net of its level.
    Side(usize),
    /// Through the n-th lane of a channel.
    Channel(usize, usize),
}

#[derive(Clone, Copy, Debug)]
struct Route {
    net: Net,
    exit: Door,
    entry: Door,
}

/// The lines to other columns, by link.
pub(super) struct Across {
    routes: BTreeMap<usize, Route>,
    doors: Doors,
    /// The lane of each net in its gutter.
    lanes: HashMap<Net, usize>,
    /// The nets from a step to itself, of the forward and of the backward part, innermost first.
    loops: [Vec<Net>; 2],
}

/// The nets at the sides of boxes, and the lanes of each channel.
#[derive(Default)]
struct Doors {
    /// By sheet and level. The right side of one step and the left side of the next face each other across a gutter:
    /// two nets at one height would look like one line from box to box.
    sides: HashMap<(usize, usize), Vec<Net>>,
    channels: HashMap<(usize, usize), usize>,
    /// By sheet, channel, net, and whether the net ends there.
    lanes: HashMap<(usize, usize, Net, bool), usize>,
}

impl Doors {
    fn side(&mut self, level: (usize, usize), net: Net) -> Door {
        let nets = self.sides.entry(level).or_default();
        let place = nets.iter().position(|&n| n == net).unwrap_or(nets.len());
        if place == nets.len() {
            nets.push(net);
        }
        Door::Side(place)
    }

    fn channel(&mut self, sheet: usize, channel: usize, net: Net, ends: bool) -> Door {
        let count = self.channels.entry((sheet, channel)).or_default();
        let lane = *self.lanes.entry((sheet, channel, net, ends)).or_insert_with(|| {
            *count += 1;
            *count - 1
        });
        Door::Channel(channel, lane)
    }
}

/// 0 for a line of the forward part, 1 for the backward part.
fn part(plan: &Plan, link: usize) -> usize {
    usize::from(plan.scene.items[plan.scene.links[link].to].part == Part::Backward)
}

/// The sheet and cell of an item, or their replacement.
fn source(plan: &Plan, item: usize) -> (usize, usize) {
    plan.seats[item].map_or((plan.sheets.len(), item), |seat| (seat.sheet, seat.cell))
}

/// The sheet and level of an item, or their replacement.
fn level(plan: &Plan, item: usize) -> (usize, usize) {
    plan.seats[item].map_or((plan.sheets.len(), item), |Seat { sheet, cell }| {
        (sheet, plan.sheets[sheet].cells[cell].level)
    })
}

impl Across {
    pub fn new(plan: &Plan) -> Self {
        let (mut routes, mut doors) = (BTreeMap::new(), Doors::default());
        let mut loops = [Vec::new(), Vec::new()];
        for (l, wire) in plan.wires.iter().enumerate() {
            if let Wire::Across { right } | Wire::Loop { right } = *wire {
                let route = route(plan, &mut doors, l, right);
                let nets = &mut loops[part(plan, l)];
                if matches!(wire, Wire::Loop { .. }) && !nets.contains(&route.net) {
                    nets.push(route.net);
                }
                routes.insert(l, route);
            }
        }
        Self { routes, doors, lanes: HashMap::new(), loops }
    }

    /// The number of lanes around a part.
    pub fn loops(&self, part: Part) -> usize {
        self.loops[usize::from(part == Part::Backward)].len()
    }

    /// The height of a line's lane around its part, given the start of these lanes.
    fn over(&self, plan: &Plan, link: usize, net: Net, edges: [f64; 2]) -> Option<f64> {
        let part = part(plan, link);
        let lane = self.loops[part].iter().position(|&n| n == net)? as f64 * LANE;
        matches!(plan.wires[link], Wire::Loop { .. })
            .then(|| if part == 0 { edges[0] - lane } else { edges[1] + lane })
    }

    /// The number of lanes of the channel below a level.
    pub fn lanes(&self, sheet: usize, channel: usize) -> usize {
        self.doors.channels.get(&(sheet, channel)).copied().unwrap_or(0)
    }

    /// Assigns each net a lane; nets at different heights may share one. Only the heights of `frames` are needed.
    pub fn assign(&mut self, plan: &Plan, frames: &[Frame], floors: &[f64], edges: [f64; 2]) {
        let mut reach: BTreeMap<Net, [f64; 2]> = BTreeMap::new();
        for (&l, route) in &self.routes {
            let ends = self.heights(plan, l, route, frames, floors);
            let [top, bottom] = reach.entry(route.net).or_insert([f64::INFINITY, f64::NEG_INFINITY]);
            let ends = ends.into_iter().chain(self.over(plan, l, route.net, edges));
            ends.for_each(|y| (*top, *bottom) = (top.min(y), bottom.max(y)));
        }
        let mut nets: Vec<(Net, [f64; 2])> = reach.into_iter().collect();
        nets.sort_by(|(_, a), (_, b)| a[0].total_cmp(&b[0]));
        let mut free: HashMap<Gutter, Vec<f64>> = HashMap::new();
        for (net, [top, bottom]) in nets {
            let ends = free.entry(net.gutter).or_default();
            let lane = ends.iter().position(|&end| end + LANE < top).unwrap_or(ends.len());
            ends.resize(ends.len().max(lane + 1), 0.0);
            ends[lane] = bottom;
            self.lanes.insert(net, lane);
        }
    }

    pub fn gutter(&self, gutter: Gutter) -> f64 {
        let lanes = self.lanes.iter().filter(|(net, _)| net.gutter == gutter).map(|(_, lane)| lane + 1).max();
        24.0 + lanes.unwrap_or(0) as f64 * LANE
    }

    /// The gutter of a line, as the position of the column to its right.
    pub fn column(&self, plan: &Plan, link: usize) -> Option<(Gutter, usize)> {
        let net = self.routes.get(&link)?.net;
        let link = plan.scene.links[link];
        let column = |item: usize| match plan.scene.items[item].column {
            Column::Step(s) => Some(s),
            _ => None,
        };
        let position = match net.gutter {
            Gutter::First => 0,
            Gutter::Inner => column(link.from).max(column(link.to))?,
            Gutter::Last => plan.scene.steps.len(),
        };
        Some((net.gutter, position))
    }

    /// The points of a line. `left` is the left edge of its gutter, `port` the point below its user.
    pub fn points(
        &self,
        plan: &Plan,
        link: usize,
        frames: &[Frame],
        floors: &[f64],
        left: f64,
        port: f64,
    ) -> Vec<[f64; 2]> {
        self.halves(plan, link, frames, floors, [left; 2], port).concat()
    }

    /// The points of a line from a step to itself. `left` has the left edges of the gutters at its ends, `edges` the
    /// start of the lanes around the parts.
    pub fn around(
        &self,
        plan: &Plan,
        link: usize,
        frames: &[Frame],
        floors: &[f64],
        (left, edges): ([f64; 2], [f64; 2]),
        port: f64,
    ) -> Vec<[f64; 2]> {
        let [mut there, back] = self.halves(plan, link, frames, floors, left, port);
        let over = self.routes.get(&link).and_then(|route| self.over(plan, link, route.net, edges));
        if let (Some(over), Some(&[out, _]), Some(&[home, _])) = (over, there.last(), back.first()) {
            there.extend([[out, over], [home, over]]);
        }
        there.extend(back);
        there
    }

    /// The points of a line up to its lane, and from its lane on. `left` has the left edges of the two gutters.
    fn halves(
        &self,
        plan: &Plan,
        link: usize,
        frames: &[Frame],
        floors: &[f64],
        left: [f64; 2],
        port: f64,
    ) -> [Vec<[f64; 2]>; 2] {
        let Some(route) = self.routes.get(&link) else {
            return [Vec::new(), Vec::new()];
        };
        let [leave, arrive] = self.heights(plan, link, route, frames, floors);
        let lane = 12.0 + self.lanes.get(&route.net).copied().unwrap_or(0) as f64 * LANE + LANE / 2.0;
        let (from, to) = (&frames[plan.scene.links[link].from], &frames[plan.scene.links[link].to]);
        let side = |f: &Frame, right: bool| if right { f.right() } else { f.x };
        let mut there = match route.exit {
            Door::Side(_) => vec![[side(from, route.net.right), leave]],
            Door::Channel(..) => vec![[from.middle()[0], from.y], [from.middle()[0], leave]],
        };
        there.push([left[0] + lane, leave]);
        let mut back = vec![[left[1] + lane, arrive]];
        match route.entry {
            Door::Side(_) => back.push([side(to, !route.net.right), arrive]),
            Door::Channel(..) => back.extend([[port, arrive], [port, to.bottom()]]),
        }
        [there, back]
    }

    /// Whether the line reaches its user from below.
    pub fn needs_port(&self, link: usize) -> bool {
        self.routes.get(&link).is_some_and(|route| matches!(route.entry, Door::Channel(..)))
    }

    /// Whether the line leaves its operand upwards.
    pub fn leaves_above(&self, link: usize) -> bool {
        self.routes.get(&link).is_some_and(|route| matches!(route.exit, Door::Channel(..)))
    }

    /// The heights at which a line enters and leaves its gutter.
    fn heights(&self, plan: &Plan, link: usize, route: &Route, frames: &[Frame], floors: &[f64]) -> [f64; 2] {
        let link = plan.scene.links[link];
        let height = |item: usize, door: Door| match (door, plan.seats[item]) {
            (Door::Channel(channel, lane), Some(seat)) => {
                floors[seat.sheet] - Rows::lane(&plan.rows[seat.sheet], channel, lane)
            }
            (Door::Side(place), seat) => {
                let nets = self.doors.sides.get(&level(plan, item)).map_or(1, Vec::len);
                let lowest =
                    seat.map_or(frames[item].height, |seat| plan.sheets[seat.sheet].lowest_box(seat.cell));
                let spread = (lowest - 8.0) / nets as f64;
                frames[item].middle()[1] + (place as f64 - (nets as f64 - 1.0) / 2.0) * spread.min(LANE)
            }
            (_, None) => frames[item].middle()[1],
        };
        [height(link.from, route.exit), height(link.to, route.entry)]
    }
}

fn route(plan: &Plan, doors: &mut Doors, link: usize, right: bool) -> Route {
    let link = plan.scene.links[link];
    let columns = [plan.scene.items[link.from].column, plan.scene.items[link.to].column];
    let gutter = match columns {
        [Column::Side, _] | [_, Column::Side] => Gutter::First,
        [Column::End, _] | [_, Column::End] => Gutter::Last,
        _ => Gutter::Inner,
    };
    let net = Net { gutter, source: source(plan, link.from), right };
    // Other steps are between a step and the end: such lines use the channels in both.
    let passes = |item: usize| gutter == Gutter::Last && plan.scene.items[item].column != Column::End;
    let mut door = |item: usize, right: bool, ends: bool| match plan.seats[item] {
        Some(Seat { sheet, cell }) if passes(item) || !plan.sheets[sheet].is_outermost(cell, right) => {
            let level = plan.sheets[sheet].cells[cell].level;
            doors.channel(sheet, if ends { level } else { level + 1 }, net, ends)
        }
        _ => doors.side(level(plan, item), net),
    };
    Route { net, exit: door(link.from, right, false), entry: door(link.to, !right, true) }
}

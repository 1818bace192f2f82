//! Counts line crossings for an order of the levels, and searches for a better order.
//!
//! It counts lines from one level to the next, and lines from other steps: such a line is horizontal, in the channel
//! below its user or above its operand, and crosses all rising lines between the edge of the step and its end. Only
//! at the outermost box of a level does it cross nothing.

use super::sheet::Sheet;

/// The maximum number of cells of a level for the search; larger ones keep the barycentre order.
const MOST: usize = 40;

/// Two rising lines that cross are harder to follow than one that crosses another at a right angle.
const CROSSING: usize = 5000;
const UNDER: usize = 1000;

/// The end of a line from or to another step at a cell, and the side of that step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Door {
    pub right: bool,
    /// Whether the line ends here, rather than starts.
    pub enters: bool,
    /// The cell in the other step where it starts; lines from one cell share a net.
    pub net: usize,
}

/// For each cell of a sheet, its users one level above, with the positions where the lines arrive.
pub(super) struct Lines {
    pub above: Vec<Vec<(usize, f64)>>,
}

impl Lines {
    /// The cost of an order: crossings, and as a tie-break the distance of doors from their sides.
    pub fn cost(&self, sheet: &Sheet) -> usize {
        (0..=sheet.levels.len()).map(|channel| self.cost_of(sheet, channel)).sum()
    }

    /// The cost of the channel below a level.
    fn cost_of(&self, sheet: &Sheet, channel: usize) -> usize {
        let none: &[usize] = &[];
        let level = |l: Option<usize>| l.and_then(|l| sheet.levels.get(l)).map_or(none, Vec::as_slice);
        let (lower, upper) = (level(channel.checked_sub(1)), level(Some(channel)));
        let rank = |c: usize| upper.iter().position(|&x| x == c).unwrap_or(0);
        let mut lines: Vec<(usize, (usize, f64))> = Vec::new();
        for (from, &u) in lower.iter().enumerate() {
            lines.extend(self.above[u].iter().map(|&(v, port)| (from, (rank(v), port))));
        }
        let mut crossings = inversions(&lines) * CROSSING;
        let mut nets: Vec<(Door, usize)> = Vec::new();
        for (cells, enters) in [(upper, true), (lower, false)] {
            let boxes: Vec<usize> = (0..cells.len()).filter(|&i| sheet.cells[cells[i]].is_box).collect();
            for (nth, &at) in boxes.iter().enumerate() {
                for door in sheet.cells[cells[at]].doors.iter().filter(|door| door.enters == enters) {
                    let (before, outside) =
                        if door.right { (boxes.len() - 1 - nth, cells.len() - 1 - at) } else { (nth, at) };
                    let beyond = |i: usize| if door.right { i > at } else { i < at };
                    let met = if before == 0 {
                        // At the outermost box it crosses the lines that pass that level.
                        outside
                    } else if enters {
                        lines.iter().filter(|line| beyond(line.1.0)).count()
                    } else {
                        lines.iter().filter(|line| beyond(line.0)).count()
                    };
                    crossings += before;
                    match nets.iter_mut().find(|(known, _)| known == door) {
                        Some((_, most)) => *most = met.max(*most),
                        None => nets.push((*door, met)),
                    }
                }
            }
        }
        crossings + nets.iter().map(|(_, met)| met).sum::<usize>() * UNDER
    }

    /// Moves each cell to the cheapest position in its level, until no move helps.
    pub fn sift(&self, sheet: &mut Sheet) {
        for _ in 0..6 {
            let mut better = false;
            for l in 0..sheet.levels.len() {
                if sheet.levels[l].len() > MOST {
                    continue;
                }
                for cell in sheet.levels[l].clone() {
                    better |= self.settle(sheet, l, cell);
                }
            }
            if !better {
                return;
            }
        }
    }

    /// Moves one cell to its best position; returns whether it moved.
    fn settle(&self, sheet: &mut Sheet, l: usize, cell: usize) -> bool {
        let cost = |sheet: &Sheet| self.cost_of(sheet, l) + self.cost_of(sheet, l + 1);
        let before = sheet.levels[l].clone();
        let mut best = (cost(sheet), before.clone());
        let begin = best.0;
        let others: Vec<usize> = before.into_iter().filter(|&c| c != cell).collect();
        for place in 0..=others.len() {
            let mut order = others.clone();
            order.insert(place, cell);
            sheet.levels[l] = order;
            let now = cost(sheet);
            if now < best.0 {
                best = (now, sheet.levels[l].clone());
            }
        }
        sheet.levels[l] = best.1;
        best.0 < begin
    }
}

/// The number of pairs of lines that cross; lines are sorted by their starts, and lines from one cell do not cross.
fn inversions(lines: &[(usize, (usize, f64))]) -> usize {
    let mut ends: Vec<(usize, f64)> = Vec::new();
    let place = |ends: &[(usize, f64)], end: (usize, f64)| {
        ends.partition_point(|e| e.0.cmp(&end.0).then(e.1.total_cmp(&end.1)).is_le())
    };
    let mut count = 0;
    for from_one in lines.chunk_by(|a, b| a.0 == b.0) {
        count += from_one.iter().map(|&(_, end)| ends.len() - place(&ends, end)).sum::<usize>();
        for &(_, end) in from_one {
            let at = place(&ends, end);
            ends.insert(at, end);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sheet of two levels with lines between them, and its cost.
    fn two_levels(lower: usize, upper: usize, lines: &[(usize, usize)]) -> (Sheet, Lines) {
        let mut sheet = Sheet::default();
        (0..lower + upper).for_each(|_| _ = sheet.add(0));
        sheet.levels = vec![(0..lower).collect(), (lower..lower + upper).collect()];
        let mut above = vec![Vec::new(); lower + upper];
        lines.iter().for_each(|&(u, v)| above[u].push((lower + v, 0.0)));
        (sheet, Lines { above })
    }

    #[test]
    fn lines_that_cross_are_counted_and_uncrossed() {
        // K₃,₃ has no drawing on two levels with fewer than 9 crossings: each pair on either side crosses once.
        let all: Vec<(usize, usize)> = (0..9).map(|i| (i / 3, i % 3)).collect();
        let (mut sheet, lines) = two_levels(3, 3, &all);
        assert_eq!(lines.cost(&sheet), 9 * CROSSING);
        lines.sift(&mut sheet);
        assert_eq!(lines.cost(&sheet), 9 * CROSSING);
        // A reversed matching has all pairs crossed, and can have none.
        let (mut sheet, lines) = two_levels(4, 4, &[(0, 3), (1, 2), (2, 1), (3, 0)]);
        assert_eq!(lines.cost(&sheet), 6 * CROSSING);
        lines.sift(&mut sheet);
        assert_eq!(lines.cost(&sheet), 0);
    }

    #[test]
    fn a_line_from_another_step_meets_what_rises_before_its_end() {
        let (mut sheet, lines) = two_levels(2, 3, &[(0, 0), (1, 1)]);
        let door = Door { right: false, enters: true, net: 7 };
        sheet.cells[4].doors.push(door);
        // Over the lines to the two boxes at the left; those boxes stand between it and its side.
        assert_eq!(lines.cost(&sheet), 2 * UNDER + 2);
        lines.sift(&mut sheet);
        assert_eq!((sheet.levels[1][0], lines.cost(&sheet)), (4, 0));
    }
}

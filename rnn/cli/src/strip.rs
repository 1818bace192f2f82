//! A vector as a strip of blocks: one block per number, low for negative, high for positive.

use std::fmt::Write;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws `values` as at most `widest` blocks: −`largest` is the lowest, +`largest` the highest. For a long vector, a
/// block shows the number of its group with the largest magnitude. Styled for [`anstream`]: red below zero and blue
/// above, paler near zero; without colours the heights give the same information.
pub fn strip(values: &[f32], largest: f32, widest: usize) -> String {
    let group = per_block(values.len(), widest);
    let furthest =
        |group: &[f32]| group.iter().copied().fold(0.0, |a: f32, b| if b.abs() > a.abs() { b } else { a });
    let mut drawn = String::new();
    for share in
        values.chunks(group).map(|group| (furthest(group) / largest.max(f32::MIN_POSITIVE)).clamp(-1.0, 1.0))
    {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 7
        let block = BLOCKS[((share + 1.0) * 3.999).floor() as usize];
        let style = colour(share).on_default();
        // Writing to a string cannot fail.
        let _ = write!(drawn, "{style}{block}{style:#}");
    }
    drawn
}

/// One of the 256 terminal colours, from grey to red or blue.
fn colour(share: f32) -> anstyle::Ansi256Color {
    const NEGATIVE: [u8; 5] = [245, 181, 174, 167, 160];
    const POSITIVE: [u8; 5] = [245, 110, 74, 32, 27];
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 4
    let step = (share.abs() * 4.999) as usize;
    anstyle::Ansi256Color(if share < 0.0 { NEGATIVE[step] } else { POSITIVE[step] })
}

/// The number of values per block if at most `widest` blocks fit.
pub fn per_block(length: usize, widest: usize) -> usize {
    length.div_ceil(widest.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(values: &[f32], largest: f32) -> String {
        anstream::adapter::strip_str(&strip(values, largest, 64)).to_string()
    }

    #[test]
    fn heights_follow_the_numbers() {
        assert_eq!(plain(&[-1.0, -0.3, 0.0, 0.3, 1.0], 1.0), "▁▃▄▆█");
        assert_eq!(plain(&[-2.0, 2.0], 2.0), "▁█");
        assert_eq!(plain(&[0.0], 0.0), "▄");
    }

    #[test]
    fn a_long_vector_is_drawn_by_the_furthest_of_each_group() {
        let mut values = vec![0.1; 128];
        values[5] = -1.0;
        let drawn: Vec<char> = plain(&values, 1.0).chars().collect();
        assert_eq!((drawn.len(), drawn[2], per_block(128, 64)), (64, '▁', 2));
    }
}

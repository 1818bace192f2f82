//! One block of memory for all buffers: those that are alive at the same time lie beside each other.

use std::collections::BTreeMap;

/// When a buffer is alive, in steps, both ends included, and how many numbers it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub from: usize,
    pub to: usize,
    pub size: usize,
}

/// Buffers begin at multiples of so many numbers: at cache lines.
const LINE: usize = 16;

/// The place of each buffer, and how many numbers they take together. First fit, in the order of their births.
pub(super) fn arrange(lives: &[Life]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    // Of those born together the largest comes first.
    order.sort_by_key(|&i| (lives[i].from, std::cmp::Reverse(lives[i].size), i));
    let mut ends: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut free: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut places, mut total) = (vec![0; lives.len()], 0);
    for i in order {
        let life = lives[i];
        let size = life.size.next_multiple_of(LINE);
        while let Some(entry) = ends.first_entry().filter(|entry| *entry.key() < life.from) {
            for j in entry.remove() {
                release(&mut free, places[j], lives[j].size.next_multiple_of(LINE));
            }
        }
        if size == 0 {
            continue;
        }
        // The smallest gap that is large enough.
        let fit = free.iter().filter(|&(_, &gap)| gap >= size).min_by_key(|&(&at, &gap)| (gap, at));
        places[i] = match fit.map(|(&at, &gap)| (at, gap)) {
            Some((at, gap)) => {
                free.remove(&at);
                if gap > size {
                    free.insert(at + size, gap - size);
                }
                at
            }
            None => {
                total += size;
                total - size
            }
        };
        ends.entry(life.to).or_default().push(i);
    }
    (places, total)
}

/// Gives a range back, joined with free neighbours.
fn release(free: &mut BTreeMap<usize, usize>, mut at: usize, mut size: usize) {
    if size == 0 {
        return;
    }
    if let Some(next) = free.remove(&(at + size)) {
        size += next;
    }
    if let Some((&before, &gap)) = free.range(..at).next_back()
        && before + gap == at
    {
        (at, size) = (before, gap + size);
    }
    free.insert(at, size);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_lives_together_does_not_overlap(lives in prop::collection::vec((0usize..20, 0usize..20, 0usize..100), 0..30)) {
            let lives: Vec<Life> =
                lives.into_iter().map(|(a, b, size)| Life { from: a.min(b), to: a.max(b), size }).collect();
            let (places, total) = arrange(&lives);
            for i in 0..lives.len() {
                prop_assert!(places[i] + lives[i].size <= total);
                for j in 0..i {
                    let together = lives[i].from <= lives[j].to && lives[j].from <= lives[i].to;
                    let apart = places[i] + lives[i].size <= places[j] || places[j] + lives[j].size <= places[i];
                    prop_assert!(!together || apart || lives[i].size == 0 || lives[j].size == 0);
                }
            }
        }
    }
}

//! One block of memory for all buffers: those that are alive at the same time lie beside each other.

use std::collections::{BTreeMap, BTreeSet};

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
    let mut free = Gaps::default();
    let (mut places, mut total) = (vec![0; lives.len()], 0);
    for i in order {
        let life = lives[i];
        let size = life.size.next_multiple_of(LINE);
        while let Some(entry) = ends.first_entry().filter(|entry| *entry.key() < life.from) {
            for j in entry.remove() {
                free.give(places[j], lives[j].size.next_multiple_of(LINE));
            }
        }
        if size == 0 {
            continue;
        }
        places[i] = free.take(size).unwrap_or_else(|| {
            total += size;
            total - size
        });
        ends.entry(life.to).or_default().push(i);
    }
    (places, total)
}

/// Free ranges, by place and by size.
#[derive(Default)]
struct Gaps {
    sizes: BTreeMap<usize, usize>,
    by_size: BTreeSet<(usize, usize)>,
}

impl Gaps {
    /// Takes the beginning of the smallest gap that is large enough.
    fn take(&mut self, size: usize) -> Option<usize> {
        let &(gap, at) = self.by_size.range((size, 0)..).next()?;
        self.remove(at, gap);
        self.insert(at + size, gap - size);
        Some(at)
    }

    /// Gives a range back, joined with free neighbours.
    fn give(&mut self, mut at: usize, mut size: usize) {
        if let Some(&after) = self.sizes.get(&(at + size)) {
            self.remove(at + size, after);
            size += after;
        }
        if let Some((&before, &gap)) = self.sizes.range(..at).next_back()
            && before + gap == at
        {
            self.remove(before, gap);
            (at, size) = (before, gap + size);
        }
        self.insert(at, size);
    }

    fn insert(&mut self, at: usize, size: usize) {
        if size > 0 {
            self.sizes.insert(at, size);
            self.by_size.insert((size, at));
        }
    }

    fn remove(&mut self, at: usize, size: usize) {
        self.sizes.remove(&at);
        self.by_size.remove(&(size, at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::ops::Sampler;

    #[test]
    fn what_lives_together_does_not_overlap() {
        for seed in 0..500 {
            let s = &mut Sampler::new(seed);
            let mut life = || {
                let (a, b, size) = (s.below(0..20), s.below(0..20), s.below(0..100));
                Life { from: a.min(b), to: a.max(b), size }
            };
            let lives: Vec<Life> = (0..30).map(|_| life()).collect();
            let (places, total) = arrange(&lives);
            for (i, x) in lives.iter().enumerate() {
                assert!(places[i] + x.size <= total);
                for (j, y) in lives.iter().enumerate().take(i) {
                    let together = x.from <= y.to && y.from <= x.to && x.size > 0 && y.size > 0;
                    let apart = places[i] + x.size <= places[j] || places[j] + y.size <= places[i];
                    assert!(!together || apart, "seed {seed}: {i} and {j}");
                }
            }
        }
    }

    /// Three buffers of one size of which two never meet take the room of two.
    #[test]
    fn room_is_used_again() {
        let life = |from, to| Life { from, to, size: 64 };
        assert_eq!(arrange(&[life(0, 1), life(1, 2), life(2, 3)]).1, 128);
    }
}

//! Memory allocation: all buffers in one arena, by their live ranges. Buffers with disjoint live ranges may share
//! memory.

use std::collections::{BTreeMap, BTreeSet};

/// The live range of a buffer in steps, both ends included, and its size in elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveRange {
    pub from: usize,
    pub to: usize,
    pub size: usize,
}

/// The alignment of buffers in elements: a cache line.
const LINE: usize = 16;

/// The offset of each buffer, and the total size. First fit, in the order of the starts of live ranges.
pub(super) fn allocate(ranges: &[LiveRange]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    // Of those that start together the largest comes first.
    order.sort_by_key(|&i| (ranges[i].from, std::cmp::Reverse(ranges[i].size), i));
    let mut ends: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut free = FreeList::default();
    let (mut places, mut total) = (vec![0; ranges.len()], 0);
    for i in order {
        let range = ranges[i];
        let size = range.size.next_multiple_of(LINE);
        while let Some(entry) = ends.first_entry().filter(|entry| *entry.key() < range.from) {
            for j in entry.remove() {
                free.free(places[j], ranges[j].size.next_multiple_of(LINE));
            }
        }
        if size == 0 {
            continue;
        }
        places[i] = free.alloc(size).unwrap_or_else(|| {
            total += size;
            total - size
        });
        ends.entry(range.to).or_default().push(i);
    }
    (places, total)
}

/// Free gaps, by offset and by size.
#[derive(Default)]
struct FreeList {
    sizes: BTreeMap<usize, usize>,
    by_size: BTreeSet<(usize, usize)>,
}

impl FreeList {
    /// Allocates the start of the smallest gap that is large enough.
    fn alloc(&mut self, size: usize) -> Option<usize> {
        let &(gap, at) = self.by_size.range((size, 0)..).next()?;
        self.remove(at, gap);
        self.insert(at + size, gap - size);
        Some(at)
    }

    /// Frees a range, and merges it with adjacent gaps.
    fn free(&mut self, mut at: usize, mut size: usize) {
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
            let mut range = || {
                let (a, b, size) = (s.below(0..20), s.below(0..20), s.below(0..100));
                LiveRange { from: a.min(b), to: a.max(b), size }
            };
            let ranges: Vec<LiveRange> = (0..30).map(|_| range()).collect();
            let (places, total) = allocate(&ranges);
            for (i, x) in ranges.iter().enumerate() {
                assert!(places[i] + x.size <= total);
                for (j, y) in ranges.iter().enumerate().take(i) {
                    let together = x.from <= y.to && y.from <= x.to && x.size > 0 && y.size > 0;
                    let apart = places[i] + x.size <= places[j] || places[j] + y.size <= places[i];
                    assert!(!together || apart, "seed {seed}: {i} and {j}");
                }
            }
        }
    }

    /// Three buffers of one size, two of which are never live together, use the memory of two.
    #[test]
    fn room_is_used_again() {
        let range = |from, to| LiveRange { from, to, size: 64 };
        assert_eq!(allocate(&[range(0, 1), range(1, 2), range(2, 3)]).1, 128);
    }
}

//! Random generators keyed by their purpose.
//!
//! A generator is keyed by (seed, purpose, index). Two purposes, epochs or batches under one seed draw independent
//! numbers, so nothing depends on the order of the requests.

use rand::{Rng, SeedableRng};
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};

/// The purpose of a generator.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Split,
    Order,
    Adding,
    CopyMemory,
    TemporalOrder,
}

/// The generator for one key. `SplitMix64` is a bijection with full avalanche, so neighbouring seeds and indices give
/// unrelated states (Steele, Lea & Flood 2014); `seed_from_u64` spreads the key over the state in the same way.
pub(super) fn generator(seed: u64, purpose: Purpose, index: u64) -> Xoshiro256PlusPlus {
    let key = [purpose as u64, index].into_iter().fold(seed, |key, word| scramble(key).wrapping_add(word));
    Xoshiro256PlusPlus::seed_from_u64(key)
}

fn scramble(key: u64) -> u64 {
    SplitMix64::seed_from_u64(key).next_u64()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn seed_purpose_and_index_all_matter() {
        let mut first = HashSet::new();
        for seed in 0..10 {
            for purpose in [Purpose::Split, Purpose::Order, Purpose::Adding] {
                for index in 0..10 {
                    first.insert(generator(seed, purpose, index).next_u64());
                }
            }
        }
        assert_eq!(first.len(), 300);
    }
}

//! The name that a mistyped one was meant to be.

/// The candidate with the smallest edit distance to `name`, two neighbours exchanged being one edit (Damerau 1964), if it is
/// near enough to be what was meant: at most a third of the letters changed. Of two the one of the same length.
pub fn nearest(name: &str, candidates: impl IntoIterator<Item = String>) -> Option<String> {
    let limit = name.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, &candidate), candidate))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, candidate)| (*d, candidate.chars().count().abs_diff(name.chars().count())))
        .map(|(_, candidate)| candidate)
}

fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // The row of the letter before the last, of the last, and of this one.
    let (mut before, mut above): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(row[j] + 1).min(above[j + 1] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        (before, above) = (above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_the_textbook() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("saturday", "sunday"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("tahn", "tanh"), 1);
        assert_eq!(distance("ca", "abc"), 3);
    }

    #[test]
    fn suggests_only_what_is_near() {
        let names = || ["lstm", "gru", "elman"].map(String::from);
        assert_eq!(nearest("lstn", names()).as_deref(), Some("lstm"));
        assert_eq!(nearest("transformer", names()), None);
        let names = || ["tan", "tanh"].map(String::from);
        assert_eq!(nearest("tahn", names()).as_deref(), Some("tanh"));
    }
}

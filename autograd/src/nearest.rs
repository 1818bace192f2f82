//! Suggests the intended name for a mistyped one.

/// The candidate with the smallest edit distance to `name`, where a transposition is one edit (Damerau 1964), if at
/// most a third of the letters differ. A tie goes to the one of the same length.
pub fn nearest(name: &str, candidates: impl IntoIterator<Item = String>) -> Option<String> {
    let limit = name.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(name, &candidate), candidate))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, candidate)| (*d, candidate.chars().count().abs_diff(name.chars().count())))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_near() {
        let names = || ["lstm", "gru", "elman"].map(String::from);
        assert_eq!(nearest("lstn", names()).as_deref(), Some("lstm"));
        assert_eq!(nearest("transformer", names()), None);
        let names = || ["tan", "tanh"].map(String::from);
        assert_eq!(nearest("tahn", names()).as_deref(), Some("tanh"));
    }
}

//! How far two words are apart, to suggest the right one for a wrong one.

/// Insertions, deletions and replacements between two words, counted in characters.
pub fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

/// The candidate that is nearest to the word.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .min_by_key(|candidate| distance(word, candidate))
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn typing_errors_are_counted() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("custom", "custom"), 0);
    }

    #[test]
    fn the_nearest_word_is_suggested() {
        let types = ["create_app", "modify_app", "workflow", "custom"];
        assert_eq!(nearest("createapp", types), Some("create_app"));
        assert_eq!(nearest("work-flow", types), Some("workflow"));
    }
}

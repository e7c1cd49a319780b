//! The nearest known word, for hints.

/// The known word that `word` is most likely a slip of, if one is near enough.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean «x»?", or the list of what is known when nothing is near.
pub(crate) fn suggest(word: &str, known: &[&str], what: &str) -> Option<String> {
    if let Some(near) = nearest(word, known.iter().copied()) {
        return Some(format!("did you mean «{near}»?"));
    }
    match known {
        [] => None,
        [only] => Some(format!("the only {what} is {only}")),
        all => Some(format!("known {what}s: {}", all.join(", "))),
    }
}

/// Edit distance with swaps of neighbours counted as one (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous_char = None;
    for (i, l) in left.chars().enumerate() {
        let mut row = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (cell(&last, j) + usize::from(l != *r)).min(cell(&last, j + 1) + 1).min(cell(&row, j) + 1);
            let swapped = j > 0 && previous_char == Some(*r) && right.get(j - 1) == Some(&l);
            if swapped {
                best = best.min(cell(&before_last, j - 1) + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
        previous_char = Some(l);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        assert_eq!(nearest("lable", ["label", "help"]), Some("label"));
        assert_eq!(nearest("defualt", ["default", "deprecated"]), Some("default"));
        assert_eq!(nearest("colour", ["label", "help"]), None);
    }
}

//! The key that was probably meant by one that is none.

use super::keys::KEYS;

/// The key that was probably meant by `name`, if one is near.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    // The last part alone too: `login` outside its table, `on_full` below a [rate] header.
    let last = |name: &str| name.rsplit('.').next().map(str::to_owned).unwrap_or_default();
    let scored = KEYS.iter().map(|key| {
        let whole = distance(name, key.name);
        (whole.min(distance(&last(name), &last(key.name)) + 1), key.name)
    });
    let (distance, key) = scored.min()?;
    (distance <= 1 + name.len() / 4).then_some(key)
}

/// The edits from `a` to `b` (Levenshtein), a row of the matrix at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_finds_its_neighbour() {
        assert_eq!(nearest("on_fulll"), Some("on_full"));
        assert_eq!(nearest("onfull"), Some("on_full"));
        assert_eq!(nearest("login"), Some("rate.login"));
        assert_eq!(nearest("rate.on_full"), Some("on_full"));
        assert_eq!(nearest("rate.logins"), Some("rate.login"));
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest(""), None);
    }
}

//! "Did you mean ...?": finds the name that was probably meant by a mistyped one.

/// Longer names are not compared: they are no typing errors, and comparing them is slow.
const LONGEST: usize = 64;

/// The candidate closest to a name, if it is close enough: about one error per three letters. Case, `-` and `_` make no
/// difference.
#[must_use]
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(name);
    let most = (wanted.len() / 3).max(1);
    let distances = candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &plain(candidate)), candidate));
    distances
        .filter(|(distance, candidate)| *distance <= most && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean "x"? ` or an empty text, to be put before the usual next step.
#[must_use]
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    closest(name, candidates)
        .map_or_else(String::new, |close| format!("did you mean \"{close}\"? "))
}

fn plain(name: &str) -> Vec<char> {
    let letters = name.chars().filter(|c| !matches!(c, '-' | '_'));
    letters.flat_map(char::to_lowercase).take(LONGEST).collect()
}

/// Edit distance: letters to insert, remove, replace, or swap with their neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut two_before: Vec<usize> = Vec::new();
    let mut row_before: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (row_before[j] + usize::from(x != y))
                .min(row_before[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && *x == b[j - 1] {
                least = least.min(two_before[j - 1] + 1);
            }
            row.push(least);
        }
        two_before = std::mem::replace(&mut row_before, row);
    }
    row_before[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found() {
        let keys = [
            "endpoints",
            "endpoint_ttl",
            "answer",
            "name",
            "hold_for",
            "id",
        ];
        for (name, meant) in [
            ("endpoint", Some("endpoints")),
            ("endpoint-ttl", Some("endpoint_ttl")),
            ("Answer", Some("answer")),
            ("anwser", Some("answer")),
            ("holdfor", Some("hold_for")),
            ("nmae", Some("name")),
            ("password", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(closest(name, keys), meant, "{name}");
        }
        assert_eq!(
            did_you_mean("gk11", ["gk1", "gk2"]),
            "did you mean \"gk1\"? "
        );
        assert_eq!(did_you_mean("zzz", ["gk1"]), "");
        assert_eq!(closest(&"a".repeat(10_000), ["a"]), None);
    }
}

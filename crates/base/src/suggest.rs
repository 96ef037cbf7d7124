//! Suggestions for names that somebody mistyped.

/// Names that are less alike are no suggestion; 1 is the same name (Jaro-Winkler).
const ALIKE: f64 = 0.8;
/// Maximum number of names suggested.
const SUGGESTED: usize = 3;

/// Returns `did you mean NAME?` for the known names that are most like `given`, or contain it; `None` if none is.
pub fn did_you_mean<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let small = given.to_lowercase();
    let likeness = |name: &str| match !small.is_empty() && name.to_lowercase().contains(&small) {
        true => 1.0,
        false => strsim::jaro_winkler(&small, &name.to_lowercase()),
    };
    let mut like: Vec<(f64, &str)> = known.into_iter().map(|name| (likeness(name), name)).collect();
    // Names that contain it are meant rather than names that look like it.
    let best = like.iter().map(|(likeness, _)| *likeness).fold(0.0, f64::max);
    like.retain(|(likeness, _)| *likeness >= ALIKE && (best < 1.0 || *likeness == best));
    like.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names: Vec<&str> = like.into_iter().take(SUGGESTED).map(|(_, name)| name).collect();
    let (last, others) = names.split_last()?;
    Some(match others {
        [] => format!("did you mean {last}?"),
        _ => format!("did you mean {} or {last}?", others.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_alike_come_first() {
        let known = ["train", "minival", "nominival", "test"];
        let of = |given: &str| did_you_mean(given, known);
        assert_eq!(of("minval").unwrap(), "did you mean minival or nominival?");
        assert_eq!(of("trian").unwrap(), "did you mean train?");
        assert_eq!(of("MINIVAL").unwrap(), "did you mean minival or nominival?");
        assert_eq!((of("xyz"), of("")), (None, None));
    }
}

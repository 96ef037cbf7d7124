//! Short, distinct names for run folders.

use std::path::{Component, Path};

/// Returns a name for each folder: as few of its last path components as tell it from the others. Equal folders share a name.
pub fn shortest_distinct(folders: &[&Path]) -> Vec<String> {
    let parts: Vec<Vec<String>> = folders.iter().map(|folder| parts(folder)).collect();
    let last = |parts: &[String], count: usize| parts[parts.len().saturating_sub(count)..].join("/");
    (0..parts.len())
        .map(|at| {
            let mine = &parts[at];
            let is_taken = |count: usize| {
                let name = last(mine, count);
                parts.iter().any(|other| other != mine && last(other, count) == name)
            };
            let count = (1..mine.len()).find(|count| !is_taken(*count)).unwrap_or(mine.len());
            last(mine, count)
        })
        .collect()
}

fn parts(folder: &Path) -> Vec<String> {
    // `.` and `runs/latest` say nothing of which run it is.
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let normal = folder.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    normal.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_distinct() {
        let names = |folders: &[&str]| shortest_distinct(&folders.iter().map(Path::new).collect::<Vec<_>>());
        assert_eq!(names(&["/no/a/s1"]), ["s1"]);
        assert_eq!(names(&["/no/a/s1", "/no/a/s2"]), ["s1", "s2"]);
        assert_eq!(names(&["/no/a/run", "/no/b/run", "/no/b/c"]), ["a/run", "b/run", "c"]);
        assert_eq!(names(&["/no/a", "/no/a"]), ["a", "a"]);
        assert_eq!(names(&["/no/x", "/y/no/x"]), ["no/x", "y/no/x"]);
    }
}

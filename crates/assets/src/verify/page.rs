//! The result of a verification, as text and as JSON.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Depth, FileReport, FileState, Subject};
use base::format::human_bytes;
use base::table::{Side, Table, paragraph};

/// Indentation of the reason and note below the line of a file.
const BELOW: usize = 8;

/// Every state in the order of the summary: its name in JSON, on the page, and in the summary.
const WORDS: [(&str, &str, &str); 8] = [
    ("good", "good", "good"),
    ("good-unpinned", "good, unpinned", "good but unpinned"),
    ("dropped", "dropped", "dropped after unpacking"),
    ("unverified", "not read", "not read"),
    ("changed", "changed", "changed"),
    ("wrong", "WRONG", "WRONG"),
    ("unreadable", "unreadable", "unreadable"),
    ("missing", "missing", "missing"),
];

impl FileState {
    fn index(&self) -> usize {
        match self {
            Self::Good => 0,
            Self::GoodUnpinned => 1,
            Self::Dropped => 2,
            Self::Unverified => 3,
            Self::Changed { .. } => 4,
            Self::Wrong { .. } => 5,
            Self::Unreadable { .. } => 6,
            Self::Missing => 7,
        }
    }

    fn why(&self) -> Option<&str> {
        match self {
            Self::Changed { why } | Self::Wrong { why } | Self::Unreadable { why } => Some(why),
            _ => None,
        }
    }

    /// Returns whether the file is correct, as far as is known.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good | Self::GoodUnpinned | Self::Dropped)
    }
}

/// Returns a line for each file, the reasons for problems, a summary, and the next steps.
pub fn page(subjects: &[Subject], found: &[FileReport]) -> String {
    let row = |(subject, checked): (&Subject, &FileReport)| {
        let size = checked.size.map_or_else(|| "-".to_owned(), human_bytes);
        let state = WORDS[checked.state.index()].1;
        vec![state.to_owned(), subject.name().to_owned(), size, subject.checksum_state().to_owned()]
    };
    let rows: Vec<Vec<String>> = subjects.iter().zip(found).map(row).collect();
    let table = Table::new(0, &[Side::Left, Side::Left, Side::Right], &rows);
    let mut page = String::new();
    for (row, checked) in rows.iter().zip(found) {
        table.row(&mut page, row);
        for line in [checked.state.why(), checked.note.as_deref()].into_iter().flatten() {
            paragraph(&mut page, &" ".repeat(BELOW), line);
        }
    }
    page + "\n" + &summary(found) + &advice(subjects, found)
}

fn summary(found: &[FileReport]) -> String {
    let bytes = found.iter().filter_map(|checked| checked.size).fold(0, u64::saturating_add);
    let counts = WORDS.iter().zip(counts(found)).filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|((.., word), count)| format!("{count} {word}")).collect();
    let files = if found.len() == 1 { "file" } else { "files" };
    format!("{} {files}, {}: {}\n", found.len(), human_bytes(bytes), counts.join(", "))
}

/// Returns the number of files in each state of [`WORDS`].
fn counts(found: &[FileReport]) -> [usize; WORDS.len()] {
    std::array::from_fn(|index| found.iter().filter(|checked| checked.state.index() == index).count())
}

fn advice(subjects: &[Subject], found: &[FileReport]) -> String {
    let origins = |here: bool, of: fn(&FileState) -> bool| {
        let chosen = subjects.iter().zip(found).filter(|(_, checked)| of(&checked.state));
        let mut names: Vec<&str> = chosen
            .filter(|(subject, _)| subject.trust.is_none() == here)
            .map(|(subject, _)| subject.origin.as_str())
            .collect();
        names.dedup();
        names.join(" ")
    };
    let bad = |state: &FileState| matches!(state, FileState::Wrong { .. } | FileState::Missing);
    let open = |state: &FileState| matches!(state, FileState::Unverified | FileState::Changed { .. });
    let (fetch, prepare) = (origins(false, bad), origins(true, bad));
    let mut advice = String::new();
    if !fetch.is_empty() {
        advice += &format!("next: repro fetch {fetch}    # keeps a wrong file under another name\n");
    }
    if !prepare.is_empty() {
        advice += &format!("next: remove the wrong files, then: repro prepare {prepare}\n");
    }
    if found.iter().any(|checked| open(&checked.state)) {
        advice += "next: repro verify without --fast, which reads files that have changed or were never read\n";
    }
    advice
}

/// Returns one object with the expected and found properties of every file, and the counts.
pub fn json(subjects: &[Subject], found: &[FileReport], workspace: &Path, depth: Depth, seconds: f64) -> Value {
    let file = |(subject, checked): (&Subject, &FileReport)| {
        let demands = &subject.demands;
        let mut file = json!({
            "name": subject.name(),
            "path": subject.paths.file(),
            "state": WORDS[checked.state.index()].0,
            "size": checked.size,
            "checksum": subject.checksum_state(),
            "expected": { "size": demands.size, "size_min": demands.lower_bound, "size_max": demands.upper_bound, "checksums": demands.checksums },
            "found": checked.hashes,
            "bytes_read": checked.read,
        });
        for (key, text) in [("why", checked.state.why()), ("note", checked.note.as_deref())] {
            if let Some(text) = text {
                file[key] = text.into();
            }
        }
        file
    };
    let counts = WORDS.iter().zip(counts(found)).map(|((kind, ..), count)| ((*kind).to_owned(), count.into()));
    json!({
        "workspace": workspace,
        "depth": depth,
        "files": subjects.iter().zip(found).map(file).collect::<Vec<_>>(),
        "counts": counts.collect::<Map<String, Value>>(),
        "bytes_read": found.iter().map(|checked| checked.read).fold(0, u64::saturating_add),
        "seconds": (seconds * 1e3).round() / 1e3,
    })
}

//! The table of results that the console and the page show: a row per result, columns only where something is there.

use super::{points, words};
use crate::verdict::Verdict;
use crate::verdict::row::{JudgedRow, RunState};

/// Heads and cells as text, without the verdict, which each form colours by itself.
pub(crate) struct Numbers {
    /// `task` first.
    pub heads: Vec<String>,
    /// One cell per head.
    pub rows: Vec<Vec<String>>,
}

/// Returns the cell of a row in some column; `None` if the row has none.
pub(crate) type Cell = fn(&JudgedRow) -> Option<String>;

/// Returns the table of these rows, with a column for each baseline.
pub(crate) fn table(rows: &[JudgedRow]) -> Numbers {
    let mut names: Vec<&str> = Vec::new();
    for baseline in rows.iter().flat_map(|r| &r.baselines) {
        if !names.contains(&baseline.name.as_str()) {
            names.push(&baseline.name);
        }
    }
    let mut table = Numbers { heads: Vec::new(), rows: vec![Vec::new(); rows.len()] };
    table.add(rows, "task", true, |r| Some(r.title()));
    table.add(rows, "items", true, |r| r.n.map(|n| n.to_string()));
    table.add(rows, "observed", true, |r| r.observed.map(|v| format!("{v:.2}")));
    table.add(rows, "interval", false, interval);
    table.add(rows, "band", false, |r| r.band.as_ref().map(|b| format!("{}–{}", b.low, b.high)));
    table.add(rows, "recorded", false, |r| r.expected.map(|v| format!("{v:.2}")));
    table.add(rows, "published", false, |r| r.headline.map(|v| format!("{v:.2}")));
    for (head, cell) in COUNTS {
        table.add(rows, head, false, cell);
    }
    for name in names {
        let find = |r: &JudgedRow| r.baselines.iter().find(|b| b.name == name).map(|b| points(b.observed));
        table.add(rows, name, true, find);
    }
    table
}

/// Columns that count runs, changed answers and measures.
pub(crate) const COUNTS: [(&str, Cell); 3] = [
    ("runs", |row| {
        let counted = row.runs.iter().filter(|r| r.state == RunState::Counted).count();
        (!row.runs.is_empty()).then(|| format!("{counted} of {}", row.runs.len()))
    }),
    ("changed answers", |row| row.paired.as_ref().map(|p| format!("{} of {}", p.flips, p.items))),
    ("within limits", within_limits),
];

/// Returns how many of the judged measures are within their limits.
pub(crate) fn within_limits(row: &JudgedRow) -> Option<String> {
    let judged = row.measures.iter().filter_map(|m| m.verdict);
    let within = judged.clone().filter(|v| *v == Verdict::Pass).count();
    (!row.measures.is_empty()).then(|| format!("{within} of {}", judged.count()))
}

/// Returns the interval of the mean of a row.
pub(crate) fn interval(row: &JudgedRow) -> Option<String> {
    row.estimate.as_ref().map(|e| words::range(e.interval.low, e.interval.high))
}

impl Numbers {
    /// Adds a column, unless it may be left out and no row has anything in it.
    fn add(&mut self, rows: &[JudgedRow], head: &str, always: bool, cell: impl Fn(&JudgedRow) -> Option<String>) {
        let cells: Vec<Option<String>> = rows.iter().map(cell).collect();
        if !always && cells.iter().all(Option::is_none) {
            return;
        }
        self.heads.push(head.to_owned());
        for (row, cell) in self.rows.iter_mut().zip(cells) {
            row.push(cell.unwrap_or_else(|| "–".to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn columns_are_there_where_something_is() {
        let heads = |rows: &[JudgedRow]| table(rows).heads.join(" ");
        assert_eq!(
            heads(&sample::passed().rows),
            "task items observed band recorded published question-only image-only chance"
        );
        assert_eq!(
            heads(&sample::checked().rows),
            "task items observed interval band published runs changed answers within limits"
        );
        assert_eq!(heads(&[JudgedRow::new("x", Default::default(), "accuracy")]), "task items observed");
    }
}

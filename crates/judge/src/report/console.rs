//! Renders the report for a terminal: the verdict with reasons and advice, a table of the results, then the details of each.

use std::fmt::Write;

use super::numbers::{self, Numbers};
use super::{Report, StageState, caption, human_seconds, points, words};
use crate::verdict::Verdict;
use crate::verdict::row::JudgedRow;
use base::sanitize;
use base::table::{self, Side, Table};

/// Maximum number of changed answers shown per row.
const FLIPS: usize = 3;

/// Returns whether to use colours: on a terminal, unless `NO_COLOR` is set and not empty (no-color.org).
pub fn wants_colour(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Renders the whole text, with ANSI colours if `colour` is set.
pub fn render(report: &Report, colour: bool) -> String {
    let paint = |verdict: Verdict, text: &str| {
        if !colour {
            return text.to_owned();
        }
        let code = match verdict {
            Verdict::Pass => "1;32",
            Verdict::Fail => "1;31",
            Verdict::Inconclusive => "1;33",
            Verdict::Infra => "1;35",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    };
    let mut out = String::new();
    let _ = writeln!(out, "{}  {}", paint(report.verdict, report.verdict.as_str()), sanitize::line(&report.summary));
    if let Some(caption) = caption::caption(report) {
        let _ = writeln!(out, "  {}", sanitize::line(&caption));
    }
    if let Some(before) = words::before(report) {
        let _ = writeln!(out, "  {}", sanitize::line(&before));
        for change in report.before.iter().flat_map(|b| &b.changes) {
            let _ = writeln!(out, "  - {}", sanitize::line(change));
        }
    }
    for (names, row) in grouped_attention(&report.rows) {
        let _ = writeln!(
            out,
            "  {} {}: {}",
            sanitize::line(&names),
            paint(row.verdict, row.verdict.as_str()),
            sanitize::line(&attention(row))
        );
    }
    if let Some(about) = &report.about {
        let _ = writeln!(out);
        table::paragraph(&mut out, "  ", &sanitize::line(about));
    }
    if !report.rows.is_empty() {
        results(&mut out, &report.rows, &paint);
    }
    for row in &report.rows {
        out += &block(row);
    }
    if let Some(failure) = &report.failure {
        let place = failure.stage.as_ref().map_or_else(|| "judging".to_owned(), |s| format!("stage {s}"));
        let _ =
            writeln!(out, "\n{} {}", sanitize::line(&place), paint(Verdict::Infra, &sanitize::line(&failure.class)));
        for line in failure.message.lines() {
            let _ = writeln!(out, "  {}", sanitize::line(line));
        }
    }
    if !report.golden.is_empty() {
        let files: Vec<String> = (report.golden.iter())
            .map(|g| format!("{} edition {} (sha256 {:.12})", g.name, g.edition, g.sha256))
            .collect();
        let _ = writeln!(out, "\njudged by {}", sanitize::line(&files.join(", ")));
    }
    if !report.stages.is_empty() {
        let _ = writeln!(out, "\n{}", stages(report));
    }
    out
}

/// Adds the table of results. The verdict follows the name, so that it is in sight whatever the number of columns.
fn results(out: &mut String, rows: &[JudgedRow], paint: &dyn Fn(Verdict, &str) -> String) {
    let Numbers { heads, rows: numbers } = numbers::table(rows);
    let width = rows.iter().map(|row| row.verdict.as_str().len()).fold("verdict".len(), usize::max);
    let padded = |word: &str| format!("{word:<width$}");
    let verdicts = std::iter::once("verdict").chain(rows.iter().map(|row| row.verdict.as_str()));
    let mut cells: Vec<Vec<String>> = std::iter::once(heads).chain(numbers).collect();
    for (line, verdict) in cells.iter_mut().zip(verdicts) {
        *line = line.iter().map(|cell| sanitize::line(cell)).collect();
        line.insert(1, padded(verdict));
    }
    for block in table::blocks(2, &cells) {
        let _ = writeln!(out);
        for (at, line) in block.iter().enumerate() {
            let painted = at.checked_sub(1).and_then(|at| rows.get(at)).map(|row| {
                let verdict = row.verdict.as_str();
                line.replacen(
                    &format!("  {}", padded(verdict)),
                    &format!("  {}{:2$}", paint(row.verdict, verdict), "", width - verdict.len()),
                    1,
                )
            });
            let _ = writeln!(out, "{}", painted.as_deref().unwrap_or(line).trim_end());
        }
    }
}

/// Returns why a row has its verdict, and what to do.
fn attention(row: &JudgedRow) -> String {
    let happened = words::happened(row).trim_end_matches('.');
    words::next(row).map_or_else(|| happened.to_owned(), |advice| format!("{happened}. Next: {advice}"))
}

/// Returns the rows that did not pass with their names. Consecutive rows with the same reason share an entry.
fn grouped_attention(rows: &[JudgedRow]) -> Vec<(String, &JudgedRow)> {
    let mut told: Vec<(String, &JudgedRow)> = Vec::new();
    for row in rows.iter().filter(|row| row.verdict != Verdict::Pass) {
        match told.last_mut() {
            Some((names, last)) if (last.verdict, attention(last)) == (row.verdict, attention(row)) => {
                *names += &format!(", {}", row.title());
            }
            _ => told.push((row.title(), row)),
        }
    }
    told
}

/// Renders what the lines above the table and the table itself do not say about a row. The evidence of a PASS is left out.
fn block(row: &JudgedRow) -> String {
    let happened = words::happened(row);
    let is_shown = |sentence: &&String| row.verdict != Verdict::Pass && *sentence != happened;
    let mut body = String::new();
    for sentence in row.evidence.iter().filter(is_shown) {
        let _ = writeln!(body, "  - {}", sanitize::line(sentence));
    }
    body += &details(row, happened);
    if body.is_empty() { body } else { format!("\n{}\n{body}", sanitize::line(&row.title())) }
}

/// Renders everything that a row holds beyond its evidence. A single run is in the table of results already. The reason why a run
/// does not count is left out if `happened` says it.
fn details(row: &JudgedRow, happened: &str) -> String {
    let mut out = String::new();
    let lines = JudgedRow { runs: Vec::new(), measures: Vec::new(), ..row.clone() };
    for line in words::details(&lines, FLIPS) {
        let _ = writeln!(out, "  - {}", sanitize::line(&line));
    }
    let several = if row.runs.len() > 1 { row.runs.as_slice() } else { &[] };
    let runs = several.iter().map(|r| {
        let seed = r.seed.map_or_else(|| "–".to_owned(), |s| s.to_string());
        let is_told = r.why.is_empty() || happened.starts_with(&r.run) && happened.ends_with(&r.why);
        let why = if is_told { String::new() } else { format!(": {}", r.why) };
        (vec![r.run.clone(), seed, points(r.accuracy)], format!("{}{why}", r.state.as_str()))
    });
    out += &small(["run", "seed", "accuracy"], "state", runs);
    let measures = row.measures.iter().map(|m| {
        let [observed, limit] = words::measured(m);
        (vec![m.measure.clone(), observed, limit], words::measure_verdict(m).to_owned())
    });
    out += &small(["measure", "observed", "limit"], "verdict", measures);
    out
}

/// Renders an indented table, the first column at the left, the others at the right but for the last, which holds words; nothing
/// without rows.
fn small<const N: usize>(heads: [&str; N], last: &str, rows: impl Iterator<Item = (Vec<String>, String)>) -> String {
    let sides: [Side; N] = std::array::from_fn(|column| if column == 0 { Side::Left } else { Side::Right });
    let heads = (heads.map(str::to_owned).to_vec(), last.to_owned());
    let cells: Vec<Vec<String>> = std::iter::once(heads)
        .chain(rows)
        .map(|(mut line, word)| {
            line.push(word);
            line.iter().map(|cell| sanitize::line(cell)).collect()
        })
        .collect();
    let mut out = String::new();
    if cells.len() > 1 {
        let table = Table::new(4, &sides, &cells);
        cells.iter().for_each(|line| table.row(&mut out, line));
    }
    out
}

fn stages(report: &Report) -> String {
    let count = |status: &str| report.stages.iter().filter(|s| s.status() == status).count();
    let parts: Vec<String> = ["ran", "cached", "done", "failed", "not run"]
        .into_iter()
        .filter(|status| count(status) > 0)
        .map(|status| format!("{} {status}", count(status)))
        .collect();
    let seconds = (report.stages.iter().filter(|s| s.state == StageState::Done))
        .filter_map(|s| s.this_time.as_ref())
        .filter(|t| !t.reused)
        .fold(0.0, |sum, t| sum + t.seconds);
    format!(
        "{} stages: {}; {} of work in {}",
        report.stages.len(),
        parts.join(", "),
        human_seconds(seconds),
        sanitize::line(&report.run)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::sample;
    use super::*;

    #[test]
    fn console_snapshots() {
        insta::assert_snapshot!("console-passed", render(&sample::passed(), false));
        insta::assert_snapshot!("console-mixed", render(&sample::mixed(), false));
        insta::assert_snapshot!("console-stopped", render(&sample::stopped(), false));
        insta::assert_snapshot!("console-checked", render(&sample::checked(), false));
        insta::assert_snapshot!("console-demo", render(&sample::demo(), false));
    }

    const HOSTILE: &str = "::error::a\r\n::error::b\u{1b}[2J\u{202e}##[error]c";

    /// Replaces every text of a report that may hold anything.
    fn with_texts(report: &Report, said: &str) -> Report {
        fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
            match value {
                Value::String(_) => found.push(at.to_owned()),
                Value::Array(all) => all.iter().enumerate().for_each(|(i, v)| texts(v, &format!("{at}/{i}"), found)),
                Value::Object(all) => all.iter().for_each(|(name, v)| texts(v, &format!("{at}/{name}"), found)),
                _ => {}
            }
        }
        let (mut value, mut places) = (serde_json::to_value(report).unwrap(), Vec::new());
        texts(&value, "", &mut places);
        for place in places {
            let text = value.pointer_mut(&place).unwrap();
            let before = std::mem::replace(text, said.into());
            // Words of a fixed list cannot be anything else.
            if serde_json::from_value::<Report>(value.clone()).is_err() {
                *value.pointer_mut(&place).unwrap() = before;
            }
        }
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn no_text_of_a_run_steers_a_terminal_or_a_workflow() {
        for (name, mut report) in sample::all() {
            report.curves.clear();
            let text = render(&with_texts(&report, HOSTILE), false);
            assert!(text.contains("error::b"), "{name}: {text}");
            assert!(!text.contains("##[") && !text.contains('\u{202e}'), "{name}: {text}");
            for line in text.lines() {
                assert!(!line.contains(char::is_control) && !line.trim_start().starts_with("::"), "{name}: {line:?}");
            }
            let lines = |said: &str| render(&with_texts(&report, said), false).lines().count();
            assert!(
                lines(HOSTILE) <= lines(&sanitize::line(HOSTILE)) + 1,
                "{name}: only a failure's message may have lines"
            );
        }
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let coloured = render(&sample::mixed(), true);
        assert!(coloured.starts_with("\x1b[1;31mFAIL\x1b[0m"));
        let mut plain = coloured;
        for code in ["\x1b[1;32m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;35m", "\x1b[0m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, render(&sample::mixed(), false));
        assert!(!wants_colour(false));
    }
}

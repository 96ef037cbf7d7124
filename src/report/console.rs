//! The report as a person reads it in a terminal: verdict, one aligned row per result, then what needs attention.

use std::fmt::Write;

use super::{Report, StageState, human_seconds, points};
use crate::verdict::Verdict;
use crate::verdict::row::Judged;

/// Whether to colour: on a terminal, unless `NO_COLOR` is set and not empty (no-color.org).
pub fn wants_colour(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// The whole text, with ANSI colours if asked.
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
    let _ = writeln!(out, "{}  {}", paint(report.verdict, report.verdict.as_str()), report.summary);
    if !report.rows.is_empty() {
        let _ = writeln!(out);
        for (i, line) in table(&report.rows).into_iter().enumerate() {
            let verdict = i.checked_sub(1).and_then(|i| report.rows.get(i)).map(|r| r.verdict);
            let word = verdict.map_or_else(|| "verdict".to_owned(), |v| paint(v, v.as_str()));
            let _ = writeln!(out, "  {line}  {word}");
        }
    }
    for row in report.rows.iter().filter(|r| r.verdict != Verdict::Pass) {
        let _ = writeln!(out, "\n{} {}", row.name, paint(row.verdict, row.verdict.as_str()));
        for sentence in &row.evidence {
            let _ = writeln!(out, "  - {sentence}");
        }
        if let Some(advice) = &row.what_to_do {
            let _ = writeln!(out, "  next: {advice}");
        }
    }
    if let Some(failure) = &report.failure {
        let place = failure.stage.as_ref().map_or_else(|| "judging".to_owned(), |s| format!("stage {s}"));
        let _ = writeln!(out, "\n{place} {}", paint(Verdict::Infra, &failure.class));
        for line in failure.message.lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
    let _ = writeln!(out, "\n{}", stages(report));
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
        report.run
    )
}

/// Header and rows, columns aligned, without the verdict. Baselines get a column per name.
fn table(rows: &[Judged]) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for baseline in rows.iter().flat_map(|r| &r.baselines) {
        if !names.contains(&baseline.name.as_str()) {
            names.push(&baseline.name);
        }
    }
    let published = rows.iter().any(|r| r.headline.is_some());
    let mut header = vec!["task", "n", "observed", "band", "recorded"];
    header.extend(published.then_some("published"));
    header.extend(&names);
    let mut cells: Vec<Vec<String>> = vec![header.into_iter().map(str::to_owned).collect()];
    for row in rows {
        let mut line = vec![
            row.name.clone(),
            row.n.map_or_else(|| "–".to_owned(), |n| n.to_string()),
            points(row.observed),
            row.band.as_ref().map_or_else(|| "–".to_owned(), |b| format!("{}–{}", b.low, b.high)),
            points(row.expected),
        ];
        line.extend(published.then(|| points(row.headline)));
        line.extend(
            names.iter().map(|name| points(row.baselines.iter().find(|b| b.name == *name).and_then(|b| b.observed))),
        );
        cells.push(line);
    }
    let columns = cells.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|i| cells.iter().filter_map(|line| line.get(i)).map(|c| c.chars().count()).max().unwrap_or(0))
        .collect();
    cells
        .iter()
        .map(|line| {
            let padded: Vec<String> = (line.iter().zip(&widths).enumerate())
                .map(|(i, (cell, &width))| if i == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") })
                .collect();
            padded.join("  ")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn console_snapshots() {
        insta::assert_snapshot!("console-passed", render(&sample::passed(), false));
        insta::assert_snapshot!("console-mixed", render(&sample::mixed(), false));
        insta::assert_snapshot!("console-stopped", render(&sample::stopped(), false));
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

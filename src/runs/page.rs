//! The list for people.

use std::fmt::Write;

use super::entry::{Entry, Row, State};
use base::sanitize;
use base::table::{Side, Table, paragraph};

/// Returns the list as a table: a row for each task, below the folder that it is of.
pub fn page(entries: &[Entry]) -> String {
    let heads = ["DATE", "TASK", "SCORE", "VERDICT", "STATE"].map(str::to_owned).to_vec();
    let all: Vec<Vec<Vec<String>>> = entries.iter().map(lines).collect();
    let sides = [Side::Left, Side::Left, Side::Right, Side::Left];
    let table = Table::new(2, &sides, all.iter().flatten().chain([&heads]));
    let mut out = String::new();
    table.row(&mut out, &heads);
    for (entry, lines) in entries.iter().zip(&all) {
        let profile = entry.profile.as_ref().map_or_else(String::new, |profile| format!("  (profile {profile})"));
        let _ = writeln!(out, "\n{}{}", sanitize::line(&entry.folder.display().to_string()), sanitize::line(&profile));
        lines.iter().for_each(|cells| table.row(&mut out, cells));
        details(&mut out, entry);
    }
    out
}

/// The cells of an entry: date and state stand in the first row only.
fn lines(entry: &Entry) -> Vec<Vec<String>> {
    let date = entry.date.as_ref().map_or_else(|| "–".to_owned(), |date| date.chars().take(16).collect());
    let date = date.replace('T', " ");
    let none = [Row::default()];
    let rows = if entry.tasks.is_empty() { none.as_slice() } else { &entry.tasks };
    let cells = rows.iter().enumerate().map(|(at, row)| {
        let verdict = row.verdict.or(entry.verdict.filter(|_| rows.len() == 1));
        let cells = [
            if at == 0 { date.clone() } else { String::new() },
            row.task.clone(),
            row.score.map_or_else(|| "–".to_owned(), |score| format!("{score:.2}")),
            verdict.map_or_else(|| "–".to_owned(), |verdict| verdict.to_string()),
            if at == 0 { state(entry) } else { String::new() },
        ];
        cells.map(|cell| sanitize::line(&cell)).to_vec()
    });
    cells.collect()
}

fn state(entry: &Entry) -> String {
    match &entry.state {
        State::Finished => "finished".to_owned(),
        State::Running => "running".to_owned(),
        State::Stopped { step: Some(step), .. } => format!("stopped at step {step}"),
        State::Stopped { stage: Some(stage), .. } => format!("stopped in {stage}"),
        State::Stopped { .. } => "stopped".to_owned(),
        State::Failed { stage: Some(stage), class, .. } => format!("failed in {stage} ({class})"),
        State::Failed { stage: None, class, .. } => format!("failed ({class})"),
        State::Damaged { .. } => "damaged".to_owned(),
    }
}

fn details(out: &mut String, entry: &Entry) {
    let (cause, next) = match &entry.state {
        State::Finished | State::Running => (None, None),
        State::Stopped { next, .. } => (None, Some(next)),
        State::Failed { cause, next, .. } | State::Damaged { cause, next } => (Some(cause), next.as_ref()),
    };
    if let Some(cause) = cause {
        paragraph(out, "    cause: ", &sanitize::line(cause));
    }
    if let Some(next) = next {
        paragraph(out, "    next: ", &sanitize::line(next));
    }
    for (tasks, deviations) in together(&entry.tasks) {
        let of = if entry.tasks.len() > 1 { format!(" ({})", tasks.join(", ")) } else { String::new() };
        let _ = writeln!(out, "    differs from {}{of}:", protocol(entry));
        paragraph(out, "      ", &sanitize::line(&deviations.join("; ")));
    }
}

/// What the settings are compared with.
fn protocol(entry: &Entry) -> &'static str {
    if entry.is_demo() { "the demo's recorded runs" } else { "the paper" }
}

/// Tasks with the same deviations, named together.
fn together(rows: &[Row]) -> Vec<(Vec<&str>, &[String])> {
    let mut all: Vec<(Vec<&str>, &[String])> = Vec::new();
    for row in rows.iter().filter(|row| !row.deviations.is_empty()) {
        match all.iter_mut().find(|(_, deviations)| *deviations == row.deviations.as_slice()) {
            Some((tasks, _)) => tasks.push(&row.task),
            None => all.push((vec![&row.task], &row.deviations)),
        }
    }
    all
}

//! Formats the report for people: 80 columns, with each command on a line of its own so that it can be copied.

use std::fmt::Write;

use super::{DoctorReport, FindingState, Purpose};
use base::table::wrapped;

/// Maximum width of lines, except for commands and addresses.
const WIDTH: usize = 80;
/// Width of the state.
const STATE: usize = 6;
/// Indentation of names and advice.
const MARGIN: usize = 2 + STATE + 2;

/// Returns the whole text, with ANSI colours if requested.
pub fn render(report: &DoctorReport, colour: bool) -> String {
    let paint = |code: &str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let names = report.groups.iter().flat_map(|(_, findings)| findings).map(|finding| finding.name.chars().count());
    let name_width = names.max().unwrap_or(0);
    let mut out = String::new();
    for (group, findings) in &report.groups {
        let _ = writeln!(out, "{group}");
        for finding in findings {
            let (word, code) = match finding.state(&report.asked) {
                FindingState::Fine => ("fine", "1;32"),
                FindingState::Advice => ("advice", "1;33"),
                FindingState::Wrong => ("WRONG", "1;31"),
                FindingState::Untried => ("–", "2"),
            };
            let state = paint(code, &format!("{word:<STATE$}"));
            let column = MARGIN + name_width + 2;
            let mut found = wrapped(&finding.found, WIDTH.saturating_sub(column)).into_iter();
            let first = found.next().unwrap_or_default();
            let line = format!("  {state}  {:<name_width$}  {first}", finding.name);
            let _ = writeln!(out, "{}", line.trim_end());
            for line in found {
                let _ = writeln!(out, "{:column$}{line}", "");
            }
            let advice = finding.matters(&report.asked).map_or("", |problem| &problem.advice);
            let advice = wrapped(advice, WIDTH - MARGIN).into_iter().filter(|line| !line.is_empty());
            let commands = finding.commands(&report.asked).iter().map(|command| format!("$ {command}"));
            for line in advice.chain(commands) {
                let _ = writeln!(out, "{:MARGIN$}{line}", "");
            }
        }
        let _ = writeln!(out);
    }
    let width = report.asked.iter().map(|purpose| purpose.name().len()).max().unwrap_or(0);
    for purpose in &report.asked {
        let stops = report.stops(*purpose);
        let verdict = if stops.is_empty() {
            let by = report.extractor.as_ref().filter(|_| *purpose == Purpose::Extract);
            let column = width + 2 + "ready: ".len();
            let by = by.map(|extractor| wrapped(extractor, WIDTH - column).join(&format!("\n{:column$}", "")));
            paint("1;32", "ready") + &by.map_or_else(String::new, |extractor| format!(": {extractor}"))
        } else {
            format!("{}: {}", paint("1;31", "not ready"), stops.join(", "))
        };
        let _ = writeln!(out, "{:<width$}  {verdict}", purpose.name());
    }
    out
}

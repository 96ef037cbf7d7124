//! The formats in which `check`, `regrade` and `report` print a report.

use std::io::{IsTerminal, stdout};
use std::path::Path;

use super::output::print_line;
use base::error::{Error, Result};
use base::files;
use base::status;
use judge::evidence::run::RunEvidence;
use judge::report::{Report, annotations, console, html, intoto, json, junit, markdown};

/// A format of a printed report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportForm {
    /// A table
    Text,
    /// The content of report.json
    Json,
    /// For a step summary of GitHub Actions
    Markdown,
    /// JUnit XML
    Junit,
    /// One page with charts
    Html,
    /// An unsigned in-toto statement
    Intoto,
}

impl ReportForm {
    fn render(self, report: &Report) -> Result<String> {
        Ok(match self {
            Self::Text => console::render(report, console::wants_colour(stdout().is_terminal())),
            Self::Json => json::render(report)?,
            Self::Markdown => markdown::render(report),
            Self::Junit => junit::render(report)?,
            Self::Html => html::render(report),
            Self::Intoto => intoto::render(report, &files::sha256_bytes(json::render(report)?.as_bytes()))?,
        })
    }
}

/// Checks that a verdict is not written into the folder of a run, whose own report must stay unchanged.
///
/// # Errors
/// Usage if `output` is the folder of one of `runs`.
pub(crate) fn refuse_run_folder<'r>(
    runs: impl IntoIterator<Item = &'r RunEvidence>,
    output: Option<&Path>,
) -> Result<()> {
    let Some(output) = output.and_then(|folder| std::fs::canonicalize(folder).ok()) else { return Ok(()) };
    match runs.into_iter().any(|run| run.folder == output) {
        true => Err(Error::usage("--output is a run's own folder, whose report must stay unchanged")
            .next("choose another folder with --output")),
        false => Ok(()),
    }
}

/// Prints a report, and writes it in all formats into `output` if given. Returns the exit code of the verdict.
///
/// # Errors
/// Infra or disk if the report cannot be written.
pub(crate) fn print_report(report: &Report, form: ReportForm, annotate: bool, output: Option<&Path>) -> Result<u8> {
    if let Some(folder) = output {
        report.write(folder)?;
    }
    let mut text = form.render(report)?;
    if annotate {
        text = format!("{}\n{}", text.trim_end(), annotations::annotations(report));
    }
    print_line(text.trim_end())?;
    if let Some(folder) = output {
        status!("report: {}", folder.join("report.html").display());
    }
    Ok(report.exit_code())
}

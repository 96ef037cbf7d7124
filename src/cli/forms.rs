//! The forms in which `check`, `regrade` and `report` print a report.

use std::io::{IsTerminal, stdout};
use std::path::Path;

use super::output::say;
use base::error::{Error, Result};
use base::files;
use base::status;
use judge::evidence::run::RunEvidence;
use judge::report::{Report, annotations, console, html, intoto, json, junit, markdown};

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// A table for a person
    Text,
    /// The report itself
    Json,
    /// For a step summary
    Markdown,
    /// JUnit XML
    Junit,
    /// One page with pictures
    Html,
    /// An in-toto statement, not signed
    Intoto,
}

impl Form {
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

/// Refuses to write a verdict into the folder of a run: its own report stays as it is.
///
/// # Errors
/// Usage.
pub(crate) fn not_into<'r>(runs: impl IntoIterator<Item = &'r RunEvidence>, output: Option<&Path>) -> Result<()> {
    let Some(output) = output.and_then(|folder| std::fs::canonicalize(folder).ok()) else { return Ok(()) };
    match runs.into_iter().any(|run| run.folder == output) {
        true => Err(Error::usage("--output is a run's own folder, whose report stays as it is").next("name another")),
        false => Ok(()),
    }
}

/// Prints a report, writes all forms into a folder where one is named, and says the verdict as an exit code.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn tell(report: &Report, form: Form, annotate: bool, output: Option<&Path>) -> Result<u8> {
    if let Some(folder) = output {
        report.write(folder)?;
    }
    let mut text = form.render(report)?;
    if annotate {
        text = format!("{}\n{}", text.trim_end(), annotations::annotations(report));
    }
    say(text.trim_end())?;
    if let Some(folder) = output {
        status!("report: {}", folder.join("report.html").display());
    }
    Ok(report.exit_code())
}

//! What `--explain` prints: for each stage whether it would run, and why.

use std::fmt::{self, Write};

use serde::Serialize;

/// Why a stage runs or is skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A finished result exists.
    Unchanged,
    /// No finished result of this stage exists.
    NeverFinished,
    /// A run was killed during the stage.
    Interrupted,
    /// A run was stopped during the stage, which resumes from there.
    Resumed,
    /// Finished results exist, but of other parts: what changed since the most similar one.
    Changed(Vec<String>),
    /// An output of the result is missing.
    OutputMissing(String),
    /// An output of the result differs from its record.
    OutputChanged(String),
    /// The record of the result cannot be used; why.
    RecordUnreadable(String),
    /// The stage runs every time.
    Always,
    /// The stage depends on this one, which has to run first.
    DependsOn(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => write!(f, "unchanged inputs and parameters"),
            Self::NeverFinished => write!(f, "never finished in this workspace"),
            Self::Interrupted => write!(f, "was interrupted before it finished"),
            Self::Resumed => write!(f, "was interrupted; resumes from its last snapshot"),
            Self::Changed(changes) => write!(f, "{}", changes.join("; ")),
            Self::OutputMissing(path) => write!(f, "output `{path}` is missing"),
            Self::OutputChanged(path) => write!(f, "output `{path}` was changed or damaged"),
            Self::RecordUnreadable(why) => write!(f, "its record is unusable: {why}"),
            Self::Always => write!(f, "checks the workspace every time; later stages run only if it finds a change"),
            Self::DependsOn(stage) => {
                write!(f, "waits for `{stage}`; skipped if its output is unchanged")
            }
        }
    }
}

/// What a run would do with a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Reuse its cached result.
    Skip,
    /// Run it.
    Run,
    /// Unknown until an earlier stage has run.
    Depends,
}

/// What a run would do with one stage, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Name of the stage.
    pub stage: String,
    /// What the run would do.
    pub action: Action,
    /// Reason, as a sentence.
    pub why: String,
}

/// Formats decisions as aligned lines.
pub fn render(decisions: &[Decision]) -> String {
    let width = decisions.iter().map(|d| d.stage.len()).max().unwrap_or(0);
    let mut out = String::new();
    for Decision { stage, action, why } in decisions {
        let action = match action {
            Action::Skip => "skip",
            Action::Run => "run",
            Action::Depends => "depends",
        };
        let _ = writeln!(out, "{stage:<width$}  {action:<7}  {why}");
    }
    out
}

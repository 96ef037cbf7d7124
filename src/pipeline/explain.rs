//! Why a stage runs or does not.

use std::fmt::{self, Write};

use serde::Serialize;

/// The reason of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The result is at hand.
    Unchanged,
    /// No result of this stage is at hand.
    NeverFinished,
    /// A run was killed in it.
    Interrupted,
    /// A run was stopped in it, and it goes on from there.
    GoesOn,
    /// Results are at hand, but from something else: what changed since the nearest.
    Changed(Vec<String>),
    /// An output of the result is gone.
    OutputMissing(String),
    /// An output of the result is not what was recorded.
    OutputChanged(String),
    /// The record of the result is damaged.
    RecordUnreadable(String),
    /// It was done before, and looks again.
    Always,
    /// It uses a stage that runs first.
    Waits(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => write!(f, "nothing it depends on changed"),
            Self::NeverFinished => write!(f, "never finished in this workspace"),
            Self::Interrupted => write!(f, "was interrupted before it was done"),
            Self::GoesOn => write!(f, "was interrupted and goes on from its last snapshot"),
            Self::Changed(changes) => write!(f, "{}", changes.join("; ")),
            Self::OutputMissing(path) => write!(f, "output `{path}` is missing"),
            Self::OutputChanged(path) => write!(f, "output `{path}` was changed or damaged"),
            Self::RecordUnreadable(why) => write!(f, "its record is unusable: {why}"),
            Self::Always => write!(f, "looks again every time; what follows runs only if it finds something else"),
            Self::Waits(stage) => {
                write!(f, "uses `{stage}`, which runs first; skipped if that gives the same as before")
            }
        }
    }
}

/// What would be done with a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Its result is taken.
    Skip,
    /// It runs.
    Run,
    /// Not known before an earlier one has run.
    Depends,
}

/// A stage with what would be done and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The stage.
    pub stage: String,
    /// What would be done.
    pub action: Action,
    /// Why, as a sentence.
    pub why: String,
}

/// Decisions as aligned lines.
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

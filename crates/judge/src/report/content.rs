//! Everything that a report shows, and its verdict.

use serde::{Deserialize, Serialize};

use super::environment::Environment;
use super::metrics;
use super::provenance::Provenance;
use crate::verdict::Verdict;
use crate::verdict::row::{JudgedRow, Subject};
use base::cause::Cause;
use base::error::{Error, Result};
use base::exit;

/// The way `report.json` is written. Schemas 1 and 2 are read too: each schema means the same as those before and adds to them.
/// Schema 3 adds [`Failure::cause`].
pub const SCHEMA: u32 = 3;

/// Everything that a report shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
// Only this crate makes one: `grade::Assessment::report`, or `json::read`.
#[non_exhaustive]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was reproduced, for the heading.
    pub title: String,
    /// What the results are of and what they say nothing about, where that is not the published tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The profile of `repro all`.
    pub profile: String,
    /// Name of the run's folder.
    pub run: String,
    /// Over all rows and the failure.
    pub verdict: Verdict,
    /// The verdict in one sentence.
    pub summary: String,
    /// One per judged accuracy.
    pub rows: Vec<JudgedRow>,
    /// The golden files that judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub golden: Vec<GoldenRecord>,
    /// The verdict that was given before, where a run is judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<EarlierVerdict>,
    /// What stopped the run, if something did.
    pub failure: Option<Failure>,
    /// In the plan's order.
    pub stages: Vec<StageRow>,
    /// One per trained model.
    pub curves: Vec<metrics::Curves>,
    /// A few questions with their pictures and answers.
    pub examples: Vec<Example>,
    /// Where it ran.
    pub environment: Environment,
    /// What went in and came out.
    pub provenance: Provenance,
    /// The clock; empty after [`Report::without_times`].
    pub times: ReportTimes,
}

/// A golden file that judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GoldenRecord {
    /// Its name, such as `published`, or its path.
    pub name: String,
    /// How it judges; a verdict holds for this edition.
    pub edition: u32,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// An earlier verdict on the same results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Before"))]
pub struct EarlierVerdict {
    /// What it was.
    pub verdict: Verdict,
    /// By which golden files.
    pub golden: Vec<GoldenRecord>,
    /// What differs between then and now, one sentence each; empty where nothing does.
    pub changes: Vec<String>,
}

/// What stopped a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// The stage at work; `None` after the last one.
    pub stage: Option<String>,
    /// Name of its exit code ([`base::exit::TABLE`]): INFRA, DATA, NETWORK, CHECKSUM, DISK, USAGE, BUG or INTERRUPTED.
    /// Whichever it is, the run's verdict is INFRA: what stopped says nothing about the result.
    pub class: String,
    /// Its exit code.
    pub exit_code: u8,
    /// What, why, and what to do next.
    pub message: String,
    /// Why, for programs; absent in reports of schemas 1 and 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(schema_with = "super::schema::failure_cause"))]
    pub cause: Option<FailureCause>,
}

/// Why a run failed, for programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureCause {
    /// Its kind, with what belongs to that.
    #[serde(flatten)]
    pub cause: Cause,
    /// Whether the same may work when it is tried again with nothing changed.
    pub spurious: bool,
}

impl Failure {
    /// Classifies an error.
    pub fn new(stage: Option<&str>, error: &Error) -> Self {
        let (exit_code, cause) = (exit::code(error), error.cause());
        Self {
            stage: stage.map(str::to_owned),
            class: exit::class(error).to_owned(),
            exit_code,
            message: error.to_string(),
            cause: Some(FailureCause { spurious: cause.may_be_spurious(), cause }),
        }
    }
}

/// One stage of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StageRow {
    /// Its name, also its folder's.
    pub name: String,
    /// What it does.
    pub title: String,
    /// How it ended.
    pub state: StageState,
    /// Hash of all that its result depends on; absent where it was not reached.
    pub fingerprint: Option<String>,
    /// How it went this time; absent after [`Report::without_times`].
    pub this_time: Option<StageExecution>,
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StageState {
    /// Its result is there.
    Done,
    /// It gave an error.
    Failed,
    /// An earlier one gave an error.
    NotRun,
}

/// How a stage went in one particular run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ThisTime"))]
pub struct StageExecution {
    /// An earlier result was taken.
    pub reused: bool,
    /// Seconds of the execution that made the result, now or earlier.
    pub seconds: f64,
    /// Why it ran or was reused.
    pub why: String,
}

impl StageRow {
    /// `ran`, `cached`, `failed`, `not run`; `done` where it is not known how.
    pub fn status(&self) -> &'static str {
        match (self.state, &self.this_time) {
            (StageState::Done, Some(StageExecution { reused: true, .. })) => "cached",
            (StageState::Done, Some(_)) => "ran",
            (StageState::Done, None) => "done",
            (StageState::Failed, _) => "failed",
            (StageState::NotRun, _) => "not run",
        }
    }
}

/// A question of the data with what the model said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Example {
    /// The task.
    pub task: String,
    /// One picture, or NLVR2's two.
    pub images: Vec<Picture>,
    /// The question or sentence.
    pub question: String,
    /// The model's answer.
    pub answer: String,
    /// The right answer.
    pub expected: String,
    /// Whether the model's answer counts.
    pub right: bool,
}

/// A PNG file inside the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Picture {
    /// The file in base64.
    pub png: String,
    /// What a person who does not see it should know.
    pub alt: String,
}

impl Picture {
    /// Takes the bytes of a PNG file of at most 1 MiB.
    pub fn from_png(bytes: &[u8], alt: &str) -> Result<Self> {
        if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") || bytes.len() > 1 << 20 {
            return Err(Error::data(format!("picture {alt:?} is no PNG file of at most 1 MiB")));
        }
        Ok(Self { png: base64_simd::STANDARD.encode_to_string(bytes), alt: alt.to_owned() })
    }
}

/// When and how fast.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Times"))]
pub struct ReportTimes {
    /// UTC, RFC 3339.
    pub started: Option<String>,
    /// UTC, RFC 3339.
    pub finished: Option<String>,
    /// Seconds of this run, without reused results.
    pub seconds: Option<f64>,
    /// Training speed.
    pub speeds: Vec<TaskSpeed>,
}

/// Training speed of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Speed"))]
pub struct TaskSpeed {
    /// The task.
    pub task: String,
    /// Mean over its epochs.
    pub examples_per_second: f64,
}

impl Report {
    /// The verdict over rows and failure, and the sentence that says it.
    pub(crate) fn conclude(rows: &[JudgedRow], failure: Option<&Failure>) -> (Verdict, String) {
        let stopped = failure.map(|_| Verdict::Infra);
        let verdict = Verdict::over(rows.iter().map(|r| r.verdict).chain(stopped));
        let passed = rows.iter().filter(|r| r.verdict == Verdict::Pass).count();
        let is_demo = rows.iter().any(|r| r.subject == Subject::Demo);
        let mut summary = match (passed, rows.len()) {
            (_, 0) => "Nothing was judged".to_owned(),
            (1, 1) if is_demo => "The demo result agrees with the recorded runs".to_owned(),
            (1, 1) => "The result is reproduced".to_owned(),
            (passed, all) if passed == all && is_demo => {
                format!("All {all} demo results agree with the recorded runs")
            }
            (passed, all) if passed == all => format!("All {all} results are reproduced"),
            (passed, all) => {
                let others: Vec<String> = rows
                    .iter()
                    .filter(|r| r.verdict != Verdict::Pass)
                    .map(|r| format!("{} {}", r.title(), r.verdict))
                    .collect();
                let what = if is_demo { "demo results agree with the recorded runs" } else { "results reproduced" };
                format!("{passed} of {all} {what}; {}", others.join(", "))
            }
        };
        match failure {
            Some(Failure { stage: Some(stage), class, .. }) => {
                summary += &format!("; the run stopped at stage {stage} ({class})");
            }
            Some(Failure { stage: None, class, .. }) => summary += &format!("; judging stopped ({class})"),
            None => {}
        }
        (verdict, summary + ".")
    }

    /// The program's exit code: a FAIL comes first, then the class of what stopped the run, then the verdict.
    pub fn exit_code(&self) -> u8 {
        match &self.failure {
            Some(failure) if self.verdict != Verdict::Fail => failure.exit_code,
            _ => self.verdict.exit_code(),
        }
    }

    /// The report without what differs between two faithful runs of one plan on one machine.
    #[must_use]
    pub fn without_times(mut self) -> Self {
        self.times = ReportTimes::default();
        for stage in &mut self.stages {
            stage.this_time = None;
        }
        self
    }
}

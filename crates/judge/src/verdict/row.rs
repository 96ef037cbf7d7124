//! One judged result with everything that led to its verdict: a row of the report, whichever gate judged it.

use serde::{Deserialize, Serialize};

use super::golden::Band;
use super::statistics::Interval;
use super::{Verdict, features};
use data::features::compare;

/// The kinds of judgement; each asks something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// Accuracies of trainings against what was recorded or published.
    #[default]
    Train,
    /// Answers to the same items as a frozen run gave.
    Eval,
    /// Features of the same images as those of a reference.
    Features,
}

impl Gate {
    /// The word in files and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Eval => "eval",
            Self::Features => "features",
        }
    }
}

/// What results were measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The task that the row names.
    #[default]
    Task,
    /// The demo: drawn scenes in the formats of the task, and a small model trained from random weights.
    Demo,
}

impl Subject {
    /// The subject of a profile of `repro all`, which golden files name too.
    pub fn of_profile(profile: &str) -> Self {
        if profile == "demo" { Self::Demo } else { Self::Task }
    }

    /// Whether this is [`Subject::Task`].
    pub fn is_task(&self) -> bool {
        *self == Self::Task
    }
}

/// A judged result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Judged"))]
// Only this crate makes one, by the gates that `grade::assess` calls.
#[non_exhaustive]
pub struct JudgedRow {
    /// The task, or what else was judged.
    pub name: String,
    /// What it was measured on.
    #[serde(default, skip_serializing_if = "Subject::is_task")]
    pub subject: Subject,
    /// Which kind of judgement.
    #[serde(default)]
    pub gate: Gate,
    /// What the accuracy counts.
    pub metric: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Number of items measured on.
    pub n: Option<u64>,
    /// Accuracy in points; over several runs their mean.
    pub observed: Option<f64>,
    /// Where the mean of such runs lies, in points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Where a faithful run lies.
    pub band: Option<Band>,
    /// The published accuracy.
    pub headline: Option<f64>,
    /// Mean of the recorded runs.
    pub expected: Option<f64>,
    /// Accuracies of the recorded runs, in the file's order.
    pub recorded: Vec<f64>,
    /// What was aimed at, and whether it was met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// Every run that was given, also those that do not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<JudgedRun>,
    /// For an INCONCLUSIVE mean: how many more seeds would settle it if the mean did not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_seeds: Option<u64>,
    /// What is weaker.
    pub baselines: Vec<JudgedBaseline>,
    /// Two sets of answers side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired: Option<PairedAnswers>,
    /// Differences of features beside their limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<features::MeasureRow>,
    /// How such differences are spread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spreads: Vec<Spread>,
    /// What was found, one sentence each; the first says the most.
    pub evidence: Vec<String>,
    /// What a person can do about a verdict other than PASS.
    pub what_to_do: Option<String>,
}

/// A mean with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Estimate {
    /// In points.
    pub interval: Interval,
    /// Probability that such an interval covers the mean, 0 to 1.
    pub confidence: f64,
    /// How it was computed and where its sigma comes from.
    pub method: String,
}

/// Something that was published and could be met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Target {
    /// `equivalence` (the range or headline with the margin around it), `range` or `headline`.
    pub name: String,
    /// Points; of a headline both are the same.
    pub low: f64,
    /// Points.
    pub high: f64,
    /// Whether it is met; `None` if the evidence does not say.
    pub met: Option<bool>,
    /// Whether the verdict follows from it.
    pub decides: bool,
    /// What was found, in a sentence.
    pub sentence: String,
}

/// One of the runs that were given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JudgedRun {
    /// Its folder's name.
    pub run: String,
    /// Its seed, where known.
    pub seed: Option<u64>,
    /// Points, where measured.
    pub accuracy: Option<f64>,
    /// What became of it.
    pub state: RunState,
    /// Why it does not count; empty where it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It is in the mean.
    Counted,
    /// It deviates from what was published.
    NotComparable,
    /// Its seed was there before: the same draw once more.
    Duplicate,
    /// It has a result, which is that of a training that did not work.
    NotConverged,
    /// It has a result, which is above what any such training gives.
    TooHigh,
    /// It has no result.
    Missing,
}

impl RunState {
    /// The words a person reads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::NotComparable => "not comparable",
            Self::Duplicate => "duplicate seed",
            Self::NotConverged => "did not converge",
            Self::TooHigh => "too high",
            Self::Missing => "no result",
        }
    }
}

/// One baseline beside the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JudgedBaseline {
    /// Such as `question-only`.
    pub name: String,
    /// Its accuracy in points, where measured.
    pub observed: Option<f64>,
    /// Points that the model must be above it, where the golden file asks for it.
    pub margin: Option<f64>,
    /// Whether it is.
    pub verdict: Verdict,
}

/// Answers of two runs to the same items; the first is the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Paired"))]
pub struct PairedAnswers {
    /// Name of the reference.
    pub reference: String,
    /// Items in both.
    pub items: u64,
    /// Items with another answer.
    pub flips: u64,
    /// So many were allowed beforehand.
    pub allowed: u64,
    /// Items that only the reference has right (its score is the higher one).
    pub lost: u64,
    /// Items that only the candidate has right.
    pub gained: u64,
    /// The p-value of McNemar's exact test on `lost` and `gained`.
    pub p: f64,
    /// Candidate minus reference, points.
    pub difference: f64,
    /// The interval of the difference, with independent items; `None` for fewer than two items.
    pub interval: Option<Interval>,
    /// The interval of the difference, with dependent items in each cluster.
    pub clustered: Option<Interval>,
    /// What is a cluster, such as `image`.
    pub cluster: String,
    /// Number of clusters.
    pub clusters: u64,
    /// The confidence of both intervals.
    pub confidence: f64,
    /// The first items with another answer.
    pub examples: Vec<Flip>,
}

/// An item with another answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Flip {
    /// The item.
    pub id: String,
    /// The reference's answer and its score, 0 to 1.
    pub reference: (String, f64),
    /// The candidate's.
    pub candidate: (String, f64),
}

/// How one kind of difference is spread over its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Spread {
    /// What differs, with its unit.
    pub name: String,
    /// Values, all of them.
    pub count: u64,
    /// Upper ends of bins, growing; the first bin begins at 0.
    pub ends: Vec<f64>,
    /// Values in each bin.
    pub counts: Vec<u64>,
}

impl From<compare::DifferenceSpread> for Spread {
    fn from(compare::DifferenceSpread { name, count, ends, counts }: compare::DifferenceSpread) -> Self {
        Self { name, count, ends, counts }
    }
}

impl JudgedRow {
    /// A row of which nothing is known yet: INFRA until something is measured.
    pub(crate) fn new(name: &str, gate: Gate, metric: &str) -> Self {
        Self {
            name: name.to_owned(),
            subject: Subject::Task,
            gate,
            metric: metric.to_owned(),
            verdict: Verdict::Infra,
            n: None,
            observed: None,
            estimate: None,
            band: None,
            headline: None,
            expected: None,
            recorded: Vec::new(),
            targets: Vec::new(),
            runs: Vec::new(),
            more_seeds: None,
            baselines: Vec::new(),
            paired: None,
            measures: Vec::new(),
            spreads: Vec::new(),
            evidence: Vec::new(),
            what_to_do: None,
        }
    }
    /// The name for people: of a demo result it says what it was measured on, such as `VQA-like scenes`.
    pub fn title(&self) -> String {
        match self.subject {
            Subject::Task => self.name.clone(),
            // A run's name may follow the task's.
            Subject::Demo => {
                let (task, rest) = self.name.split_once(' ').unwrap_or((&self.name, ""));
                format!("{}-like scenes {rest}", task.to_uppercase()).trim_end().to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_result_is_never_called_like_the_task() {
        let of = |name: &str, profile: &str| {
            JudgedRow { subject: Subject::of_profile(profile), ..JudgedRow::new(name, Gate::Train, "accuracy") }.title()
        };
        assert_eq!(of("vqa", "demo"), "VQA-like scenes");
        assert_eq!(of("nlvr2 demo-4be1f20", "demo"), "NLVR2-like scenes demo-4be1f20");
        assert_eq!((of("gqa", "paper"), of("gqa", "check")), ("gqa".to_owned(), "gqa".to_owned()));
    }
}

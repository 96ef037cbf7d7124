//! The types of `golden/published.toml`: published results and what is known about their spread.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::deviation::Deviation;
use super::super::golden::RecordedRun;
use super::super::head;
use base::error::{Error, Result};

/// The schema that this program reads.
pub const SCHEMA: u32 = 2;
/// The edition of the rules that this program knows: `verdict::train`.
pub const EDITION: u32 = 2;
/// Minimum number of recorded runs whose spread replaces the assumed one.
pub const RECORDED_LEAST: usize = 5;
/// The published results compiled into the program.
pub const EMBEDDED: &str = include_str!("../../../../../golden/published.toml");

/// A file of published results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedResults {
    /// [`SCHEMA`].
    pub schema: u32,
    /// [`EDITION`].
    pub edition: u32,
    /// The profile of `repro all` that it judges.
    pub profile: String,
    /// Where everything in it was published, unless it says otherwise.
    pub source: String,
    /// How it judges.
    pub rule: EquivalenceRule,
    /// In the order of the report.
    #[serde(rename = "task")]
    pub tasks: Vec<PublishedTask>,
    /// Figures of test sets, for the record.
    #[serde(default, rename = "test")]
    pub tests: Vec<PublishedTest>,
}

/// The tests known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EquivalenceRuleName {
    /// Two one-sided tests of the mean of the runs against the range (`verdict::train`).
    EquivalenceToRange,
}

/// The rule that judges runs, written before any run was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EquivalenceRule {
    /// Which test.
    pub name: EquivalenceRuleName,
    /// Size of each one-sided test, above 0 and at most 0.2.
    pub alpha: f64,
    /// Number of runs that the rule was dimensioned for.
    pub runs: u64,
    /// Points by which a mean may lie outside the range and still be equivalent to it.
    pub margin: f64,
    /// Runs that scatter more than chance allows at this level contradict the assumed spread.
    pub scatter_alpha: f64,
    /// A run that lies more points than this away from the range is no draw of the same training.
    pub converged_within: f64,
    /// Why these values.
    pub reason: String,
}

/// Published results of one task, and what is known about their spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedTask {
    /// Such as `vqa`.
    pub name: String,
    /// The splits that the accuracy is measured on.
    pub splits: String,
    /// What the accuracy counts.
    pub metric: String,
    /// How it is counted, and whether that can be done here.
    pub evaluator: String,
    /// Number of items evaluated.
    pub n: u64,
    /// The number in the published table.
    pub headline: Headline,
    /// The range in which the author expects a retraining.
    pub range: PublishedRange,
    /// The standard deviation of one run.
    pub sigma: Sigma,
    /// The assumed mean of faithful runs, used only to compute error rates.
    pub faithful: FaithfulMean,
    /// Options of `repro train` as published; a run with others is not comparable.
    pub settings: toml::Table,
    /// The option that names the initial weights.
    pub start: String,
    /// What a reader should know of these numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Reruns that others report; nothing is judged by them.
    #[serde(default, rename = "rerun", skip_serializing_if = "Vec::is_empty")]
    pub reruns: Vec<ReportedRerun>,
    /// Accuracies of trainings that did not work.
    #[serde(default, rename = "collapse", skip_serializing_if = "Vec::is_empty")]
    pub collapses: Vec<CollapsedAccuracy>,
    /// Runs of this program with the published settings. From [`RECORDED_LEAST`] on their spread replaces [`PublishedTask::sigma`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recorded: Vec<RecordedRun>,
}

/// A published number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Headline {
    /// Points, 0 to 100.
    pub accuracy: f64,
    /// Where in the source.
    pub from: String,
}

/// A published range; both ends belong to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedRange {
    /// Lower end in points.
    pub low: f64,
    /// Upper end in points.
    pub high: f64,
    /// Where in the source.
    pub from: String,
}

/// A standard deviation between runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sigma {
    /// Points, above 0.
    pub points: f64,
    /// Whether it was measured or assumed, and from what.
    pub source: String,
    /// What was measured by others, for it and against it.
    pub evidence: String,
}

/// The assumed mean of faithful runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaithfulMean {
    /// Points.
    pub mean: f64,
    /// From what.
    pub source: String,
}

/// A run that somebody else reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportedRerun {
    /// Points.
    pub accuracy: f64,
    /// How it differs.
    pub what: String,
    /// Where.
    pub source: String,
}

/// An accuracy that means that a training did not work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollapsedAccuracy {
    /// Points, to two decimals.
    pub accuracy: f64,
    /// What it means.
    pub says: String,
}

/// Who can score a test set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestScorer {
    /// This program, with public labels.
    Local,
    /// A published program of the set's authors.
    OfficialEvaluator,
    /// A server only.
    Server,
}

/// A published figure of a test set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedTest {
    /// The task.
    pub task: String,
    /// The set, for people.
    pub name: String,
    /// Points.
    pub accuracy: f64,
    /// What `repro predict` and `repro evaluate` call it.
    pub splits: String,
    /// What the accuracy counts, and by which evaluator.
    pub metric: String,
    /// Items, where known.
    #[serde(default)]
    pub n: Option<u64>,
    /// The range in which the author expects it, if he names one.
    #[serde(default)]
    pub range: Option<PublishedRange>,
    /// Where in the source.
    pub from: String,
    /// Who can score it.
    pub scored: TestScorer,
    /// How.
    pub how: String,
    /// What others report.
    #[serde(default, rename = "rerun")]
    pub reruns: Vec<ReportedRerun>,
}

impl PublishedResults {
    /// Reads the published results compiled into the program.
    ///
    /// # Errors
    /// A bug of this program, if they are wrong.
    pub fn embedded() -> Result<Self> {
        Self::parse(EMBEDDED).map_err(|e| e.while_doing("the embedded published results are wrong"))
    }

    /// Parses the text of a file.
    ///
    /// # Errors
    /// Data for another schema or edition, an unknown field, a name or seed that is there twice, or an impossible number.
    pub fn parse(text: &str) -> Result<Self> {
        let published: Self = head::parse(text, SCHEMA, EDITION)?;
        published.rule.check().map_err(|e| e.while_doing("the rule is wrong"))?;
        let mut names = BTreeSet::new();
        for task in &published.tasks {
            if task.name.is_empty() || !names.insert(&task.name) {
                return Err(Error::data(format!("task {:?} is empty or there twice", task.name)));
            }
            task.check().map_err(|e| e.while_doing(format!("task {} is wrong", task.name)))?;
        }
        for PublishedTest { name, accuracy, reruns, .. } in &published.tests {
            for accuracy in reruns.iter().map(|rerun| rerun.accuracy).chain([*accuracy]) {
                points(&format!("accuracy of {name}"), accuracy)?;
            }
        }
        Ok(published)
    }

    /// Returns the task of that name.
    pub fn task(&self, name: &str) -> Option<&PublishedTask> {
        self.tasks.iter().find(|task| task.name == name)
    }
}

impl EquivalenceRule {
    fn check(&self) -> Result<()> {
        let Self { alpha, runs, margin, scatter_alpha, converged_within, reason, .. } = self;
        let sound = |what: &str, ok: bool| if ok { Ok(()) } else { Err(Error::data(what)) };
        let level = |alpha: f64| alpha > 0.0 && alpha <= 0.2;
        sound("alpha must be above 0 and at most 0.2", level(*alpha))?;
        sound("scatter_alpha must be above 0 and at most 0.2", level(*scatter_alpha))?;
        sound("runs must be 1 to 100", (1..=100).contains(runs))?;
        sound("margin must be above 0 and at most 10 points", *margin > 0.0 && *margin <= 10.0)?;
        sound(
            "converged_within must be above the margin and at most 100",
            converged_within > margin && *converged_within <= 100.0,
        )?;
        sound("reason is empty", !reason.trim().is_empty())
    }
}

impl PublishedTask {
    fn check(&self) -> Result<()> {
        let Self { n, headline, range, sigma, faithful, .. } = self;
        if *n == 0 {
            return Err(Error::data("n is 0"));
        }
        for (what, value) in
            [("headline", headline.accuracy), ("range", range.low), ("range", range.high), ("faithful", faithful.mean)]
        {
            points(what, value)?;
        }
        if range.low > range.high {
            return Err(Error::data(format!("its range begins at {} and ends at {}", range.low, range.high)));
        }
        if !(sigma.points > 0.0 && sigma.points <= 10.0) {
            return Err(Error::data(format!("a sigma of {} is impossible", sigma.points)));
        }
        for rerun in &self.reruns {
            points("accuracy of a rerun", rerun.accuracy)?;
        }
        for collapse in &self.collapses {
            points("accuracy of a collapse", collapse.accuracy)?;
        }
        let mut seeds = BTreeSet::new();
        for RecordedRun { seed, accuracy } in &self.recorded {
            points(&format!("accuracy of seed {seed}"), *accuracy)?;
            if !seeds.insert(seed) {
                return Err(Error::data(format!("seed {seed} is recorded twice")));
            }
        }
        Ok(())
    }

    /// Returns the options of `repro train` in which a run differs from the published ones or may differ. `options` holds those of
    /// the run.
    pub(crate) fn deviations(&self, options: &serde_json::Map<String, Value>) -> Vec<Deviation> {
        let mut found: Vec<Deviation> = Vec::new();
        for (name, published) in &self.settings {
            let wanted = || shown(&serde_json::to_value(published).unwrap_or_default());
            let Some(run) = options.get(name) else {
                found.push(format!("{name} is not known, published {}", wanted()).into());
                continue;
            };
            let same = match (published, run) {
                // The order of the files of a list of splits decides nothing: their examples are shuffled.
                (toml::Value::String(published), Value::String(run)) => {
                    let splits = |list: &str| list.split(',').map(str::to_owned).collect::<BTreeSet<_>>();
                    splits(published) == splits(run)
                }
                (toml::Value::Boolean(published), Value::Bool(run)) => published == run,
                (published, Value::Number(run)) => {
                    let number = published.as_float().or_else(|| published.as_integer().map(|i| i as f64));
                    number.zip(run.as_f64()).is_some_and(|(published, run)| published == run)
                }
                _ => false,
            };
            if !same {
                found.push(format!("{name} {}, published {}", shown(run), wanted()).into());
            }
        }
        match options.get("start") {
            Some(Value::Object(start)) if !start.contains_key(&self.start) => {
                let given = start.keys().next().map_or("another start", String::as_str);
                found.push(format!("{given}, published {}", self.start).into());
            }
            Some(Value::Object(_)) => {}
            _ => found.push(format!("the first weights are not known, published {}", self.start).into()),
        }
        found
    }
}

impl PublishedRange {
    /// Returns where an accuracy lies, in a sentence.
    pub fn place(&self, accuracy: f64) -> String {
        let Self { low, high, .. } = self;
        let range = format!("the author's range {low:.1}–{high:.1}");
        let (outside, side) = if accuracy < *low { (low - accuracy, "below") } else { (accuracy - high, "above") };
        if outside <= 0.0 {
            return format!("{accuracy:.2} lies inside {range}");
        }
        // Nothing is told to lie 0.00 points outside.
        let decimals = if outside < 0.005 { 4 } else { 2 };
        format!("{accuracy:.decimals$} lies {outside:.decimals$} points {side} {range}")
    }
}

pub(super) fn points(what: &str, value: f64) -> Result<()> {
    match (0.0..=100.0).contains(&value) {
        true => Ok(()),
        false => Err(Error::data(format!("{what}: {value} is not within 0 and 100"))),
    }
}

/// Formats the value of an option as a person writes it.
fn shown(value: &Value) -> String {
    match (value, value.as_f64()) {
        (Value::String(text), _) => text.clone(),
        (_, Some(small)) if small != 0.0 && small.abs() < 1e-3 => format!("{small:e}"),
        (other, _) => other.to_string(),
    }
}

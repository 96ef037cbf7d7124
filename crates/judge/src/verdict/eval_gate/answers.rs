//! The golden file of frozen answers, and the rule that compares others with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::row::{Flip, Gate, JudgedRow, PairedAnswers};
use super::super::statistics::{Interval, clustered_interval, mcnemar_exact, paired_interval};
use super::super::{Verdict, head};
use base::error::{Error, Result};
use base::files;
use base::format::number_of;

/// The schema that this program reads.
pub const SCHEMA: u32 = 1;
/// The edition of the rules that this program knows.
pub const EDITION: u32 = 1;
/// The `kind` of these files.
pub const KIND: &str = "predictions";
/// Confidence of the intervals that reports show.
const CONFIDENCE: f64 = 0.95;
/// Maximum number of changed answers that a row names.
const EXAMPLES: usize = 10;
const FILE_LIMIT: u64 = 1 << 20;

/// The answer to one example, with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerItem {
    /// Id of the example, unique within its task.
    pub id: String,
    /// The answer in words.
    pub answer: String,
    /// Its score, 0 to 1.
    pub score: f64,
    /// The image or sentence that it belongs to; items of one cluster depend on each other.
    pub cluster: String,
}

/// A golden file of answers; the items lie beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenAnswers {
    /// [`SCHEMA`].
    pub schema: u32,
    /// [`EDITION`].
    pub edition: u32,
    /// [`KIND`].
    pub kind: String,
    /// Such as `vqa`.
    pub task: String,
    /// Comma list of the splits.
    pub splits: String,
    /// Number of items.
    pub n: u64,
    /// Name of the items' file, in the same folder.
    pub items: String,
    /// SHA-256 of that file.
    pub sha256: String,
    /// Maximum number of items that may have another answer.
    pub allowed_flips: u64,
    /// Reason for this number, written before a candidate was seen.
    pub reason: String,
    /// The weights that gave these answers.
    pub model: String,
}

impl FrozenAnswers {
    /// Reads a file and checks it; the items are read by [`FrozenAnswers::items_path`].
    ///
    /// # Errors
    /// Data for another schema, edition or kind, an unknown field, or an impossible value.
    pub fn load(path: &Path) -> Result<Self> {
        let text = files::read_text(path, FILE_LIMIT)?;
        Self::parse(&text).map_err(|e| e.while_doing(format!("cannot read the golden predictions {}", path.display())))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`FrozenAnswers::load`].
    pub fn parse(text: &str) -> Result<Self> {
        let frozen: Self = head::parse(text, SCHEMA, EDITION)?;
        let Self { kind, n, items, sha256, allowed_flips, reason, .. } = &frozen;
        let wrong = |what: String| Err(Error::data(what));
        match () {
            () if kind != KIND => wrong(format!("kind is {kind:?}, not {KIND:?}")),
            () if *n == 0 => wrong("n is 0".into()),
            () if items.is_empty() || items.contains('/') || items.starts_with('.') => {
                wrong(format!("items is {items:?}, which is no file beside this one"))
            }
            () if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) => {
                wrong("sha256 is not 64 hexadecimal digits".into())
            }
            () if allowed_flips >= n => wrong(format!("{allowed_flips} allowed flips of {n} items allow everything")),
            () if reason.trim().is_empty() => wrong("reason is empty".into()),
            () => Ok(frozen),
        }
    }

    /// Returns the path of the items of a golden file at `path`.
    pub fn items_path(&self, path: &Path) -> PathBuf {
        path.with_file_name(&self.items)
    }
}

/// Two sets of answers to compare.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerComparison<'p> {
    /// Such as `vqa`.
    pub task: &'p str,
    /// What the scores count.
    pub metric: &'p str,
    /// Name of the reference.
    pub reference: &'p str,
    /// Its answers.
    pub before: &'p [AnswerItem],
    /// Name of the candidate.
    pub candidate: &'p str,
    /// Its answers, in any order.
    pub now: &'p [AnswerItem],
    /// What is a cluster, such as `image`.
    pub cluster: &'p str,
    /// Maximum number of items that may have another answer.
    pub allowed: u64,
}

/// Judges by the rules above.
pub(crate) fn judge(pair: &AnswerComparison) -> JudgedRow {
    let AnswerComparison { task, metric, reference, before, candidate, now, allowed, .. } = *pair;
    let mut judged = JudgedRow::new(task, Gate::Eval, metric);
    judged.n = Some(now.len() as u64);
    judged.observed = points(now);
    judged.expected = points(before);
    judged.verdict = Verdict::Inconclusive;
    if let Some(why) = other_items(pair) {
        judged.evidence.push(format!("{candidate} did not answer the items of {reference}: {why}"));
        judged.what_to_do = Some("evaluate the same split with all its features, then compare again".into());
        return judged;
    }
    if let Some(why) = other_labels(pair) {
        judged.evidence.push(format!("{candidate} and {reference} were scored by other labels: {why}"));
        judged.what_to_do =
            Some("score both by the same data: repro regrade RUN --data-root DIR checks a run's scores".into());
        return judged;
    }
    let paired = paired(pair);
    let PairedAnswers { items, flips, .. } = &paired;
    let within = *flips <= allowed;
    judged.verdict = if within { Verdict::Pass } else { Verdict::Fail };
    judged.evidence.push(match (*flips, within) {
        (0, _) => format!("all {items} answers are those of {reference}"),
        (_, true) => format!("{flips} of {items} answers differ from {reference}, at most {allowed} allowed"),
        (_, false) => format!("{flips} of {items} answers differ from {reference}, only {allowed} allowed"),
    });
    if !within {
        judged.what_to_do = Some(
            "compare weights, features, versions and device of both runs (result.json), then the answers that differ"
                .into(),
        );
    }
    judged.paired = Some(paired);
    judged
}

/// Returns the mean score in points; `None` without items.
fn points(items: &[AnswerItem]) -> Option<f64> {
    (!items.is_empty()).then(|| items.iter().map(|item| item.score).sum::<f64>() / items.len() as f64 * 100.0)
}

/// Returns why the two did not answer the same items; `None` if they did.
fn other_items(pair: &AnswerComparison) -> Option<String> {
    let ids = |items: &'_ [AnswerItem]| items.iter().map(|item| item.id.clone()).collect::<BTreeSet<String>>();
    let (before, now) = (ids(pair.before), ids(pair.now));
    let (missing, strange) = (before.difference(&now).count(), now.difference(&before).count());
    let mut whys = Vec::new();
    if let Some(first) = before.difference(&now).next() {
        whys.push(format!("{missing} of {} are missing, such as {first}", before.len()));
    }
    if let Some(first) = now.difference(&before).next() {
        whys.push(format!("{strange} are not in it, such as {first}"));
    }
    if before.is_empty() && now.is_empty() {
        whys.push("there are none".to_owned());
    }
    (!whys.is_empty()).then(|| whys.join("; "))
}

/// Returns a case of the same answer to the same item with another score, or of an item in another cluster; `None` if there is
/// none.
fn other_labels(pair: &AnswerComparison) -> Option<String> {
    let now: HashMap<&str, &AnswerItem> = pair.now.iter().map(|item| (item.id.as_str(), item)).collect();
    let both = || pair.before.iter().filter_map(|before| Some((before, *now.get(before.id.as_str())?)));
    let is_other = |(before, now): &(&AnswerItem, &AnswerItem)| {
        before.cluster != now.cluster || before.answer == now.answer && before.score != now.score
    };
    let (before, now) = both().find(is_other)?;
    let count = both().filter(is_other).count();
    let what = match before.cluster != now.cluster {
        true => format!("{} belongs to {} {} and {}", before.id, pair.cluster, before.cluster, now.cluster),
        false => format!("{:?} to {} earned {} and {}", before.answer, before.id, before.score, now.score),
    };
    Some(format!("{what} ({})", number_of(count as u64, "such item")))
}

/// Compares the two sets item by item; both must hold the same items.
pub(super) fn paired(pair: &AnswerComparison) -> PairedAnswers {
    let now: HashMap<&str, &AnswerItem> = pair.now.iter().map(|item| (item.id.as_str(), item)).collect();
    let mut clusters: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut differences, mut cluster_of, mut examples) = (Vec::new(), Vec::new(), Vec::new());
    let (mut flips, mut lost, mut gained) = (0, 0, 0);
    for (before, now) in pair.before.iter().filter_map(|item| Some((item, *now.get(item.id.as_str())?))) {
        let next = clusters.len();
        cluster_of.push(*clusters.entry(&before.cluster).or_insert(next));
        differences.push((now.score - before.score) * 100.0);
        lost += u64::from(now.score < before.score);
        gained += u64::from(now.score > before.score);
        if now.answer != before.answer {
            flips += 1;
            if examples.len() < EXAMPLES {
                let answered = |item: &AnswerItem| (item.answer.clone(), item.score);
                examples.push(Flip { id: before.id.clone(), reference: answered(before), candidate: answered(now) });
            }
        }
    }
    let interval = paired_interval(&differences, CONFIDENCE);
    let clustered = clustered_interval(&differences, &cluster_of, CONFIDENCE);
    PairedAnswers {
        reference: pair.reference.to_owned(),
        items: differences.len() as u64,
        flips,
        allowed: pair.allowed,
        lost,
        gained,
        p: mcnemar_exact(lost, gained),
        difference: differences.iter().sum::<f64>() / differences.len().max(1) as f64,
        interval: meaningful(interval),
        // Clusters of one item each say nothing that the other interval does not.
        clustered: meaningful(clustered).filter(|_| clusters.len() < differences.len()),
        cluster: pair.cluster.to_owned(),
        clusters: clusters.len() as u64,
        confidence: CONFIDENCE,
        examples,
    }
}

/// Drops an interval without width, which would claim certainty only because nothing varies.
fn meaningful(found: Option<(f64, Interval)>) -> Option<Interval> {
    let is_wide = |Interval { low, high }: &Interval| low.is_finite() && high.is_finite() && low < high;
    found.map(|(_, interval)| interval).filter(is_wide)
}

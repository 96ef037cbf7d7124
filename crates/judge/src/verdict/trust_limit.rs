//! Limits a verdict whose files are not known to be the published ones.
//!
//! Both PASS and FAIL say something about the published result, so both need the published files. A file that is
//! unpinned is whatever arrived: cut short, replaced, another edition. An accuracy that agrees with such a file may
//! agree by luck, and one that differs may differ because of the file and not because of the result. So both become
//! INCONCLUSIVE, with what it would have been in the evidence. INFRA stays: nothing was measured.

use super::Verdict;
use super::row::JudgedRow;
use crate::report::AssetRecord;
use assets::lock::Trust;
use assets::paths;

/// Maximum number of files that are named.
const NAMED: usize = 6;

/// Names of the files that limit a verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustLimit {
    unpinned: Vec<String>,
}

impl TrustLimit {
    /// Returns the limit for the verdict on a task: its files that are not known to be the published ones. An unknown kind of
    /// trust counts as none.
    pub fn of_task(records: &[AssetRecord], task: &str) -> Self {
        let known = [Trust::Pinned, Trust::Corroborated, Trust::Published].map(Trust::name);
        let limits = |record: &&AssetRecord| {
            record.used_by.iter().any(|user| user == task) && !known.contains(&record.trust.as_str())
        };
        Self { unpinned: records.iter().filter(limits).map(|record| record.name.clone()).collect() }
    }

    /// Returns the names of the files in the manifest; a member of an archive has the name of its receipt.
    pub fn files(&self) -> &[String] {
        &self.unpinned
    }

    /// Adds the files of another run.
    pub(crate) fn add(&mut self, other: Self) {
        self.unpinned.extend(other.unpinned);
        self.unpinned.sort();
        self.unpinned.dedup();
    }

    /// Limits the verdict to INCONCLUSIVE if there are such files, and says what to do about them.
    pub(crate) fn apply(&self, mut row: JudgedRow) -> JudgedRow {
        if self.unpinned.is_empty() || row.verdict == Verdict::Infra {
            return row;
        }
        let mut names = self.unpinned.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        if self.unpinned.len() > NAMED {
            names += &format!(" and {} more", self.unpinned.len() - NAMED);
        }
        let sentence = format!("rests on files whose checksum nobody knows: {names}");
        if row.verdict == Verdict::Inconclusive {
            row.evidence.push(sentence);
        } else {
            // What decides comes first.
            let would = format!("{sentence}; it would be {} if they are the published ones", row.verdict);
            row.evidence.insert(0, would);
        }
        row.verdict = Verdict::Inconclusive;
        let remedy = self.remedy();
        row.what_to_do = Some(match row.what_to_do {
            Some(advice) => format!("{remedy}; then {advice}"),
            None => remedy,
        });
        row
    }

    /// Returns what to do about the files: published ones can be pinned; a file put in the place of an archive's member cannot.
    fn remedy(&self) -> String {
        let (strange, published): (Vec<&str>, Vec<&str>) =
            self.unpinned.iter().map(String::as_str).partition(|name| paths::is_of_member(name));
        let mut advice = Vec::new();
        if !published.is_empty() {
            let names = published.join(" ");
            advice.push(format!("pin what has arrived, if you trust its source: repro fetch --pin {names}"));
        }
        if !strange.is_empty() {
            advice.push(format!(
                "these did not come from their archives; move them away and have them unpacked: {}",
                strange.join(", ")
            ));
        }
        advice.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::baseline::Baseline;
    use super::super::golden::{GoldenRuns, tests::SAMPLE};
    use super::super::judge::{Observation, judge_accuracy, unjudged};
    use super::*;

    const REMEDY: &str = "pin what has arrived, if you trust its source: repro fetch --pin a.zip b";

    fn limit(files: &[&str]) -> TrustLimit {
        TrustLimit { unpinned: files.iter().map(|name| (*name).to_owned()).collect() }
    }

    fn judged(accuracy: f64) -> JudgedRow {
        let golden = GoldenRuns::parse(SAMPLE).unwrap();
        let baselines = [("question-only", 50.0), ("image-only", 40.0), ("chance", 25.0)];
        let baselines = baselines.map(|(name, accuracy)| Baseline { name: name.to_owned(), accuracy }).to_vec();
        judge_accuracy(&golden, "vqa", &Observation { accuracy, n: 600, baselines })
    }

    #[test]
    fn neither_a_pass_nor_a_fail_rests_on_an_unpinned_file() {
        for (accuracy, before, advice) in [
            (80.5, Verdict::Pass, REMEDY.to_owned()),
            (70.0, Verdict::Fail, format!("{REMEDY}; then compare the loss curve")),
        ] {
            let free = judged(accuracy);
            assert_eq!(free.verdict, before);
            assert_eq!(limit(&[]).apply(free.clone()), free, "nothing is unpinned");
            let limited = limit(&["a.zip", "b"]).apply(free.clone());
            assert_eq!(limited.verdict, Verdict::Inconclusive);
            let first = &limited.evidence[0];
            assert!(first.contains("a.zip, b; it would be") && first.contains(before.as_str()), "{first}");
            assert_eq!(limited.evidence[1..], free.evidence, "what was found stays");
            assert!(limited.what_to_do.unwrap().starts_with(&advice));
            assert_eq!(limited.observed, Some(accuracy));
        }
    }

    #[test]
    fn what_was_inconclusive_stays_and_what_was_not_measured_is_infra() {
        let mut thin = judged(80.5);
        thin.verdict = Verdict::Inconclusive;
        let many = limit(&["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8"]);
        let limited = many.apply(thin);
        let last = limited.evidence.last().unwrap();
        assert!(last.ends_with("f5 and 3 more"), "{last}");
        assert_eq!(limited.verdict, Verdict::Inconclusive);

        let stopped = unjudged(&GoldenRuns::parse(SAMPLE).unwrap(), "gqa", 1);
        assert_eq!(many.apply(stopped.clone()), stopped);
    }

    #[test]
    fn a_file_in_the_place_of_a_member_cannot_be_pinned() {
        let remedy = limit(&["coco.zip", "coco.zip--train_obj36.tsv"]).remedy();
        assert!(remedy.contains("--pin coco.zip; these did not come from their archives"), "{remedy}");
        assert!(remedy.ends_with("have them unpacked: coco.zip--train_obj36.tsv"), "{remedy}");
    }
}

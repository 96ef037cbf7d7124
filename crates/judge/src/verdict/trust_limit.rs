//! What a verdict is worth when the files that it rests on are not known to be the published ones.
//!
//! Both PASS and FAIL say something about the published result, so both need the published files. A file that is
//! unpinned is whatever arrived: cut short, replaced, another edition. An accuracy that agrees with such a file may
//! agree by luck, and one that differs may differ because of the file and not because of the result. So both become
//! INCONCLUSIVE, with what it would have been in the evidence. INFRA stays: nothing was measured. The same holds of a run that
//! was another thing than the recorded ones.

use super::Verdict;
use super::row::Judged;
use super::runs::Flaw;

/// Of many files, this many are named.
const NAMED: usize = 6;

impl Judged {
    /// Limits the verdict to INCONCLUSIVE where a file that it rests on is unpinned. `unpinned` names those files,
    /// `remedy` is what a person does about them. Nothing changes where there are none.
    #[must_use]
    pub fn limited_by_unpinned(mut self, unpinned: &[String], remedy: &str) -> Self {
        if unpinned.is_empty() || self.verdict == Verdict::Infra {
            return self;
        }
        let mut names = unpinned.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        if unpinned.len() > NAMED {
            names += &format!(" and {} more", unpinned.len() - NAMED);
        }
        let sentence = format!("rests on files whose checksum nobody knows: {names}");
        let verdict = self.verdict;
        self.limit(sentence, &format!("it would be {verdict} if they are the published ones"));
        self.what_to_do = Some(match self.what_to_do {
            Some(advice) => format!("{remedy}; then {advice}"),
            None => remedy.to_owned(),
        });
        self
    }

    /// Limits the verdict to INCONCLUSIVE where the run was another thing than those it is judged by.
    #[must_use]
    pub fn limited_by(mut self, departure: &Flaw) -> Self {
        if self.verdict == Verdict::Infra {
            return self;
        }
        let verdict = self.verdict;
        self.limit(departure.what.clone(), &format!("it would be {verdict} were that the same"));
        self.what_to_do = departure.next.clone().or(self.what_to_do);
        self
    }

    /// Makes it INCONCLUSIVE for that reason; what it `would` be is told where it was anything else.
    fn limit(&mut self, reason: String, would: &str) {
        if self.verdict == Verdict::Inconclusive {
            self.evidence.push(reason);
        } else {
            // What decides comes first.
            self.evidence.insert(0, format!("{reason}; {would}"));
        }
        self.verdict = Verdict::Inconclusive;
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{Golden, tests::SAMPLE};
    use super::super::judge::{Observed, judge_accuracy, not_run};
    use super::*;

    const REMEDY: &str = "repro fetch --pin";

    fn judged(accuracy: f64) -> Judged {
        let golden = Golden::parse(SAMPLE).unwrap();
        let baselines = [("question-only", 50.0), ("image-only", 40.0), ("chance", 25.0)];
        let baselines = baselines.map(|(name, value)| (name.to_owned(), value)).to_vec();
        judge_accuracy(&golden, "vqa", &Observed { accuracy, n: 600, baselines })
    }

    #[test]
    fn neither_a_pass_nor_a_fail_rests_on_an_unpinned_file() {
        for (accuracy, before, advice) in [
            (80.5, Verdict::Pass, REMEDY.to_owned()),
            (70.0, Verdict::Fail, format!("{REMEDY}; then compare the loss curve")),
        ] {
            let free = judged(accuracy);
            assert_eq!(free.verdict, before);
            assert_eq!(free.clone().limited_by_unpinned(&[], REMEDY), free, "nothing is unpinned");
            let limited = free.clone().limited_by_unpinned(&["a.zip".into(), "b".into()], REMEDY);
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
        let many: Vec<String> = (0..9).map(|i| format!("f{i}")).collect();
        let limited = thin.limited_by_unpinned(&many, REMEDY);
        let last = limited.evidence.last().unwrap();
        assert!(last.ends_with("f5 and 3 more"), "{last}");
        assert_eq!(limited.verdict, Verdict::Inconclusive);

        let golden = Golden::parse(SAMPLE).unwrap();
        let stopped = not_run(&golden, "gqa", "no network");
        assert_eq!(stopped.clone().limited_by_unpinned(&many, REMEDY), stopped);
    }
}

//! Decides which of several runs count. Every rule that judges trainings uses it.
//!
//! No run is left out silently: the row holds the state of each given run with the reason.
//!
//! - No result: INFRA. The run is not just left out, since whoever chooses which runs finish would choose the result.
//! - Another split, other items or other settings than what was recorded or published: INCONCLUSIVE.
//! - An accuracy that is the share of one answer, or far from what any such training gives: FAIL, by name. The share of one
//!   answer on the right items is FAIL whatever other deviations the run has.
//! - A repeated seed: INCONCLUSIVE. It is the same draw again and counts once.
//!
//! The advice of the row is that for the worst run.

use super::Verdict;
use super::deviation::Deviation;
use super::row::{JudgedRow, JudgedRun, RunState};

/// Maximum difference, in points, of two accuracies that print alike with two decimals.
const SAME: f64 = 0.005;

/// A training to judge, with its result or the reason why there is none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrainingRun {
    /// Its short name.
    pub name: String,
    /// Its seed, if known.
    pub seed: Option<u64>,
    /// The measurement, or why there is none.
    pub result: Result<Measurement, Deviation>,
}

/// The accuracy of a run, and on what it was measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Measurement {
    /// Accuracy in points.
    pub accuracy: f64,
    /// Number of measured items.
    pub n: u64,
    /// The splits of these items.
    pub splits: String,
    /// Deviations from the protocol of the golden file; empty for a faithful run.
    pub deviations: Vec<Deviation>,
    /// Accuracy in points of always giving the most frequent answer, if known.
    pub majority: Option<f64>,
}

/// The conditions under which a run counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunCriteria<'g> {
    /// The splits, if the golden file names them.
    pub splits: Option<&'g str>,
    /// Number of items.
    pub n: u64,
    /// Range in points that the accuracy of every working training lies in.
    pub plausible: Option<(f64, f64)>,
    /// Accuracies of trainings that did not work, with their meaning.
    pub collapses: Vec<(f64, &'g str)>,
}

/// The given runs in order, with those that count.
#[derive(Debug, Clone, Default)]
pub(crate) struct SortedRuns {
    /// Accuracies in points of the runs that count.
    pub counted: Vec<f64>,
    /// Every run.
    pub rows: Vec<JudgedRun>,
    /// Advice for each run, if it has its own.
    next: Vec<Option<String>>,
}

/// Decides for each run whether it counts.
pub(crate) fn sort(runs: &[TrainingRun], expected: &RunCriteria) -> SortedRuns {
    let mut sorted = SortedRuns::default();
    let several = runs.len() > 1;
    for TrainingRun { name, seed, result } in runs {
        let (accuracy, state, flaw) = match result {
            Err(why) => (None, RunState::Missing, why.clone()),
            Ok(measured) => {
                let earlier = sorted.rows.iter().find(|row| seed.is_some() && row.seed == *seed && has_result(row));
                let (state, flaw) = match (expected.objection(measured), earlier) {
                    (Some(objection), _) => objection,
                    (None, Some(row)) => (RunState::Duplicate, duplicate(row, measured.accuracy).into()),
                    (None, None) if several && seed.is_none() => {
                        (RunState::NotComparable, "its seed is not recorded, so it may be one of the others".into())
                    }
                    (None, None) => (RunState::Counted, "".into()),
                };
                (Some(measured.accuracy).filter(|a| a.is_finite()), state, flaw)
            }
        };
        if state == RunState::Counted {
            sorted.counted.extend(accuracy);
        }
        sorted.rows.push(JudgedRun { run: name.clone(), seed: *seed, accuracy, state, why: flaw.what });
        sorted.next.push(flaw.next);
    }
    sorted
}

fn has_result(row: &JudgedRun) -> bool {
    matches!(row.state, RunState::Counted | RunState::Duplicate)
}

fn duplicate(earlier: &JudgedRun, accuracy: f64) -> String {
    let same = match earlier.accuracy {
        Some(before) if before == accuracy => "with the same accuracy".to_owned(),
        Some(before) => format!("with another accuracy ({before:.2}), so the seed does not decide the result there"),
        None => "without a result".to_owned(),
    };
    format!("{} has the same seed, {same}; one of them counts", earlier.run)
}

/// Returns the deviation of a run that answered `splits` instead of `wanted`.
pub(crate) fn other_split(splits: &str, wanted: &str) -> Deviation {
    Deviation::new(
        format!("evaluated on {splits}, judged is {wanted}"),
        format!("evaluate its weights on {wanted}: repro evaluate … --split {wanted} --output DIR"),
    )
}

impl RunCriteria<'_> {
    fn objection(&self, measured: &Measurement) -> Option<(RunState, Deviation)> {
        let Measurement { accuracy, n, splits, deviations, majority } = measured;
        if !(0.0..=100.0).contains(accuracy) {
            return Some((RunState::Missing, format!("the evaluation gave {accuracy}, which is no accuracy").into()));
        }
        if let Some(wanted) = self.splits.filter(|wanted| *wanted != splits) {
            return Some((RunState::NotComparable, other_split(splits, wanted)));
        }
        let deviates: Vec<&str> = deviations.iter().map(|deviation| deviation.what.as_str()).collect();
        let next = deviations.iter().find_map(|deviation| deviation.next.clone());
        if *n == self.n
            && let Some(why) = self.one_answer(*accuracy, *majority)
        {
            let what = [why.as_str()].into_iter().chain(deviates).collect::<Vec<_>>().join("; ");
            return Some((RunState::NotConverged, Deviation { what, next }));
        }
        if !deviates.is_empty() {
            return Some((RunState::NotComparable, Deviation { what: deviates.join("; "), next }));
        }
        if *n != self.n {
            let what = format!("evaluated on {n} items, judged are {}", self.n);
            let next = format!("evaluate it on the {} items that it is judged by, without --tiny or --fast", self.n);
            return Some((RunState::NotComparable, Deviation::new(what, next)));
        }
        match self.plausible {
            Some((low, _)) if *accuracy < low => Some((
                RunState::NotConverged,
                format!("{accuracy:.2} is below {low:.2}, above which every working run lies").into(),
            )),
            Some((_, high)) if *accuracy > high => Some((
                RunState::TooHigh,
                format!("{accuracy:.2} is above {high:.2}, below which every run on unseen items lies").into(),
            )),
            _ => None,
        }
    }

    /// Returns why an accuracy is that of always giving one answer; `None` if it is not.
    fn one_answer(&self, accuracy: f64, majority: Option<f64>) -> Option<String> {
        let is = |value: f64| (accuracy - value).abs() <= SAME;
        let known = self.collapses.iter().find(|(value, _)| is(*value));
        known.map(|(value, says)| format!("{value:.2} is what {says}")).or_else(|| {
            majority
                .filter(|share| is(*share))
                .map(|_| format!("{accuracy:.2} is what always giving the most frequent answer earns"))
        })
    }
}

impl SortedRuns {
    /// Adds the runs to a row that already holds the findings about their mean. `of_mean` is the verdict on the mean, if there is
    /// one. The finding that decides comes first.
    pub(crate) fn conclude(&self, judged: &mut JudgedRow, of_mean: Option<Verdict>) {
        judged.runs.clone_from(&self.rows);
        let (mut found, mut evidence, mut advice) = (Vec::new(), Vec::new(), None);
        for (state, verdict, usual) in STATES {
            for (row, next) in self.rows.iter().zip(&self.next).filter(|(row, _)| row.state == state) {
                found.push(verdict);
                evidence.push(format!("{}: {}: {}", row.run, state.as_str(), row.why));
                advice.get_or_insert_with(|| next.clone().unwrap_or_else(|| usual.to_owned()));
            }
        }
        if self.rows.is_empty() {
            found.push(Verdict::Infra);
            evidence.push("no run was given".to_owned());
            advice = Some("name the folders of its runs".to_owned());
        }
        judged.verdict = Verdict::over(found.into_iter().chain(of_mean));
        if of_mean == Some(judged.verdict) {
            judged.evidence.extend(evidence);
            judged.what_to_do = judged.what_to_do.take().or(advice);
        } else {
            judged.evidence.splice(0..0, evidence);
            judged.what_to_do = advice.or(judged.what_to_do.take());
        }
    }
}

/// Verdict and usual advice for each state of a run that does not count.
const STATES: [(RunState, Verdict, &str); 5] = [
    (
        RunState::NotConverged,
        Verdict::Fail,
        "look at what it started from (did every weight load?) and at its loss curve; then train that seed again",
    ),
    (
        RunState::TooHigh,
        Verdict::Fail,
        "look for evaluation items in the training data, then for another split or changed data",
    ),
    (
        RunState::Missing,
        Verdict::Infra,
        "fix what stopped the run and let the same seed finish; finished stages are kept",
    ),
    (RunState::NotComparable, Verdict::Inconclusive, "run it with the settings that it is judged by, on the whole set"),
    (RunState::Duplicate, Verdict::Inconclusive, "leave one of the two out, or train another seed (--seed N)"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: Option<u64>, accuracy: f64) -> TrainingRun {
        let result = Ok(Measurement { accuracy, n: 100, splits: "valid".into(), ..Measurement::default() });
        TrainingRun { name: format!("run{}", seed.unwrap_or(0)), seed, result }
    }

    fn expected() -> RunCriteria<'static> {
        RunCriteria {
            splits: Some("valid"),
            n: 100,
            plausible: Some((69.0, 79.5)),
            collapses: vec![(50.86, "always True gives")],
        }
    }

    #[test]
    fn each_run_has_its_state() {
        let mut tiny = run(Some(3), 74.0);
        tiny.result.as_mut().unwrap().deviations.push("--tiny".into());
        let mut other = run(Some(4), 74.0);
        other.result.as_mut().unwrap().splits = "train".into();
        let mut few = run(Some(5), 74.0);
        few.result.as_mut().unwrap().n = 99;
        let mut lazy = run(Some(6), 72.0);
        lazy.result.as_mut().unwrap().majority = Some(72.0);
        let mut weak = run(Some(12), 50.86);
        weak.result.as_mut().unwrap().deviations.push("1 of 89 weights was not loaded at the start".into());
        let killed =
            TrainingRun { name: "killed".into(), seed: Some(7), result: Err("stopped at stage train-vqa".into()) };
        let runs = [
            run(Some(1), 74.0),
            run(Some(2), 74.5),
            tiny,
            other,
            few,
            lazy,
            killed,
            run(Some(1), 74.0),
            run(Some(8), 50.86),
            run(Some(9), 68.9),
            run(Some(11), 79.6),
            weak,
            run(Some(10), f64::NAN),
            run(None, 74.2),
        ];
        let sorted = sort(&runs, &expected());
        use RunState::{Counted, Duplicate, Missing, NotComparable, NotConverged, TooHigh};
        let states: Vec<RunState> = sorted.rows.iter().map(|row| row.state).collect();
        assert_eq!(
            states,
            [
                Counted,
                Counted,
                NotComparable,
                NotComparable,
                NotComparable,
                NotConverged,
                Missing,
                Duplicate,
                NotConverged,
                NotConverged,
                TooHigh,
                NotConverged,
                Missing,
                NotComparable
            ]
        );
        assert_eq!(sorted.counted, [74.0, 74.5]);
        let whys: Vec<&str> = sorted.rows.iter().map(|row| row.why.as_str()).collect();
        insta::assert_snapshot!(whys.join("\n"));
    }

    #[test]
    fn one_run_needs_no_seed() {
        assert_eq!(sort(&[run(None, 74.0)], &expected()).counted, [74.0]);
    }
}

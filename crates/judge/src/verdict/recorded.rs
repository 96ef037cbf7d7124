//! Judges trainings by recorded ones: the mean of those that count must lie in the band for such means (edition 1).
//!
//! [`super::runs`] says which runs count; [`super::judge`] judges their mean like a single run, by the prediction interval for
//! the mean of as many new runs.

use super::baseline::Baseline;
use super::golden::GoldenRuns;
use super::judge::{Observation, beside, judge_accuracy, judge_mean, unjudged};
use super::row::JudgedRow;
use super::runs::{RunCriteria, TrainingRun, sort};

/// Judges the runs of a task. `baselines` are of the same items.
pub(crate) fn judge(golden: &GoldenRuns, name: &str, runs: &[TrainingRun], baselines: &[Baseline]) -> JudgedRow {
    let measured = || runs.iter().filter_map(|run| run.result.as_ref().ok());
    let observed = |accuracy, n| Observation { accuracy, n, baselines: baselines.to_vec() };
    let Some(task) = golden.task(name) else {
        let first = measured().next();
        return match first {
            Some(first) => judge_accuracy(golden, name, &observed(first.accuracy, first.n)),
            None => unjudged(golden, name, 1),
        };
    };
    let sorted = sort(runs, &RunCriteria { n: task.n, ..RunCriteria::default() });
    let counted = &sorted.counted;
    let mut judged = match golden.rule.mean(counted) {
        Some(mean) => judge_mean(golden, name, &observed(mean, task.n), counted.len()),
        None => {
            let mut judged = unjudged(golden, name, runs.len().max(1));
            let first = measured().next();
            beside(&mut judged, baselines);
            judged.n = first.map(|first| first.n);
            judged.observed = first.map(|first| first.accuracy).filter(|a| (0.0..=100.0).contains(a));
            judged
        }
    };
    let of_mean = (!counted.is_empty()).then_some(judged.verdict);
    sorted.conclude(&mut judged, of_mean);
    judged
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::super::golden::tests::SAMPLE;
    use super::super::row::RunState;
    use super::super::runs::Measurement;
    use super::*;

    fn run(seed: u64, accuracy: f64) -> TrainingRun {
        let measured = Measurement { accuracy, n: 600, splits: "minival".into(), ..Measurement::default() };
        TrainingRun { name: format!("s{seed}"), seed: Some(seed), result: Ok(measured) }
    }

    fn judged(runs: &[TrainingRun]) -> JudgedRow {
        let baselines = [("question-only", 50.0), ("image-only", 40.0), ("chance", 25.0)];
        let baselines = baselines.map(|(name, accuracy)| Baseline { name: name.to_owned(), accuracy });
        judge(&GoldenRuns::parse(SAMPLE).unwrap(), "vqa", runs, &baselines)
    }

    #[test]
    fn one_run_is_judged_as_ever() {
        for accuracy in [80.5, 79.49, 85.0] {
            let mut one = judged(&[run(1, accuracy)]);
            assert_eq!(one.runs[0].state, RunState::Counted);
            one.runs.clear();
            let baselines = one
                .baselines
                .iter()
                .map(|b| Baseline { name: b.name.clone(), accuracy: b.observed.unwrap() })
                .collect();
            let observed = Observation { accuracy, n: 600, baselines };
            assert_eq!(one, judge_accuracy(&GoldenRuns::parse(SAMPLE).unwrap(), "vqa", &observed));
        }
    }

    #[test]
    fn a_mean_has_a_narrower_band() {
        // Mean 80.55, s 0.302765, ten runs: 3.249836 · 0.302765 · sqrt(1/4 + 1/10) = 0.582.
        let four = judged(&[run(1, 80.0), run(2, 80.1), run(3, 79.9), run(4, 80.0)]);
        let band = four.band.unwrap();
        assert_eq!((band.low, band.high, four.observed), (79.9, 81.2, Some(80.0)));
        assert_eq!(four.verdict, Verdict::Pass);
        assert_eq!(judged(&[run(1, 79.8), run(2, 79.9), run(3, 79.7), run(4, 79.8)]).verdict, Verdict::Fail);
        assert_eq!(judged(&[run(1, 79.8)]).verdict, Verdict::Pass, "one such run is no surprise");
    }

    #[test]
    fn runs_that_do_not_count_are_named_and_the_cause_comes_first() {
        let missing = TrainingRun { name: "s9".into(), seed: Some(9), result: Err("killed".into()) };
        let mut lazy = run(8, 25.0);
        lazy.result.as_mut().unwrap().majority = Some(25.0);
        for (odd, verdict, first) in [
            (run(1, 80.6), Verdict::Inconclusive, "s1: duplicate seed"),
            (missing.clone(), Verdict::Infra, "s9: no result: killed"),
            (lazy, Verdict::Fail, "s8: did not converge"),
        ] {
            let judged = judged(&[run(1, 80.5), run(2, 80.6), odd]);
            assert_eq!((judged.verdict, judged.runs.len()), (verdict, 3));
            assert!(judged.evidence[0].starts_with(first), "{:?}", judged.evidence);
            assert!(judged.what_to_do.is_some());
        }
        let failing = judged(&[run(1, 70.0), run(2, 70.1), run(1, 70.0)]);
        assert!(failing.evidence[0].contains("below the band"), "{:?}", failing.evidence);
        let alone = judged(&[missing]);
        assert_eq!((alone.verdict, alone.observed), (Verdict::Infra, None));
        assert_eq!(judged(&[]).verdict, Verdict::Infra);
    }
}

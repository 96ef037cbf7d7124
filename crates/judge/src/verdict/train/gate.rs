//! Judges the runs of a task by its published targets and words the evidence.

use super::super::Verdict;
use super::super::golden::Band;
use super::super::published::{EquivalenceRule, PublishedResults, PublishedTask, TestScorer};
use super::super::row::{Estimate, Gate, JudgedRow, Target};
use super::super::runs::{RunCriteria, TrainingRun, sort};
use super::super::statistics::{Interval, mean, mean_interval, tost_t, wilson};
use super::equivalence::MOST_SEEDS;
use super::{Equivalence, EquivalenceTest, Scatter};
use base::format::number_of;

/// Judges the trainings of a task by the rules above.
pub(crate) fn judge(published: &PublishedResults, name: &str, runs: &[TrainingRun]) -> JudgedRow {
    let Some(task) = published.task(name) else {
        let mut judged = JudgedRow::new(name, Gate::Train, "accuracy");
        judged.verdict = Verdict::Inconclusive;
        judged.evidence.push("no result of this task was published".into());
        return judged;
    };
    let (rule, test) = (&published.rule, EquivalenceTest::new(&published.rule, task));
    let mut judged = unjudged(published, task, &test);
    let sorted = sort(runs, &expected(rule, task, &test));
    let counted = &sorted.counted;
    judged.n = runs.iter().find_map(|run| run.result.as_ref().ok().map(|measured| measured.n));
    judged.observed = match mean(counted) {
        None => runs.iter().find_map(|run| run.result.as_ref().ok().map(|measured| measured.accuracy)),
        mean => mean,
    }
    .filter(|accuracy| (0.0..=100.0).contains(accuracy));
    let of_mean = mean(counted).map(|mean| weigh(&mut judged, rule, task, &test, counted, mean));
    sorted.conclude(&mut judged, of_mean);
    judged.evidence.extend(of_test_sets(published, task, runs));
    judged.evidence.extend(task.note.clone());
    judged
}

/// Returns the published figures of test sets that runs answered instead of the judged splits. No verdict follows from them.
fn of_test_sets(published: &PublishedResults, task: &PublishedTask, runs: &[TrainingRun]) -> Vec<String> {
    let mut told = Vec::new();
    for (run, measured) in runs.iter().filter_map(|run| Some((run, run.result.as_ref().ok()?))) {
        let same = |test: &&super::super::published::PublishedTest| {
            test.task == task.name
                && test.scored == TestScorer::Local
                && (test.splits.as_str(), test.n) == (measured.splits.as_str(), Some(measured.n))
        };
        let Some(test) = published.tests.iter().find(same) else { continue };
        let range = test.range.as_ref().map(|r| format!(", where the author expects {:.1}–{:.1}", r.low, r.high));
        told.push(format!(
            "{}: {:.2} on {}, whose published figure is {:.2}{}; no verdict follows from it",
            run.name,
            measured.accuracy,
            test.name,
            test.accuracy,
            range.unwrap_or_default()
        ));
    }
    told
}

fn unjudged(published: &PublishedResults, task: &PublishedTask, test: &EquivalenceTest) -> JudgedRow {
    let (range, headline) = (&task.range, &task.headline);
    let place = |from: &str| format!("{}, {from}", published.source);
    let target = |name: &str, low, high, decides, sentence| Target {
        name: name.to_owned(),
        low,
        high,
        met: None,
        decides,
        sentence,
    };
    JudgedRow {
        band: Some(Band {
            low: range.low,
            high: range.high,
            rule: format!("the range that the author expects of a retraining ({})", place(&range.from)),
        }),
        headline: Some(headline.accuracy),
        expected: mean(&task.recorded.iter().map(|run| run.accuracy).collect::<Vec<_>>()),
        recorded: task.recorded.iter().map(|run| run.accuracy).collect(),
        targets: vec![
            target("equivalence", test.low - test.margin, test.high + test.margin, true, sides(task, test)),
            target("range", range.low, range.high, false, place(&range.from)),
            target("headline", headline.accuracy, headline.accuracy, false, place(&headline.from)),
        ],
        ..JudgedRow::new(&task.name, Gate::Train, &task.metric)
    }
}

fn expected<'g>(rule: &EquivalenceRule, task: &'g PublishedTask, test: &EquivalenceTest) -> RunCriteria<'g> {
    RunCriteria {
        splits: Some(&task.splits),
        n: task.n,
        plausible: Some((test.low - rule.converged_within, test.high + rule.converged_within)),
        collapses: task.collapses.iter().map(|collapse| (collapse.accuracy, collapse.says.as_str())).collect(),
    }
}

/// Puts the findings about the mean into the row; returns their verdict.
fn weigh(
    judged: &mut JudgedRow,
    rule: &EquivalenceRule,
    task: &PublishedTask,
    known: &EquivalenceTest,
    counted: &[f64],
    mean: f64,
) -> Verdict {
    let (test, scatter) = known.in_force(rule.scatter_alpha, counted);
    let runs = counted.len() as u64;
    let half = test.half_width(runs);
    let interval = Interval { low: mean - half, high: mean + half };
    let confidence = 1.0 - 2.0 * rule.alpha;
    let p = test.p(mean, runs).map(|(p, of)| format!("; {} {of}", p_value(p)));
    judged.estimate = Some(Estimate {
        interval,
        confidence,
        method: format!(
            "mean of {}, ± {:.3} · sigma / sqrt({runs}); sigma {:.3}: {}{}",
            number_of(runs, "run"),
            test.quantile(runs),
            test.sigma,
            test.source,
            p.unwrap_or_default()
        ),
    });
    let found = test.find(mean, runs);
    let (sentence, advice) = said(rule, task, &test, found, (mean, interval));
    judged.evidence.push(sentence);
    judged.what_to_do = judged.what_to_do.take().or(advice.map(str::to_owned));
    if found == Equivalence::Open {
        judged.more_seeds = test.more(mean, runs);
        let advice = judged.more_seeds.map_or_else(
            || format!("the mean lies where even {MOST_SEEDS} more seeds would not settle it"),
            |more| format!("train {} more: that settles it if mean and spread stay", number_of(more, "seed")),
        );
        judged.what_to_do.get_or_insert(advice);
    }
    if let Some(Scatter { sd, p }) = scatter {
        let at = usize::from(found != Equivalence::Open);
        judged.evidence.insert(
            at,
            format!(
                "the runs scatter by {sd:.2} points, which sigma {:.3} does not explain ({}), so they are judged by their own \
                 spread",
                known.sigma,
                p_value(p)
            ),
        );
        if found == Equivalence::Open {
            let advice = judged.what_to_do.take().unwrap_or_default();
            judged.what_to_do = Some(format!("look for the run that lies apart and why it does; {advice}"));
        }
    } else {
        judged.evidence.extend(own_spread(confidence, &test, counted));
    }
    targets(judged, &test, task, found, (mean, interval), runs);
    let worth = worth(rule, &test, runs);
    match judged.targets.first_mut() {
        // What fewer runs are worth belongs beside what they met, where nobody overlooks it.
        Some(decides) if runs < rule.runs => decides.sentence += &format!("; {worth}"),
        _ => judged.evidence.push(worth),
    }
    judged.evidence.push(other_questions(task, mean));
    found.verdict()
}

/// Formats a p-value; a small one is not shown as 0.
fn p_value(p: f64) -> String {
    if p < 1e-4 { "p < 0.0001".to_owned() } else { format!("p {p:.4}") }
}

/// Returns the finding in a sentence, and what to do about it.
fn said(
    rule: &EquivalenceRule,
    task: &PublishedTask,
    test: &EquivalenceTest,
    found: Equivalence,
    (mean, interval): (f64, Interval),
) -> (String, Option<&'static str>) {
    let place = format!(
        "{}; {:.0} % interval {:.2}–{:.2}",
        task.range.place(mean),
        (1.0 - 2.0 * rule.alpha) * 100.0,
        interval.low,
        interval.high
    );
    match found {
        Equivalence::Equivalent => {
            (format!("{place}: shown to be at most {} from {}", rule.margin, span(task, test)), None)
        }
        Equivalence::Below => (
            format!("{place}: below what a faithful training gives"),
            Some("compare first weights, features, data and loss curve with the published settings"),
        ),
        Equivalence::Above => (
            format!("{place}: above what a faithful training gives, so not the published result either"),
            Some("look for evaluation items in the training data, then for changed data or hyper-parameters"),
        ),
        Equivalence::Open => (
            format!("{place}: neither shown to be within {} of {} nor outside it", rule.margin, span(task, test)),
            None,
        ),
    }
}

/// Returns the range, and the headline if that lies above it, for people.
fn span(task: &PublishedTask, test: &EquivalenceTest) -> String {
    let range = format!("{:.1}–{:.1}", task.range.low, task.range.high);
    if test.high > task.range.high { format!("{range} or the headline {:.2}", test.high) } else { range }
}

/// Returns what the own spread of the runs would say. Nothing follows from it, since few runs say too little about their spread.
fn own_spread(confidence: f64, test: &EquivalenceTest, counted: &[f64]) -> Option<String> {
    let Interval { low, high } = mean_interval(counted, confidence)?;
    let (above, below) = tost_t(counted, test.low - test.margin, test.high + test.margin)?;
    Some(format!(
        "with the runs' own spread the {:.0} % interval is {low:.2}–{high:.2}, and p is {:.3} of the two one-sided tests",
        confidence * 100.0,
        above.max(below)
    ))
}

/// Returns the bounds of the target that decides, in words.
fn sides(task: &PublishedTask, test: &EquivalenceTest) -> String {
    format!("at most {} outside {}", test.margin, span(task, test))
}

/// Returns the binomial interval that many people expect here, and why it does not decide.
fn other_questions(task: &PublishedTask, mean: f64) -> String {
    let (low, high) = wilson(mean / 100.0, task.n, 0.95);
    format!(
        "were other questions drawn, {:.2}–{:.2} (Wilson, 95 %); a rerun answers the same ones, so no verdict follows from it",
        low * 100.0,
        high * 100.0
    )
}

/// Returns how many worse trainings would pass with this many runs.
fn worth(rule: &EquivalenceRule, test: &EquivalenceTest, runs: u64) -> String {
    let percent = |share: f64| if share < 0.001 { "under 0.1 %".to_owned() } else { format!("{:.1} %", share * 100.0) };
    let passed = |below: f64| percent(test.rates(test.low - below, runs)[0]);
    let few =
        if runs < rule.runs { format!(" of the {} that the rule was made for", rule.runs) } else { String::new() };
    format!(
        "judged by {}{few}: of trainings whose mean is 0.25, 0.5 or 1 point below the range, {}, {} and {} would pass so",
        number_of(runs, "run"),
        passed(0.25),
        passed(0.5),
        passed(1.0),
    )
}

pub(super) fn targets(
    judged: &mut JudgedRow,
    test: &EquivalenceTest,
    task: &PublishedTask,
    found: Equivalence,
    (mean, interval): (f64, Interval),
    runs: u64,
) {
    let headline = task.headline.accuracy;
    let bound = headline - test.quantile(runs) * test.sigma * (1.0 + 1.0 / runs as f64).sqrt();
    for target in &mut judged.targets {
        let (met, sentence) = match target.name.as_str() {
            "headline" => {
                let met = mean >= bound;
                let how = if met { "not below" } else { "below" };
                (
                    Some(met),
                    format!(
                        "{mean:.3} is {how} {bound:.3}, the least mean that one published run of {headline:.2} agrees with"
                    ),
                )
            }
            "range" => {
                let is_inside = (target.low..=target.high).contains(&mean);
                let is_apart = interval.high < target.low || interval.low > target.high;
                ((is_inside || is_apart).then_some(is_inside), task.range.place(mean))
            }
            _ => {
                let met = match found {
                    Equivalence::Equivalent => Some(true),
                    Equivalence::Below | Equivalence::Above => Some(false),
                    Equivalence::Open => None,
                };
                (met, format!("the interval is {:.2}–{:.2}", interval.low, interval.high))
            }
        };
        target.met = met;
        target.sentence = format!("{sentence} ({})", target.sentence);
    }
}

//! Trainings against a published number and range: the TRAIN gate, rule `equivalence-to-range` of edition 2.
//!
//! What is asked is whether the mean of such trainings lies where a faithful one's does: in the author's range [L, H], or
//! between it and his headline, that is in [L, U] with U the larger of H and the headline. A rerun is scored on the same
//! questions, so the sampling of questions plays no part; what separates two runs is the training's own noise, sigma. Sigma is
//! assumed and said to be, until [`RECORDED_LEAST`] runs of ours are recorded in the golden file, whose spread then
//! replaces it (with Student's t of their degrees of freedom in place of the normal distribution).
//!
//! With the mean m of the N runs that count, h = q(1 - alpha) · sigma / sqrt(N) and the margin d, in this order:
//!
//! - PASS where m - h > L - d and m + h < U + d: two one-sided tests (TOST; Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987)
//!   reject that the mean lies more than d outside. Of runs whose mean does, at most alpha pass.
//! - FAIL where m + h < L or m - h > U: a one-sided test rejects that the mean lies in [L, U]. Of faithful runs at most
//!   alpha fail on the side that they are near. Above is not reproduced either: the settings are said to be the same.
//! - Otherwise INCONCLUSIVE, with the number of seeds that would settle it were the mean to stay.
//! - Runs that scatter more than sigma explains (chi-squared test of their variance at `scatter_alpha`) contradict the
//!   assumption: a PASS or FAIL by it becomes INCONCLUSIVE.
//!
//! The headline is one run of the author's, best of those he chose from: the target `headline` is met where the mean is not
//! below headline - q(1 - alpha) · sigma · sqrt(1 + 1/N), which no verdict follows from.
//!
//! Before all that, [`super::runs`] says which runs count; of all findings [`Verdict::over`] decides.

use super::Verdict;
use super::golden::Band;
use super::published::{Published, RECORDED_LEAST, Rule, Task};
use super::row::{Estimate, Gate, Judged, Target};
use super::runs::{Expected, sort};
pub use super::runs::{Measured, Run};
use super::statistics::{
    Interval, chi_square_sf, mean, mean_interval, normal_cdf, normal_quantile, sample_sd, t_quantile, tost_known,
    tost_t, wilson,
};
use crate::human::number_of;

/// More seeds than this are not worth naming.
const MOST_SEEDS: u64 = 200;

/// A task with the numbers that its test needs.
#[derive(Debug, Clone)]
pub struct Test {
    /// Lower end of where a faithful mean lies, in points.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Points that a mean may lie outside and still be equivalent.
    pub margin: f64,
    /// Standard deviation of one run in points.
    pub sigma: f64,
    /// Quantile of a one-sided test, in standard errors.
    pub quantile: f64,
    /// Where sigma comes from.
    pub source: String,
    /// Whether sigma is assumed, and so taken as known.
    pub assumed: bool,
}

/// What the mean of some runs says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Shown to lie within the margin.
    Equivalent,
    /// Shown to lie below, and not shown to be within the margin.
    Below,
    /// Likewise above.
    Above,
    /// Neither is shown.
    Open,
}

impl Test {
    /// The test of a task.
    pub fn new(rule: &Rule, task: &Task) -> Self {
        let recorded: Vec<f64> = task.recorded.iter().map(|run| run.accuracy).collect();
        let measured = sample_sd(&recorded).filter(|_| recorded.len() >= RECORDED_LEAST);
        let (sigma, quantile, source) = match measured {
            Some(sd) => {
                let runs = recorded.len();
                let quantile = t_quantile(1.0 - rule.alpha, runs as f64 - 1.0);
                (sd, quantile, format!("measured: the spread of {runs} recorded runs"))
            }
            None => (task.sigma.points, normal_quantile(1.0 - rule.alpha), task.sigma.source.clone()),
        };
        let high = task.range.high.max(task.headline.accuracy);
        let assumed = measured.is_none();
        Self { low: task.range.low, high, margin: rule.margin, sigma, quantile, source, assumed }
    }

    /// Half the width of the interval of the mean of so many runs; of level 1 - 2 alpha.
    pub fn half_width(&self, runs: u64) -> f64 {
        self.quantile * self.sigma / (runs as f64).sqrt()
    }

    /// The larger p-value of the two one-sided tests, with a sigma that is taken as known.
    fn p(&self, mean: f64, runs: u64) -> Option<f64> {
        let (above, below) = tost_known(mean, self.sigma, runs, self.low - self.margin, self.high + self.margin);
        self.assumed.then_some(above.max(below))
    }

    /// What a mean over so many runs says.
    pub fn find(&self, mean: f64, runs: u64) -> Found {
        let half = self.half_width(runs);
        if mean - half > self.low - self.margin && mean + half < self.high + self.margin {
            Found::Equivalent
        } else if mean + half < self.low {
            Found::Below
        } else if mean - half > self.high {
            Found::Above
        } else {
            Found::Open
        }
    }

    /// Probabilities of PASS, FAIL and INCONCLUSIVE of the mean of so many runs drawn around `mean` with the test's sigma;
    /// the scatter of the runs is left out of account.
    pub fn rates(&self, mean: f64, runs: u64) -> [f64; 3] {
        let (half, error) = (self.half_width(runs), self.sigma / (runs as f64).sqrt());
        let below = |bound: f64| normal_cdf((bound - mean) / error);
        let (pass_low, pass_high) = (self.low - self.margin + half, self.high + self.margin - half);
        let pass = (below(pass_high) - below(pass_low)).max(0.0);
        // What is outside the range and equivalent all the same passes.
        let (mut low, mut high) = (self.low - half, self.high + half);
        if pass > 0.0 {
            (low, high) = (low.min(pass_low), high.max(pass_high));
        }
        let fail = below(low) + 1.0 - below(high);
        [pass, fail, (1.0 - pass - fail).max(0.0)]
    }

    /// The verdict of runs that count: their mean, unless they scatter more than sigma explains at this level.
    pub fn decide(&self, scatter_alpha: f64, counted: &[f64]) -> Verdict {
        let Some(mean) = mean(counted) else { return Verdict::Infra };
        match self.find(mean, counted.len() as u64) {
            _ if self.scatter(scatter_alpha, counted).is_some() => Verdict::Inconclusive,
            Found::Equivalent => Verdict::Pass,
            Found::Below | Found::Above => Verdict::Fail,
            Found::Open => Verdict::Inconclusive,
        }
    }

    /// Standard deviation of the runs and the probability of one as large, where that is below `alpha`.
    fn scatter(&self, alpha: f64, counted: &[f64]) -> Option<(f64, f64)> {
        let sd = sample_sd(counted)?;
        let df = counted.len() as f64 - 1.0;
        let p = chi_square_sf(df * (sd / self.sigma).powi(2), df);
        (p < alpha).then_some((sd, p))
    }

    /// How many more runs would settle an open mean, were it to stay; none where [`MOST_SEEDS`] would not.
    fn more(&self, mean: f64, runs: u64) -> Option<u64> {
        (1..=MOST_SEEDS).find(|more| self.find(mean, runs + more) != Found::Open)
    }
}

/// Judges the trainings of a task by the rules above.
pub fn judge(published: &Published, name: &str, runs: &[Run]) -> Judged {
    let Some(task) = published.task(name) else {
        let mut judged = Judged::new(name, Gate::Train, "accuracy");
        judged.verdict = Verdict::Inconclusive;
        judged.evidence.push("no result of this task was published".into());
        return judged;
    };
    let mut judged = unjudged(published, task);
    let (rule, test) = (&published.rule, Test::new(&published.rule, task));
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
    judged.evidence.extend(task.note.clone());
    judged
}

fn unjudged(published: &Published, task: &Task) -> Judged {
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
    Judged {
        band: Some(Band {
            low: range.low,
            high: range.high,
            rule: format!("the range that the author expects of a retraining ({})", place(&range.from)),
        }),
        headline: Some(headline.accuracy),
        expected: mean(&task.recorded.iter().map(|run| run.accuracy).collect::<Vec<_>>()),
        recorded: task.recorded.iter().map(|run| run.accuracy).collect(),
        targets: vec![
            target("range", range.low, range.high, true, place(&range.from)),
            target("headline", headline.accuracy, headline.accuracy, false, place(&headline.from)),
        ],
        ..Judged::new(&task.name, Gate::Train, &task.metric)
    }
}

fn expected<'g>(rule: &Rule, task: &'g Task, test: &Test) -> Expected<'g> {
    Expected {
        splits: Some(&task.splits),
        n: task.n,
        plausible: Some((test.low - rule.converged_within, test.high + rule.converged_within)),
        collapses: task.collapses.iter().map(|collapse| (collapse.accuracy, collapse.says.as_str())).collect(),
    }
}

/// Puts what the mean says into the row; its verdict.
fn weigh(judged: &mut Judged, rule: &Rule, task: &Task, test: &Test, counted: &[f64], mean: f64) -> Verdict {
    let runs = counted.len() as u64;
    let half = test.half_width(runs);
    let interval = Interval { low: mean - half, high: mean + half };
    let confidence = 1.0 - 2.0 * rule.alpha;
    judged.estimate = Some(Estimate {
        interval,
        confidence,
        method: format!(
            "mean of {}, ± {:.3} · sigma / sqrt({runs}); sigma {:.3}: {}{}",
            number_of(runs, "run"),
            test.quantile,
            test.sigma,
            test.source,
            test.p(mean, runs).map(|p| format!("; p {p:.4} of the two one-sided tests")).unwrap_or_default()
        ),
    });
    let found = test.find(mean, runs);
    let place = format!(
        "{}; {:.0} % interval {:.2}–{:.2}",
        task.range.place(mean),
        confidence * 100.0,
        interval.low,
        interval.high
    );
    let (sentence, advice) = match found {
        Found::Equivalent => (format!("{place}: shown to be at most {} from {}", rule.margin, span(task, test)), None),
        Found::Below => (
            format!("{place}: below what a faithful training gives"),
            Some("compare first weights, features, data and loss curve with the published settings"),
        ),
        Found::Above => (
            format!("{place}: above what a faithful training gives, so not the published result either"),
            Some("look for evaluation items in the training data, then for changed data or hyper-parameters"),
        ),
        Found::Open => (
            format!("{place}: neither shown to be within {} of {} nor outside it", rule.margin, span(task, test)),
            None,
        ),
    };
    judged.evidence.push(sentence);
    judged.what_to_do = judged.what_to_do.take().or(advice.map(str::to_owned));
    if found == Found::Open {
        judged.more_seeds = test.more(mean, runs);
        let advice = judged.more_seeds.map_or_else(
            || format!("the mean lies where {MOST_SEEDS} seeds more would not settle it"),
            |more| format!("train {} more: that settles it if the mean stays", number_of(more, "seed")),
        );
        judged.what_to_do.get_or_insert(advice);
    }
    if let Some((sd, p)) = test.scatter(rule.scatter_alpha, counted) {
        judged.evidence.push(format!(
            "the runs scatter by {sd:.2} points, which sigma {:.3} does not explain (p {p:.4}): the interval is too narrow",
            test.sigma
        ));
        judged.what_to_do =
            Some("record runs of yours in golden/published.toml, so that their own spread is judged by".into());
    }
    judged.evidence.extend(own_spread(confidence, test, counted));
    judged.evidence.push(worth(rule, test, runs));
    judged.evidence.push(other_questions(task, mean));
    targets(judged, test, task, found, mean, runs);
    test.decide(rule.scatter_alpha, counted)
}

/// What a faithful mean is compared with, for people.
fn span(task: &Task, test: &Test) -> String {
    let range = format!("{:.1}–{:.1}", task.range.low, task.range.high);
    if test.high > task.range.high { format!("{range} or the headline {:.2}", test.high) } else { range }
}

/// What the runs' own spread would say, which nothing follows from: of few runs it is known too badly.
fn own_spread(confidence: f64, test: &Test, counted: &[f64]) -> Option<String> {
    let Interval { low, high } = mean_interval(counted, confidence)?;
    let (above, below) = tost_t(counted, test.low - test.margin, test.high + test.margin)?;
    Some(format!(
        "by the runs' own spread the {:.0} % interval is {low:.2}–{high:.2}, and p {:.3} that the mean lies farther outside than the margin",
        confidence * 100.0,
        above.max(below)
    ))
}

/// The interval that many people expect here, and what it answers.
fn other_questions(task: &Task, mean: f64) -> String {
    let (low, high) = wilson(mean / 100.0, task.n, 0.95);
    format!(
        "were other questions drawn, {:.2}–{:.2} (Wilson, 95 %); a rerun answers the same ones, so no verdict follows from it",
        low * 100.0,
        high * 100.0
    )
}

/// What judging by so many runs is worth.
fn worth(rule: &Rule, test: &Test, runs: u64) -> String {
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

fn targets(judged: &mut Judged, test: &Test, task: &Task, found: Found, mean: f64, runs: u64) {
    let headline = task.headline.accuracy;
    let bound = headline - test.quantile * test.sigma * (1.0 + 1.0 / runs as f64).sqrt();
    for target in &mut judged.targets {
        let (met, sentence) = if target.name == "headline" {
            let met = mean >= bound;
            let how = if met { "not below" } else { "below" };
            (
                Some(met),
                format!(
                    "{mean:.3} is {how} {bound:.3}, the least mean that one published run of {headline:.2} agrees with"
                ),
            )
        } else {
            let met = match found {
                Found::Equivalent => Some(true),
                Found::Below | Found::Above => Some(false),
                Found::Open => None,
            };
            (met, task.range.place(mean))
        };
        target.met = met;
        target.sentence = format!("{sentence} ({})", target.sentence);
    }
}

#[cfg(test)]
mod tests;

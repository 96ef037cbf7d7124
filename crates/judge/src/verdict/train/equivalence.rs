//! The equivalence test of the mean of some runs. [`super`] states the rule.

use std::borrow::Cow;

use crate::verdict::Verdict;
use crate::verdict::published::{EquivalenceRule, PublishedTask, RECORDED_LEAST};
use crate::verdict::statistics::{
    chi_square_sf, f_sf, mean, normal_cdf, normal_quantile, sample_sd, t_quantile, tost_known,
};

/// Maximum number of further seeds that is advised.
pub(crate) const MOST_SEEDS: u64 = 200;
/// Quantiles for up to this many runs are computed in advance, because simulations need them often.
const AT_HAND: u64 = 10;

/// Where the standard deviation of one run comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SigmaSource {
    /// Assumed, and taken as known.
    Assumed,
    /// From this many recorded runs.
    Recorded(u64),
    /// From the judged runs themselves, since they contradict the assumed or recorded one.
    Own,
}

/// The equivalence test of a task.
#[derive(Debug, Clone)]
pub(crate) struct EquivalenceTest {
    /// Lower end of the range of faithful means, in points.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Points that a mean may lie outside and still be equivalent.
    pub margin: f64,
    /// Standard deviation of one run in points.
    pub sigma: f64,
    /// Where sigma comes from, for people.
    pub source: String,
    /// Where sigma comes from; decides the distribution of the mean.
    pub spread: SigmaSource,
    alpha: f64,
    quantile: f64,
    own_quantiles: Vec<f64>,
}

/// The finding of an equivalence test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Equivalence {
    /// Shown to lie within the margin.
    Equivalent,
    /// Shown to lie below, and not shown to be within the margin.
    Below,
    /// Shown to lie above, and not shown to be within the margin.
    Above,
    /// Neither is shown.
    Open,
}

impl Equivalence {
    /// Returns the verdict that follows.
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Self::Equivalent => Verdict::Pass,
            Self::Below | Self::Above => Verdict::Fail,
            Self::Open => Verdict::Inconclusive,
        }
    }
}

/// Runs that scatter more than a spread explains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scatter {
    /// Their standard deviation in points.
    pub sd: f64,
    /// Probability of a standard deviation at least as large.
    pub p: f64,
}

impl EquivalenceTest {
    /// Returns the test of a task.
    pub(crate) fn new(rule: &EquivalenceRule, task: &PublishedTask) -> Self {
        let recorded: Vec<f64> = task.recorded.iter().map(|run| run.accuracy).collect();
        let measured = sample_sd(&recorded).filter(|sd| recorded.len() >= RECORDED_LEAST && *sd > 0.0);
        let level = 1.0 - rule.alpha;
        let runs = recorded.len() as u64;
        let (sigma, spread, quantile, source) = match measured {
            Some(sd) => (
                sd,
                SigmaSource::Recorded(runs),
                t_quantile(level, runs as f64 - 1.0),
                format!("measured: the spread of {runs} recorded runs"),
            ),
            None => (task.sigma.points, SigmaSource::Assumed, normal_quantile(level), task.sigma.source.clone()),
        };
        Self {
            low: task.range.low,
            high: task.range.high.max(task.headline.accuracy),
            margin: rule.margin,
            sigma,
            source,
            spread,
            alpha: rule.alpha,
            quantile,
            own_quantiles: (2..=AT_HAND).map(|runs| t_quantile(level, runs as f64 - 1.0)).collect(),
        }
    }

    /// Returns the test that judges these runs. It uses their own spread if they scatter more than sigma explains.
    pub(crate) fn in_force(&self, scatter_alpha: f64, counted: &[f64]) -> (Cow<'_, Self>, Option<Scatter>) {
        match self.scatter(scatter_alpha, counted) {
            None => (Cow::Borrowed(self), None),
            Some(scatter) => {
                let source = format!("the spread of these {} runs themselves", counted.len());
                let own = Self { sigma: scatter.sd, spread: SigmaSource::Own, source, ..self.clone() };
                (Cow::Owned(own), Some(scatter))
            }
        }
    }

    /// Returns the quantile of a one-sided test of the mean of `runs` runs, in standard errors; infinite for the own spread of a
    /// single run.
    pub(crate) fn quantile(&self, runs: u64) -> f64 {
        match (self.spread, runs) {
            (SigmaSource::Assumed | SigmaSource::Recorded(_), _) => self.quantile,
            (SigmaSource::Own, 0 | 1) => f64::INFINITY,
            (SigmaSource::Own, _) => self
                .own_quantiles
                .get(runs as usize - 2)
                .copied()
                .unwrap_or_else(|| t_quantile(1.0 - self.alpha, runs as f64 - 1.0)),
        }
    }

    /// Returns half the width of the interval of level 1 - 2 alpha for the mean of `runs` runs.
    pub(crate) fn half_width(&self, runs: u64) -> f64 {
        self.quantile(runs) * self.error(runs)
    }

    fn error(&self, runs: u64) -> f64 {
        self.sigma / (runs as f64).sqrt()
    }

    /// Returns the p-value that decided, with its name; `None` unless sigma is taken as known. It is the larger one of the two
    /// one-sided tests against the margin or, for a mean shown to lie outside, that of the test against the range.
    pub(crate) fn p(&self, mean: f64, runs: u64) -> Option<(f64, &'static str)> {
        let of = |margin| tost_known(mean, self.sigma, runs, self.low - margin, self.high + margin);
        let (above, below) = of(self.margin);
        let equivalence = (above.max(below), "of the two one-sided tests against the margin");
        let p = match self.find(mean, runs) {
            Equivalence::Below => {
                (normal_cdf((mean - self.low) / self.error(runs)), "of the one-sided test against the range")
            }
            Equivalence::Above => {
                (normal_cdf((self.high - mean) / self.error(runs)), "of the one-sided test against the range")
            }
            Equivalence::Equivalent | Equivalence::Open => equivalence,
        };
        (self.spread == SigmaSource::Assumed).then_some(p)
    }

    /// Tests a mean over `runs` runs.
    pub(crate) fn find(&self, mean: f64, runs: u64) -> Equivalence {
        let half = self.half_width(runs);
        if mean - half > self.low - self.margin && mean + half < self.high + self.margin {
            Equivalence::Equivalent
        } else if mean + half < self.low {
            Equivalence::Below
        } else if mean - half > self.high {
            Equivalence::Above
        } else {
            Equivalence::Open
        }
    }

    /// Returns the probabilities of PASS, FAIL and INCONCLUSIVE for the mean of `runs` runs drawn around `mean` with the sigma of
    /// the test, ignoring the check of their scatter.
    pub(crate) fn rates(&self, mean: f64, runs: u64) -> [f64; 3] {
        let (half, error) = (self.half_width(runs), self.error(runs));
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

    /// Returns the verdict on runs that count.
    pub(crate) fn decide(&self, scatter_alpha: f64, counted: &[f64]) -> Verdict {
        let Some(mean) = mean(counted) else { return Verdict::Infra };
        self.in_force(scatter_alpha, counted).0.find(mean, counted.len() as u64).verdict()
    }

    /// Returns the scatter of the runs if sigma does not explain it at level `alpha`.
    fn scatter(&self, alpha: f64, counted: &[f64]) -> Option<Scatter> {
        let sd = sample_sd(counted)?;
        let (df, ratio) = (counted.len() as f64 - 1.0, (sd / self.sigma).powi(2));
        let p = match self.spread {
            SigmaSource::Assumed => chi_square_sf(df * ratio, df),
            SigmaSource::Recorded(runs) => f_sf(ratio, df, runs as f64 - 1.0),
            SigmaSource::Own => 1.0,
        };
        (p < alpha).then_some(Scatter { sd, p })
    }

    /// Returns how many more runs would settle an open mean if mean and spread stay; `None` if [`MOST_SEEDS`] would not.
    pub(crate) fn more(&self, mean: f64, runs: u64) -> Option<u64> {
        (1..=MOST_SEEDS).find(|more| self.find(mean, runs + more) != Equivalence::Open)
    }
}

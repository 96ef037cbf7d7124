//! The test of the mean of some runs: the numbers it needs, and what it says. The rule is in [`super`].

use std::borrow::Cow;

use crate::verdict::Verdict;
use crate::verdict::published::{RECORDED_LEAST, Rule, Task};
use crate::verdict::statistics::{
    chi_square_sf, f_sf, mean, normal_cdf, normal_quantile, sample_sd, t_quantile, tost_known,
};

/// More seeds than this are not worth naming.
pub(crate) const MOST_SEEDS: u64 = 200;
/// Quantiles for up to so many runs are at hand: a simulation asks for them often.
const AT_HAND: u64 = 10;

/// From what the standard deviation of one run is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Assumed, and taken as known.
    Assumed,
    /// From so many recorded runs.
    Recorded(u64),
    /// From the judged runs themselves, which contradict what was assumed or recorded.
    Own,
}

/// A task with the numbers that its test needs.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    /// Lower end of where a faithful mean lies, in points.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Points that a mean may lie outside and still be equivalent.
    pub margin: f64,
    /// Standard deviation of one run in points.
    pub sigma: f64,
    /// Where sigma comes from, for people.
    pub source: String,
    /// Likewise, for the distribution of the mean.
    pub spread: Spread,
    alpha: f64,
    quantile: f64,
    own_quantiles: Vec<f64>,
}

/// What the mean of some runs says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Shown to lie within the margin.
    Equivalent,
    /// Shown to lie below, and not shown to be within the margin.
    Below,
    /// Likewise above.
    Above,
    /// Neither is shown.
    Open,
}

impl Found {
    /// The verdict that follows.
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
    /// Probability of one as large.
    pub p: f64,
}

impl Test {
    /// The test of a task.
    pub(crate) fn new(rule: &Rule, task: &Task) -> Self {
        let recorded: Vec<f64> = task.recorded.iter().map(|run| run.accuracy).collect();
        let measured = sample_sd(&recorded).filter(|sd| recorded.len() >= RECORDED_LEAST && *sd > 0.0);
        let level = 1.0 - rule.alpha;
        let runs = recorded.len() as u64;
        let (sigma, spread, quantile, source) = match measured {
            Some(sd) => (
                sd,
                Spread::Recorded(runs),
                t_quantile(level, runs as f64 - 1.0),
                format!("measured: the spread of {runs} recorded runs"),
            ),
            None => (task.sigma.points, Spread::Assumed, normal_quantile(level), task.sigma.source.clone()),
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

    /// The test that judges these runs: by their own spread where they scatter more than sigma explains.
    pub(crate) fn in_force(&self, scatter_alpha: f64, counted: &[f64]) -> (Cow<'_, Self>, Option<Scatter>) {
        match self.scatter(scatter_alpha, counted) {
            None => (Cow::Borrowed(self), None),
            Some(scatter) => {
                let source = format!("the spread of these {} runs themselves", counted.len());
                let own = Self { sigma: scatter.sd, spread: Spread::Own, source, ..self.clone() };
                (Cow::Owned(own), Some(scatter))
            }
        }
    }

    /// Quantile of a one-sided test of the mean of so many runs, in standard errors. A single run has no spread of its own.
    pub(crate) fn quantile(&self, runs: u64) -> f64 {
        match (self.spread, runs) {
            (Spread::Assumed | Spread::Recorded(_), _) => self.quantile,
            (Spread::Own, 0 | 1) => f64::INFINITY,
            (Spread::Own, _) => self
                .own_quantiles
                .get(runs as usize - 2)
                .copied()
                .unwrap_or_else(|| t_quantile(1.0 - self.alpha, runs as f64 - 1.0)),
        }
    }

    /// Half the width of the interval of the mean of so many runs; of level 1 - 2 alpha.
    pub(crate) fn half_width(&self, runs: u64) -> f64 {
        self.quantile(runs) * self.error(runs)
    }

    fn error(&self, runs: u64) -> f64 {
        self.sigma / (runs as f64).sqrt()
    }

    /// The p-value of what decided, with its name, where sigma is taken as known: of the two one-sided tests against the
    /// margin the larger; of a mean shown to lie outside that against the range.
    pub(crate) fn p(&self, mean: f64, runs: u64) -> Option<(f64, &'static str)> {
        let of = |margin| tost_known(mean, self.sigma, runs, self.low - margin, self.high + margin);
        let (above, below) = of(self.margin);
        let equivalence = (above.max(below), "of the two one-sided tests against the margin");
        let p = match self.find(mean, runs) {
            Found::Below => {
                (normal_cdf((mean - self.low) / self.error(runs)), "of the one-sided test against the range")
            }
            Found::Above => {
                (normal_cdf((self.high - mean) / self.error(runs)), "of the one-sided test against the range")
            }
            Found::Equivalent | Found::Open => equivalence,
        };
        (self.spread == Spread::Assumed).then_some(p)
    }

    /// What a mean over so many runs says.
    pub(crate) fn find(&self, mean: f64, runs: u64) -> Found {
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

    /// The verdict of runs that count.
    pub(crate) fn decide(&self, scatter_alpha: f64, counted: &[f64]) -> Verdict {
        let Some(mean) = mean(counted) else { return Verdict::Infra };
        self.in_force(scatter_alpha, counted).0.find(mean, counted.len() as u64).verdict()
    }

    /// Whether the runs scatter more than sigma explains, at that level.
    fn scatter(&self, alpha: f64, counted: &[f64]) -> Option<Scatter> {
        let sd = sample_sd(counted)?;
        let (df, ratio) = (counted.len() as f64 - 1.0, (sd / self.sigma).powi(2));
        let p = match self.spread {
            Spread::Assumed => chi_square_sf(df * ratio, df),
            Spread::Recorded(runs) => f_sf(ratio, df, runs as f64 - 1.0),
            Spread::Own => 1.0,
        };
        (p < alpha).then_some(Scatter { sd, p })
    }

    /// How many more runs would settle an open mean, were it and the spread to stay; none where even a great many would not.
    pub(crate) fn more(&self, mean: f64, runs: u64) -> Option<u64> {
        (1..=MOST_SEEDS).find(|more| self.find(mean, runs + more) != Found::Open)
    }
}

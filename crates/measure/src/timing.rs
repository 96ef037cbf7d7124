//! Collects the times of repeated steps and summarises them.

use std::time::Duration;

use serde_json::{Value, json};

use base::error::{Error, Result};
use data::features::bench::median;

/// The number of steps of a measurement.
#[derive(Debug, Clone, Copy)]
pub struct Repeats {
    /// Steps that are run first and not counted.
    pub warmup: usize,
    /// Steps that count, at least 1.
    pub steps: usize,
}

impl Repeats {
    /// Checks that the numbers of steps are within their limits.
    ///
    /// # Errors
    /// Usage if one is not.
    pub fn check(self) -> Result<Self> {
        const MOST: usize = 1_000_000;
        if self.steps == 0 || self.steps > MOST || self.warmup > MOST {
            return Err(Error::usage(format!("--steps is {} and --warmup is {}", self.steps, self.warmup))
                .next(format!("choose --steps from 1 to {MOST} and --warmup from 0 to {MOST}")));
        }
        Ok(self)
    }

    /// Returns the number of all steps, including warm-up.
    pub fn total(self) -> usize {
        self.warmup + self.steps
    }
}

/// Wall-clock times of the counted steps.
#[derive(Debug, Clone)]
pub struct Times {
    what: &'static str,
    repeats: Repeats,
    seen: usize,
    milliseconds: Vec<f64>,
}

impl Times {
    /// Creates an empty collection. `what` names a step in progress lines.
    pub fn new(what: &'static str, repeats: Repeats) -> Self {
        Self { what, repeats, seen: 0, milliseconds: Vec::with_capacity(repeats.steps) }
    }

    /// Adds the time of the next step and reports it with `say`. Returns whether the step counts.
    pub fn add(&mut self, time: Duration, say: impl FnOnce(String)) -> bool {
        let milliseconds = time.as_secs_f64() * 1e3;
        self.seen += 1;
        let counts = self.seen > self.repeats.warmup;
        let Repeats { warmup, steps } = self.repeats;
        if counts {
            self.milliseconds.push(milliseconds);
            say(format!("{} {}/{steps}: {milliseconds:.1} ms", self.what, self.seen - warmup));
        } else {
            say(format!("warm-up {}/{warmup}: {milliseconds:.1} ms", self.seen));
        }
        counts
    }

    /// Returns `{"median", "best", "all"}` in milliseconds.
    pub fn json(&self) -> Value {
        let all: Vec<f64> = self.milliseconds.iter().map(|&ms| rounded(ms)).collect();
        json!({ "median": rounded(self.median()), "best": rounded(self.best()), "all": all })
    }

    /// Returns `{"median", "best"}` in units per second, given `units` per step.
    pub fn rates(&self, units: f64) -> Value {
        let rate = |milliseconds: f64| rounded(units / milliseconds.max(1e-6) * 1e3);
        json!({ "median": rate(self.median()), "best": rate(self.best()) })
    }

    /// Returns the median in milliseconds; NaN without steps.
    pub fn median(&self) -> f64 {
        if self.milliseconds.is_empty() { f64::NAN } else { median(&self.milliseconds) }
    }

    /// Returns the shortest time in milliseconds; NaN without steps.
    pub fn best(&self) -> f64 {
        self.milliseconds.iter().copied().fold(f64::NAN, f64::min)
    }
}

/// Returns `{"median", "best"}` of the milliseconds that a part took in each counted step; null without steps.
pub fn part(milliseconds: &[f64]) -> Value {
    if milliseconds.is_empty() {
        return Value::Null;
    }
    let best = milliseconds.iter().copied().fold(f64::INFINITY, f64::min);
    json!({ "median": rounded(median(milliseconds)), "best": rounded(best) })
}

/// Rounds to three decimals: of milliseconds, more digits are noise.
pub fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_does_not_count() {
        let repeats = Repeats { warmup: 1, steps: 4 }.check().unwrap();
        let mut times = Times::new("step", repeats);
        let counted = [90, 4, 1, 2, 3].map(|ms| times.add(Duration::from_millis(ms), drop));
        assert_eq!(counted, [false, true, true, true, true]);
        assert_eq!(times.json(), json!({ "median": 2.5, "best": 1.0, "all": [4.0, 1.0, 2.0, 3.0] }));
        assert_eq!(times.rates(32.0), json!({ "median": 12800.0, "best": 32000.0 }));
        assert_eq!(part(&[3.0, 1.0, 2.0]), json!({ "median": 2.0, "best": 1.0 }));
        assert!(Repeats { warmup: 0, steps: 0 }.check().is_err());
    }
}

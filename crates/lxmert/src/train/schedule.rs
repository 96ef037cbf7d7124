//! The learning rate schedules of BertAdam (src/lxrt/optimization.py @ 0db1182).

use serde::{Deserialize, Serialize};

/// The shape of the learning rate after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Decreases linearly to 0 at the last step.
    Linear,
    /// 0.5·(1 + cos πx). The original cannot select it: its code raises a TypeError.
    Cosine,
    /// Stays at 1.
    Constant,
}

impl Schedule {
    /// Returns the factor at `x` = step / total steps, with warm-up over the fraction `warmup` of the steps. Past the end (x > 1)
    /// the linear schedule is 0.
    pub fn factor(self, x: f64, warmup: f64) -> f64 {
        if x < warmup {
            return x / warmup;
        }
        match self {
            Self::Linear => ((x - 1.0) / (warmup - 1.0)).max(0.0),
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * x).cos()),
            Self::Constant => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures;

    #[test]
    fn every_grid_of_the_original_is_reproduced() {
        let Some(path) = fixtures::lxrt("optim/schedules.json") else { return };
        let mut compared = 0;
        for grid in fixtures::json(&path)["grid"].as_array().unwrap() {
            let (warmup, total) = (grid["warmup"].as_f64().unwrap(), grid["t_total"].as_f64().unwrap());
            for row in grid["rows"].as_array().unwrap() {
                let value = |i: usize| row[i].as_f64().unwrap();
                for (column, schedule) in [(1, Schedule::Linear), (2, Schedule::Cosine), (3, Schedule::Constant)] {
                    let got = schedule.factor(value(0) / total, warmup);
                    let want = value(column);
                    assert!(
                        (got - want).abs() <= 1e-15,
                        "{schedule:?} warmup {warmup} step {} of {total}: {got} is not {want}",
                        value(0)
                    );
                    compared += 1;
                }
            }
        }
        assert!(compared > 0);
    }
}

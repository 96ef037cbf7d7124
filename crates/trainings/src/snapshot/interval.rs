//! The interval at which snapshots are written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An interval between snapshots: a number of steps, or a time. Parses from `500`, `90s`, `20m`, `1h` or `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotInterval {
    /// No snapshots but the one that is written when a signal stops the run.
    Never,
    /// A snapshot every this many steps.
    Steps(u64),
    /// A snapshot after the first step that ends this long after the last snapshot.
    Time(Duration),
}

impl SnapshotInterval {
    /// Whether a snapshot is due, given the steps and the time since the last one.
    pub fn is_due(self, steps: u64, time: Duration) -> bool {
        match self {
            Self::Never => false,
            Self::Steps(every) => steps >= every,
            Self::Time(every) => steps > 0 && time >= every,
        }
    }
}

impl FromStr for SnapshotInterval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(char, u64); 3] = [('s', 1), ('m', 60), ('h', 3600)];
        let wrong = || {
            format!(
                "{text:?} is not an interval: use a number of steps such as 500, a time such as 90s, 20m or 1h, or never"
            )
        };
        let text_trimmed = text.trim();
        if text_trimmed == "never" {
            return Ok(Self::Never);
        }
        let unit = UNITS.iter().find_map(|(unit, seconds)| Some((text_trimmed.strip_suffix(*unit)?, *seconds)));
        let number = |digits: &str| digits.trim().parse::<u64>().ok().filter(|n| *n > 0).ok_or_else(wrong);
        match unit {
            Some((digits, seconds)) => {
                let seconds = number(digits)?.checked_mul(seconds).ok_or_else(wrong)?;
                Ok(Self::Time(Duration::from_secs(seconds)))
            }
            None => number(text_trimmed).map(Self::Steps),
        }
    }
}

impl fmt::Display for SnapshotInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Steps(steps) => write!(f, "{steps}"),
            Self::Time(time) if time.as_secs().is_multiple_of(60) => write!(f, "{}m", time.as_secs() / 60),
            Self::Time(time) => write!(f, "{}s", time.as_secs()),
        }
    }
}

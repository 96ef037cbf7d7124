//! How often snapshots are written.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An interval in steps or in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Every {
    /// Only when asked to stop.
    Never,
    /// After so many steps.
    Steps(u64),
    /// After the first step at so long after the last one.
    Time(Duration),
}

impl Every {
    /// Whether it is over.
    pub fn is_due(self, steps: u64, time: Duration) -> bool {
        match self {
            Self::Never => false,
            Self::Steps(every) => steps >= every,
            Self::Time(every) => steps > 0 && time >= every,
        }
    }
}

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(char, u64); 3] = [('s', 1), ('m', 60), ('h', 3600)];
        let wrong = || format!("{text:?} is no interval: use steps such as 500, or a time such as 90s, 20m or 1h");
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

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Steps(steps) => write!(f, "{steps}"),
            Self::Time(time) if time.as_secs().is_multiple_of(60) => write!(f, "{}m", time.as_secs() / 60),
            Self::Time(time) => write!(f, "{}s", time.as_secs()),
        }
    }
}

//! The four verdicts, and the verdict over several.

use std::fmt;

use serde::{Deserialize, Serialize};

use base::exit;

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// The result was obtained and agrees with its golden value.
    Pass,
    /// The result was obtained and differs.
    Fail,
    /// The evidence is too thin to say.
    Inconclusive,
    /// It could not be run; says nothing about the result.
    Infra,
}

impl Verdict {
    /// Returns the word for people and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Infra => "INFRA",
        }
    }

    /// Returns the worst of several verdicts: FAIL, then INFRA, then INCONCLUSIVE, then PASS. Without verdicts it is INCONCLUSIVE.
    pub fn over(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max_by_key(|v| v.weight()).unwrap_or(Self::Inconclusive)
    }

    fn weight(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Inconclusive => 1,
            Self::Infra => 2,
            Self::Fail => 3,
        }
    }

    /// Returns the exit code for this overall verdict ([`base::exit`]).
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => exit::PASS,
            Self::Fail => exit::FAIL,
            Self::Inconclusive => exit::INCONCLUSIVE,
            Self::Infra => exit::INFRA,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Fail, Inconclusive, Infra, Pass};
    use super::*;

    #[test]
    fn the_worst_decides() {
        assert_eq!(Verdict::over([Pass, Infra, Fail, Inconclusive]), Fail);
        assert_eq!(Verdict::over([Pass, Infra, Inconclusive]), Infra);
        assert_eq!(Verdict::over([Pass, Inconclusive]), Inconclusive);
        assert_eq!(Verdict::over([Pass, Pass]), Pass);
        assert_eq!(Verdict::over([]), Inconclusive);
        let codes = [Pass, Fail, Inconclusive, Infra].map(Verdict::exit_code);
        assert_eq!(codes, [exit::PASS, exit::FAIL, exit::INCONCLUSIVE, exit::INFRA]);
    }

    #[test]
    fn files_hold_the_word() {
        for verdict in [Pass, Fail, Inconclusive, Infra] {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.as_str());
        }
        assert!(serde_json::from_str::<Verdict>("\"Pass\"").is_err());
    }
}

//! Golden values and the comparison with them; knows nothing of how a run was made.
//!
//! - [`golden`]: the files below `golden/`: raw reference runs and the rule that turns them into a band.
//! - [`row`]: a judged result, whichever gate judged it.
//! - `head`: the schema and edition that every golden file begins with.
//! - `judge`: one observed accuracy against its golden task.
//! - [`published`]: what was published, and what is known of its spread; `train`: trainings against it.
//! - `runs`: which of several runs count; [`deviation`]: why one does not.
//! - `recorded`: trainings against recorded ones; [`baseline`]: what weaker predictors score.
//! - [`comparison`]: two feature files compared, and judged by a level.
//! - [`features`]: two feature files against what is known of such differences.
//! - [`eval_gate`]: answers to the same items as a frozen run gave.
//! - [`snapshot`]: feature rows that were released, by their checksums.
//! - [`trust_limit`]: what a verdict is worth when its files are not known to be the published ones.
//! - [`power`]: how often all that is wrong, simulated.
//! - [`statistics`]: the formulas, each with its reference; [`simulate`]: draws to try a rule on runs whose truth is known.
//!
//! A tolerance is data with a reason. It is written down before a result is seen and never changed after it.

pub mod baseline;
pub mod comparison;
pub mod deviation;
pub mod eval_gate;
pub mod features;
pub mod golden;
mod head;
pub(crate) mod judge;
pub mod power;
pub mod published;
pub(crate) mod recorded;
#[cfg(test)]
mod released_rows_tests;
pub mod row;
pub(crate) mod runs;
pub mod simulate;
#[cfg(test)]
mod six_columns_tests;
pub mod snapshot;
pub mod statistics;
pub(crate) mod train;
pub mod trust_limit;

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
    /// The word a person reads, also the one in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Infra => "INFRA",
        }
    }

    /// The verdict over several: any FAIL is FAIL; else any INFRA is INFRA; else any INCONCLUSIVE is INCONCLUSIVE; else PASS.
    /// Nothing judged is INCONCLUSIVE.
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

    /// The program's exit code for this overall verdict ([`base::exit`]).
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

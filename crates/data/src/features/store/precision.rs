//! Precision and source of a store.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use base::error::Error;

/// Precision of the features; everything else is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As in the TSV.
    #[default]
    F32,
    /// Half the size; relative error at most 2^-11, absolute at most 2^-25 below 2^-14.
    F16,
}

impl Precision {
    /// Returns the precision for the flag `--half-features`.
    pub fn from_flag(half: bool) -> Self {
        if half { Self::F16 } else { Self::F32 }
    }

    /// `f32` or `f16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::F32, Self::F16]
            .into_iter()
            .find(|precision| precision.name() == text)
            .ok_or_else(|| Error::usage(format!("{text:?} is not a precision")).next("use f32 or f16"))
    }
}

/// The TSV that a store was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSource {
    /// File name, or what made the rows.
    pub name: String,
    /// Size of the source file in bytes.
    pub bytes: u64,
    /// Number of its first bytes that the rows come from: all, or fewer if only the first rows are in the store.
    pub covered: u64,
    /// SHA-256 of the covered bytes.
    pub sha256: String,
}

impl StoreSource {
    /// Returns whether the whole file is in the store.
    pub fn is_whole(&self) -> bool {
        self.covered == self.bytes
    }
}

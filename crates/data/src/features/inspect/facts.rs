//! Facts about a feature file, as an inspection reports them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::fault::SharedFault;
use crate::features::error::Column;
use crate::features::released_rows::ReleasedRowCount;
use crate::features::statistics::Summary;
use crate::features::store::StoreSource;
use base::error::{Error, Result};
use base::files;

/// Number of problems that are listed; all are counted.
pub const PROBLEMS_SHOWN: usize = 20;

/// The kind of a feature file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Tab-separated text with base64.
    Tsv,
    /// A feature store.
    Store,
}

impl FileKind {
    /// Recognises the kind by the name and the first bytes.
    ///
    /// # Errors
    /// Data for a missing file and for what is no regular file, infra if it cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        let unreadable = |error| Error::io("read", path, &error);
        let file = files::open_regular(path)?;
        let mut start = Vec::new();
        file.take(9).read_to_end(&mut start).map_err(unreadable)?;
        let is_store = path.extension().is_some_and(|extension| extension == "safetensors")
            || (start.len() == 9 && start[8] == b'{' && start[5..8] == [0; 3]);
        Ok(if is_store { Self::Store } else { Self::Tsv })
    }

    /// Returns the name for people. `classes`: whether boxes have classes; a TSV without them is not obj36.
    pub fn name(self, classes: bool) -> &'static str {
        match self {
            Self::Tsv if classes => "obj36 TSV",
            Self::Tsv => "TSV of bottom-up-attention's six columns",
            Self::Store => "feature store",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureProblem {
    /// Line of a TSV counted from 1, or row of a store counted from 0; `None` for the file as a whole.
    pub place: Option<u64>,
    /// The image, if known.
    pub img_id: Option<String>,
    /// The column, if the problem is in one.
    pub column: Option<Column>,
    /// The kind, such as `glued-rows`.
    pub kind: &'static str,
    /// The problem, for people.
    pub what: String,
    /// The fault of the whole file to which this belongs, if other rows have it too.
    #[serde(skip)]
    pub(super) shared: Option<SharedFault>,
}

/// Least and greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ValueSpan {
    /// Least.
    pub min: u32,
    /// Greatest.
    pub max: u32,
}

/// Everything about a feature file. Numbers are over the good rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// Version of this structure.
    pub schema: u32,
    /// The file as the caller named it.
    pub file: String,
    /// TSV or store.
    pub kind: FileKind,
    /// Size of the file.
    pub bytes: u64,
    /// Good rows, one image each.
    pub rows: u64,
    /// Number of boxes per image; the largest if it differs.
    pub boxes: Option<usize>,
    /// The least number of boxes of an image.
    pub least_boxes: Option<usize>,
    /// Features per box.
    pub dim: Option<usize>,
    /// Whether boxes have classes and probabilities: obj36 has them, bottom-up-attention's six columns do not.
    pub classes: Option<bool>,
    /// Bytes of the decoded rows in memory, as the original keeps them (296,352 an image with 36 boxes of 2048).
    pub decoded_bytes: u64,
    /// A store's precision: `f32` or `f16`.
    pub precision: Option<&'static str>,
    /// The TSV that a store was built from.
    pub source: Option<StoreSource>,
    /// Image of the first good row.
    pub first_id: Option<String>,
    /// Image of the last good row.
    pub last_id: Option<String>,
    /// Least image id, numbers in it counting as numbers.
    pub least_id: Option<String>,
    /// Greatest image id.
    pub greatest_id: Option<String>,
    /// Image widths in pixels.
    pub image_width: Option<ValueSpan>,
    /// Image heights in pixels.
    pub image_height: Option<ValueSpan>,
    /// Statistics of the features.
    pub features: Option<Summary>,
    /// Statistics of the object probabilities.
    pub objects_conf: Option<Summary>,
    /// Statistics of the attribute probabilities.
    pub attrs_conf: Option<Summary>,
    /// Released rows among them; `None` if there are none, or features were rounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub golden: Option<ReleasedRowCount>,
    /// Number of problems.
    pub problem_count: u64,
    /// Number of problems of each kind.
    pub problems_by_kind: BTreeMap<&'static str, u64>,
    /// The first [`PROBLEMS_SHOWN`] problems.
    pub problems: Vec<FeatureProblem>,
}

impl Inspection {
    /// Returns whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problem_count == 0
    }
}

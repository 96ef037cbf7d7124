//! Judges the rows of the ten golden images by the released ones.

use std::path::{Path, PathBuf};

use super::super::progress::board::Board;
use super::args::Args;
use super::backends::Chosen;
use crate::extract::caffe::assets;
use crate::extract::image_sets::ImageSet;
use base::error::{Error, Result};
use base::host::cores;
use judge::verdict::comparison::{CompareSettings, Comparison, compare};
use judge::verdict::features::GoldenFeatures;

/// Name of the released rows' asset.
const ROWS: &str = "golden-rows";
/// Number of worst images that are named.
const WORST: usize = 10;

/// What rows are judged by.
pub(super) struct Golden {
    released: PathBuf,
    level: &'static str,
}

impl Golden {
    /// Returns what the arguments' rows are judged by; `None` if they are not the golden images'.
    ///
    /// # Errors
    /// Usage for an extractor that has nothing to do with the original's; data or checksum for missing or wrong rows.
    pub(super) fn of(args: &Args, chosen: Chosen) -> Result<Option<Self>> {
        if args.set != ImageSet::Golden {
            return Ok(None);
        }
        let level = match chosen {
            Chosen::Caffe | Chosen::CaffeCpu => "same-extractor",
            Chosen::Native => "native",
            Chosen::Demo => {
                return Err(Error::usage("the demo's detector knows drawn scenes only")
                    .next("leave --backend out, or name another one"));
            }
        };
        let released = match &args.released {
            Some(file) if file.is_file() => file.clone(),
            Some(file) => {
                return Err(Error::data(format!("there are no released rows {}", file.display()))
                    .next("fetch them with `repro fetch --task golden`, and leave --released out"));
            }
            None => {
                let known = args.manifest.read(&args.workspace)?;
                let [rows] = assets::find([ROWS], &known.manifest, &known.lock, &args.workspace)?;
                rows.path
            }
        };
        Ok(Some(Self { released, level }))
    }

    /// Compares `rows` with the released ones.
    ///
    /// # Errors
    /// Those of reading the files.
    pub(super) fn judge(&self, rows: &Path, board: &Board) -> Result<Comparison> {
        let settings =
            CompareSettings { level: self.level, common: false, named: WORST, worst: WORST, threads: cores() };
        compare(&self.released, rows, &GoldenFeatures::embedded()?, &settings, board)
    }
}

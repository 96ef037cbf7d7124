//! Makes files from others, as the original's scripts do.

use std::path::{Path, PathBuf};

use assets::manifest::Made;
use base::error::{Error, Result};
use base::files;
use data::dataset::process_gqa::{GqaSet, process_gqa_one};
use data::dataset::process_nlvr2::process_nlvr2;

/// How a file is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MakeRule {
    /// A split of NLVR2, named after the file, from its official file.
    Nlvr2,
    /// A split of GQA, named after the file, from the folder of official questions.
    Gqa(GqaSet),
    /// A copy.
    Copy,
}

impl MakeRule {
    /// Returns the rule by its name in the manifest: `nlvr2`, `gqa-balanced`, `gqa-all`, `gqa-submission` or `copy`.
    ///
    /// # Errors
    /// Data if there is no such rule.
    pub fn of(made: &Made) -> Result<Self> {
        Ok(match made.rule.as_str() {
            "nlvr2" => Self::Nlvr2,
            "gqa-balanced" => Self::Gqa(GqaSet::Balanced),
            "gqa-all" => Self::Gqa(GqaSet::All),
            "gqa-submission" => Self::Gqa(GqaSet::Submission),
            "copy" => Self::Copy,
            other => {
                return Err(Error::data(format!("the manifest makes `{}` by the unknown rule `{other}`", made.name))
                    .next("use nlvr2, gqa-balanced, gqa-all, gqa-submission or copy"));
            }
        })
    }

    /// Makes the file `out` from `inputs`, the files and folders of [`Made::from`].
    ///
    /// # Errors
    /// Data if an input does not have the form that the rule needs.
    pub fn make(self, made: &Made, inputs: &[PathBuf], out: &Path) -> Result<()> {
        let split = made.path.file_stem().unwrap_or_default().to_string_lossy();
        let [input] = inputs else {
            return Err(Error::data(format!(
                "the rule {} takes one file or folder, `{}` has {}",
                made.rule,
                made.name,
                inputs.len()
            ))
            .next("correct the manifest"));
        };
        match self {
            Self::Nlvr2 => process_nlvr2(input, &split, out).map(|_| ()),
            Self::Gqa(set) => process_gqa_one(input, set, &split, out).map(|_| ()),
            Self::Copy => copy(input, out),
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::io("write", to, &error);
    let mut source = files::open_regular(from)?;
    let mut target = files::create_own(to).map_err(failed)?;
    std::io::copy(&mut source, &mut target).map_err(failed)?;
    target.sync_all().map_err(failed)
}

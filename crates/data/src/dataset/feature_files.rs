//! Lists the obj36 feature files that the splits of a task need, and how many of their images.

use std::path::{Path, PathBuf};

use super::task::{Task, split_names};
use base::error::{Error, Result};

/// Number of images to load: all, or a few for a trial run. (The original's README says 4096 for `--fast`; its code 5000.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// `--tiny`: the first 512 rows of each feature file.
    Tiny,
    /// `--fast`: the first 5000 rows of each feature file.
    Fast,
    /// All rows.
    #[default]
    Full,
}

impl Scale {
    /// Returns the scale for the two flags; `--tiny` takes precedence.
    pub fn from_flags(tiny: bool, fast: bool) -> Self {
        match (tiny, fast) {
            (true, _) => Self::Tiny,
            (false, true) => Self::Fast,
            (false, false) => Self::Full,
        }
    }

    fn limit(self) -> RowLimit {
        match self {
            Self::Tiny => RowLimit::First(512),
            Self::Fast => RowLimit::First(5000),
            Self::Full => RowLimit::All,
        }
    }
}

/// Number of rows of a feature file to use. More rows are greater in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowLimit {
    /// The first rows in file order, at most so many.
    First(usize),
    /// Every row.
    All,
}

impl RowLimit {
    /// Returns whether the row with this index, from 0, is used.
    pub fn admits(self, row: usize) -> bool {
        match self {
            Self::First(rows) => row < rows,
            Self::All => true,
        }
    }
}

/// A feature file that splits need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureFile {
    /// Where the TSV is, under the data root; not checked here.
    pub path: PathBuf,
    /// How much of it is used.
    pub limit: RowLimit,
    /// The splits that made it necessary.
    pub splits: Vec<String>,
}

/// VQA's minival images are the first rows of val2014.
const MINIVAL_IMAGES: usize = 5000;

/// Returns the feature files that the comma list `splits` of a task needs, in the order of first use.
///
/// - VQA: train → train2014; valid, minival, nominival → val2014; test → test2015, under `mscoco_imgfeat`. minival at full
///   scale uses the first 5000 rows only. Under a smaller scale nominival finds few images or none, as in the original.
/// - GQA: with testdev or testdev_all among the splits, `gqa_testdev_obj36.tsv` whole at every scale, and nothing else;
///   otherwise `vg_gqa_obj36.tsv`, for submit too, under `vg_gqa_imgfeat`.
/// - NLVR2: train and valid their own; a split whose name contains `test`, the test file, under `nlvr2_imgfeat`. For
///   `hidden` the original loads no features and writes an empty file; here it has the file that the extractor's
///   `--split hidden` writes. (The set was published in 2022 as test2.)
///
/// Splits that share a file get it once, with the larger limit. The original loads it again for each, with the same effect.
pub fn feature_files(task: Task, splits: &str, scale: Scale, data_root: &Path) -> Result<Vec<FeatureFile>> {
    let splits = split_names(splits)?;
    let testdev = splits.iter().any(|split| split == "testdev" || split == "testdev_all");
    let mut files: Vec<FeatureFile> = Vec::new();
    for split in splits {
        let (name, limit) = match task {
            Task::Vqa => vqa(&split, scale)?,
            Task::Gqa if testdev => ("vg_gqa_imgfeat/gqa_testdev_obj36.tsv", RowLimit::All),
            Task::Gqa => ("vg_gqa_imgfeat/vg_gqa_obj36.tsv", scale.limit()),
            Task::Nlvr2 => (nlvr2(&split)?, scale.limit()),
        };
        let path = data_root.join(name);
        match files.iter_mut().find(|file| file.path == path) {
            Some(file) => {
                file.limit = file.limit.max(limit);
                file.splits.push(split);
            }
            None => files.push(FeatureFile { path, limit, splits: vec![split] }),
        }
    }
    Ok(files)
}

fn vqa(split: &str, scale: Scale) -> Result<(&'static str, RowLimit)> {
    let name = match split {
        "train" => "mscoco_imgfeat/train2014_obj36.tsv",
        "valid" | "minival" | "nominival" => "mscoco_imgfeat/val2014_obj36.tsv",
        "test" => "mscoco_imgfeat/test2015_obj36.tsv",
        _ => {
            return Err(Error::usage(format!("no feature file belongs to the VQA split `{split}`"))
                .next("VQA's splits are train, valid, minival, nominival, test"));
        }
    };
    let limit = match (split, scale) {
        ("minival", Scale::Full) => RowLimit::First(MINIVAL_IMAGES),
        _ => scale.limit(),
    };
    Ok((name, limit))
}

fn nlvr2(split: &str) -> Result<&'static str> {
    match split {
        "train" => Ok("nlvr2_imgfeat/train_obj36.tsv"),
        "valid" => Ok("nlvr2_imgfeat/valid_obj36.tsv"),
        "hidden" => Ok("nlvr2_imgfeat/hidden_obj36.tsv"),
        _ if split.contains("test") => Ok("nlvr2_imgfeat/test_obj36.tsv"),
        _ => Err(Error::usage(format!("no feature file belongs to the NLVR2 split `{split}`"))
            .next("NLVR2's splits are train, valid, hidden, and any whose name contains `test`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule() {
        let (tiny, fast, full) = (Scale::Tiny, Scale::Fast, Scale::Full);
        for (task, splits, scale, expected) in [
            (Task::Vqa, "train", full, "mscoco_imgfeat/train2014 All"),
            (Task::Vqa, "train", tiny, "mscoco_imgfeat/train2014 First(512)"),
            (Task::Vqa, "train", fast, "mscoco_imgfeat/train2014 First(5000)"),
            (Task::Vqa, "valid", full, "mscoco_imgfeat/val2014 All"),
            (Task::Vqa, "minival", full, "mscoco_imgfeat/val2014 First(5000)"),
            (Task::Vqa, "minival", tiny, "mscoco_imgfeat/val2014 First(512)"),
            (Task::Vqa, "minival", fast, "mscoco_imgfeat/val2014 First(5000)"),
            (Task::Vqa, "minival,nominival", full, "mscoco_imgfeat/val2014 All"),
            (Task::Vqa, "nominival,minival", full, "mscoco_imgfeat/val2014 All"),
            (Task::Vqa, "test", full, "mscoco_imgfeat/test2015 All"),
            (Task::Vqa, "train,nominival", full, "mscoco_imgfeat/train2014 All, mscoco_imgfeat/val2014 All"),
            (Task::Gqa, "train,valid", full, "vg_gqa_imgfeat/vg_gqa All"),
            (Task::Gqa, "train,valid", tiny, "vg_gqa_imgfeat/vg_gqa First(512)"),
            (Task::Gqa, "testdev", tiny, "vg_gqa_imgfeat/gqa_testdev All"),
            (Task::Gqa, "train,testdev_all", fast, "vg_gqa_imgfeat/gqa_testdev All"),
            (Task::Gqa, "submit", full, "vg_gqa_imgfeat/vg_gqa All"),
            (Task::Nlvr2, "train,valid", tiny, "nlvr2_imgfeat/train First(512), nlvr2_imgfeat/valid First(512)"),
            (Task::Nlvr2, "test", full, "nlvr2_imgfeat/test All"),
            (Task::Nlvr2, "test2", fast, "nlvr2_imgfeat/test First(5000)"),
            (Task::Nlvr2, "test,mytest", full, "nlvr2_imgfeat/test All"),
            (Task::Nlvr2, "hidden", full, "nlvr2_imgfeat/hidden All"),
            (Task::Nlvr2, "test,hidden", tiny, "nlvr2_imgfeat/test First(512), nlvr2_imgfeat/hidden First(512)"),
            (Task::Nlvr2, "", full, ""),
        ] {
            let files = feature_files(task, splits, scale, Path::new("data")).unwrap();
            let got: Vec<_> = files.iter().map(|file| format!("{} {:?}", file.path.display(), file.limit)).collect();
            let got = got.join(", ").replace("data/", "").replace("_obj36.tsv", "");
            assert_eq!(got, expected, "{task} {splits} {scale:?}");
        }
        use RowLimit::{All, First};
        assert_eq!(
            [Scale::from_flags(true, true), Scale::from_flags(false, true), Scale::from_flags(false, false)],
            [tiny, fast, full]
        );
        assert!(All.admits(usize::MAX) && First(2).admits(1) && !First(2).admits(2));
    }

    #[test]
    fn a_split_without_features_is_an_error() {
        let error = |task, splits| feature_files(task, splits, Scale::Full, Path::new("d")).unwrap_err().to_string();
        assert!(error(Task::Nlvr2, "test,dev").contains("`dev`"));
        assert!(error(Task::Vqa, "dev").contains("minival"));
    }
}

//! The sets of images behind the paper's features, with the folders and file names of the original's scripts
//! (data/*_imgfeat/extract_*_image.py @ 0db1182), and folders of a person's own images.

use std::borrow::Cow;
use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use base::error::{Error, Result};

/// A collection of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSet {
    /// NLVR2's photographs
    Nlvr2,
    /// MS COCO, for VQA and pre-training
    Coco,
    /// The images of GQA, Visual Genome's among them
    Gqa,
    /// Your own images, in a folder and in folders below it
    Folder,
    /// The ten images whose released rows are public; the rows are judged by them
    Golden,
}

/// A part of an [`ImageSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// NLVR2 train, COCO train2014
    Train,
    /// NLVR2 dev, COCO val2014
    Valid,
    /// NLVR2 test1, COCO test2015
    Test,
    /// NLVR2 test2
    Hidden,
}

/// Where the images of a source lie in its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Directly in it.
    Flat,
    /// In folders one level deeper.
    OneDeeper,
    /// At any depth.
    AnyDepth,
}

/// The images of one feature file: their folder, the script that extracts them, and the file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSource {
    /// The set.
    pub set: ImageSet,
    /// Value of the script's `--split`.
    pub split: &'static str,
    /// Subfolder of the image folder; empty if they lie in it directly.
    pub folder: &'static str,
    /// Where they lie in it.
    pub layout: Layout,
    /// File that the script writes.
    pub written: &'static str,
    /// File that training reads.
    pub output: Cow<'static, str>,
    /// Name of the script's asset.
    pub script: &'static str,
}

impl ImageSource {
    /// Returns the source of a set and split; GQA has no splits.
    ///
    /// # Errors
    /// Usage if the set has no such split, or the split is missing.
    pub fn of(set: ImageSet, split: Option<Split>) -> Result<Self> {
        let one = |script, split, folder, written, output| Self {
            set,
            split,
            folder,
            layout: if (set, split) == (ImageSet::Nlvr2, "train") { Layout::OneDeeper } else { Layout::Flat },
            written,
            output: Cow::Borrowed(output),
            script,
        };
        let nlvr2 = |split, folder, output| one("extract-nlvr2-script", split, folder, output, output);
        let coco = |split, folder, written, output| one("extract-coco-script", split, folder, written, output);
        let need = |splits: &str| Err(Error::usage("--split is missing").next(format!("add --split with {splits}")));
        Ok(match (set, split) {
            (ImageSet::Nlvr2, Some(Split::Train)) => nlvr2("train", "train", "train_obj36.tsv"),
            (ImageSet::Nlvr2, Some(Split::Valid)) => nlvr2("valid", "dev", "valid_obj36.tsv"),
            (ImageSet::Nlvr2, Some(Split::Test)) => nlvr2("test", "test1", "test_obj36.tsv"),
            (ImageSet::Nlvr2, Some(Split::Hidden)) => nlvr2("hidden", "test2", "hidden_obj36.tsv"),
            (ImageSet::Coco, Some(Split::Train)) => {
                coco("train", "train2014", "train_obj36.tsv", "train2014_obj36.tsv")
            }
            (ImageSet::Coco, Some(Split::Valid)) => coco("valid", "val2014", "valid_obj36.tsv", "val2014_obj36.tsv"),
            (ImageSet::Coco, Some(Split::Test)) => coco("test", "test2015", "test_obj36.tsv", "test2015_obj36.tsv"),
            (ImageSet::Gqa, None) => one("extract-gqa-script", "train", "", "vg_gqa_obj36.tsv", "vg_gqa_obj36.tsv"),
            (ImageSet::Nlvr2, None) => return need("train, valid, test or hidden"),
            (ImageSet::Coco, None) => return need("train, valid or test"),
            (ImageSet::Coco, Some(Split::Hidden)) => {
                return Err(Error::usage("COCO has no split `hidden`").next("choose train, valid or test"));
            }
            (ImageSet::Gqa, Some(_)) => {
                return Err(Error::usage("GQA's images have no splits").next("remove --split"));
            }
            (ImageSet::Golden, None) => Self {
                layout: Layout::AnyDepth,
                ..one("extract-gqa-script", "train", "", "vg_gqa_obj36.tsv", "golden_obj36.tsv")
            },
            (ImageSet::Golden, Some(_)) => {
                return Err(Error::usage("the golden images have no splits").next("remove --split"));
            }
            (ImageSet::Folder, _) => return Err(Error::bug("a folder is not a set of images")),
        })
    }

    /// Returns the source of a person's own images; their feature file is `<stem>.tsv`. GQA's script extracts them, since it reads a
    /// folder itself.
    pub fn folder(stem: &str) -> Self {
        Self {
            set: ImageSet::Folder,
            split: "train",
            folder: "",
            layout: Layout::AnyDepth,
            written: "vg_gqa_obj36.tsv",
            output: Cow::Owned(format!("{stem}.tsv")),
            script: "extract-gqa-script",
        }
    }

    /// Returns the name of the feature file without suffix, such as `val2014_obj36`.
    pub fn stem(&self) -> &str {
        self.output.trim_end_matches(".tsv")
    }

    /// Whether the first rows of the file are used for minival (src/tasks/vqa_data.py @ 0db1182: the first 5000 images of val2014).
    pub fn begins_with_minival(&self) -> bool {
        self.output == "val2014_obj36.tsv"
    }

    /// Checks that the folder of images exists.
    ///
    /// # Errors
    /// Data with the expected folders.
    pub fn check(&self, root: &Path) -> Result<()> {
        let folder = root.join(self.folder);
        if folder.is_dir() {
            return Ok(());
        }
        let expected = match (self.set, self.layout) {
            (ImageSet::Nlvr2, Layout::OneDeeper) => "a folder train/ with sub-folders of images",
            (ImageSet::Nlvr2, _) => "folders train/, dev/, test1/ and test2/ with NLVR2's images",
            (ImageSet::Coco, _) => "folders train2014/, val2014/ and test2015/ with COCO's images",
            (ImageSet::Gqa, _) => "GQA's images",
            (ImageSet::Folder, _) => "the images",
            (ImageSet::Golden, _) => "the ten images of the golden rows (`repro fetch --task golden`)",
        };
        Err(Error::data(format!("the folder {} is missing", folder.display()))
            .next(format!("set --images to the folder that holds {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_files_have_the_names_that_training_reads() {
        let output = |set, split| {
            ImageSource::of(set, split).map(|source| (source.folder, source.written, source.output.into_owned()))
        };
        assert_eq!(
            output(ImageSet::Coco, Some(Split::Valid)).unwrap(),
            ("val2014", "valid_obj36.tsv", "val2014_obj36.tsv".to_owned())
        );
        assert_eq!(
            output(ImageSet::Nlvr2, Some(Split::Valid)).unwrap(),
            ("dev", "valid_obj36.tsv", "valid_obj36.tsv".to_owned())
        );
        assert_eq!(output(ImageSet::Gqa, None).unwrap(), ("", "vg_gqa_obj36.tsv", "vg_gqa_obj36.tsv".to_owned()));
        assert!(ImageSource::of(ImageSet::Nlvr2, Some(Split::Train)).unwrap().layout == Layout::OneDeeper);
        for (set, split) in
            [(ImageSet::Coco, Some(Split::Hidden)), (ImageSet::Coco, None), (ImageSet::Gqa, Some(Split::Train))]
        {
            assert!(output(set, split).is_err());
        }
    }
}

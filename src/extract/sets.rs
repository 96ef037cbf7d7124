//! The sets of images that the paper's features are made from, as the original's scripts know them
//! (data/*_imgfeat/extract_*_image.py @ 0db1182).

use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use base::error::{Error, Result};

/// A collection of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// NLVR2's photographs
    Nlvr2,
    /// MS COCO, for VQA and pre-training
    Coco,
    /// The images of GQA, Visual Genome's among them
    Gqa,
}

/// A part of a [`Set`].
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

/// Images of one output file: where they lie, who extracts them, under which names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The set.
    pub set: Set,
    /// Value of the script's `--split`.
    pub split: &'static str,
    /// Folder below the image folder; empty where they lie in it.
    pub folder: &'static str,
    /// Whether they lie one folder deeper.
    pub nested: bool,
    /// The file that the script writes.
    pub written: &'static str,
    /// The file that training reads.
    pub output: &'static str,
    /// The asset that holds the script.
    pub script: &'static str,
}

impl Source {
    /// Of a set and its split; GQA has no splits.
    ///
    /// # Errors
    /// Usage where there is no such split, or it is not said which.
    pub fn of(set: Set, split: Option<Split>) -> Result<Self> {
        let one = |script, split, folder, written, output| Self {
            set,
            split,
            folder,
            nested: (set, split) == (Set::Nlvr2, "train"),
            written,
            output,
            script,
        };
        let nlvr2 = |split, folder, output| one("extract-nlvr2-script", split, folder, output, output);
        let coco = |split, folder, written, output| one("extract-coco-script", split, folder, written, output);
        let need = |splits: &str| Err(Error::usage("it is not said which split").next(format!("add --split {splits}")));
        Ok(match (set, split) {
            (Set::Nlvr2, Some(Split::Train)) => nlvr2("train", "train", "train_obj36.tsv"),
            (Set::Nlvr2, Some(Split::Valid)) => nlvr2("valid", "dev", "valid_obj36.tsv"),
            (Set::Nlvr2, Some(Split::Test)) => nlvr2("test", "test1", "test_obj36.tsv"),
            (Set::Nlvr2, Some(Split::Hidden)) => nlvr2("hidden", "test2", "hidden_obj36.tsv"),
            (Set::Coco, Some(Split::Train)) => coco("train", "train2014", "train_obj36.tsv", "train2014_obj36.tsv"),
            (Set::Coco, Some(Split::Valid)) => coco("valid", "val2014", "valid_obj36.tsv", "val2014_obj36.tsv"),
            (Set::Coco, Some(Split::Test)) => coco("test", "test2015", "test_obj36.tsv", "test2015_obj36.tsv"),
            (Set::Gqa, None) => one("extract-gqa-script", "train", "", "vg_gqa_obj36.tsv", "vg_gqa_obj36.tsv"),
            (Set::Nlvr2, None) => return need("train, valid, test or hidden"),
            (Set::Coco, None) => return need("train, valid or test"),
            (Set::Coco, Some(Split::Hidden)) => {
                return Err(Error::usage("COCO has no split hidden").next("choose train, valid or test"));
            }
            (Set::Gqa, Some(_)) => {
                return Err(Error::usage("the images of GQA are one set without splits").next("leave --split out"));
            }
        })
    }

    /// The output's name without its ending, such as `val2014_obj36`.
    pub fn stem(&self) -> &'static str {
        self.output.trim_end_matches(".tsv")
    }

    /// Whether the programs take the first rows of the file for a set of their own (src/tasks/vqa_data.py @ 0db1182:
    /// minival is the first 5000 images of val2014).
    pub fn begins_with_minival(&self) -> bool {
        self.output == "val2014_obj36.tsv"
    }

    /// Checks that the folder of images is there.
    ///
    /// # Errors
    /// Data, saying which folders are expected.
    pub fn check(&self, root: &Path) -> Result<()> {
        let folder = root.join(self.folder);
        if folder.is_dir() {
            return Ok(());
        }
        let expected = match (self.set, self.nested) {
            (Set::Nlvr2, true) => "a folder train/ with sub-folders of images",
            (Set::Nlvr2, false) => "folders train/, dev/, test1/ and test2/ with NLVR2's images",
            (Set::Coco, _) => "folders train2014/, val2014/ and test2015/ with COCO's images",
            (Set::Gqa, _) => "GQA's images",
        };
        Err(Error::data(format!("there is no folder {}", folder.display()))
            .next(format!("name with --images the folder that holds {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_training_wants() {
        let output = |set, split| Source::of(set, split).map(|source| (source.folder, source.written, source.output));
        assert_eq!(output(Set::Coco, Some(Split::Valid)).unwrap(), ("val2014", "valid_obj36.tsv", "val2014_obj36.tsv"));
        assert_eq!(output(Set::Nlvr2, Some(Split::Valid)).unwrap(), ("dev", "valid_obj36.tsv", "valid_obj36.tsv"));
        assert_eq!(output(Set::Gqa, None).unwrap(), ("", "vg_gqa_obj36.tsv", "vg_gqa_obj36.tsv"));
        assert!(Source::of(Set::Nlvr2, Some(Split::Train)).unwrap().nested);
        for (set, split) in [(Set::Coco, Some(Split::Hidden)), (Set::Coco, None), (Set::Gqa, Some(Split::Train))] {
            assert!(output(set, split).is_err());
        }
    }
}

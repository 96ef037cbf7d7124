//! The files that each task reads, and the entries of the manifest that they come from. Only these are fetched: not the test sets
//! of a task's group, nor a different edition of the weights.

use std::path::{Path, PathBuf};

use assets::lock::{Demands, Lock};
use assets::manifest::{Asset, Checksums, Expect, Made, Manifest, Selection, Unpack};
use assets::paths::AssetPaths;
use base::error::{Error, Result};
use data::dataset::{Scale, Task, feature_files, split_names};
use lxmert_spec::paper::{FineTuningRecipe, PRETRAINED_FILE, fine_tuning};

/// Path of the data root in the workspace.
pub const DATA: &str = "data";
/// Path of the vocabulary in the workspace.
pub const VOCABULARY: &str = "data/vocab.txt";

/// Where a file comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin<'a> {
    /// Published as it is.
    Asset(&'a Asset),
    /// A member of a published archive.
    Unpacked(&'a Asset, &'a Unpack),
    /// Made from published files.
    Made(&'a Made),
}

impl<'a> Origin<'a> {
    fn of(manifest: &'a Manifest, path: &Path) -> Option<Self> {
        let assets = || manifest.assets.iter();
        let itself = assets().find(|asset| asset.path == path).map(Self::Asset);
        let member = || {
            assets().find_map(|asset| {
                let unpack = asset.unpack.iter().find(|unpack| unpack.path == path)?;
                Some(Self::Unpacked(asset, unpack))
            })
        };
        let made = || manifest.made.iter().find(|made| made.path == path).map(Self::Made);
        itself.or_else(member).or_else(made)
    }

    /// Returns the name that selects it in commands.
    pub fn name(self) -> &'a str {
        match self {
            Self::Asset(asset) | Self::Unpacked(asset, _) => &asset.name,
            Self::Made(made) => &made.name,
        }
    }

    /// Returns the published files that its content comes from.
    pub fn assets(self, manifest: &'a Manifest) -> Vec<&'a Asset> {
        match self {
            Self::Asset(asset) | Self::Unpacked(asset, _) => vec![asset],
            Self::Made(made) => made.from.iter().filter_map(|name| manifest.asset(name)).collect(),
        }
    }

    /// Returns the expected content counts, if the manifest has any.
    pub fn expect(self) -> Option<&'a Expect> {
        match self {
            Self::Asset(asset) => asset.expect.as_ref(),
            Self::Unpacked(_, unpack) => unpack.expect.as_ref(),
            Self::Made(made) => made.expect.as_ref(),
        }
    }

    /// Returns its place in the workspace.
    pub fn place(self, workspace: &Path) -> AssetPaths {
        match self {
            Self::Asset(asset) => AssetPaths::new(workspace, &asset.name, &asset.path),
            Self::Unpacked(asset, unpack) => AssetPaths::unpacked(workspace, asset, unpack),
            Self::Made(made) => AssetPaths::made(workspace, made),
        }
    }

    /// Returns what its content must match.
    pub fn demands(self, lock: &Lock) -> Demands {
        let checksums = match self {
            Self::Asset(asset) => return lock.demands(asset),
            Self::Unpacked(_, unpack) => unpack.checksums(),
            Self::Made(made) => Checksums { sha256: made.sha256.clone(), ..Checksums::default() },
        };
        Demands { checksums, ..Demands::default() }
    }
}

/// A file that a task reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Need<'a> {
    /// Path relative to the workspace.
    pub path: PathBuf,
    /// Where it comes from.
    pub origin: Origin<'a>,
}

/// The files that a set of tasks reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Needs<'a> {
    manifest: &'a Manifest,
    tasks: Vec<(Task, Vec<Need<'a>>)>,
}

impl<'a> Needs<'a> {
    /// Looks up the files that `tasks` read.
    ///
    /// # Errors
    /// Data if the manifest has no source for a file.
    pub fn of(manifest: &'a Manifest, tasks: &[Task]) -> Result<Self> {
        let (mut found, mut lacking) = (Vec::new(), Vec::new());
        for &task in tasks {
            let mut needs = Vec::new();
            for path in reads(task)? {
                match Origin::of(manifest, &path) {
                    Some(origin) => needs.push(Need { path, origin }),
                    None => lacking.push(path.display().to_string()),
                }
            }
            found.push((task, needs));
        }
        if lacking.is_empty() {
            return Ok(Self { manifest, tasks: found });
        }
        Err(Error::data(format!("the manifest has no source for {}", lacking.join(", ")))
            .next("use the built-in manifest, or add these files to yours"))
    }

    /// Returns the tasks, in order.
    pub fn tasks(&self) -> impl Iterator<Item = Task> {
        self.tasks.iter().map(|(task, _)| *task)
    }

    /// Returns the files that a task reads.
    pub fn of_task(&self, task: Task) -> &[Need<'a>] {
        self.tasks.iter().find(|(one, _)| *one == task).map_or(&[], |(_, needs)| needs)
    }

    /// Returns what must be fetched and made for all tasks.
    pub fn selection(&self) -> Selection {
        let mut names: Vec<String> = Vec::new();
        for need in self.tasks.iter().flat_map(|(_, needs)| needs) {
            if !names.iter().any(|name| name == need.origin.name()) {
                names.push(need.origin.name().to_owned());
            }
        }
        Selection { names, ..Selection::default() }
    }

    /// Lists the published files in the manifest's order, each with the files that come from it and the tasks that read them.
    pub fn assets(&self) -> Vec<(&'a Asset, Vec<(Task, &Need<'a>)>)> {
        let all = || self.tasks.iter().flat_map(|(task, needs)| needs.iter().map(move |need| (*task, need)));
        let uses = |asset: &Asset| {
            let from = |need: &Need| need.origin.assets(self.manifest).iter().any(|one| one.name == asset.name);
            all().filter(|(_, need)| from(need)).collect::<Vec<_>>()
        };
        let used = self.manifest.assets.iter().map(|asset| (asset, uses(asset)));
        used.filter(|(_, uses)| !uses.is_empty()).collect()
    }

    /// Returns the number of training examples of a task, if the manifest has it.
    pub fn training_examples(&self, task: Task) -> Option<u64> {
        let count = |split: &String| {
            let path = task.split_file(Path::new(DATA), split);
            self.of_task(task).iter().find(|need| need.path == path)?.origin.expect()?.count
        };
        let splits = split_names(fine_tuning(task).train).ok()?;
        splits.iter().map(count).try_fold(0_u64, |sum, count| sum.checked_add(count?))
    }
}

/// Returns the paths, relative to the workspace, of the files that fine-tuning and evaluating a task read.
fn reads(task: Task) -> Result<Vec<PathBuf>> {
    let data = Path::new(DATA);
    let FineTuningRecipe { train, valid, loads_answers, .. } = fine_tuning(task);
    let mut paths = Vec::new();
    for splits in [train, valid] {
        paths.extend(split_names(splits)?.iter().map(|split| task.split_file(data, split)));
    }
    for splits in [train, valid] {
        for file in feature_files(task, splits, Scale::Full, data)? {
            if !paths.contains(&file.path) {
                paths.push(file.path);
            }
        }
    }
    if loads_answers {
        let tables = ["trainval_ans2label.json", "trainval_label2ans.json"];
        paths.extend(tables.map(|table| data.join(task.name()).join(table)));
        paths.push(data.join("lxmert/all_ans.json"));
    }
    paths.extend([VOCABULARY, PRETRAINED_FILE].map(PathBuf::from));
    Ok(paths)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A manifest of every form: published as it is, in an archive, made, and something that no task reads.
    pub(in crate::pipeline::paper) const MANIFEST: &str = include_str!("../../../tests/fixtures/assets/paper.toml");

    #[test]
    fn only_what_is_read_is_needed() {
        let manifest = Manifest::parse(MANIFEST, "test").unwrap();
        let needs = Needs::of(&manifest, &[Task::Vqa]).unwrap();
        let paths: Vec<String> = needs.of_task(Task::Vqa).iter().map(|need| need.path.display().to_string()).collect();
        insta::assert_snapshot!(paths.join("\n"), @r"
        data/vqa/train.json
        data/vqa/nominival.json
        data/vqa/minival.json
        data/mscoco_imgfeat/train2014_obj36.tsv
        data/mscoco_imgfeat/val2014_obj36.tsv
        data/vqa/trainval_ans2label.json
        data/vqa/trainval_label2ans.json
        data/lxmert/all_ans.json
        data/vocab.txt
        snap/pretrained/model_LXRT.pth
        ");
        let all = Needs::of(&manifest, &Task::ALL).unwrap();
        let names: Vec<&str> = all.assets().iter().map(|(asset, _)| asset.name.as_str()).collect();
        insta::assert_snapshot!(names.join("\n"), @r"
        model
        vocabulary
        all-answers
        vqa-minival
        vqa-nominival
        vqa-train
        vqa-tables
        coco-train2014
        coco-val2014
        gqa-train
        gqa-valid
        gqa-testdev
        gqa-trainval_ans2label
        gqa-trainval_label2ans
        gqa-features
        nlvr2-official-train
        nlvr2-official-dev
        nlvr2-features-train
        nlvr2-features-valid
        ");
        assert_eq!(manifest.select(&all.selection()).unwrap().len(), names.len());
        let weights = all.assets().into_iter().find(|(asset, _)| asset.name == "model").unwrap();
        assert_eq!(weights.1.iter().map(|(task, _)| *task).collect::<Vec<_>>(), Task::ALL);
        assert_eq!(all.training_examples(Task::Vqa), Some(632_117));
        assert_eq!(all.training_examples(Task::Gqa), None, "valid has no count here");
    }

    #[test]
    fn a_manifest_that_lacks_a_file_is_named_with_it() {
        let text = MANIFEST.replace(r#""valid", "testdev"]"#, r#""valid"]"#);
        let manifest = Manifest::parse(&text, "test").unwrap();
        Needs::of(&manifest, &[Task::Vqa]).unwrap();
        let error = Needs::of(&manifest, &Task::ALL).unwrap_err().to_string();
        assert!(error.contains("no source for data/gqa/testdev.json\n"), "{error}");
    }
}

//! What must hold of prepared files: as many entries as the manifest says, and features for every question.

use std::path::{Path, PathBuf};

use indexmap::IndexSet;
use serde::Serialize;

use super::Settings;
use super::count::{count, unit};
use super::plan::OBJ36;
use assets::manifest::{Expect, Manifest, Selection};
use assets::place::Place;
use base::error::{Error, Result};
use base::format::{grouped, number_of};
use data::dataset::images::{images_of_questions, images_of_sentences};
use data::dataset::pretrain::data::Source;
use data::dataset::{Limit, Scale, Task, feature_files};
use data::features::{FeatureStore, IdClue, known_store};

/// How many lost images are named.
const NAMED: usize = 5;

/// How much is in a file, and how much must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The file below the workspace, or what is counted together.
    pub what: String,
    /// `entries`, `lines`, `files` or `images`.
    pub unit: &'static str,
    /// What the manifest says, where it does.
    pub expected: Option<u64>,
    /// What is there; `None` where the file is not.
    pub found: Option<u64>,
}

/// The questions of a file that the original would drop without a word, for want of features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The file of questions or sentences, below the data root.
    pub questions_of: PathBuf,
    /// The features, below the data root.
    pub features_of: PathBuf,
    /// Questions; for pre-training data, images with sentences.
    pub questions: u64,
    /// How many of them lack an image.
    pub lost: u64,
    /// How many different images are missing.
    pub images_lost: usize,
    /// The first of them.
    pub first_lost: Vec<String>,
    /// Of the missing images, those that are in the file, but behind the first rows, which alone are read.
    pub behind_limit: usize,
    /// How many first rows are read, where not all.
    pub limit: Option<usize>,
    /// How the ids differ, where no question finds its features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<String>,
}

impl Count {
    /// Whether nothing contradicts the manifest.
    pub fn is_right(&self) -> bool {
        self.difference().is_none()
    }

    /// `4 fewer than 40,504`, where it differs.
    pub fn difference(&self) -> Option<String> {
        let (expected, found) = self.expected.zip(self.found).filter(|(expected, found)| expected != found)?;
        let word = if found < expected { "fewer" } else { "more" };
        Some(format!("{} {word} than {}", grouped(expected.abs_diff(found)), grouped(expected)))
    }

    /// That it differs, as an error.
    pub(super) fn error(&self) -> Option<Error> {
        let (difference, found) = (self.difference()?, self.found?);
        Some(
            Error::data(format!("{} has {} {}, {difference}", self.what, grouped(found), self.unit))
                .next("remove the file and get it again; if it is the published one, correct the manifest"),
        )
    }
}

impl Coverage {
    fn error(&self) -> Option<Error> {
        if self.lost == 0 {
            return None;
        }
        let (questions, features) = (self.questions_of.display(), self.features_of.display());
        let (lost, all) = (grouped(self.lost), grouped(self.questions));
        let error = Error::data(format!(
            "{lost} of {all} questions of {questions} would be lost: their images are not in {features}"
        ))
        .because(format!(
            "missing: {}, first {}",
            number_of(self.images_lost as u64, "image"),
            self.first_lost.join(", ")
        ));
        Some(match self.limit.filter(|_| self.behind_limit > 0) {
            Some(limit) => error
                .because(format!(
                    "{} of them: behind its first {limit} rows, which alone are read for this split",
                    self.behind_limit
                ))
                .next("use the published file: its rows are in another order than those of an extraction of one's own"),
            None => match &self.ids {
                Some(ids) => error.because(ids).next("give both the same ids, in the img_id column of either"),
                None => error.next("use the published file, or extract features of these images"),
            },
        })
    }
}

/// Counts everything of a selection that is there.
///
/// # Errors
/// The second list: what could not be counted, and what differs.
pub fn counts(manifest: &Manifest, selection: &Selection, settings: &Settings) -> Result<(Vec<Count>, Vec<Error>)> {
    let (mut counts, mut errors) = (Vec::new(), Vec::new());
    for (place, expect) in expectations(manifest, selection, &settings.workspace)? {
        let what = place.file().strip_prefix(&settings.workspace).unwrap_or(place.file()).display().to_string();
        match found(&place, expect, settings) {
            Ok(found) => counts.push(Count { what, unit: unit(&expect.kind), expected: expect.count, found }),
            Err(error) => errors.push(error),
        }
    }
    counts.extend(together(&counts));
    errors.extend(counts.iter().filter_map(Count::error));
    Ok((counts, errors))
}

/// Entries in one file; `None` where it or its store is not there.
pub(super) fn found(place: &Place, expect: &Expect, settings: &Settings) -> Result<Option<u64>> {
    if expect.kind != OBJ36 {
        return count(place.file(), &expect.kind);
    }
    if !place.file().exists() {
        return Ok(None);
    }
    let store = known_store(place.file(), &settings.stores(), settings.precision)?;
    Ok(store.map(|store| store.len() as u64))
}

fn expectations<'a>(
    manifest: &'a Manifest,
    selection: &Selection,
    workspace: &Path,
) -> Result<Vec<(Place, &'a Expect)>> {
    let mut all = Vec::new();
    for asset in manifest.select(selection)? {
        all.push((Place::new(workspace, &asset.name, &asset.path), asset.expect.as_ref()));
        let unpacked = asset.unpack.iter();
        all.extend(unpacked.map(|unpack| (Place::unpacked(workspace, asset, unpack), unpack.expect.as_ref())));
    }
    let made = manifest.select_made(selection)?.into_iter();
    all.extend(made.map(|made| (Place::made(workspace, made), made.expect.as_ref())));
    Ok(all.into_iter().filter_map(|(place, expect)| Some((place, expect?))).collect())
}

/// VQA's models are trained on two files together: 632,117 questions.
fn together(counts: &[Count]) -> Option<Count> {
    let of = |file: &str| counts.iter().find(|count| count.what == file);
    let (train, nominival) = (of("data/vqa/train.json")?, of("data/vqa/nominival.json")?);
    let sum = |a: Option<u64>, b: Option<u64>| a?.checked_add(b?);
    Some(Count {
        what: "data/vqa train + nominival".into(),
        unit: train.unit,
        expected: sum(train.expected, nominival.expected),
        found: Some(sum(train.found, nominival.found)?),
    })
}

/// Looks for the features of every question of a selection's split files, where questions and store are there.
///
/// # Errors
/// The second list: files that cannot be read, and questions that would be lost.
pub fn coverage(
    manifest: &Manifest,
    selection: &Selection,
    settings: &Settings,
) -> Result<(Vec<Coverage>, Vec<Error>)> {
    let data = settings.workspace.join("data");
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for questions in questions(manifest, selection, &data)? {
        match questions.look(&data, settings) {
            Ok(found) => all.extend(found),
            Err(error) => errors.push(error),
        }
    }
    errors.extend(all.iter().filter_map(Coverage::error));
    Ok((all, errors))
}

/// A file with questions, and where their images' features are.
struct Questions {
    file: PathBuf,
    task: Option<Task>,
    features: PathBuf,
    limit: Limit,
}

fn questions(manifest: &Manifest, selection: &Selection, data: &Path) -> Result<Vec<Questions>> {
    let assets = manifest.select(selection)?.into_iter();
    let mut files: Vec<&Path> = Vec::new();
    for asset in assets {
        files.push(&asset.path);
        files.extend(asset.unpack.iter().map(|unpack| unpack.path.as_path()));
    }
    files.extend(manifest.select_made(selection)?.into_iter().map(|made| made.path.as_path()));
    let files = files.into_iter().filter_map(|file| file.strip_prefix("data").ok());
    Ok(files.filter_map(|file| Questions::of(file, data)).collect())
}

impl Questions {
    /// `file` is below the data root; `None` where it holds no questions.
    fn of(file: &Path, data: &Path) -> Option<Self> {
        if let Some(source) = Source::ALL.into_iter().find(|source| source.sentence_file() == file) {
            let features = source.feature_file().to_owned();
            return Some(Self { file: file.to_owned(), task: None, features, limit: Limit::All });
        }
        let folder = file.parent()?;
        let task = Task::ALL.into_iter().find(|task| folder == Path::new(task.name()))?;
        let split = file.file_stem()?.to_str()?;
        // Answer tables.
        if split.starts_with("trainval_") {
            return None;
        }
        let of = feature_files(task, split, Scale::Full, data).ok()?.into_iter().next()?;
        let features = of.path.strip_prefix(data).ok()?.to_owned();
        Some(Self { file: file.to_owned(), task: Some(task), features, limit: of.limit })
    }

    fn look(self, data: &Path, settings: &Settings) -> Result<Option<Coverage>> {
        let (file, tsv) = (data.join(&self.file), data.join(&self.features));
        if !file.is_file() || !tsv.is_file() {
            return Ok(None);
        }
        let Some(whole) = known_store(&tsv, &settings.stores(), settings.precision)? else { return Ok(None) };
        let limit = match self.limit {
            Limit::First(rows) => Some(rows),
            Limit::All => None,
        };
        let store: FeatureStore = limit.map_or_else(|| whole.clone(), |rows| whole.clone().with_limit(rows));
        let (mut questions, mut lost, mut missing) = (0, 0, IndexSet::new());
        let mut each = |images: &[String]| {
            questions += 1;
            let before = lost;
            for image in images.iter().filter(|image| store.index_of(image).is_none()) {
                lost = before + 1;
                if !missing.contains(image) {
                    missing.insert(image.clone());
                }
            }
        };
        match self.task {
            Some(task) => images_of_questions(task, &file, &mut each)?,
            None => images_of_sentences(&file, &mut each)?,
        }
        let clue = IdClue::find(missing.iter().map(String::as_str), store.ids(), |id| store.index_of(id).is_some());
        Ok(Some(Coverage {
            ids: clue.filter(|clue| lost == questions && clue.differs()).map(|clue| clue.to_string()),
            questions_of: self.file,
            features_of: self.features,
            questions,
            lost,
            images_lost: missing.len(),
            first_lost: missing.iter().take(NAMED).cloned().collect(),
            behind_limit: missing.iter().filter(|image| whole.index_of(image).is_some()).count(),
            limit,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_read_well() {
        let count = |found, expected| Count { what: "a.json".into(), unit: "entries", expected, found };
        assert_eq!(count(Some(5), Some(25_994)).difference().unwrap(), "25,989 fewer than 25,994");
        assert_eq!(count(Some(632_118), Some(632_117)).difference().unwrap(), "1 more than 632,117");
        assert!([count(None, Some(1)), count(Some(1), None), count(Some(1), Some(1))].iter().all(Count::is_right));
        assert_eq!([0, 999, 1_000, 1_000_000].map(grouped), ["0", "999", "1,000", "1,000,000"]);
    }

    #[test]
    fn questions_know_their_features() {
        let of = |file: &str| {
            let found = Questions::of(Path::new(file), Path::new("data"))?;
            Some(format!("{} {:?}", found.features.display(), found.limit))
        };
        assert_eq!(of("vqa/minival.json").unwrap(), "mscoco_imgfeat/val2014_obj36.tsv First(5000)");
        assert_eq!(of("gqa/testdev.json").unwrap(), "vg_gqa_imgfeat/gqa_testdev_obj36.tsv All");
        assert_eq!(of("nlvr2/hidden.json").unwrap(), "nlvr2_imgfeat/hidden_obj36.tsv All");
        assert_eq!(of("lxmert/vgnococo.json").unwrap(), "vg_gqa_imgfeat/vg_gqa_obj36.tsv All");
        assert!(
            ["nlvr2/dev.json", "vqa/trainval_label2ans.json", "lxmert/all_ans.json", "vocab.txt"]
                .map(of)
                .iter()
                .all(Option::is_none)
        );
    }
}

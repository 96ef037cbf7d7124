//! Checks prepared files: the number of entries that the manifest expects, and features for every question.

use std::path::{Path, PathBuf};

use indexmap::IndexSet;
use serde::Serialize;

use super::PrepareSettings;
use super::count::{count, unit};
use super::plan::OBJ36;
use assets::manifest::{Expect, Manifest, Selection};
use assets::paths::AssetPaths;
use base::error::{Error, Result};
use base::format::{grouped, number_of};
use data::dataset::images::{images_of_questions, images_of_sentences};
use data::dataset::pretrain::data::PretrainSource;
use data::dataset::{RowLimit, Scale, Task, feature_files};
use data::features::{FeatureStore, IdClue, known_store};

/// Maximum number of missing images listed.
const NAMED: usize = 5;

/// The number of entries in a file, and the expected number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Path of the file relative to the workspace, or a name for files counted together.
    pub what: String,
    /// `entries`, `lines`, `files` or `images`.
    pub unit: &'static str,
    /// Number in the manifest, if it has one.
    pub expected: Option<u64>,
    /// Number found; `None` if the file is missing.
    pub found: Option<u64>,
}

/// How many questions of a file have no features. The original would drop these silently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// File of questions or sentences, relative to the data root.
    pub questions_of: PathBuf,
    /// Feature file, relative to the data root.
    pub features_of: PathBuf,
    /// Number of questions; for pre-training data, of images with sentences.
    pub questions: u64,
    /// Number of questions without features.
    pub lost: u64,
    /// Number of different missing images.
    pub images_lost: usize,
    /// The first missing images.
    pub first_lost: Vec<String>,
    /// Number of missing images that are in the file, but after the first `limit` rows.
    pub behind_limit: usize,
    /// Number of first rows that are read; `None` for all.
    pub limit: Option<usize>,
    /// How the ids differ, if no question has features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<String>,
}

impl Count {
    /// Whether the count agrees with the manifest.
    pub fn is_right(&self) -> bool {
        self.difference().is_none()
    }

    /// Describes a difference, such as `4 fewer than 40,504`.
    pub fn difference(&self) -> Option<String> {
        let (expected, found) = self.expected.zip(self.found).filter(|(expected, found)| expected != found)?;
        let word = if found < expected { "fewer" } else { "more" };
        Some(format!("{} {word} than {}", grouped(expected.abs_diff(found)), grouped(expected)))
    }

    /// Returns a difference as an error.
    pub(super) fn error(&self) -> Option<Error> {
        let (difference, found) = (self.difference()?, self.found?);
        Some(
            Error::data(format!("{} has {} {}, {difference}", self.what, grouped(found), self.unit))
                .next("remove the file and fetch it again; if it is the published file, correct the manifest"),
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
                    "{} of them: after its first {limit} rows, and only those are read for this split",
                    self.behind_limit
                ))
                .next(
                    "use the published file: its rows are in a different order from those of an extraction of your own",
                ),
            None => match &self.ids {
                Some(ids) => error.because(ids).next("use the same ids in both files (column img_id)"),
                None => error.next("use the published file, or extract features of these images"),
            },
        })
    }
}

/// Counts the entries of all existing files of a selection. The second list holds what could not be counted and what differs.
///
/// # Errors
/// Usage for an unknown name.
pub fn counts(
    manifest: &Manifest,
    selection: &Selection,
    settings: &PrepareSettings,
) -> Result<(Vec<Count>, Vec<Error>)> {
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

/// Counts the entries in one file; `None` if it or its store is missing.
pub(super) fn found(place: &AssetPaths, expect: &Expect, settings: &PrepareSettings) -> Result<Option<u64>> {
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
) -> Result<Vec<(AssetPaths, &'a Expect)>> {
    let mut all = Vec::new();
    for asset in manifest.select(selection)? {
        all.push((AssetPaths::new(workspace, &asset.name, &asset.path), asset.expect.as_ref()));
        let unpacked = asset.unpack.iter();
        all.extend(unpacked.map(|unpack| (AssetPaths::unpacked(workspace, asset, unpack), unpack.expect.as_ref())));
    }
    let made = manifest.select_made(selection)?.into_iter();
    all.extend(made.map(|made| (AssetPaths::made(workspace, made), made.expect.as_ref())));
    Ok(all.into_iter().filter_map(|(place, expect)| Some((place, expect?))).collect())
}

/// Returns the total of the two files that VQA is trained on: 632,117 questions.
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

/// Looks for the features of every question of a selection, for files whose store exists. The second list holds files that cannot
/// be read and questions without features.
///
/// # Errors
/// Usage for an unknown name.
pub fn coverage(
    manifest: &Manifest,
    selection: &Selection,
    settings: &PrepareSettings,
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

/// A file of questions, and the feature file of their images.
struct QuestionFile {
    file: PathBuf,
    task: Option<Task>,
    features: PathBuf,
    limit: RowLimit,
}

fn questions(manifest: &Manifest, selection: &Selection, data: &Path) -> Result<Vec<QuestionFile>> {
    let assets = manifest.select(selection)?.into_iter();
    let mut files: Vec<&Path> = Vec::new();
    for asset in assets {
        files.push(&asset.path);
        files.extend(asset.unpack.iter().map(|unpack| unpack.path.as_path()));
    }
    files.extend(manifest.select_made(selection)?.into_iter().map(|made| made.path.as_path()));
    let files = files.into_iter().filter_map(|file| file.strip_prefix("data").ok());
    Ok(files.filter_map(|file| QuestionFile::of(file, data)).collect())
}

impl QuestionFile {
    /// Describes `file` (relative to the data root); `None` if it holds no questions.
    fn of(file: &Path, data: &Path) -> Option<Self> {
        if let Some(source) = PretrainSource::ALL.into_iter().find(|source| source.sentence_file() == file) {
            let features = source.feature_file().to_owned();
            return Some(Self { file: file.to_owned(), task: None, features, limit: RowLimit::All });
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

    fn look(self, data: &Path, settings: &PrepareSettings) -> Result<Option<Coverage>> {
        let (file, tsv) = (data.join(&self.file), data.join(&self.features));
        if !file.is_file() || !tsv.is_file() {
            return Ok(None);
        }
        let Some(whole) = known_store(&tsv, &settings.stores(), settings.precision)? else { return Ok(None) };
        let limit = match self.limit {
            RowLimit::First(rows) => Some(rows),
            RowLimit::All => None,
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
    fn differences_are_formatted_for_people() {
        let count = |found, expected| Count { what: "a.json".into(), unit: "entries", expected, found };
        assert_eq!(count(Some(5), Some(25_994)).difference().unwrap(), "25,989 fewer than 25,994");
        assert_eq!(count(Some(632_118), Some(632_117)).difference().unwrap(), "1 more than 632,117");
        assert!([count(None, Some(1)), count(Some(1), None), count(Some(1), Some(1))].iter().all(Count::is_right));
        assert_eq!([0, 999, 1_000, 1_000_000].map(grouped), ["0", "999", "1,000", "1,000,000"]);
    }

    #[test]
    fn each_file_of_questions_has_its_feature_file() {
        let of = |file: &str| {
            let found = QuestionFile::of(Path::new(file), Path::new("data"))?;
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

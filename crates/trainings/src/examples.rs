//! Prepares the examples of a split for batching: tokenises them and looks up their features and targets. Builds no tensors.

use super::options::Ablation;
use base::error::{Error, Result};
use data::dataset::answers::LabelTable;
pub use data::dataset::tokenizer::MAX_WORDS;
use data::dataset::tokenizer::Tokenizer;
use data::dataset::{self, Id, Label, Task, TaskData};
use data::features::{FeatureStore, IdClue};

/// The feature stores of a data set, in the order in which they were named.
pub struct FeatureSource {
    stores: Vec<FeatureStore>,
}

/// The position of an image's features: a store and a row in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureRow {
    store: usize,
    row: usize,
}

impl FeatureSource {
    /// Combines stores.
    ///
    /// # Errors
    /// Usage without stores; data if they differ in the number of boxes or in the width of features.
    pub fn new(stores: Vec<FeatureStore>) -> Result<Self> {
        let shape = |store: &FeatureStore| (store.boxes(), store.dim());
        let Some(first) = stores.first() else {
            return Err(Error::usage("no feature file belongs to these splits").next("check the names of the splits"));
        };
        if let Some(other) = stores.iter().find(|store| shape(store) != shape(first)) {
            return Err(Error::data(format!(
                "{} holds features of shape {:?} per image, but {} of {:?} (boxes, width)",
                first.path().display(),
                shape(first),
                other.path().display(),
                shape(other)
            ))
            .next("use feature files of one extractor"));
        }
        Ok(Self { stores })
    }

    /// Returns the number of boxes per image.
    pub fn boxes(&self) -> usize {
        self.stores[0].boxes()
    }

    /// Returns the width of a box's feature.
    pub fn dim(&self) -> usize {
        self.stores[0].dim()
    }

    /// Returns the stores, in the order in which they were named.
    pub fn stores(&self) -> &[FeatureStore] {
        &self.stores
    }

    /// Checks that no store was truncated since it was opened.
    ///
    /// # Errors
    /// Data, with the store that was.
    pub fn check_length(&self) -> Result<()> {
        self.stores.iter().try_for_each(FeatureStore::check_length)
    }

    /// Compares ids that were not found with those that are there; `None` if there is nothing to compare.
    pub fn clue<'a>(&'a self, wanted: impl IntoIterator<Item = &'a str>) -> Option<IdClue> {
        IdClue::find(wanted, self.stores.iter().flat_map(FeatureStore::ids), |id| self.find(id).is_some())
    }

    /// Returns the number of images in all stores.
    pub fn images(&self) -> usize {
        self.stores.iter().map(FeatureStore::len).sum()
    }

    /// Finds an image's features. If several stores have the image, the last one counts, as in the original.
    pub fn find(&self, image: &str) -> Option<FeatureRow> {
        (0..self.stores.len())
            .rev()
            .find_map(|store| Some(FeatureRow { store, row: self.stores[store].index_of(image)? }))
    }

    /// Returns the store and the row in it.
    pub fn at(&self, place: FeatureRow) -> (&FeatureStore, usize) {
        (&self.stores[place.store], place.row)
    }

    /// Copies an image's features, of shape (boxes, dim), and its boxes, of shape (boxes, 4) with values in \[0, 1\], into slices of
    /// exactly these lengths.
    pub fn copy(&self, place: FeatureRow, features: &mut [f32], boxes: &mut [f32]) {
        let store = &self.stores[place.store];
        store.copy_features(place.row, features);
        store.copy_normalised_boxes(place.row, boxes);
    }
}

/// The target of an example.
#[derive(Debug, Clone, PartialEq)]
pub enum ExampleTarget {
    /// Labels with their scores, 0 to 1 (VQA, GQA); other labels have 0.
    Soft(Vec<(u32, f32)>),
    /// One class (NLVR2).
    Class(i64),
}

/// An example with everything that a batch needs.
pub struct PreparedExample {
    /// Index of the example in [`TaskData::examples`].
    pub index: usize,
    /// Ids of `[CLS]`, the pieces and `[SEP]`, without padding; at most [`MAX_WORDS`].
    pub words: Vec<i64>,
    /// Features of its images: two for NLVR2, else one.
    pub places: Vec<FeatureRow>,
    /// The target; `None` for test data.
    pub target: Option<ExampleTarget>,
}

/// A split that is ready for batching.
pub struct PreparedSplit {
    /// All examples with their labels, including those without features.
    pub data: TaskData,
    /// Features of the images.
    pub source: FeatureSource,
    /// The prepared examples: those with features.
    pub examples: Vec<PreparedExample>,
    /// The answer of each class of the head: the task's answer table; for NLVR2 False and True.
    pub answers: Vec<String>,
    /// The modality that is hidden from the model.
    pub ablation: Option<Ablation>,
}

/// Returns the answer of each class of a task's head; `None` stands for NLVR2, which has no answer table.
pub fn answers(labels: Option<&LabelTable>) -> Vec<String> {
    match labels {
        Some(table) => table.answers().to_vec(),
        None => [0, 1].map(|class| dataset::nlvr2_answer(class).to_owned()).to_vec(),
    }
}

/// What to do with examples whose images have no features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingFeatures {
    /// Fail with an error that counts them.
    Refuse,
    /// Skip them; the result counts them. The original skips them silently.
    Drop,
}

/// Adds to an error how the wanted ids differ from those in the stores, and what to do. It suggests skipping the images without
/// features only if some images have features and the ids have the same form. `units` names what is skipped, such as `examples`.
pub fn without_features(error: Error, clue: Option<IdClue>, none_found: bool, units: &str) -> Error {
    let differs = clue.as_ref().is_some_and(|clue| clue.differs() && (clue.same_image || none_found));
    let error = match clue.filter(|_| none_found || differs) {
        Some(clue) => error.because(clue),
        None => error,
    };
    error.next(match (differs, none_found) {
        (true, _) => "use the same ids in the img_id column of the TSV and in the questions; `repro features inspect FILE` shows a file's ids".to_owned(),
        (false, true) => "name the features of these images; `repro features inspect FILE` shows a file's ids".to_owned(),
        (false, false) => {
            format!("complete the feature files, or pass --allow-missing-images to skip those {units}")
        }
    })
}

impl PreparedSplit {
    /// Prepares the examples of `data`. `labels` is the answer table, `None` for NLVR2.
    ///
    /// # Errors
    /// Data if images have no features and `missing` does not allow it, or if the answer table lacks an answer (VQA).
    pub fn prepare(
        data: TaskData,
        source: FeatureSource,
        tokenizer: &Tokenizer,
        labels: Option<&LabelTable>,
        missing: MissingFeatures,
        ablation: Option<Ablation>,
    ) -> Result<Self> {
        let filtered = data.with_images(|image| source.find(image).is_some());
        if filtered.missing_examples > 0 {
            let clue = source.clue(filtered.missing_images.iter().map(String::as_str));
            let none_found = filtered.kept.is_empty();
            // Ids of another form are always a mistake, even if only a few rows are read.
            let other_ids = none_found && clue.as_ref().is_some_and(|clue| clue.same_image);
            if missing == MissingFeatures::Refuse || other_ids {
                let error = Error::data(format!(
                    "{} of {} examples of {} {} have images without features ({} images, such as {})",
                    filtered.missing_examples,
                    data.examples.len(),
                    data.task,
                    data.splits.join(","),
                    filtered.missing_image_count,
                    filtered.missing_images.join(", ")
                ));
                return Err(without_features(error, clue, none_found, "examples"));
            }
        }
        let mut examples = Vec::with_capacity(filtered.kept.len());
        for index in filtered.kept {
            let example = &data.examples[index];
            let sentence = if ablation == Some(Ablation::Language) { "" } else { &example.sentence };
            let encoding = tokenizer.encode(sentence, MAX_WORDS);
            let length = encoding.mask.iter().filter(|&&m| m == 1).count();
            let places = example.images.iter().filter_map(|image| source.find(image)).collect();
            let target = match &example.label {
                None => None,
                Some(Label::Class(class)) => Some(ExampleTarget::Class(*class as i64)),
                Some(Label::Soft(scores)) => {
                    Some(ExampleTarget::Soft(soft_target(data.task, &example.id, scores, labels)?))
                }
            };
            examples.push(PreparedExample { index, words: encoding.ids[..length].to_vec(), places, target });
        }
        Ok(Self { data, source, examples, answers: answers(labels), ablation })
    }

    /// Returns the number of examples that were skipped because they have no features.
    pub fn dropped(&self) -> usize {
        self.data.examples.len() - self.examples.len()
    }
}

/// Returns labels with their scores. As in the original, an answer that the table lacks is an error in VQA and skipped in GQA.
fn soft_target(
    task: Task,
    id: &Id,
    scores: &indexmap::IndexMap<String, f64>,
    labels: Option<&LabelTable>,
) -> Result<Vec<(u32, f32)>> {
    let labels = labels.ok_or_else(|| Error::bug(format!("{task} needs an answer table")))?;
    let mut target = Vec::with_capacity(scores.len());
    for (answer, &score) in scores {
        match labels.label(answer) {
            Some(label) => target.push((label as u32, score as f32)),
            None if task == Task::Gqa => {}
            None => {
                return Err(Error::data(format!("the answer {answer:?} of question {id} is not in the answer table"))
                    .next(
                        "use the trainval_ans2label.json and trainval_label2ans.json that belong to these questions",
                    ));
            }
        }
    }
    Ok(target)
}

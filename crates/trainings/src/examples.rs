//! The examples of a split made ready for batching: tokenised, their images found in the feature stores, their targets looked up.

use super::choices::Ablation;
use base::error::{Error, Result};
use data::dataset::answers::LabelTable;
pub use data::dataset::tokenizer::MAX_WORDS;
use data::dataset::tokenizer::Tokenizer;
use data::dataset::{self, Id, Label, Task, TaskData};
use data::features::{FeatureStore, IdClue};

/// The feature stores that a data set reads, in the order in which they were named.
pub struct Source {
    stores: Vec<FeatureStore>,
}

/// A row of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    store: usize,
    row: usize,
}

impl Source {
    /// All stores must have the same number of boxes and feature width.
    pub fn new(stores: Vec<FeatureStore>) -> Result<Self> {
        let shape = |store: &FeatureStore| (store.boxes(), store.dim());
        let Some(first) = stores.first() else {
            return Err(Error::usage("no feature file belongs to these splits"));
        };
        if let Some(other) = stores.iter().find(|store| shape(store) != shape(first)) {
            return Err(Error::data(format!(
                "{} holds {:?} boxes by features an image and {} holds {:?}",
                first.path().display(),
                shape(first),
                other.path().display(),
                shape(other)
            ))
            .next("use feature files of one extractor"));
        }
        Ok(Self { stores })
    }

    /// Boxes an image.
    pub fn boxes(&self) -> usize {
        self.stores[0].boxes()
    }

    /// Width of a box's feature.
    pub fn dim(&self) -> usize {
        self.stores[0].dim()
    }

    /// The stores, in the order in which they were named.
    pub fn stores(&self) -> &[FeatureStore] {
        &self.stores
    }

    /// Checks that no store was cut since it was opened.
    ///
    /// # Errors
    /// Data naming the one that was.
    pub fn check_length(&self) -> Result<()> {
        self.stores.iter().try_for_each(FeatureStore::check_length)
    }

    /// How ids that were not found differ from those that are there.
    pub fn clue<'a>(&'a self, wanted: impl IntoIterator<Item = &'a str>) -> Option<IdClue> {
        IdClue::find(wanted, self.stores.iter().flat_map(FeatureStore::ids), |id| self.find(id).is_some())
    }

    /// Images in all stores.
    pub fn images(&self) -> usize {
        self.stores.iter().map(FeatureStore::len).sum()
    }

    /// Where an image's features are; the last store that has it counts, as in the original.
    pub fn find(&self, image: &str) -> Option<Place> {
        (0..self.stores.len()).rev().find_map(|store| Some(Place { store, row: self.stores[store].index_of(image)? }))
    }

    /// The store and the row in it.
    pub fn at(&self, place: Place) -> (&FeatureStore, usize) {
        (&self.stores[place.store], place.row)
    }

    /// Copies an image's features (boxes, dim) and boxes (boxes, 4) in [0, 1] into slices of exactly these lengths.
    pub fn copy(&self, place: Place, features: &mut [f32], boxes: &mut [f32]) {
        let store = &self.stores[place.store];
        store.copy_features(place.row, features);
        store.copy_normalised_boxes(place.row, boxes);
    }
}

/// What an example is trained towards.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Scores of labels (VQA, GQA).
    Soft(Vec<(u32, f32)>),
    /// A class (NLVR2).
    Class(i64),
}

/// One example with everything a batch needs.
pub struct Question {
    /// Position in the data set's examples.
    pub index: usize,
    /// `[CLS]`, pieces, `[SEP]`; not padded.
    pub words: Vec<i64>,
    /// Its images.
    pub places: Vec<Place>,
    /// None for test data.
    pub target: Option<Target>,
}

/// A split, ready.
pub struct Questions {
    /// The examples with their labels, including those without features.
    pub data: TaskData,
    /// Their features.
    pub source: Source,
    /// The usable ones.
    pub questions: Vec<Question>,
    /// What each class of the head stands for: the task's answer table; for NLVR2 False and True.
    pub answers: Vec<String>,
    /// What the model does not get to see.
    pub ablation: Option<Ablation>,
}

/// What the classes of a task's head stand for.
pub fn answers(labels: Option<&LabelTable>) -> Vec<String> {
    match labels {
        Some(table) => table.answers().to_vec(),
        None => [0, 1].map(|class| dataset::nlvr2_answer(class).to_owned()).to_vec(),
    }
}

/// What to do with examples whose images have no features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// An error that counts them.
    Refuse,
    /// Leave them out; the count is in the returned questions. The original does this without a word.
    Drop,
}

/// Says what differs between the ids wanted and those there, and what to do. That what has no features may be left out
/// is said only where some have features and ids are of one form. `units` such as `examples`.
pub fn without_features(error: Error, clue: Option<IdClue>, none_found: bool, units: &str) -> Error {
    let differs = clue.as_ref().is_some_and(|clue| clue.differs() && (clue.same_image || none_found));
    let error = match clue.filter(|_| none_found || differs) {
        Some(clue) => error.because(clue),
        None => error,
    };
    error.next(match (differs, none_found) {
        (true, _) => "give both the same ids, in the img_id column of the TSV or of the questions; `repro features inspect FILE` shows a file's ids".to_owned(),
        (false, true) => "name the features of these images; `repro features inspect FILE` shows a file's ids".to_owned(),
        (false, false) => {
            format!("complete the feature files, or pass --allow-missing-images to leave those {units} out")
        }
    })
}

impl Questions {
    /// Tokenises and looks everything up. `labels` is the answer table (none for NLVR2).
    pub fn prepare(
        data: TaskData,
        source: Source,
        tokenizer: &Tokenizer,
        labels: Option<&LabelTable>,
        missing: Missing,
        ablation: Option<Ablation>,
    ) -> Result<Self> {
        let filtered = data.with_images(|image| source.find(image).is_some());
        if filtered.missing_examples > 0 {
            let clue = source.clue(filtered.missing_images.iter().map(String::as_str));
            let none_found = filtered.kept.is_empty();
            // Ids of another form are nobody's wish, however few rows are read.
            let other_ids = none_found && clue.as_ref().is_some_and(|clue| clue.same_image);
            if missing == Missing::Refuse || other_ids {
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
        let mut questions = Vec::with_capacity(filtered.kept.len());
        for index in filtered.kept {
            let example = &data.examples[index];
            let sentence = if ablation == Some(Ablation::Language) { "" } else { &example.sentence };
            let encoding = tokenizer.encode(sentence, MAX_WORDS);
            let length = encoding.mask.iter().filter(|&&m| m == 1).count();
            let places = example.images.iter().filter_map(|image| source.find(image)).collect();
            let target = match &example.label {
                None => None,
                Some(Label::Class(class)) => Some(Target::Class(*class as i64)),
                Some(Label::Soft(scores)) => Some(Target::Soft(soft_target(data.task, &example.id, scores, labels)?)),
            };
            questions.push(Question { index, words: encoding.ids[..length].to_vec(), places, target });
        }
        Ok(Self { data, source, questions, answers: answers(labels), ablation })
    }

    /// Examples left out for want of features.
    pub fn dropped(&self) -> usize {
        self.data.examples.len() - self.questions.len()
    }
}

/// Labels with their scores; an answer that the table lacks is an error in VQA and skipped in GQA, as in the original.
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

//! Reads pre-training data and prepares it for batching: tokenises sentences and looks up the features of their images.

use std::path::{Path, PathBuf};

use crate::examples::{FeatureRow, FeatureSource, MAX_WORDS, without_features};
use crate::task_loader::StoreLocation;
use base::error::{Error, Result};
use base::progress::Observer;
use data::dataset::answers::{AnswerTable, parse_qa_sets};
use data::dataset::pretrain::data::{PretrainData, PretrainSource};
use data::dataset::pretrain::pieces::SentencePieces;
use data::dataset::pretrain::sampler::{PretrainRules, PretrainSampler};
use data::dataset::tokenizer::Tokenizer;
use data::dataset::{FeatureFile, RowLimit, Scale};

/// Images per feature file with `--tiny` and `--fast` (TINY_IMG_NUM and FAST_IMG_NUM, src/pretrain/lxmert_data.py @ 0db1182).
const TINY: usize = 500;
const FAST: usize = 5000;
/// Images per feature file that validation reads.
const VALID: usize = 5000;

/// The place of pre-training data and how much of them to read.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainDataSettings {
    /// Folder laid out as the original's `data/`.
    pub data_root: PathBuf,
    /// Place of the feature stores.
    pub stores: StoreLocation,
    /// WordPiece vocabulary.
    pub vocab: PathBuf,
    /// `--tiny` and `--fast`.
    pub scale: Scale,
    /// Skips sentences about images without features instead of failing; always on if not all features are read.
    pub allow_missing_images: bool,
    /// Question sets whose answers are kept, comma-separated; `None` keeps all.
    pub qa_sets: Option<String>,
    /// Number of threads that tokenise.
    pub threads: usize,
}

/// The use of the data, which decides how many images are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PretrainRole {
    /// Training: all images.
    Train,
    /// Validation: at most 5000 images per feature file.
    Valid,
}

/// Returns the feature files of collections below a data root, each once, with the number of images to read from it.
pub fn feature_files(
    data_root: &Path,
    collections: &[PretrainSource],
    role: PretrainRole,
    scale: Scale,
) -> Vec<FeatureFile> {
    let limit = match (scale, role) {
        (Scale::Tiny, _) => RowLimit::First(TINY),
        (Scale::Fast, _) => RowLimit::First(FAST),
        (Scale::Full, PretrainRole::Valid) => RowLimit::First(VALID),
        (Scale::Full, PretrainRole::Train) => RowLimit::All,
    };
    let mut files: Vec<FeatureFile> = Vec::new();
    for collection in collections {
        let (path, split) = (data_root.join(collection.feature_file()), collection.name().to_owned());
        match files.iter_mut().find(|file| file.path == path) {
            Some(file) => file.splits.push(split),
            None => files.push(FeatureFile { path, limit, splits: vec![split] }),
        }
    }
    files
}

/// Reads collections of pre-training data, all with the same vocabulary and answer table.
pub struct PretrainLoader {
    settings: PretrainDataSettings,
    /// Tokeniser of the vocabulary.
    pub tokenizer: Tokenizer,
    /// Answers of the answer head.
    pub table: AnswerTable,
}

impl PretrainLoader {
    /// Reads the vocabulary and the answer table.
    ///
    /// # Errors
    /// Data if one is missing or damaged; usage if no answer belongs to the question sets.
    pub fn new(settings: PretrainDataSettings) -> Result<Self> {
        let tokenizer = Tokenizer::from_vocab_file(&settings.vocab)?;
        let mut table = AnswerTable::load(&settings.data_root)?;
        if let Some(sets) = &settings.qa_sets {
            table = table.restricted_to(&parse_qa_sets(sets));
            if table.is_empty() {
                return Err(Error::usage(format!("no answer belongs to the question sets {sets:?}"))
                    .next("choose from vqa, gqa and visual7w, separated by commas"));
            }
        }
        Ok(Self { settings, tokenizer, table })
    }

    /// Reads and prepares the sentences of comma-separated collections with their features. Missing stores are built if the
    /// settings say so.
    ///
    /// # Errors
    /// Data if files are damaged, if images have no features and may not be skipped, or if features lack classes.
    pub fn sentences(
        &self,
        collections: &str,
        role: PretrainRole,
        progress: &dyn Observer,
    ) -> Result<PretrainSentences> {
        let settings = &self.settings;
        let collections = PretrainSource::parse_list(collections)?;
        let files = feature_files(&settings.data_root, &collections, role, settings.scale);
        let open = |file| settings.stores.open(&settings.data_root, file, progress);
        let source = FeatureSource::new(files.iter().map(open).collect::<Result<_>>()?)?;
        refuse_without_classes(&source, &files)?;
        let data = PretrainData::load(&settings.data_root, &collections, &self.table)?;
        let places: Vec<Option<FeatureRow>> = data.images().iter().map(|image| source.find(image)).collect();
        let usable = (0..data.examples().len()).filter(|&n| places[data.examples()[n].image()].is_some()).collect();
        let pieces = SentencePieces::new(&data, &self.tokenizer, MAX_WORDS - 2, settings.threads)?;
        let sentences = PretrainSentences { data, pieces, source, places, usable };
        let whole = files.iter().all(|file| file.limit == RowLimit::All);
        sentences.refuse_missing(!whole || settings.allow_missing_images)?;
        Ok(sentences)
    }
}

/// Checks that the features have object and attribute classes, which are the targets of the object head.
fn refuse_without_classes(source: &FeatureSource, files: &[FeatureFile]) -> Result<()> {
    let Some((_, file)) = source.stores().iter().zip(files).find(|(store, _)| !store.has_classes()) else {
        return Ok(());
    };
    Err(Error::data(format!(
        "{}: these features lack object and attribute classes (bottom-up-attention's six columns), which pre-training \
         predicts",
        file.path.display()
    ))
    .next("extract obj36 with `repro extract`, or download the published file with `repro fetch`"))
}

/// Sentences that are ready for batching.
pub struct PretrainSentences {
    /// All sentences with their labels, including those about images without features.
    pub data: PretrainData,
    /// The word pieces of each sentence.
    pub pieces: SentencePieces,
    /// Features of the images.
    pub source: FeatureSource,
    /// Position of each image's features, by the image's number.
    places: Vec<Option<FeatureRow>>,
    /// Numbers of the sentences whose images have features.
    usable: Vec<usize>,
}

impl PretrainSentences {
    /// Returns the numbers of the sentences whose images have features.
    pub fn usable(&self) -> &[usize] {
        &self.usable
    }

    /// Whether any of these sentences is a question with a label. The answer table need not have its answers.
    pub fn has_questions(&self) -> bool {
        self.usable.iter().any(|&number| self.data.examples()[number].label().is_some())
    }

    /// Returns a sampler of examples from these sentences.
    ///
    /// # Errors
    /// If no example can be drawn with these rules.
    pub fn examples(&self, rules: PretrainRules) -> Result<PretrainExamples<'_>> {
        let rules = PretrainRules { max_len: MAX_WORDS, boxes: self.source.boxes(), ..rules };
        Ok(PretrainExamples { sentences: self, sampler: PretrainSampler::new(&self.data, self.usable.clone(), rules)? })
    }

    /// Finds the features of a sentence's image, by the sentence's number.
    pub fn place(&self, number: usize) -> Option<FeatureRow> {
        *self.places.get(self.data.examples().get(number)?.image())?
    }

    /// Fails if images have no features and this is not `allowed`, or if none has because ids have another form.
    fn refuse_missing(&self, allowed: bool) -> Result<()> {
        let images = self.data.images().iter().zip(&self.places);
        let missing: Vec<&str> = images.filter(|(_, place)| place.is_none()).map(|(id, _)| id.as_str()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let none_found = self.usable.is_empty();
        if allowed && !none_found {
            return Ok(());
        }
        let clue = self.source.clue(missing.iter().copied());
        if allowed && !clue.as_ref().is_some_and(|clue| clue.same_image) {
            return Ok(());
        }
        let error = Error::data(format!(
            "{} of {} sentences are about images without features ({} images, such as {})",
            self.data.examples().len() - self.usable.len(),
            self.data.examples().len(),
            missing.len(),
            missing[..missing.len().min(3)].join(", ")
        ));
        Err(without_features(error, clue, none_found, "sentences"))
    }
}

/// Sentences with the sampler that draws examples from them.
pub struct PretrainExamples<'a> {
    /// The sentences.
    pub sentences: &'a PretrainSentences,
    /// Draws from the sentences whose images have features.
    pub sampler: PretrainSampler<'a>,
}

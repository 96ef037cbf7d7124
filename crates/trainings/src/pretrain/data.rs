//! Pre-training data made ready: sentences as word pieces, their images found in the feature stores.

use std::path::{Path, PathBuf};

use crate::examples::{MAX_WORDS, Place, Source, without_features};
use crate::loader::Stores;
use base::error::{Error, Result};
use base::progress::Observer;
use data::dataset::answers::{AnswerTable, parse_qa_sets};
use data::dataset::pretrain::data::{PretrainData, Source as Collection};
use data::dataset::pretrain::pieces::Pieces;
use data::dataset::pretrain::sampler::{Rules, Sampler};
use data::dataset::tokenizer::Tokenizer;
use data::dataset::{FeatureFile, Limit, Scale};

/// Images of each feature file under `--tiny` and `--fast` (TINY_IMG_NUM and FAST_IMG_NUM, src/pretrain/lxmert_data.py @ 0db1182).
const TINY: usize = 500;
const FAST: usize = 5000;
/// Images of each feature file that validation reads.
const VALID: usize = 5000;

/// Where the data are and how much of them to read.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// Folder laid out as the original's `data/`.
    pub data_root: PathBuf,
    /// Where features come from.
    pub stores: Stores,
    /// WordPiece vocabulary.
    pub vocab: PathBuf,
    /// `--tiny` and `--fast`.
    pub scale: Scale,
    /// Leave out sentences about images without features instead of refusing; always so where not all features are read.
    pub allow_missing_images: bool,
    /// Keeps the answers of these question sets only.
    pub qa_sets: Option<String>,
    /// Threads that tokenise.
    pub threads: usize,
}

/// What the data are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// All images.
    Train,
    /// At most 5000 images of each feature file.
    Valid,
}

/// Feature files of collections below a data root, each once, and how many images of them.
pub fn feature_files(data_root: &Path, collections: &[Collection], role: Role, scale: Scale) -> Vec<FeatureFile> {
    let limit = match (scale, role) {
        (Scale::Tiny, _) => Limit::First(TINY),
        (Scale::Fast, _) => Limit::First(FAST),
        (Scale::Full, Role::Valid) => Limit::First(VALID),
        (Scale::Full, Role::Train) => Limit::All,
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

/// Reads collections with one tokeniser and one answer table.
pub struct Loader {
    settings: DataSettings,
    /// Cuts sentences.
    pub tokenizer: Tokenizer,
    /// The answers of the answer head.
    pub table: AnswerTable,
}

impl Loader {
    /// Reads the vocabulary and the answer table.
    ///
    /// # Errors
    /// Data where one is missing or damaged, usage where no answer is of the question sets.
    pub fn new(settings: DataSettings) -> Result<Self> {
        let tokenizer = Tokenizer::from_vocab_file(&settings.vocab)?;
        let mut table = AnswerTable::load(&settings.data_root)?;
        if let Some(sets) = &settings.qa_sets {
            table = table.restricted_to(&parse_qa_sets(sets));
            if table.is_empty() {
                return Err(Error::usage(format!("no answer is of the question sets {sets:?}"))
                    .next("choose from vqa, gqa and visual7w, separated by commas"));
            }
        }
        Ok(Self { settings, tokenizer, table })
    }

    /// The sentences of a comma list of collections with their features; stores are built where they are not there yet.
    ///
    /// # Errors
    /// What can be wrong with files; data where features are missing that should be there, and where they have no classes.
    pub fn sentences(&self, collections: &str, role: Role, progress: &dyn Observer) -> Result<Sentences> {
        let settings = &self.settings;
        let collections = Collection::parse_list(collections)?;
        let files = feature_files(&settings.data_root, &collections, role, settings.scale);
        let open = |file| settings.stores.open(&settings.data_root, file, progress);
        let source = Source::new(files.iter().map(open).collect::<Result<_>>()?)?;
        refuse_without_classes(&source, &files)?;
        let data = PretrainData::load(&settings.data_root, &collections, &self.table)?;
        let places: Vec<Option<Place>> = data.images().iter().map(|image| source.find(image)).collect();
        let usable = (0..data.examples().len()).filter(|&n| places[data.examples()[n].image()].is_some()).collect();
        let pieces = Pieces::new(&data, &self.tokenizer, MAX_WORDS - 2, settings.threads)?;
        let sentences = Sentences { data, pieces, source, places, usable };
        let whole = files.iter().all(|file| file.limit == Limit::All);
        sentences.refuse_missing(!whole || settings.allow_missing_images)?;
        Ok(sentences)
    }
}

/// An error for features without the classes and attributes that objects are predicted by.
fn refuse_without_classes(source: &Source, files: &[FeatureFile]) -> Result<()> {
    let Some((_, file)) = source.stores().iter().zip(files).find(|(store, _)| !store.has_classes()) else {
        return Ok(());
    };
    Err(Error::data(format!(
        "{}: these features hold no classes and attributes (bottom-up-attention's six columns), which pre-training \
         learns from",
        file.path.display()
    ))
    .next("extract obj36 with `repro extract`, or fetch the published file"))
}

/// Sentences, ready.
pub struct Sentences {
    /// All of them with their labels, including those about images without features.
    pub data: PretrainData,
    /// The sentences in pieces.
    pub pieces: Pieces,
    /// Features.
    pub source: Source,
    /// Where each image's features are, by its number.
    places: Vec<Option<Place>>,
    /// Numbers of those whose images have features.
    usable: Vec<usize>,
}

impl Sentences {
    /// Numbers of those whose images have features.
    pub fn usable(&self) -> &[usize] {
        &self.usable
    }

    /// Whether any of them is a question with a label, known to the answer table or not.
    pub fn ask(&self) -> bool {
        self.usable.iter().any(|&number| self.data.examples()[number].label().is_some())
    }

    /// What draws examples of them.
    ///
    /// # Errors
    /// Where none can be drawn under these rules.
    pub fn examples(&self, rules: Rules) -> Result<Examples<'_>> {
        let rules = Rules { max_len: MAX_WORDS, boxes: self.source.boxes(), ..rules };
        Ok(Examples { sentences: self, sampler: Sampler::new(&self.data, self.usable.clone(), rules)? })
    }

    /// Where the features of an example's image are, by the example's number.
    pub fn place(&self, number: usize) -> Option<Place> {
        *self.places.get(self.data.examples().get(number)?.image())?
    }

    /// An error where images without features are not `allowed`, or where all are without for having other ids.
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

/// Sentences and what draws from them.
pub struct Examples<'a> {
    /// The sentences.
    pub sentences: &'a Sentences,
    /// Draws from those with features.
    pub sampler: Sampler<'a>,
}

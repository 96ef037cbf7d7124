//! The pre-training files, flattened to one example per sentence.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};

use crate::dataset::answers::{AnswerTable, SoftLabel};
use crate::dataset::foreign_json::{self, ExpectedFile, explain};
use base::error::{Error, Result};
use base::files::text::open_text;

/// A file of pre-training data, with the feature file that holds its images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PretrainSource {
    /// COCO train2014.
    MscocoTrain,
    /// The 5000 images of COCO val2014 kept for validation.
    MscocoMinival,
    /// The rest of COCO val2014.
    MscocoNominival,
    /// Visual Genome without the images of COCO.
    VgNoCoco,
}

impl PretrainSource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::MscocoTrain, Self::MscocoMinival, Self::MscocoNominival, Self::VgNoCoco];

    /// Returns the source's name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::MscocoTrain => "mscoco_train",
            Self::MscocoMinival => "mscoco_minival",
            Self::MscocoNominival => "mscoco_nominival",
            Self::VgNoCoco => "vgnococo",
        }
    }

    /// Returns the path of its sentences below a data root.
    pub fn sentence_file(self) -> PathBuf {
        Path::new("lxmert").join(format!("{}.json", self.name()))
    }

    /// Returns the path of its images' features below a data root.
    pub fn feature_file(self) -> &'static Path {
        Path::new(match self {
            Self::MscocoTrain => "mscoco_imgfeat/train2014_obj36.tsv",
            Self::MscocoMinival | Self::MscocoNominival => "mscoco_imgfeat/val2014_obj36.tsv",
            Self::VgNoCoco => "vg_gqa_imgfeat/vg_gqa_obj36.tsv",
        })
    }

    /// Parses the sources in a `--train` or `--valid` argument, separated by commas.
    pub fn parse_list(argument: &str) -> Result<Vec<Self>> {
        let find = |name: &str| {
            Self::ALL.into_iter().find(|source| source.name() == name).ok_or_else(|| {
                Error::usage(format!("{name:?} is not a pre-training source"))
                    .next(format!("choose from {}", Self::ALL.map(Self::name).join(", ")))
            })
        };
        argument.split(',').map(find).collect()
    }
}

/// A sentence about an image; for a question, with the scores of its answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    image: u32,
    category: u32,
    number: u32,
    sentence: Box<str>,
    label: Option<Box<[(u32, f64)]>>,
}

impl Example {
    /// Returns the text, as it stands in the file.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// Returns the ids in the answer table with their scores, in order; `None` if the category has no answers, empty where
    /// none of them is in the table.
    pub fn label(&self) -> Option<&[(u32, f64)]> {
        self.label.as_deref()
    }

    /// Returns the image as a number, the same for the same image in all files.
    pub fn image(&self) -> usize {
        self.image as usize
    }
}

/// All examples of some sources, in file order, whether or not their images have features.
#[derive(Debug, Default)]
pub struct PretrainData {
    images: Vec<String>,
    image_numbers: HashMap<String, u32>,
    categories: Vec<String>,
    examples: Vec<Example>,
}

/// One image of a file.
#[derive(Deserialize)]
struct SentenceRecord {
    img_id: String,
    sentf: IndexMap<String, Vec<Box<str>>>,
    labelf: HashMap<String, Vec<SoftLabel>>,
}

impl PretrainData {
    /// Reads sources below a data root. Labels are rewritten in the table's terms; a question that loses all its answers
    /// this way stays, as in the original.
    pub fn load(data_root: &Path, sources: &[PretrainSource], table: &AnswerTable) -> Result<Self> {
        Self::from_files(sources.iter().map(|source| data_root.join(source.sentence_file())), table)
    }

    /// Loads files from any place, like [`Self::load`].
    pub fn from_files(paths: impl IntoIterator<Item = PathBuf>, table: &AnswerTable) -> Result<Self> {
        let mut data = Self::default();
        for path in paths {
            // The real files hold hundreds of megabytes: they are flattened while they are read.
            let mut json = serde_json::Deserializer::from_reader(open_text(&path)?);
            Flatten { data: &mut data, table }.deserialize(&mut json).and_then(|()| json.end()).map_err(|e| {
                let advice = "fetch the file again; it is a list of {img_id, sentf, labelf}";
                match e.io_error_kind() {
                    Some(kind) => Error::io("read", &path, &std::io::Error::new(kind, e)),
                    None => {
                        let error = Error::data(format!("{} is damaged", path.display())).because(e).next(advice);
                        explain(&path, ExpectedFile::Sentences, error)
                    }
                }
            })?;
        }
        Ok(data)
    }

    /// Looks whether the files of sources are there and begin as such files do; reads no further.
    ///
    /// # Errors
    /// Data or infra for a file that is missing or something else, with its name.
    pub fn look(data_root: &Path, sources: &[PretrainSource]) -> Result<()> {
        sources
            .iter()
            .try_for_each(|one| foreign_json::refuse(&data_root.join(one.sentence_file()), ExpectedFile::Sentences))
    }

    /// Returns all examples.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// Returns the ids of all images, by their numbers.
    pub fn images(&self) -> &[String] {
        &self.images
    }

    /// Returns the numbers of the examples whose image `has_features`, which can be trained on.
    pub fn with_features(&self, has_features: impl Fn(&str) -> bool) -> Vec<usize> {
        let has: Vec<bool> = self.images.iter().map(|image| has_features(image)).collect();
        let usable = |example: &Example| has.get(example.image()).copied().unwrap_or(false);
        (0..self.examples.len()).filter(|&i| usable(&self.examples[i])).collect()
    }

    /// Returns the image id of an example of this data.
    pub fn image_id(&self, example: &Example) -> &str {
        self.images.get(example.image()).map_or("", String::as_str)
    }

    /// Returns the category of an example of this data, such as `mscoco` or `visual7w`.
    pub fn category(&self, example: &Example) -> &str {
        self.categories.get(example.category as usize).map_or("", String::as_str)
    }

    /// Returns the name of an example of this data: image, category and the sentence's number in it.
    pub fn uid(&self, example: &Example) -> String {
        format!("{}_{}_{:03}", self.image_id(example), self.category(example), example.number)
    }

    fn add(&mut self, datum: SentenceRecord, table: &AnswerTable) -> Result<(), String> {
        let SentenceRecord { img_id, sentf, mut labelf } = datum;
        let too_many = |_| "there are more than 2^32 of them".to_owned();
        let image = match self.image_numbers.get(&img_id) {
            Some(&number) => number,
            None => {
                let number = u32::try_from(self.images.len()).map_err(too_many)?;
                self.image_numbers.insert(img_id.clone(), number);
                self.images.push(img_id.clone());
                number
            }
        };
        for (name, sentences) in sentf {
            let labels = labelf.remove(&name);
            if let Some(labels) = &labels
                && labels.len() != sentences.len()
            {
                return Err(format!("{img_id}: {} {name} labels for {} sentences", labels.len(), sentences.len()));
            }
            let category = match self.categories.iter().position(|known| *known == name) {
                Some(category) => category,
                None => {
                    self.categories.push(name.clone());
                    self.categories.len() - 1
                }
            };
            let category = u32::try_from(category).map_err(too_many)?;
            let mut labels = labels.map(Vec::into_iter);
            for (number, sentence) in sentences.into_iter().enumerate() {
                let label = labels.as_mut().and_then(Iterator::next);
                let label = label
                    .map(|label| numbered(label, table))
                    .transpose()
                    .map_err(|e| format!("{img_id}, {name} sentence {number}: {e}"))?;
                let number = u32::try_from(number).map_err(too_many)?;
                self.examples.push(Example { image, category, number, sentence, label });
            }
        }
        Ok(())
    }
}

/// Converts a label to ids of the table and checks that an answer can be drawn from it.
fn numbered(mut label: SoftLabel, table: &AnswerTable) -> Result<Box<[(u32, f64)]>, String> {
    if let Some((answer, score)) = label.iter().find(|(_, score)| !(score.is_finite() && **score >= 0.0)) {
        return Err(format!("the score of {answer:?} is {score}"));
    }
    table.rewrite(&mut label);
    let sum: f64 = label.values().sum();
    if label.len() > 1 && (sum == 0.0 || sum.is_infinite()) {
        return Err(format!("no answer can be drawn from scores that add up to {sum}"));
    }
    label
        .iter()
        .map(|(answer, &score)| {
            let id = table.id(answer).and_then(|id| u32::try_from(id).ok());
            Ok((id.ok_or_else(|| format!("{answer:?} has no id"))?, score))
        })
        .collect()
}

struct Flatten<'a> {
    data: &'a mut PretrainData,
    table: &'a AnswerTable,
}

impl<'de> DeserializeSeed<'de> for Flatten<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Flatten<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of {img_id, sentf, labelf}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(datum) = list.next_element()? {
            self.data.add(datum, self.table).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

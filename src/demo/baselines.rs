//! Baselines that see only the question or only the picture, with which the model's accuracies are compared.
//!
//! All learn from the training files and are scored on the evaluation file like the task (the score of the given answer in the label).
//! Ties are broken alphabetically.
//!
//! - *prior*: always the answer with the highest total score in training;
//! - *question only*: the best answer to the same text in training; the prior for a new text. A model that ignores the picture can
//!   hardly do better, since there are few texts and each is asked often;
//! - *image only*: the best answer over all training questions about the [`NEAREST`] training pictures by mean box features
//!   (concatenated for the two pictures of NLVR2). Nearest neighbours need no training that could go wrong;
//! - *image and kind*: the same, but over questions of the same kind (their first two words). It is stronger, since it also knows
//!   whether the question asks for a colour or a shape, but not of which object.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::questions::{gqa::Gqa, nlvr2::Nlvr2, vqa::Vqa};
use base::error::{Error, Result};
use base::files::read_text;
use data::features::Row;
use data::features::tsv::TsvReader;
use judge::evidence::baselines::{Accuracies, Baselines, TaskBaselines};

/// Number of nearest training pictures that the image baselines use.
pub const NEAREST: usize = 10;

/// One question of any task.
struct BaselineExample {
    images: Vec<String>,
    sent: String,
    scores: BTreeMap<String, f64>,
}

impl BaselineExample {
    fn kind(&self) -> String {
        self.sent.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    fn score(&self, answer: &str) -> f64 {
        self.scores.get(answer).copied().unwrap_or(0.0)
    }
}

/// Total scores of answers.
#[derive(Default, Clone)]
struct AnswerVotes<'a>(BTreeMap<&'a str, f64>);

impl<'a> AnswerVotes<'a> {
    fn add(&mut self, example: &'a BaselineExample) {
        for (answer, score) in &example.scores {
            *self.0.entry(answer).or_default() += score;
        }
    }

    fn best(&self) -> Option<&'a str> {
        let first_highest = |best: Option<(&'a str, f64)>, (answer, total): (&&'a str, &f64)| match best {
            Some((_, highest)) if highest >= *total => best,
            _ => Some((*answer, *total)),
        };
        self.0.iter().fold(None, first_highest).map(|(answer, _)| answer)
    }
}

fn read<T: DeserializeOwned>(data_root: &Path, file: &str) -> Result<Vec<T>> {
    let path = data_root.join(file);
    serde_json::from_str(&read_text(&path, 1 << 30)?)
        .map_err(|e| Error::data(format!("{} does not have the expected form", path.display())).because(e))
}

/// Returns the mean box features of each image.
fn mean_features(features_root: &Path, files: &[&str]) -> Result<BTreeMap<String, Vec<f64>>> {
    let mut means = BTreeMap::new();
    for file in files {
        let mut reader = TsvReader::open(&features_root.join(file))?;
        let mut row = Row::default();
        while reader.read(&mut row)? {
            let mut mean = vec![0.0; row.dim()];
            for features in row.features.chunks_exact(row.dim().max(1)) {
                for (sum, value) in mean.iter_mut().zip(features) {
                    *sum += f64::from(*value) / row.num_boxes as f64;
                }
            }
            means.insert(row.img_id.clone(), mean);
        }
    }
    Ok(means)
}

fn look(images: &[String], means: &BTreeMap<String, Vec<f64>>) -> Result<Vec<f64>> {
    let mut look = Vec::new();
    for id in images {
        let mean = means.get(id).ok_or_else(|| Error::data(format!("image {id} has questions but no features")))?;
        look.extend_from_slice(mean);
    }
    Ok(look)
}

fn measure(
    train: &[BaselineExample],
    evaluate: &[BaselineExample],
    means: &BTreeMap<String, Vec<f64>>,
) -> Result<TaskBaselines> {
    let mut prior = AnswerVotes::default();
    let mut by_kind: BTreeMap<String, AnswerVotes> = BTreeMap::new();
    let mut by_sent: BTreeMap<&str, AnswerVotes> = BTreeMap::new();
    let mut by_images: BTreeMap<&[String], Vec<&BaselineExample>> = BTreeMap::new();
    for e in train {
        prior.add(e);
        by_kind.entry(e.kind()).or_default().add(e);
        by_sent.entry(&e.sent).or_default().add(e);
        by_images.entry(&e.images).or_default().push(e);
    }
    let always = prior.best().ok_or_else(|| Error::data("there are no training questions"))?;
    let gallery =
        by_images.into_iter().map(|(images, about)| Ok((look(images, means)?, about))).collect::<Result<Vec<_>>>()?;

    let mut all = Accuracies::default();
    let mut kinds: BTreeMap<String, Accuracies> = BTreeMap::new();
    let mut neighbours: BTreeMap<&[String], Vec<&BaselineExample>> = BTreeMap::new();
    for e in evaluate {
        let near = match neighbours.entry(&e.images) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                let here = look(&e.images, means)?;
                let apart = |there: &[f64]| here.iter().zip(there).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
                let mut ranked: Vec<(f64, usize)> =
                    gallery.iter().enumerate().map(|(i, (there, _))| (apart(there), i)).collect();
                ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                new.insert(ranked.iter().take(NEAREST).flat_map(|(_, i)| gallery[*i].1.iter().copied()).collect())
            }
        };
        let (mut from_image, mut from_image_and_kind) = (AnswerVotes::default(), AnswerVotes::default());
        for neighbour in near.iter() {
            from_image.add(neighbour);
            if neighbour.kind() == e.kind() {
                from_image_and_kind.add(neighbour);
            }
        }
        let kind_best = by_kind.get(&e.kind()).and_then(AnswerVotes::best).unwrap_or(always);
        let question_only = e.score(by_sent.get(e.sent.as_str()).and_then(AnswerVotes::best).unwrap_or(always));
        let image_only = e.score(from_image.best().unwrap_or(always));
        let image_and_kind = e.score(from_image_and_kind.best().unwrap_or(kind_best));
        let of_kind = kinds.entry(e.kind()).or_default();
        for (sums, prior) in [(&mut all, e.score(always)), (of_kind, e.score(kind_best))] {
            sums.questions += 1;
            sums.prior += prior;
            sums.question_only += question_only;
            sums.image_only += image_only;
            sums.image_and_kind += image_and_kind;
        }
    }
    for sums in kinds.values_mut().chain([&mut all]) {
        let n = sums.questions.max(1) as f64;
        for sum in [&mut sums.prior, &mut sums.question_only, &mut sums.image_only, &mut sums.image_and_kind] {
            *sum /= n;
        }
    }
    Ok(TaskBaselines { all, kinds })
}

/// Measures the baselines on the demo's files in `data_root` with the features (`*_imgfeat/`) in `features`.
///
/// # Errors
/// Data for a file that is missing or damaged, and for a question about an image without features.
pub fn baselines(data_root: &Path, features: &Path) -> Result<Baselines> {
    let vqa = |files: &[&str]| -> Result<Vec<BaselineExample>> {
        let mut out = Vec::new();
        for file in files {
            out.extend(read::<Vqa>(data_root, file)?.into_iter().map(|d| BaselineExample {
                images: vec![d.img_id],
                sent: d.sent,
                scores: d.label.into_iter().map(|(answer, score)| (answer, score.value())).collect(),
            }));
        }
        Ok(out)
    };
    let gqa = |files: &[&str]| -> Result<Vec<BaselineExample>> {
        let mut out = Vec::new();
        for file in files {
            let data = read::<Gqa>(data_root, file)?;
            out.extend(data.into_iter().map(|d| BaselineExample {
                images: vec![d.img_id],
                sent: d.sent,
                scores: d.label,
            }));
        }
        Ok(out)
    };
    let nlvr2 = |file: &str| -> Result<Vec<BaselineExample>> {
        let example = |d: Nlvr2| BaselineExample {
            images: vec![d.img0, d.img1],
            sent: d.sent,
            scores: BTreeMap::from([(if d.label == 1 { "True" } else { "False" }.to_owned(), 1.0)]),
        };
        Ok(read::<Nlvr2>(data_root, file)?.into_iter().map(example).collect())
    };
    let means = |files: &[&str]| mean_features(features, files);
    Ok(Baselines {
        vqa: measure(
            &vqa(&["vqa/train.json", "vqa/nominival.json"])?,
            &vqa(&["vqa/minival.json"])?,
            &means(&["mscoco_imgfeat/train2014_obj36.tsv", "mscoco_imgfeat/val2014_obj36.tsv"])?,
        )?,
        gqa: measure(
            &gqa(&["gqa/train.json", "gqa/valid.json"])?,
            &gqa(&["gqa/testdev.json"])?,
            &means(&["vg_gqa_imgfeat/vg_gqa_obj36.tsv", "vg_gqa_imgfeat/gqa_testdev_obj36.tsv"])?,
        )?,
        nlvr2: measure(
            &nlvr2("nlvr2/train.json")?,
            &nlvr2("nlvr2/valid.json")?,
            &means(&["nlvr2_imgfeat/train_obj36.tsv", "nlvr2_imgfeat/valid_obj36.tsv"])?,
        )?,
    })
}

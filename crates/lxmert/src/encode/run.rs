//! Encodes all pairs and writes the results to files.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::json;
use tch::{Tensor, no_grad};

use super::encoder::{Encoder, RequestedOutputs};
use super::features::ImageFeatures;
use super::layout::{EncodeDescription, OutputLayout, OutputShard};
use super::pairs::Pair;
use super::show::{BestScores, read_best_scores};
use super::tensors::{TensorBuilder, descriptions};
use crate::model::encoder::EncoderInputs;
use base::error::{Error, Result};
use base::files;
use base::signals::{ShutdownGuard, stopped};
use checkpoint::{StateDict, TensorData};
use data::dataset::tokenizer::Tokenizer;
use trainings::examples::MAX_WORDS;

/// The settings of an encoding.
#[derive(Debug, Clone)]
pub struct EncodeSettings {
    /// Outputs besides the states.
    pub requested: RequestedOutputs,
    /// Whether floats are written as f16 instead of f32.
    pub half: bool,
    /// Pairs per batch.
    pub batch_size: usize,
    /// Files to write.
    pub output: OutputLayout,
}

/// The input of an encoding: a model, pairs and features.
pub struct EncodeInput<'a> {
    /// The model.
    pub encoder: &'a Encoder,
    /// Path of the model's checkpoint: a file, or a folder in Hugging Face's layout.
    pub checkpoint: &'a Path,
    /// Tokeniser of the sentences.
    pub tokenizer: &'a Tokenizer,
    /// Sentences with their images, all of which have features.
    pub pairs: &'a [Pair],
    /// Features of the images.
    pub features: &'a ImageFeatures,
}

/// Limit of the content of a file in bytes, since it is built in memory.
const LARGEST_FILE: usize = 4 << 30;

/// The result of an encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeOutcome {
    /// Path of the file, or of the manifest of the shards.
    pub path: PathBuf,
    /// Paths of the files with tensors, in order.
    pub parts: Vec<PathBuf>,
    /// Number of files that were already complete.
    pub kept: usize,
}

/// Encodes the pairs of all files that are not complete yet. Calls `seen` with the number of pairs processed since its last call.
///
/// # Errors
/// Data if pairs, features, vocabulary and model do not fit each other; usage if the outputs are too large for one file or the
/// folder holds those of another run; interrupted if a signal stops it, after which complete shards remain.
pub fn encode(
    input: &EncodeInput<'_>,
    settings: &EncodeSettings,
    seen: &mut dyn FnMut(usize),
) -> Result<EncodeOutcome> {
    input.check(settings)?;
    let at_work = ShutdownGuard::begin()?;
    at_work.set_stop_message("stopping after this batch …");
    let description = input.description(settings)?;
    let parts = settings.output.parts(input.pairs.len());
    settings.output.check(&parts, &description)?;
    let mut kept = 0;
    for part in &parts {
        if part.is_complete(&description) {
            kept += 1;
            seen(part.pairs.len());
            continue;
        }
        let tensors = input.encode_shard(part, settings, &at_work, seen)?;
        part.write(&tensors, &input.pairs[part.pairs.clone()], &description)?;
    }
    settings.output.finish(&parts, &description)?;
    Ok(EncodeOutcome {
        path: settings.output.main_path(),
        parts: parts.into_iter().map(|part| part.path).collect(),
        kept,
    })
}

impl EncodeOutcome {
    /// Returns the best scores for the pairs, file by file, with `top` words and answers each.
    ///
    /// # Errors
    /// Data if a file was changed after it was written.
    pub fn best_scores<'a>(
        &'a self,
        tokenizer: &'a Tokenizer,
        answers: Option<&'a [String]>,
        top: usize,
    ) -> impl Iterator<Item = Result<Vec<BestScores>>> + 'a {
        self.parts.iter().map(move |path| read_best_scores(path, tokenizer, answers, top))
    }
}

impl EncodeInput<'_> {
    /// Returns the number of images per pair.
    fn images(&self) -> usize {
        self.pairs.first().map_or(1, |pair| pair.images.len())
    }

    /// Returns the number of word positions: the original's, or the model's if it has fewer.
    fn words(&self) -> usize {
        MAX_WORDS.min(self.encoder.sizes().config.max_position_embeddings)
    }

    fn check(&self, settings: &EncodeSettings) -> Result<()> {
        let (sizes, source) = (self.encoder.sizes(), &self.features.source);
        let config = &sizes.config;
        for (what, model, data) in [
            ("words in its vocabulary", config.vocab_size, self.tokenizer.vocab_size()),
            ("numbers per box feature", config.visual_feat_dim, source.dim()),
            ("numbers per box position", config.visual_pos_dim, 4),
        ] {
            if model != data {
                return Err(Error::data(format!("the model has {model} {what}, the data have {data}"))
                    .next("use the vocabulary and features that the model was trained with"));
            }
        }
        if settings.requested.heads && sizes.head_names().is_empty() {
            return Err(Error::usage("--heads: the checkpoint has an encoder only, no heads").next("remove --heads"));
        }
        let (needed, given) = (sizes.images(), self.images());
        if settings.requested.heads && needed > 1 && needed != given {
            return Err(Error::usage(format!(
                "the model's answer head reads {needed} images with a sentence, but the pairs have {given}"
            ))
            .next("give img0 and img1 for each sentence, or remove --heads"));
        }
        let largest_shard = settings.output.parts(self.pairs.len()).first().map_or(0, |part| part.pairs.len());
        let bytes = self.bytes_per_pair(settings);
        if largest_shard.saturating_mul(bytes) > LARGEST_FILE {
            return Err(Error::usage(format!(
                "a file of {largest_shard} pairs of {:.1} MB each is too large to build in memory",
                bytes as f64 / 1e6
            ))
            .next(format!("pass --shard-size {}", (LARGEST_FILE / 4 / bytes.max(1)).max(1))));
        }
        Ok(())
    }

    fn bytes_per_pair(&self, settings: &EncodeSettings) -> usize {
        let sizes = self.encoder.sizes();
        let (c, s, o) = (&sizes.config, self.words(), self.features.source.boxes());
        let mut floats = (s + o + 1) * c.hidden_size + o * 4;
        if settings.requested.attention {
            let square = c.l_layers * s * s + c.r_layers * o * o + c.x_layers * (s * s + o * o + 2 * s * o);
            floats += c.num_attention_heads * square;
        }
        if settings.requested.heads {
            floats += sizes.answers().unwrap_or(0) + if sizes.words() { c.vocab_size } else { 0 };
            let widths = [c.obj_id_num, c.attr_id_num, c.visual_feat_dim].into_iter().zip(sizes.objects());
            floats += widths.filter_map(|(width, is)| is.then_some(o * width)).sum::<usize>();
        }
        self.images() * (floats * if settings.half { 2 } else { 4 } + s * 16)
    }

    fn description(&self, settings: &EncodeSettings) -> Result<EncodeDescription> {
        let sizes = self.encoder.sizes();
        let model = sizes.description()?;
        let pairs = serde_json::to_vec(self.pairs).map_err(|e| Error::bug("pairs cannot be described").because(e))?;
        let vocabulary: Vec<&str> =
            (0..self.tokenizer.vocab_size()).filter_map(|id| self.tokenizer.piece(id as u32)).collect();
        let sha256 = checkpoint::folder::sha256(self.checkpoint)?;
        let file = self.checkpoint.file_name().unwrap_or_default().to_string_lossy();
        let key = json!({
            "schema": 1,
            "checkpoint": sha256,
            "model": model,
            "vocabulary": files::sha256_bytes(vocabulary.join("\n").as_bytes()),
            "features": self.features.identity,
            "pairs": files::sha256_bytes(&pairs),
            "want": settings.requested,
            "half": settings.half,
            "shard": match settings.output { OutputLayout::Shards { pairs, .. } => Some(pairs), OutputLayout::File(_) => None },
        });
        Ok(EncodeDescription {
            key: files::sha256_bytes(key.to_string().as_bytes()),
            model,
            checkpoint: json!({"file": file, "sha256": sha256}),
            tensors: descriptions(sizes, settings.requested, settings.half),
        })
    }

    fn encode_shard(
        &self,
        part: &OutputShard,
        settings: &EncodeSettings,
        at_work: &ShutdownGuard,
        seen: &mut dyn FnMut(usize),
    ) -> Result<StateDict> {
        let mut builders: IndexMap<String, TensorBuilder> = IndexMap::new();
        let mut rows = 0;
        for pairs in self.pairs[part.pairs.clone()].chunks(settings.batch_size.max(1)) {
            if let Some(signal) = at_work.stop_signal() {
                return Err(stopped(signal).next("run the same command again: complete shards are kept"));
            }
            for (name, tensor) in self.batch(pairs, rows, settings.requested)? {
                builders.entry(name).or_default().add(&tensor, settings.half)?;
            }
            rows += (pairs.len() * self.images()) as i64;
            seen(pairs.len());
        }
        Ok(builders.into_iter().map(|(name, builder)| (name, TensorData::from(builder))).collect())
    }

    /// Computes all tensors of some pairs, the first of which is row `first` of its file.
    fn batch(&self, pairs: &[Pair], first: i64, requested: RequestedOutputs) -> Result<IndexMap<String, Tensor>> {
        let source = &self.features.source;
        let (boxes, dim, words) = (source.boxes(), source.dim(), self.words());
        let rows = pairs.len() * self.images();
        let (mut ids, mut mask) = (Vec::<i64>::with_capacity(rows * words), Vec::<i64>::with_capacity(rows * words));
        let (mut features, mut positions) = (vec![0.0; rows * boxes * dim], vec![0.0; rows * boxes * 4]);
        let mut row = 0;
        for pair in pairs {
            let encoding = self.tokenizer.encode(&pair.sent, words);
            for image in &pair.images {
                let place = source.find(image).ok_or_else(|| Error::bug(format!("image {image} has no features")))?;
                let features = &mut features[row * boxes * dim..(row + 1) * boxes * dim];
                source.copy(place, features, &mut positions[row * boxes * 4..(row + 1) * boxes * 4]);
                ids.extend(&encoding.ids);
                mask.extend(&encoding.mask);
                row += 1;
            }
        }
        let device = self.encoder.device();
        let (rows, boxes, dim, words) = (rows as i64, boxes as i64, dim as i64, words as i64);
        let ids = Tensor::from_slice(&ids).view([rows, words]).to_device(device);
        let mask = Tensor::from_slice(&mask).view([rows, words]).to_device(device);
        let features = Tensor::from_slice(&features).view([rows, boxes, dim]).to_device(device);
        let boxes = Tensor::from_slice(&positions).view([rows, boxes, 4]).to_device(device);
        let inputs = EncoderInputs::padded([&ids, &mask], &features, &boxes);
        let mut named = self.encoder.forward(&inputs, i64::from(self.tokenizer.mask_id()), requested)?;
        if let Some(found) = named.get_mut("heads.mask_positions") {
            *found = no_grad(|| &*found + Tensor::from_slice(&[first, 0]).to_device(device));
        }
        for (name, tensor) in [("ids", ids), ("mask", mask), ("boxes", boxes)] {
            named.insert(name.to_owned(), tensor);
        }
        Ok(named)
    }
}

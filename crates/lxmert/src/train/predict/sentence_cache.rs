//! A cache of the language states of sentences, of limited size.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::workers::Workers;
use crate::model::CachedEncoder;
use crate::train::batches;

/// Size of the cache in bytes, for all models together: at the paper's size about 8000 questions of GQA's length.
const LIMIT: usize = 256 << 20;

/// The cached sentences with their states under each model.
pub(super) struct SentenceCache<'d> {
    entries: HashMap<&'d [i64], CachedSentence>,
    bytes: usize,
    limit: usize,
    /// Number of the current window.
    window: usize,
}

struct CachedSentence {
    /// States (S, H), one tensor per model.
    states: Vec<Tensor>,
    /// The last window that used it.
    last_used: usize,
}

// SAFETY: its tensors are only read, and libtorch allows concurrent reads.
unsafe impl Sync for CachedSentence {}

impl CachedSentence {
    fn bytes(&self) -> usize {
        self.states.iter().map(|states| states.numel() * 4).sum()
    }
}

impl<'d> SentenceCache<'d> {
    pub(super) fn new() -> Self {
        Self::with_limit(LIMIT)
    }

    /// Creates a cache that keeps at most `limit` bytes from one window to the next.
    pub(super) fn with_limit(limit: usize) -> Self {
        Self { entries: HashMap::new(), bytes: 0, limit, window: 0 }
    }

    /// Encodes those sentences of a window that are not cached, sorted by length so that little is padded.
    pub(super) fn encode(
        &mut self,
        encoders: &[CachedEncoder],
        sentences: impl Iterator<Item = &'d [i64]>,
        workers: Workers,
    ) {
        self.window += 1;
        let mut fresh: Vec<&[i64]> = Vec::new();
        for words in sentences {
            match self.entries.get_mut(words) {
                Some(entry) => entry.last_used = self.window,
                None => {
                    // Inserted at once, so that a repetition in the same window finds it.
                    self.entries.insert(words, CachedSentence { states: Vec::new(), last_used: self.window });
                    fresh.push(words);
                }
            }
        }
        fresh.sort_unstable_by_key(|words| words.len());
        let shares: Vec<&[&[i64]]> = fresh.chunks(workers.share(fresh.len(), 1)).collect();
        for encoder in encoders {
            let device = encoder.device();
            let states = workers.each(&shares, |sentences| {
                let (ids, mask) = batches::pad_sentences(sentences, 0);
                let states = encoder.sentences(&ids.to_device(device), &mask.to_device(device));
                let own = |(row, words): (i64, &&[i64])| states.get(row).narrow(0, 0, words.len() as i64).copy();
                (0..).zip(sentences.iter()).map(own).collect::<Vec<_>>()
            });
            for (words, own) in fresh.iter().zip(states.into_iter().flatten()) {
                self.bytes += own.numel() * 4;
                if let Some(entry) = self.entries.get_mut(words) {
                    entry.states.push(own);
                }
            }
        }
    }

    /// Returns the states (B, S, H) of sentences of this window under a model, and their mask (B, S).
    pub(super) fn states(&self, model: usize, sentences: &[&[i64]]) -> (Tensor, Tensor) {
        let states: Vec<&Tensor> = sentences.iter().map(|words| &self.entries[words].states[model]).collect();
        let (_, mask) = batches::pad_sentences(sentences, 0);
        let states = Tensor::pad_sequence(&states, true, 0.0, "right");
        let mask = mask.to_device(states.device()).to_kind(Kind::Float);
        (states, mask)
    }

    #[cfg(test)]
    pub(super) fn contains(&self, words: &[i64]) -> bool {
        self.entries.contains_key(words)
    }

    /// Removes the least recently used sentences if the cache is too large.
    pub(super) fn evict(&mut self) {
        if self.bytes <= self.limit {
            return;
        }
        let mut oldest: Vec<(usize, &'d [i64])> =
            self.entries.iter().map(|(words, entry)| (entry.last_used, *words)).collect();
        oldest.sort_unstable();
        for (_, words) in oldest {
            // Down to half, so that this is not needed after every window.
            if self.bytes <= self.limit / 2 {
                break;
            }
            if let Some(entry) = self.entries.remove(words) {
                self.bytes -= entry.bytes();
            }
        }
    }
}

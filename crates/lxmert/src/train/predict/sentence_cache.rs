//! A cache of the language states of sentences, of limited size.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::workers::Workers;
use crate::model::CachedEncoder;
use crate::train::batches;

/// Size of the cache in bytes, for all models together: at the paper's size about 8000 questions of GQA's length.
const KEPT: usize = 256 << 20;

/// The cached sentences with their states under each model.
pub(super) struct SentenceCache<'d> {
    read: HashMap<&'d [i64], CachedSentence>,
    bytes: usize,
    kept: usize,
    /// Number of the current window.
    now: usize,
}

struct CachedSentence {
    /// States (S, H), one tensor per model.
    states: Vec<Tensor>,
    /// The last window that used it.
    used: usize,
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
        Self::keeping(KEPT)
    }

    /// Creates a cache that keeps at most `kept` bytes from one window to the next.
    pub(super) fn keeping(kept: usize) -> Self {
        Self { read: HashMap::new(), bytes: 0, kept, now: 0 }
    }

    /// Encodes those sentences of a window that are not cached, sorted by length so that little is padded.
    pub(super) fn read(
        &mut self,
        readers: &[CachedEncoder],
        sentences: impl Iterator<Item = &'d [i64]>,
        workers: Workers,
    ) {
        self.now += 1;
        let mut fresh: Vec<&[i64]> = Vec::new();
        for words in sentences {
            match self.read.get_mut(words) {
                Some(read) => read.used = self.now,
                None => {
                    // Inserted at once, so that a repetition in the same window finds it.
                    self.read.insert(words, CachedSentence { states: Vec::new(), used: self.now });
                    fresh.push(words);
                }
            }
        }
        fresh.sort_unstable_by_key(|words| words.len());
        let shares: Vec<&[&[i64]]> = fresh.chunks(workers.share(fresh.len(), 1)).collect();
        for reader in readers {
            let device = reader.device();
            let states = workers.each(&shares, |sentences| {
                let (ids, mask) = batches::words(sentences, 0);
                let states = reader.sentences(&ids.to_device(device), &mask.to_device(device));
                let own = |(row, words): (i64, &&[i64])| states.get(row).narrow(0, 0, words.len() as i64).copy();
                (0..).zip(sentences.iter()).map(own).collect::<Vec<_>>()
            });
            for (words, own) in fresh.iter().zip(states.into_iter().flatten()) {
                self.bytes += own.numel() * 4;
                if let Some(read) = self.read.get_mut(words) {
                    read.states.push(own);
                }
            }
        }
    }

    /// Returns the states (B, S, H) of sentences of this window under a model, and their mask (B, S).
    pub(super) fn states(&self, model: usize, sentences: &[&[i64]]) -> (Tensor, Tensor) {
        let states: Vec<&Tensor> = sentences.iter().map(|words| &self.read[words].states[model]).collect();
        let (_, mask) = batches::words(sentences, 0);
        let states = Tensor::pad_sequence(&states, true, 0.0, "right");
        let mask = mask.to_device(states.device()).to_kind(Kind::Float);
        (states, mask)
    }

    #[cfg(test)]
    pub(super) fn knows(&self, words: &[i64]) -> bool {
        self.read.contains_key(words)
    }

    /// Removes the least recently used sentences if the cache is too large.
    pub(super) fn forget(&mut self) {
        if self.bytes <= self.kept {
            return;
        }
        let mut oldest: Vec<(usize, &'d [i64])> = self.read.iter().map(|(words, read)| (read.used, *words)).collect();
        oldest.sort_unstable();
        for (_, words) in oldest {
            // Down to half, so that this is not needed after every window.
            if self.bytes <= self.kept / 2 {
                break;
            }
            if let Some(read) = self.read.remove(words) {
                self.bytes -= read.bytes();
            }
        }
    }
}

//! Language states of sentences that were read, kept as far as memory allows.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::workers::Workers;
use crate::model::Reader;
use crate::train::batches;

/// Bytes of language states kept, of all models together: at full size the states of some 8000 questions of GQA's length.
const KEPT: usize = 256 << 20;

/// Sentences and their states under each model.
pub(super) struct Sentences<'d> {
    read: HashMap<&'d [i64], Read>,
    bytes: usize,
    kept: usize,
    /// Counts the windows.
    now: usize,
}

struct Read {
    /// (S, H), one a model.
    states: Vec<Tensor>,
    /// The window that used it last.
    used: usize,
}

// SAFETY: its tensors are only read, which libtorch allows any number of threads to do at once.
unsafe impl Sync for Read {}

impl Read {
    fn bytes(&self) -> usize {
        self.states.iter().map(|states| states.numel() * 4).sum()
    }
}

impl<'d> Sentences<'d> {
    pub(super) fn new() -> Self {
        Self::keeping(KEPT)
    }

    /// Keeps so many bytes from one window to the next.
    pub(super) fn keeping(kept: usize) -> Self {
        Self { read: HashMap::new(), bytes: 0, kept, now: 0 }
    }

    /// Reads those of a window's sentences that are not known yet, the short ones first: so little is padded.
    pub(super) fn read(&mut self, readers: &[Reader], sentences: impl Iterator<Item = &'d [i64]>, workers: Workers) {
        self.now += 1;
        let mut fresh: Vec<&[i64]> = Vec::new();
        for words in sentences {
            match self.read.get_mut(words) {
                Some(read) => read.used = self.now,
                None => {
                    // Taken up at once, so that a repetition finds it.
                    self.read.insert(words, Read { states: Vec::new(), used: self.now });
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

    /// States (B, S, H) under the model with that number, and the mask (B, S), of sentences of this window.
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

    /// Lets go of what was not used for longest where there is too much.
    pub(super) fn forget(&mut self) {
        if self.bytes <= self.kept {
            return;
        }
        let mut oldest: Vec<(usize, &'d [i64])> = self.read.iter().map(|(words, read)| (read.used, *words)).collect();
        oldest.sort_unstable();
        for (_, words) in oldest {
            // To the half, so that this is not needed after every window.
            if self.bytes <= self.kept / 2 {
                break;
            }
            if let Some(read) = self.read.remove(words) {
                self.bytes -= read.bytes();
            }
        }
    }
}

//! All sentences as word pieces. They are tokenised once, not in each epoch.

use super::data::PretrainData;
use crate::dataset::tokenizer::Tokenizer;
use base::error::{Error, Result};

/// The pieces of each example of a [`PretrainData`], one after the other: two bytes a piece and eight an example. The paper's
/// nine million sentences take some 270 MB.
#[derive(Debug)]
pub struct SentencePieces {
    ids: Vec<u16>,
    /// Where each example ends.
    ends: Vec<u64>,
}

impl SentencePieces {
    /// Tokenises every sentence with `threads` threads and keeps the first `most` pieces of each.
    ///
    /// # Errors
    /// Usage for a vocabulary of more than 2^16 pieces.
    pub fn new(data: &PretrainData, tokenizer: &Tokenizer, most: usize, threads: usize) -> Result<Self> {
        if tokenizer.vocab_size() > 1 << 16 {
            return Err(Error::usage(format!("a vocabulary of {} pieces is too large", tokenizer.vocab_size()))
                .next("pre-train with one of at most 65536, such as bert-base-uncased's 30522"));
        }
        let examples = data.examples();
        let share = examples.len().div_ceil(threads.max(1)).max(1);
        let cut = |part: &[super::data::Example]| {
            let (mut ids, mut lengths) = (Vec::new(), Vec::with_capacity(part.len()));
            for example in part {
                let pieces = tokenizer.tokenize(example.sentence());
                let kept = &pieces[..pieces.len().min(most)];
                // The size of the vocabulary was checked.
                ids.extend(kept.iter().map(|&id| id as u16));
                lengths.push(kept.len() as u64);
            }
            (ids, lengths)
        };
        let parts: Vec<(Vec<u16>, Vec<u64>)> = std::thread::scope(|scope| {
            let threads: Vec<_> = examples.chunks(share).map(|part| scope.spawn(move || cut(part))).collect();
            threads.into_iter().map(|thread| thread.join()).collect::<std::thread::Result<_>>()
        })
        .map_err(|_| Error::bug("a sentence could not be tokenised"))?;
        let mut all = Self { ids: Vec::new(), ends: Vec::with_capacity(examples.len()) };
        let mut end = 0;
        for (ids, lengths) in parts {
            all.ids.extend(ids);
            all.ends.extend(lengths.into_iter().map(|length| {
                end += length;
                end
            }));
        }
        Ok(all)
    }

    /// Returns the pieces of an example by its number; an empty iterator if there is no such example.
    pub fn of(&self, example: usize) -> impl ExactSizeIterator<Item = u32> {
        let end = |at: Option<usize>| at.and_then(|at| self.ends.get(at)).map_or(0, |&end| end as usize);
        let (start, end) = (end(example.checked_sub(1)), end(Some(example)));
        self.ids.get(start..end).unwrap_or_default().iter().map(|&id| u32::from(id))
    }
}

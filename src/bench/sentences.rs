//! Generates a vocabulary and sentences that resemble real ones, for machines that have neither.

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use base::error::{Error, Result};
use data::dataset::tokenizer::Tokenizer;
use lxmert_spec::Config;
use lxmert_spec::paper::SEED;

/// Number of entries in bert-base-uncased's vocabulary.
const PIECES: usize = Config::lxr955().vocab_size;
/// Number of words per sentence, which gives about 17 word pieces, as in NLVR2.
const WORDS: std::ops::RangeInclusive<usize> = 8..=18;

/// Generates a vocabulary of BERT's size: special entries, single letters, invented words; every fifth is a continuation piece.
pub(super) fn vocabulary() -> String {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut pieces: indexmap::IndexSet<String> =
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", "?", "'"].map(str::to_owned).into();
    for letter in 'a'..='z' {
        pieces.extend([letter.to_string(), format!("##{letter}")]);
    }
    while pieces.len() < PIECES {
        let (syllables, mark) = if pieces.len().is_multiple_of(5) { (1..=2, "##") } else { (2..=4, "") };
        let word: String = (0..random.random_range(syllables)).map(|_| syllable(&mut random)).collect();
        pieces.insert(format!("{mark}{word}"));
    }
    pieces.into_iter().collect::<Vec<_>>().join("\n")
}

fn syllable(random: &mut ChaCha8Rng) -> String {
    let mut pick = |letters: &[u8]| letters.choose(random).map_or('a', |&letter| char::from(letter));
    [pick(b"bcdfghjklmnprstvw"), pick(b"aeiou")].iter().collect()
}

/// Generates sentences of the vocabulary's words, with a capital letter, a full stop, and one word in ten joined from two.
pub(super) fn sentences(tokenizer: &Tokenizer, count: usize) -> Result<Vec<String>> {
    let is_word = |piece: &&str| piece.len() > 1 && piece.bytes().all(|byte| byte.is_ascii_lowercase());
    let words: Vec<&str> =
        (0..tokenizer.vocab_size()).filter_map(|id| tokenizer.piece(id as u32)).filter(is_word).collect();
    if words.is_empty() {
        return Err(Error::data("the vocabulary has no words to make sentences of").next("name sentences with --text"));
    }
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    Ok((0..count).map(|_| sentence(&words, &mut random)).collect())
}

fn sentence(words: &[&str], random: &mut ChaCha8Rng) -> String {
    let mut text = String::new();
    for position in 0..random.random_range(WORDS) {
        if position > 0 {
            text.push(' ');
        }
        for _ in 0..if random.random_ratio(1, 10) { 2 } else { 1 } {
            text.push_str(words.choose(random).copied().unwrap_or_default());
        }
    }
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text + "."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_sentences_resemble_real_ones() {
        let tokenizer = Tokenizer::from_vocab_text(&vocabulary(), "generated").unwrap();
        assert_eq!(tokenizer.vocab_size(), PIECES);
        let made = sentences(&tokenizer, 500).unwrap();
        let pieces: Vec<Vec<u32>> = made.iter().map(|sentence| tokenizer.tokenize(sentence)).collect();
        let mean = pieces.iter().map(Vec::len).sum::<usize>() as f64 / 500.0;
        assert!((14.0..20.0).contains(&mean), "{mean} pieces a sentence, NLVR2 has 16.8");
        assert!(pieces.iter().flatten().all(|&id| tokenizer.piece(id) != Some("[UNK]")));
        assert_eq!(made, sentences(&tokenizer, 500).unwrap());
    }
}

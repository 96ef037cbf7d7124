//! Measures tokenising sentences.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::sentences;
use base::error::{Error, Result};
use base::files;
use base::status;
use data::dataset::tokenizer::Tokenizer;
use measure::{Repeats, Times};

/// Maximum size of the text file.
const LARGEST_TEXT: u64 = 1 << 30;

/// Input of the measurement.
#[derive(Debug, Clone, Copy)]
pub struct TokenizeSettings<'a> {
    /// WordPiece vocabulary; `None` for a generated one of BERT's size.
    pub vocab: Option<&'a Path>,
    /// File of sentences, one per line; `None` to generate them.
    pub text: Option<&'a Path>,
    /// Number of generated sentences.
    pub sentences: usize,
    /// Number of word positions of the model's input.
    pub words: usize,
}

/// Makes the model's input from each sentence on one thread. A step processes all sentences once.
pub fn measure(settings: TokenizeSettings, repeats: Repeats) -> Result<Value> {
    const MOST: usize = 10_000_000;
    let repeats = repeats.check()?;
    if settings.text.is_none() && !(1..=MOST).contains(&settings.sentences) {
        return Err(Error::usage(format!("--sentences must be in 1..={MOST}")));
    }
    if !(2..=MOST).contains(&settings.words) {
        return Err(Error::usage("--words must be at least 2, for [CLS] and [SEP]"));
    }
    let tokenizer = match settings.vocab {
        Some(path) => Tokenizer::from_vocab_file(path)?,
        None => Tokenizer::from_vocab_text(&sentences::vocabulary(), "the generated vocabulary")?,
    };
    let sentences: Vec<String> = match settings.text {
        Some(path) => files::read_text(path, LARGEST_TEXT)?.lines().map(str::to_owned).collect(),
        None => sentences::sentences(&tokenizer, settings.sentences)?,
    };
    let pieces: usize = sentences.iter().map(|sentence| tokenizer.tokenize(sentence).len()).sum();
    if pieces == 0 {
        return Err(Error::usage("the file of sentences is empty").next("name a file with a sentence on each line"));
    }
    let mut times = Times::new("pass", repeats);
    for _ in 0..repeats.total() {
        let started = Instant::now();
        for sentence in &sentences {
            black_box(tokenizer.encode(black_box(sentence), settings.words));
        }
        times.add(started.elapsed(), |line| status!("{line}"));
    }
    let named = |path: Option<&Path>| path.map_or_else(|| json!("generated"), |path| json!(path));
    Ok(measure::report(
        json!({
            "bench": "tokenize",
            "what": "text to the model's word ids and mask, sentence by sentence",
            "data": { "vocabulary": named(settings.vocab), "sentences": named(settings.text) },
            "sizes": {
                "vocabulary": tokenizer.vocab_size(),
                "sentences": sentences.len(),
                "pieces": pieces,
                "words": settings.words,
            },
            "warmup": repeats.warmup,
            "steps": repeats.steps,
            "ms_per_step": times.json(),
            "sentences_per_s": times.rates(sentences.len() as f64),
            "pieces_per_s": times.rates(pieces as f64),
        }),
        1,
    ))
}

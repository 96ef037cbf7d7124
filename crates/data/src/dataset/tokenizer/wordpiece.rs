//! The tokenizer: reads a vocabulary and cuts sentences into word pieces.

use super::words;

use std::collections::HashMap;
use std::path::Path;

use tokenizers::Model;
use tokenizers::models::wordpiece::WordPiece;

use base::error::{Error, Result};
use base::files;

/// Vocabulary files are a few hundred kilobytes; anything beyond this is another kind of file.
const LARGEST_VOCABULARY: u64 = 64 << 20;
/// Word positions of a sentence, `[CLS]` and `[SEP]` included (`max_seq_length`, src/tasks/vqa_model.py @ 0db1182).
pub const MAX_WORDS: usize = 20;
/// Longer words, in characters, become `[UNK]`.
const LONGEST_WORD: usize = 100;

/// A vocabulary and the rules that cut text into its pieces. Shareable between threads.
#[derive(Debug)]
pub struct Tokenizer {
    model: WordPiece,
    pieces: Vec<String>,
    unknown: u32,
    first: u32,
    last: u32,
    mask: u32,
    origin: String,
    sha256: String,
}

/// One sentence as the model takes it: both vectors have the length that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// `[CLS]`, pieces, `[SEP]`, then zeros.
    pub ids: Vec<i64>,
    /// 1 up to and including `[SEP]`, then 0.
    pub mask: Vec<i64>,
}

impl Tokenizer {
    /// Reads a `vocab.txt`: UTF-8, one piece a line, its id the line's number from 0.
    pub fn from_vocab_file(path: &Path) -> Result<Self> {
        let text = files::read_text(path, LARGEST_VOCABULARY)?;
        Self::from_vocab_text(&text, &path.display().to_string())
    }

    /// Creates a tokenizer like [`Self::from_vocab_file`] from text; `origin` names it in errors. Refuses empty lines,
    /// duplicates, and vocabularies without the five special entries.
    pub fn from_vocab_text(text: &str, origin: &str) -> Result<Self> {
        let advice = "use the vocab.txt of bert-base-uncased (30522 lines)";
        if text.trim_start().starts_with('{') {
            return Err(
                Error::data(format!("{origin} is JSON, such as a tokenizer.json, not a vocab.txt")).next(advice)
            );
        }
        let mut vocab = HashMap::new();
        let mut pieces = Vec::new();
        for (line, piece) in text.strip_suffix('\n').unwrap_or(text).split('\n').enumerate() {
            let piece = piece.trim();
            let wrong = |what: &str| Error::data(format!("{origin}: line {}: {what}", line + 1)).next(advice);
            if piece.is_empty() {
                return Err(wrong("there is no piece on this line"));
            }
            let id = u32::try_from(line).map_err(|_| wrong("too many pieces"))?;
            if let Some(earlier) = vocab.insert(piece.to_owned(), id) {
                return Err(wrong(&format!("{piece:?} is already on line {}", earlier + 1)));
            }
            pieces.push(piece.to_owned());
        }
        let special = |name: &str| {
            vocab.get(name).copied().ok_or_else(|| {
                Error::data(format!("{origin} is not a BERT vocabulary: it lacks the entry {name}")).next(advice)
            })
        };
        special("[PAD]")?;
        let (unknown, first, last, mask) =
            (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?, special("[MASK]")?);
        let model = WordPiece::read_bytes(pieces.join("\n").as_bytes())
            .and_then(|vocab| WordPiece::builder().vocab(vocab).max_input_chars_per_word(LONGEST_WORD).build())
            .map_err(|e| Error::bug("cannot build the WordPiece model").because(e))?;
        let sha256 = files::sha256_bytes((pieces.join("\n") + "\n").as_bytes());
        Ok(Self { model, pieces, unknown, first, last, mask, origin: origin.to_owned(), sha256 })
    }

    /// Returns the ids of the text's pieces, without `[CLS]` and `[SEP]`.
    pub fn tokenize(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 4 + 2);
        words::for_each_word(text, |word| self.cut(word, &mut ids));
        ids
    }

    /// Tokenises like [`Self::tokenize`], but returns the pieces as text.
    pub fn pieces(&self, text: &str) -> Vec<String> {
        self.tokenize(text).into_iter().filter_map(|id| self.piece(id)).map(str::to_owned).collect()
    }

    /// Returns the model's input for one sentence: `[CLS]`, the first `max_len` - 2 pieces, `[SEP]`, zeros up to `max_len`
    /// (at least 2).
    pub fn encode(&self, text: &str, max_len: usize) -> Encoding {
        self.wrap(&self.tokenize(text), max_len)
    }

    /// Encodes pieces, such as masked ones, like [`Self::encode`].
    pub fn wrap(&self, pieces: &[u32], max_len: usize) -> Encoding {
        let max_len = max_len.max(2);
        let mut ids: Vec<i64> = Vec::with_capacity(max_len);
        ids.push(self.first.into());
        ids.extend(pieces.iter().take(max_len - 2).map(|&id| i64::from(id)));
        ids.push(self.last.into());
        let mut mask = vec![1; ids.len()];
        ids.resize(max_len, 0);
        mask.resize(max_len, 0);
        Encoding { ids, mask }
    }

    /// Returns how many pieces there are.
    pub fn vocab_size(&self) -> usize {
        self.pieces.len()
    }

    /// Returns the file that it was read from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the SHA-256 of the pieces, one a line: that of the published file, whose line ends may differ in a copy.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Returns the id of `[MASK]`.
    pub fn mask_id(&self) -> u32 {
        self.mask
    }

    /// Returns the id of a piece of the vocabulary.
    pub fn id_of(&self, piece: &str) -> Option<u32> {
        self.model.token_to_id(piece)
    }

    /// Returns the piece with an id.
    pub fn piece(&self, id: u32) -> Option<&str> {
        self.pieces.get(usize::try_from(id).ok()?).map(String::as_str)
    }

    fn cut(&self, word: &str, ids: &mut Vec<u32>) {
        // The longest match of a word that is an entry is the word; bytes bound characters from above.
        if word.len() <= LONGEST_WORD
            && let Some(id) = self.model.token_to_id(word)
        {
            ids.push(id);
            return;
        }
        match self.model.tokenize(word) {
            Ok(pieces) => ids.extend(pieces.into_iter().map(|piece| piece.id)),
            Err(_) => ids.push(self.unknown), // only for a vocabulary without [UNK], refused above
        }
    }
}

//! The vocabulary of the published models.

use assets::manifest::Manifest;
use base::error::{Error, Result};

/// Name of that vocabulary in the manifest.
const ASSET: &str = "bert-vocab";

/// Returns the SHA-256 of the vocabulary of bert-base-uncased from the manifest of published files.
///
/// # Errors
/// A bug if the manifest is invalid or has no such checksum.
pub fn published_vocabulary() -> Result<String> {
    let manifest = Manifest::embedded()?;
    let known = manifest.asset(ASSET).and_then(|asset| asset.checksums.sha256.clone());
    known.ok_or_else(|| Error::bug(format!("the manifest has no checksum of {ASSET}")))
}

#[cfg(test)]
mod tests {
    use super::published_vocabulary;
    use data::dataset::tokenizer::Tokenizer;
    use fixtures;

    #[test]
    fn the_published_vocabulary_is_known_whatever_ends_its_lines() {
        let published = published_vocabulary().unwrap();
        assert_eq!(published.len(), 64);
        let Some(path) = fixtures::beside("vocab/vocab.txt") else { return };
        let text = std::fs::read_to_string(path).unwrap();
        let sha256 = |text: &str| Tokenizer::from_vocab_text(text, "a copy").unwrap().sha256().to_owned();
        for copy in [text.clone(), text.trim_end().to_owned(), text.replace('\n', "\r\n")] {
            assert_eq!(sha256(&copy), published);
        }
        assert_ne!(sha256(&text.replacen("[unused1]", "[other]", 1)), published);
    }
}

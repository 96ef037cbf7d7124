//! Reads BERT's own weights, from which the original initialises the language layers: the archive that it downloaded
//! (`bert-base-uncased.tar.gz`), the folder that such an archive unpacks to, or the weights file alone.
//!
//! Source: `BertPreTrainedModel.from_pretrained` in `src/lxrt/modeling.py` of airsplay/lxmert @ 0db1182.

use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;

use super::read;
use archive::{Archive, MemberSpec};
use base::error::{Error, Result};
use base::files;
use checkpoint::{StateDict, check_format, folder, read_bytes};

/// Names of the weights file: the original's, and that of later releases. The first that exists is read.
const WEIGHTS: [&str; 2] = ["pytorch_model.bin", "model.safetensors"];
/// Names of the configuration file, likewise.
const CONFIGS: [&str; 2] = ["bert_config.json", "config.json"];
/// Name of the WordPiece vocabulary.
const VOCAB: &str = "vocab.txt";

/// Limit of the unpacked weights, which are held in memory; BERT-large has 1.35 GB.
const LARGEST_WEIGHTS: u64 = 2 << 30;
const LARGEST_CONFIG: u64 = 1 << 20;
/// Limit of a vocabulary; the largest published one has 1 MB.
const LARGEST_VOCAB: u64 = 16 << 20;

const ONE_RELEASE: &str = "use weights, configuration and vocabulary of one release of BERT";

/// The content of a release of BERT.
#[derive(Debug, Clone)]
pub struct BertArchive {
    /// The weights under the names of the file, which [`LoadPolicy::Bert`](super::LoadPolicy::Bert) maps to a model's.
    pub state: StateDict,
    /// The sizes; `None` if the release has no configuration file.
    pub config: Option<BertConfig>,
    /// The text of `vocab.txt`, one piece per line; `None` if the release has none.
    pub vocab: Option<String>,
}

/// The sizes of a BERT, from `bert_config.json`. Fields that the original does not use are ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BertConfig {
    /// WordPiece vocabulary size.
    pub vocab_size: usize,
    /// Width of every hidden state.
    pub hidden_size: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layers.
    pub intermediate_size: usize,
    /// Rows of the position embedding table.
    pub max_position_embeddings: usize,
    /// Rows of the token type embedding table.
    pub type_vocab_size: usize,
    /// Number of layers. The original takes the first `--llayers` of them and initialises any further layers at random.
    pub num_hidden_layers: usize,
    /// Activation of the feed-forward layers; LXMERT needs "gelu", the exact form.
    pub hidden_act: String,
    /// Dropout of hidden states.
    pub hidden_dropout_prob: f64,
    /// Dropout of attention probabilities.
    pub attention_probs_dropout_prob: f64,
    /// Standard deviation of the normal initialisation.
    pub initializer_range: f64,
}

/// Reads BERT's weights from a `pytorch_model.bin` or safetensors file, a folder with one, or a `.tar.gz` or zip archive with
/// one. Sizes and vocabulary are read from the same folder or archive if it has them. An archive is unpacked to memory under the
/// rules of [`archive`], never to disk.
///
/// # Errors
/// Data if something is damaged or not BERT's, or if the sizes contradict the weights.
pub fn bert_weights(path: &Path) -> Result<BertArchive> {
    let found = if path.is_dir() {
        from_folder(path, None)
    } else if is_archive(path)? {
        from_archive(path)
    } else {
        match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
            // A weights file under its own name belongs to the release it lies in.
            (Some(folder), Some(name)) if WEIGHTS.contains(&name) => from_folder(folder, Some(name)),
            _ => Ok(BertArchive { state: read(path)?, config: None, vocab: None }),
        }
    };
    let found = found.map_err(|e| e.while_doing(format!("cannot read BERT from {}", path.display())))?;
    check(&found).map_err(|e| e.while_doing(format!("{} cannot be used as BERT", path.display())))?;
    Ok(found)
}

/// Checks that there is something for [`bert_weights`] to read, without reading the tensors. An archive is recognised by its
/// first bytes and not unpacked.
///
/// # Errors
/// Data if it is missing.
pub fn check_bert_exists(path: &Path) -> Result<()> {
    let looked = if path.is_dir() {
        weights_of(path).and_then(|file| check_format(&file))
    } else if is_archive(path)? {
        Ok(())
    } else {
        check_format(path)
    };
    looked.map_err(|e| e.while_doing(format!("cannot read BERT from {}", path.display())))
}

/// Whether a file is an archive: gzip, or a zip file named `.zip` (PyTorch's weights are zip files too).
fn is_archive(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let file = files::open_regular(path)?;
    file.take(4).read_to_end(&mut start).map_err(|e| Error::io("read", path, &e))?;
    let packed = start.starts_with(b"\x1f\x8b");
    Ok(packed || start.starts_with(b"PK\x03\x04") && path.extension().is_some_and(|ending| ending == "zip"))
}

/// Returns the path of the weights in a folder, or an error with the names that were tried.
fn weights_of(folder: &Path) -> Result<PathBuf> {
    let named = WEIGHTS.iter().map(|name| folder.join(name)).find(|file| file.is_file());
    named
        .or_else(|| folder::weights_beside(folder))
        .ok_or_else(|| nothing(&format!("none of {} is in it", WEIGHTS.join(", "))))
}

fn from_folder(folder: &Path, weights: Option<&str>) -> Result<BertArchive> {
    let there = |names: &[&str]| names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    let weights = match weights {
        Some(name) => folder.join(name),
        None => weights_of(folder)?,
    };
    let config = there(&CONFIGS).map(|path| files::read_text(&path, LARGEST_CONFIG)).transpose()?;
    let vocab = there(&[VOCAB]).map(|path| files::read_text(&path, LARGEST_VOCAB)).transpose()?;
    Ok(BertArchive { state: read(&weights)?, config: config.as_deref().map(parse).transpose()?, vocab })
}

fn from_archive(path: &Path) -> Result<BertArchive> {
    let archive = Archive::open(path)?;
    let there = |names: &[&'static str]| names.iter().copied().find(|name| archive.holds(name));
    let weights = there(&WEIGHTS).ok_or_else(|| nothing(&format!("none of {} is in it", WEIGHTS.join(", "))))?;
    let state = read_bytes(&Bytes::from(member(&archive, path, weights, LARGEST_WEIGHTS)?))
        .map_err(|e| e.while_doing(format!("cannot read its {weights}")))?;
    let text = |name: &str, limit: u64| {
        String::from_utf8(member(&archive, path, name, limit)?)
            .map_err(|e| Error::data(format!("its {name} is not UTF-8 text")).because(e))
    };
    let config = there(&CONFIGS).map(|name| parse(&text(name, LARGEST_CONFIG)?)).transpose()?;
    let vocab = there(&[VOCAB]).map(|name| text(name, LARGEST_VOCAB)).transpose()?;
    Ok(BertArchive { state, config, vocab })
}

/// Reads a member of an archive.
fn member(archive: &Archive, path: &Path, name: &str, limit: u64) -> Result<Vec<u8>> {
    let wanted = MemberSpec { name: name.to_owned(), size_max: limit };
    // The size was checked against the packed bytes when the archive was opened.
    let mut content = Vec::with_capacity(usize::try_from(archive.size(&wanted)?).unwrap_or(0));
    archive.file(&wanted)?.read_to_end(&mut content).map_err(|e| Error::io("unpack", path, &e))?;
    Ok(content)
}

fn parse(text: &str) -> Result<BertConfig> {
    serde_json::from_str(text).map_err(|e| Error::data("its configuration is not BERT's").because(e).next(ONE_RELEASE))
}

fn nothing(what: &str) -> Error {
    Error::data("it holds no weights of BERT")
        .because(what)
        .next("use bert-base-uncased.tar.gz, a folder with its files, or its pytorch_model.bin")
}

/// Checks that the weights are BERT's and that configuration and vocabulary agree with them.
fn check(found: &BertArchive) -> Result<()> {
    const WORDS: &str = "bert.embeddings.word_embeddings.weight";
    let Some(words) = found.state.get(WORDS) else {
        let first = found.state.keys().next().map_or("no tensor at all".to_owned(), |name| format!("{name}, …"));
        return Err(nothing(&format!("it has no {WORDS}, but {first}")));
    };
    if let Some(config) = &found.config {
        let told = [config.vocab_size, config.hidden_size];
        if words.shape != told {
            return Err(Error::data(format!(
                "its configuration says that the word embeddings have the shape {told:?}, its weights have {:?}",
                words.shape
            ))
            .next(ONE_RELEASE));
        }
        if config.hidden_act != "gelu" {
            return Err(Error::data(format!("its activation is {:?}; LXMERT needs \"gelu\"", config.hidden_act))
                .next("use bert-base-uncased"));
        }
        if let Some(vocab) = &found.vocab {
            let lines = vocab.lines().count();
            if lines != config.vocab_size {
                return Err(Error::data(format!(
                    "its vocabulary has {lines} pieces, its configuration says {}",
                    config.vocab_size
                ))
                .next(ONE_RELEASE));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use checkpoint::{TensorData, write_pth};
    use fixtures;

    /// A small BERT of a word table of 5 pieces.
    fn small(folder: &Path, vocab: &str) {
        let table = TensorData::from_f32(vec![5, 2], (0..10).map(|n| n as f32).collect()).unwrap();
        let state = StateDict::from([("bert.embeddings.word_embeddings.weight".to_owned(), table)]);
        write_pth(&folder.join("pytorch_model.bin"), &state).unwrap();
        let config = r#"{"vocab_size": 5, "hidden_size": 2, "num_hidden_layers": 1, "num_attention_heads": 1,
            "intermediate_size": 4, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "model_type": "bert",
            "attention_probs_dropout_prob": 0.1, "max_position_embeddings": 8, "type_vocab_size": 2,
            "initializer_range": 0.02}"#;
        std::fs::write(folder.join("bert_config.json"), config).unwrap();
        std::fs::write(folder.join("vocab.txt"), vocab).unwrap();
    }

    /// Packs files of a folder as `tar -C FOLDER -cz .` does.
    fn packed(folder: &Path, names: &[&str]) -> PathBuf {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        tar.append_dir("./", folder).unwrap();
        for name in names {
            tar.append_path_with_name(folder.join(name), format!("./{name}")).unwrap();
        }
        let path = folder.join("bert.tar.gz");
        std::fs::write(&path, tar.into_inner().unwrap().finish().unwrap()).unwrap();
        path
    }

    #[test]
    fn file_folder_and_archive_are_the_same_bert() {
        let folder = tempfile::tempdir().unwrap();
        small(folder.path(), "a\nb\nc\nd\ne\n");
        let archive = packed(folder.path(), &["pytorch_model.bin", "bert_config.json", "vocab.txt"]);
        let [all, file, packed] =
            [folder.path().to_owned(), folder.path().join("pytorch_model.bin"), archive].map(|path| {
                let bert = bert_weights(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                (bert.state, bert.config, bert.vocab)
            });
        assert_eq!(all, file);
        assert_eq!(all, packed);
        assert_eq!(packed.1.unwrap().max_position_embeddings, 8);
        assert_eq!(packed.2.unwrap(), "a\nb\nc\nd\ne\n");
        std::fs::rename(folder.path().join("pytorch_model.bin"), folder.path().join("other.bin")).unwrap();
        let alone = bert_weights(&folder.path().join("other.bin")).unwrap();
        assert_eq!((alone.state, alone.config, alone.vocab), (all.0, None, None));
    }

    #[test]
    fn what_is_not_bert_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let message = || bert_weights(folder.path()).unwrap_err().to_string();
        assert!(message().contains("no weights of BERT"), "{}", message());
        small(folder.path(), "a\nb\n");
        assert!(message().contains("2 pieces"), "{}", message());
        std::fs::write(folder.path().join("vocab.txt"), "a\nb\nc\nd\ne\n").unwrap();
        let archive = packed(folder.path(), &["vocab.txt"]);
        let error = bert_weights(&archive).unwrap_err().to_string();
        assert!(error.contains("pytorch_model.bin"), "{error}");
        let whole = std::fs::read(packed(folder.path(), &["pytorch_model.bin"])).unwrap();
        std::fs::write(&archive, &whole[..whole.len() - 9]).unwrap();
        let error = bert_weights(&archive).unwrap_err().to_string();
        assert!(error.contains("cut short"), "{error}");
        let config = std::fs::read_to_string(folder.path().join("bert_config.json")).unwrap();
        for (from, to, word) in [
            ("\"vocab_size\": 5", "\"vocab_size\": 6", "[6, 2]"),
            ("\"gelu\"", "\"relu\"", "relu"),
            ("\"hidden_size\": 2", "\"hidden_size\": -2", "configuration"),
        ] {
            std::fs::write(folder.path().join("bert_config.json"), config.replace(from, to)).unwrap();
            assert!(message().contains(word), "{}", message());
        }
        let other = folder.path().join("other.bin");
        write_pth(&other, &StateDict::new()).unwrap();
        assert!(bert_weights(&other).unwrap_err().to_string().contains("no tensor at all"));
        assert!(bert_weights(&folder.path().join("absent")).is_err());
    }

    #[test]
    fn members_that_lead_elsewhere_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        small(folder.path(), "a\nb\nc\nd\ne\n");
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.as_gnu_mut().unwrap().name[..5].copy_from_slice(b"../up");
        header.set_cksum();
        tar.append(&header, &b"x"[..]).unwrap();
        tar.append_path_with_name(folder.path().join("pytorch_model.bin"), "pytorch_model.bin").unwrap();
        let path = folder.path().join("evil.tar.gz");
        std::fs::write(&path, tar.into_inner().unwrap().finish().unwrap()).unwrap();
        let error = bert_weights(&path).unwrap_err().to_string();
        assert!(error.contains("../up"), "{error}");
    }

    #[test]
    fn the_reference_archive_is_read_whole() {
        let Some(folder) = fixtures::lxrt("ckpt/micro_bert") else { return };
        let (bert, plain) = (bert_weights(&folder).unwrap(), read(&folder.join("pytorch_model.bin")).unwrap());
        assert_eq!(bert.state, plain);
        let config = bert.config.unwrap();
        assert_eq!((config.vocab_size, config.hidden_size, config.num_attention_heads), (40, 8, 2));
        assert_eq!(bert.vocab.unwrap().lines().count(), 40);
        let copy = tempfile::tempdir().unwrap();
        for name in ["pytorch_model.bin", "bert_config.json"] {
            std::fs::copy(folder.join(name), copy.path().join(name)).unwrap();
        }
        let path = packed(copy.path(), &["bert_config.json", "pytorch_model.bin"]);
        let packed = bert_weights(&path).unwrap();
        assert_eq!((packed.state, packed.config), (plain, Some(config)));
    }
}

//! Loads golden files of every kind: those compiled into the program by name, others by path.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::evidence::items;
use crate::report::GoldenRecord;
use crate::verdict::eval_gate::{self, AnswerItem, FrozenAnswers};
use crate::verdict::published::{self, PublishedResults};
use crate::verdict::{features, golden};
use base::error::{Error, Result};
use base::files;

/// Names of the golden files compiled into the program.
pub const NAMES: [&str; 3] = ["demo", "published", "features"];
const FILE_LIMIT: u64 = 4 << 20;

/// A loaded golden file.
#[derive(Debug, Clone)]
pub struct GoldenFile {
    /// Its content.
    pub content: Content,
    /// Its name, edition and checksum, for the report.
    pub record: GoldenRecord,
}

/// The content of a golden file, by kind.
#[derive(Debug, Clone)]
pub enum Content {
    /// Accuracies of recorded trainings.
    Recorded(golden::GoldenRuns),
    /// Published results.
    Published(PublishedResults),
    /// Limits for differences between features.
    Features(features::GoldenFeatures),
    /// Answers of a frozen run.
    Predictions(FrozenAnswers, Vec<AnswerItem>),
}

/// The fields that tell the kinds apart.
#[derive(Deserialize)]
struct Head {
    kind: Option<String>,
    profile: Option<String>,
    edition: u32,
    source: Option<toml::Value>,
    matching: Option<toml::Value>,
}

impl GoldenFile {
    /// Reads an embedded file by its name, or a file by its path.
    ///
    /// # Errors
    /// Data for an invalid file, or one of an unknown kind, listing the known names; checksum for answers that are not the
    /// recorded ones.
    pub fn load(name: &str) -> Result<Self> {
        match name {
            "demo" => Self::read(name, golden::DEMO, None),
            "published" => Self::read(name, published::EMBEDDED, None),
            "features" => Self::read(name, features::EMBEDDED, None),
            _ if !Path::new(name).exists() || Path::new(name).is_dir() => {
                Err(Error::data(format!("there is no golden file {name}"))
                    .next(format!("name a file, or one of those in the program: {}", NAMES.join(", "))))
            }
            _ => Self::read(name, &files::read_text(Path::new(name), FILE_LIMIT)?, Some(PathBuf::from(name))),
        }
    }

    /// Reads files by their names or paths.
    ///
    /// # Errors
    /// As [`GoldenFile::load`].
    pub fn load_all(names: &[String]) -> Result<Vec<Self>> {
        names.iter().map(|name| Self::load(name)).collect()
    }

    /// Parses the text of a file that needs no other file; reports call it `name`.
    ///
    /// # Errors
    /// Data for an invalid text, or one of another kind.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        Self::read(name, text, None)
    }

    /// Returns the embedded file that judges a profile of `repro all`; without a profile, the published results.
    ///
    /// # Errors
    /// Data for an unknown profile; a bug if the embedded file is invalid.
    pub fn of_profile(profile: Option<&str>) -> Result<Self> {
        match profile {
            Some("demo") => Self::load("demo"),
            Some("paper") | None => Self::load("published"),
            Some(other) => Err(Error::data(format!("this program has no profile {other:?}, which the run names"))
                .next("name the golden file to judge it by: --golden FILE")),
        }
    }

    fn read(name: &str, text: &str, path: Option<PathBuf>) -> Result<Self> {
        let doing = || format!("cannot read the golden file {name}");
        let head: Head = toml::from_str(text).map_err(|e| Error::data(e).while_doing(doing()))?;
        let content = match (&head, path) {
            (Head { kind: Some(kind), .. }, Some(path)) if kind == eval_gate::KIND => {
                let frozen = FrozenAnswers::load(&path)?;
                let answers = frozen.items_path(&path);
                items::verify(&answers, &frozen.sha256)?;
                let items = items::read(&answers)?;
                if items.len() as u64 != frozen.n {
                    return Err(Error::data(format!(
                        "{} holds {} items, not {}",
                        answers.display(),
                        items.len(),
                        frozen.n
                    ))
                    .while_doing(doing()));
                }
                Content::Predictions(frozen, items)
            }
            (Head { matching: Some(_), .. }, _) => {
                Content::Features(features::GoldenFeatures::parse(text).map_err(|e| e.while_doing(doing()))?)
            }
            (Head { source: Some(_), profile: Some(_), .. }, _) => {
                Content::Published(PublishedResults::parse(text).map_err(|e| e.while_doing(doing()))?)
            }
            (Head { profile: Some(_), .. }, _) => {
                Content::Recorded(golden::GoldenRuns::parse(text).map_err(|e| e.while_doing(doing()))?)
            }
            _ => {
                return Err(Error::data(format!("{name} is no golden file of a known kind"))
                    .next("golden/README.md says what each kind holds"));
            }
        };
        let record =
            GoldenRecord { name: name.to_owned(), edition: head.edition, sha256: files::sha256_bytes(text.as_bytes()) };
        Ok(Self { content, record })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_are_told_apart() {
        let kinds = NAMES.map(|name| GoldenFile::load(name).unwrap());
        assert!(matches!(kinds[0].content, Content::Recorded(_)));
        assert!(matches!(kinds[1].content, Content::Published(_)));
        assert!(matches!(kinds[2].content, Content::Features(_)));
        assert_eq!(kinds[0].record.sha256, files::sha256_bytes(golden::DEMO.as_bytes()));
        assert_eq!(GoldenFile::of_profile(Some("demo")).unwrap().record.name, "demo");
        assert_eq!(GoldenFile::of_profile(None).unwrap().record.name, "published");
        assert!(GoldenFile::load("golden").unwrap_err().to_string().contains("demo, published, features"));
    }

    #[test]
    fn what_is_no_golden_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.toml");
        for (text, message) in [("a = 1", "missing field `edition`"), ("edition = 1", "of a known kind")] {
            std::fs::write(&path, text).unwrap();
            let error = GoldenFile::load(path.to_str().unwrap()).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}

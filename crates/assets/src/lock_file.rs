//! A lock file: what a person pinned, of whatever kind it is.
//!
//! ```toml
//! schema = 1
//!
//! [[pin]]
//! …
//! ```

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::claim::claim;
use base::error::{Error, Result};
use base::files;

/// The way of writing that this program reads and writes.
pub const SCHEMA: u32 = 1;
const FILE_LIMIT: u64 = 4 << 20;

/// One thing as it was when it was pinned.
pub trait Pinned: Clone + Serialize + DeserializeOwned {
    /// What is forgotten where the file is removed, such as `which images were pinned`.
    const FORGOTTEN: &'static str;

    /// Its name: no other pin has it.
    fn name(&self) -> &str;

    /// What is wrong with it.
    fn fault(&self) -> Option<String>;
}

/// The pins of a file, in the order in which they were read or added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFile<P> {
    pins: Vec<P>,
}

impl<P> Default for LockFile<P> {
    fn default() -> Self {
        Self { pins: Vec::new() }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text<P> {
    schema: u32,
    #[serde(rename = "pin", default = "Vec::new")]
    pins: Vec<P>,
}

impl<P: Pinned> LockFile<P> {
    /// Reads a lock's text; `origin` names it in errors.
    ///
    /// # Errors
    /// Data for another schema, an unknown field, a pin that is wrong or there twice.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let wrong = |why: String| {
            Error::data(format!("the lock {origin} is wrong"))
                .because(why)
                .next(format!("restore it from a copy; removing it forgets {}", P::FORGOTTEN))
        };
        let Text { schema, pins } = toml::from_str::<Text<P>>(text).map_err(|error| wrong(error.to_string()))?;
        if schema != SCHEMA {
            return Err(wrong(format!("its schema is {schema}, this program reads {SCHEMA}")));
        }
        for (index, pin) in pins.iter().enumerate() {
            if let Some(why) = pin.fault() {
                return Err(wrong(why));
            }
            if pins[..index].iter().any(|other| other.name() == pin.name()) {
                return Err(wrong(format!("`{}` is there twice", pin.name())));
            }
        }
        Ok(Self { pins })
    }

    /// Reads a lock file; one that is not there is empty.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); what keeps the file from being read.
    pub fn read(path: &Path) -> Result<Self> {
        match path.try_exists() {
            Ok(false) => Ok(Self::default()),
            _ => Self::parse(&files::read_text(path, FILE_LIMIT)?, &path.display().to_string()),
        }
    }

    /// Writes the lock file, pins in the order of their names.
    ///
    /// # Errors
    /// What keeps the file from being written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut pins = self.pins.clone();
        pins.sort_by(|a, b| a.name().cmp(b.name()));
        let text = toml::to_string_pretty(&Text { schema: SCHEMA, pins })
            .map_err(|error| Error::bug("the lock cannot be written").because(error))?;
        files::write_bytes(path, text.as_bytes())
    }

    /// Changes a lock file, one process at a time, so that no pin is lost.
    ///
    /// # Errors
    /// What `edit` returns, and then nothing is written; as [`read`](Self::read) and [`write`](Self::write).
    pub fn change<T>(path: &Path, edit: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".claim");
        // Held for milliseconds: there is nothing to tell.
        let _claim = claim(&PathBuf::from(beside), &mut |_| {})?;
        let mut own = Self::read(path)?;
        let result = edit(&mut own)?;
        own.write(path)?;
        Ok(result)
    }

    /// All pins.
    pub fn pins(&self) -> &[P] {
        &self.pins
    }

    /// The pin of a name.
    pub fn pin(&self, name: &str) -> Option<&P> {
        self.pins.iter().find(|pin| pin.name() == name)
    }

    /// [`pin`](Self::pin), to change it.
    pub fn pin_mut(&mut self, name: &str) -> Option<&mut P> {
        self.pins.iter_mut().find(|pin| pin.name() == name)
    }

    /// Adds a pin in place of the one of the same name, which is returned.
    pub fn replace(&mut self, pin: P) -> Option<P> {
        let before = self.pins.iter().position(|known| known.name() == pin.name()).map(|at| self.pins.remove(at));
        self.pins.push(pin);
        before
    }
}

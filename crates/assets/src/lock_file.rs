//! Lock files: pins of any kind, one process at a time.
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

/// Schema that this program reads and writes.
pub const SCHEMA: u32 = 1;
const FILE_LIMIT: u64 = 4 << 20;

/// A pin in a lock file.
pub trait PinRecord: Clone + Serialize + DeserializeOwned {
    /// What is lost if the file is removed, such as `which images were pinned`; for messages.
    const FORGOTTEN: &'static str;

    /// Returns its unique name.
    fn name(&self) -> &str;

    /// Returns why it is invalid; `None` if it is valid.
    fn fault(&self) -> Option<String>;
}

/// The pins of a lock file, in the order in which they were read or added.
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

impl<P: PinRecord> LockFile<P> {
    /// Parses the text of a lock file; `origin` names it in errors.
    ///
    /// # Errors
    /// Data for another schema, an unknown field, an invalid pin, or a name that occurs twice.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let wrong = |why: String| {
            Error::data(format!("the lock file {origin} is invalid"))
                .because(why)
                .next(format!("restore it from a copy; without it, the program no longer knows {}", P::FORGOTTEN))
        };
        let Text { schema, pins } = toml::from_str::<Text<P>>(text).map_err(|error| wrong(error.to_string()))?;
        if schema != SCHEMA {
            return Err(wrong(format!("its schema is {schema}, this program supports {SCHEMA}")));
        }
        for (index, pin) in pins.iter().enumerate() {
            if let Some(why) = pin.fault() {
                return Err(wrong(why));
            }
            if pins[..index].iter().any(|other| other.name() == pin.name()) {
                return Err(wrong(format!("`{}` occurs twice", pin.name())));
            }
        }
        Ok(Self { pins })
    }

    /// Reads a lock file; a missing file has no pins.
    ///
    /// # Errors
    /// The errors of [`parse`](Self::parse); the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        match path.try_exists() {
            Ok(false) => Ok(Self::default()),
            _ => Self::parse(&files::read_text(path, FILE_LIMIT)?, &path.display().to_string()),
        }
    }

    /// Writes the lock file, sorted by name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut pins = self.pins.clone();
        pins.sort_by(|a, b| a.name().cmp(b.name()));
        let text = toml::to_string_pretty(&Text { schema: SCHEMA, pins })
            .map_err(|error| Error::bug("cannot write the lock file").because(error))?;
        files::write_bytes(path, text.as_bytes())
    }

    /// Changes a lock file, one process at a time, so that no pin is lost.
    ///
    /// # Errors
    /// The error of `edit`, and then nothing is written; the errors of [`read`](Self::read) and [`write`](Self::write).
    pub fn change<T>(path: &Path, edit: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".claim");
        // The claim is held for milliseconds only: no need to report a wait.
        let _claim = claim(&PathBuf::from(beside), &mut |_| {})?;
        let mut own = Self::read(path)?;
        let result = edit(&mut own)?;
        own.write(path)?;
        Ok(result)
    }

    /// Returns all pins.
    pub fn pins(&self) -> &[P] {
        &self.pins
    }

    /// Returns the pin with a name.
    pub fn pin(&self, name: &str) -> Option<&P> {
        self.pins.iter().find(|pin| pin.name() == name)
    }

    /// Returns the pin with a name, to change it.
    pub fn pin_mut(&mut self, name: &str) -> Option<&mut P> {
        self.pins.iter_mut().find(|pin| pin.name() == name)
    }

    /// Adds a pin; replaces and returns the one with the same name.
    pub fn replace(&mut self, pin: P) -> Option<P> {
        let before = self.pins.iter().position(|known| known.name() == pin.name()).map(|at| self.pins.remove(at));
        self.pins.push(pin);
        before
    }
}

//! The first two lines of every golden file: how it is written, and how it is judged.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use base::error::{Error, Result};

/// Reads the text of a file of this schema and edition.
///
/// # Errors
/// Data where either is missing or another one, where the text is no TOML, or for an unknown field.
pub(super) fn parse<T: DeserializeOwned>(text: &str, schema: u32, edition: u32) -> Result<T> {
    check(text, schema, edition)?;
    toml::from_str(text).map_err(Error::data)
}

/// Checks that this program knows a file's schema and edition. Done before the rest is read, so that a newer file is called
/// newer and not misspelt.
fn check(text: &str, schema: u32, edition: u32) -> Result<()> {
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
        edition: u32,
    }
    let head: Head = toml::from_str(text).map_err(Error::data)?;
    if (head.schema, head.edition) == (schema, edition) {
        return Ok(());
    }
    Err(Error::data(format!(
        "schema {} edition {} is not schema {schema} edition {edition}, which this program knows",
        head.schema, head.edition
    ))
    .next("use the program of the same version as the file"))
}

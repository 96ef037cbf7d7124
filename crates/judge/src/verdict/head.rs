//! The schema and the edition, with which every golden file begins.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use base::error::{Error, Result};

/// Parses the text of a golden file of this schema and edition.
///
/// # Errors
/// Data if either is missing or another one, if the text is not TOML, or for an unknown field.
pub(super) fn parse<T: DeserializeOwned>(text: &str, schema: u32, edition: u32) -> Result<T> {
    check(text, schema, edition)?;
    toml::from_str(text).map_err(Error::data)
}

/// Checks that this program knows the schema and edition of a file. This comes before the rest is parsed, so that a newer file is
/// reported as newer and not as misspelt.
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

//! `report.json`: the [`Report`] as it is.

use std::path::Path;

use super::{Report, SCHEMA};
use crate::error::{Error, Result};
use crate::files;

const FILE_LIMIT: u64 = 256 << 20;

/// Pretty-printed, with a final newline.
pub fn render(report: &Report) -> Result<String> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|e| Error::bug("the report cannot be written as JSON").because(e))?;
    Ok(text + "\n")
}

/// Reads a report back; a file of another schema is an error.
pub fn read(path: &Path) -> Result<Report> {
    #[derive(serde::Deserialize)]
    struct Head {
        schema: u32,
    }
    let wrong = |e: serde_json::Error| Error::data(format!("{} is no report", path.display())).because(e);
    let text = files::read_text(path, FILE_LIMIT)?;
    let Head { schema } = serde_json::from_str(&text).map_err(wrong)?;
    if schema != SCHEMA {
        return Err(Error::data(format!("{} has schema {schema}, this program reads {SCHEMA}", path.display()))
            .next("use the program that wrote it"));
    }
    serde_json::from_str(&text).map_err(wrong)
}

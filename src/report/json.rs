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
    if !(1..=SCHEMA).contains(&schema) {
        return Err(Error::data(format!("{} has schema {schema}, this program reads 1 to {SCHEMA}", path.display()))
            .next("use the program that wrote it"));
    }
    serde_json::from_str(&text).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn json_snapshot() {
        let mut report = sample::mixed().without_times();
        // The curves are long, and the bytes of a picture are the compressor's.
        report.curves.truncate(1);
        report.curves[0].steps.truncate(2);
        report.curves[0].epochs.truncate(1);
        report.examples.iter_mut().flat_map(|e| &mut e.images).for_each(|p| p.png = "…".into());
        report.provenance.outputs.truncate(1);
        insta::assert_snapshot!("json-mixed", render(&report).unwrap());
    }

    #[test]
    fn what_is_no_report_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        for (text, message) in
            [("{", "is no report"), ("{\"schema\":9,\"x\":1}", "has schema 9"), ("{\"schema\":1}", "missing field")]
        {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}

//! Writes the forms of a report into a folder.

use std::path::{Path, PathBuf};

use super::content::Report;
use super::{html, intoto, json, junit, markdown};
use base::error::Result;
use base::files;

const MARKDOWN: &str = "report.md";
/// File name of the report as a page.
pub const HTML: &str = "report.html";
const JUNIT: &str = "junit.xml";

impl Report {
    /// Writes `report.json`, `report.md`, `report.html`, `junit.xml` and `attestation.intoto.json` into a folder; returns their
    /// paths.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let forms = self.forms(json::render(self)?)?;
        let mut written = forms.each_ref().map(|(name, text)| (folder.join(name), text.as_bytes()));
        let paths = written.each_ref().map(|(path, _)| path.clone());
        // `report.json` comes last: if it is new, so are the others.
        written.rotate_left(1);
        files::write_together(&written)?;
        Ok(paths.into())
    }

    /// Writes the missing files of those that [`write`](Self::write) writes; returns their paths. `report.json` must exist.
    pub fn write_missing(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let is_missing = |name: &str| !folder.join(name).is_file();
        let names = [json::FILE, MARKDOWN, HTML, JUNIT, intoto::FILE];
        if !names.into_iter().any(is_missing) {
            return Ok(Vec::new());
        }
        // As it is there: the attestation is about its bytes.
        let forms = self.forms(files::read_text(&folder.join(json::FILE), json::FILE_LIMIT)?)?;
        let missing: Vec<(PathBuf, &[u8])> = (forms.iter().filter(|(name, _)| is_missing(name)))
            .map(|(name, text)| (folder.join(name), text.as_bytes()))
            .collect();
        files::write_together(&missing)?;
        Ok(missing.into_iter().map(|(path, _)| path).collect())
    }

    /// Renders every form, by file name; `report` is the content of `report.json`.
    fn forms(&self, report: String) -> Result<[(&'static str, String); 5]> {
        let attestation = intoto::render(self, &files::sha256_bytes(report.as_bytes()))?;
        Ok([
            (json::FILE, report),
            (MARKDOWN, markdown::render(self)),
            (HTML, html::render(self)),
            (JUNIT, junit::render(self)?),
            (intoto::FILE, attestation),
        ])
    }
}

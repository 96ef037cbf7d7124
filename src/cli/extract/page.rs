//! What `repro extract` prints at its end.

use std::fmt::Write as _;

use super::forecast::MAX_LISTED;
use crate::extract::extraction::{ExtractRequest, ExtractSummary};
use crate::extract::record;
use base::error::{Error, Result};
use base::format::{grouped, human_bytes, human_seconds};
use base::sanitize;
use judge::verdict::comparison::Comparison;

/// Returns the text of the result.
pub(super) fn page(summary: &ExtractSummary, request: &ExtractRequest, compared: Option<&Comparison>) -> String {
    let mut text = String::new();
    if !summary.missing.is_empty() {
        let _ = writeln!(text, "{} images have no features:", grouped(summary.missing.len() as u64));
        for image in summary.missing.iter().take(MAX_LISTED) {
            let _ = writeln!(text, "  {}: {}", image.path.display(), image.reason);
        }
        let all = record::missing_place(&request.out, &request.source);
        let _ = writeln!(text, "full list: {}", all.display());
    }
    match &summary.record {
        Some(record) => {
            let _ = write!(
                text,
                "{}: {} rows, {}, sha256 {}",
                summary.output.display(),
                grouped(record.rows as u64),
                human_bytes(record.bytes),
                record.sha256
            );
            if summary.was_there {
                let _ = write!(text, "\nalready present, as this command would write it");
            } else if record.extracted > 0 {
                let _ = write!(
                    text,
                    "\n{} images extracted in {}, {:.2} images/s",
                    grouped(record.extracted as u64),
                    human_seconds(record.seconds),
                    record.images_per_second
                );
            }
        }
        None => {
            let _ = write!(
                text,
                "{} is not written; the rows of all other images are kept.\nnext: fix or remove these images and run the \
                 same command, or add --allow-missing",
                summary.output.display()
            );
        }
    }
    if let Some(compared) = compared {
        let _ = write!(text, "\n\n{}", sanitize::lines(&compared.to_string()));
    }
    text
}

/// Returns the result as JSON.
///
/// # Errors
/// A bug if it cannot be written.
pub(super) fn json(summary: &ExtractSummary, compared: Option<&Comparison>) -> Result<String> {
    let value = serde_json::json!({
        "output": summary.output,
        "written": summary.record.is_some(),
        "was_there": summary.was_there,
        "missing": summary.missing,
        "record": summary.record,
        "compared": compared,
    });
    serde_json::to_string(&value).map_err(|error| Error::bug("cannot write the summary as JSON").because(error))
}

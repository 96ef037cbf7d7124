//! What a preparation did and found, as people and programs read it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::check::{Count, Coverage, grouped};
use crate::error::{Error, Kind, Result};

/// The outcome of a preparation.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Files that were unpacked, built or made now: name and what was done.
    pub prepared: Vec<(String, &'static str)>,
    /// Files that were ready before.
    pub ready: Vec<String>,
    /// Files that could not be prepared, and the assets that must be fetched first.
    pub waiting: Vec<(String, Vec<String>)>,
    /// Archives that were removed now.
    pub dropped: Vec<String>,
    /// Everything that was counted.
    pub counts: Vec<Count>,
    /// Every file of questions whose features are there.
    pub coverage: Vec<Coverage>,
    /// Everything that went wrong or is wrong.
    #[serde(serialize_with = "as_text")]
    pub failures: Vec<Error>,
}

fn as_text<S: Serializer>(errors: &[Error], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(errors.iter().map(ToString::to_string))
}

impl Summary {
    /// Forgets what is not there, for those who asked for nothing in particular.
    pub fn only_what_is_there(&mut self) {
        self.waiting.clear();
        self.counts.retain(|count| count.found.is_some());
    }

    /// Whether everything is prepared and right.
    ///
    /// # Errors
    /// All that went wrong, and what waits for a fetch, as one error of the gravest kind.
    pub fn verdict(mut self) -> Result<()> {
        if !self.waiting.is_empty() {
            self.failures.push(self.missing());
        }
        // What a person can mend at once comes first, since it may be the cause of the others.
        let order = [Kind::Bug, Kind::Disk, Kind::Infra, Kind::Checksum, Kind::Data, Kind::Network, Kind::Usage];
        let rank = |error: &Error| order.iter().position(|kind| *kind == error.kind());
        self.failures.sort_by_key(rank);
        let mut failures = self.failures.into_iter();
        let Some(mut first) = failures.next() else { return Ok(()) };
        for other in failures {
            let text = other.to_string();
            let what = text.split("\n  next: ").next().unwrap_or_default();
            first = first.because(format!("also: {}", what.replace("\n  caused by: ", ": ")));
        }
        Err(first)
    }

    fn missing(&self) -> Error {
        let mut assets: Vec<&str> = self.waiting.iter().flat_map(|(_, assets)| assets).map(String::as_str).collect();
        assets.sort_unstable();
        assets.dedup();
        let files: Vec<&str> = self.waiting.iter().map(|(name, _)| name.as_str()).collect();
        Error::data(format!("{} files wait for what is not fetched and verified: {}", files.len(), files.join(", ")))
            .next(format!("repro fetch {}", assets.join(" ")))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = match self.waiting.len() {
            0 => String::new(),
            count => format!(", {count} wait for a fetch"),
        };
        writeln!(f, "{} prepared, {} ready before{waiting}", self.prepared.len(), self.ready.len())?;
        for (name, assets) in &self.waiting {
            writeln!(f, "  {name} waits for: repro fetch {}", assets.join(" "))?;
        }
        for name in &self.dropped {
            writeln!(f, "  {name}: archive removed, everything in it is unpacked")?;
        }
        if !self.counts.is_empty() {
            writeln!(f, "\nCounts")?;
        }
        let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let wide = width(&mut self.counts.iter().map(|count| count.what.len()));
        for count in &self.counts {
            let found = count.found.map_or_else(|| "-".to_owned(), grouped);
            let verdict = match (count.difference(), count.expected, count.found) {
                (Some(difference), ..) => format!("WRONG: {difference}"),
                (None, _, None) => "not there yet".into(),
                (None, None, _) => "nothing to compare with".into(),
                (None, Some(_), Some(_)) => "as expected".into(),
            };
            writeln!(f, "  {:<wide$}  {found:>9} {:<7}  {verdict}", count.what, count.unit)?;
        }
        if !self.coverage.is_empty() {
            writeln!(f, "\nQuestions whose images have features")?;
        }
        let files = |of: &Coverage| of.questions_of.display().to_string();
        let wide = width(&mut self.coverage.iter().map(|of| files(of).len()));
        for of in &self.coverage {
            let verdict = match of.lost {
                0 => "all".into(),
                lost => {
                    format!("LOST: {} ({} images, first {})", grouped(lost), of.images_lost, of.first_lost.join(", "))
                }
            };
            writeln!(
                f,
                "  {:<wide$}  {:>9} in {}  {verdict}",
                files(of),
                grouped(of.questions),
                of.features_of.display()
            )?;
        }
        Ok(())
    }
}

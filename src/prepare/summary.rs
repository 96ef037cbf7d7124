//! The summary of a preparation, for people and as JSON.

use std::fmt;

use serde::{Serialize, Serializer};

use super::check::{Count, Coverage};
use base::error::{Error, Kind, Result};
use base::format::{grouped, number_of};

/// What a preparation did and found.
#[derive(Debug, Default, Serialize)]
pub struct PrepareSummary {
    /// Files that were unpacked, built or made now: name, and what was done.
    pub prepared: Vec<(String, &'static str)>,
    /// Files that were ready before.
    pub ready: Vec<String>,
    /// Files that wait for assets to be fetched.
    pub waiting: Vec<(String, Vec<String>)>,
    /// Archives that were removed now.
    pub dropped: Vec<String>,
    /// Everything that was counted.
    pub counts: Vec<Count>,
    /// Coverage of every file of questions whose features exist.
    pub coverage: Vec<Coverage>,
    /// All errors.
    #[serde(serialize_with = "as_text")]
    pub failures: Vec<Error>,
}

fn as_text<S: Serializer>(errors: &[Error], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(errors.iter().map(ToString::to_string))
}

impl PrepareSummary {
    /// Removes missing files from the summary, if nothing in particular was requested.
    pub fn only_what_is_there(&mut self) {
        self.waiting.clear();
        self.counts.retain(|count| count.found.is_some());
    }

    /// Returns `Ok` if everything is prepared and correct.
    ///
    /// # Errors
    /// All failures, and files that wait for a fetch, as one error of the most severe kind.
    pub fn verdict(mut self) -> Result<()> {
        if !self.waiting.is_empty() {
            self.failures.push(self.missing());
        }
        // An error that can be fixed immediately comes first, since it may be the cause of the others.
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
        let files = format!("{}: {}", number_of(files.len() as u64, "file"), files.join(", "));
        Error::data(format!("assets that are not fetched and verified are needed for {files}"))
            .next(format!("repro fetch {}", assets.join(" ")))
    }
}

impl fmt::Display for PrepareSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = match self.waiting.len() {
            0 => String::new(),
            1 => ", 1 waits for a fetch".to_owned(),
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
                    format!(
                        "LOST: {} ({}, first {})",
                        grouped(lost),
                        number_of(of.images_lost as u64, "image"),
                        of.first_lost.join(", ")
                    )
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn summary() -> PrepareSummary {
        let count = |what: &str, unit, found, expected| Count { what: what.into(), unit, expected, found };
        let coverage = |file: &str, questions, lost, behind_limit| Coverage {
            questions_of: PathBuf::from(file),
            features_of: "mscoco_imgfeat/val2014_obj36.tsv".into(),
            questions,
            lost,
            images_lost: if lost > 0 { 2 } else { 0 },
            first_lost: ["COCO_val2014_000000000042", "COCO_val2014_000000000073"].map(String::from)
                [..(lost > 0).into()]
                .into(),
            behind_limit,
            limit: Some(5_000),
            ids: None,
        };
        PrepareSummary {
            prepared: vec![("val2014-features--val2014_obj36.tsv".into(), "unpacked")],
            ready: vec!["nlvr2-valid".into()],
            waiting: vec![("nlvr2-test".into(), vec!["nlvr2-official-test1".into()])],
            dropped: vec!["val2014-features".into()],
            counts: vec![
                count("data/mscoco_imgfeat/val2014_obj36.tsv", "images", Some(40_504), Some(40_504)),
                count("data/vqa/minival.json", "entries", Some(25_990), Some(25_994)),
                count("data/gqa/submit.json", "entries", Some(7), None),
                count("data/nlvr2/test.json", "entries", None, Some(6_967)),
            ],
            coverage: vec![coverage("vqa/minival.json", 25_990, 12, 1), coverage("vqa/nominival.json", 188_360, 0, 0)],
            failures: Vec::new(),
        }
    }

    #[test]
    fn as_people_read_it() {
        insta::assert_snapshot!(summary());
        let mut all = summary();
        all.failures.push(Error::data("a.json has 3 entries, 1 fewer than 4").next("get it again"));
        all.failures.push(Error::checksum("b has the wrong sha256").because("it is 12"));
        insta::assert_snapshot!(all.verdict().unwrap_err());
        let mut all = summary();
        all.only_what_is_there();
        assert!(all.verdict().is_ok());
    }
}

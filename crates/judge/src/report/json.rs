//! `report.json`: the [`Report`] as it is.

use std::path::Path;

use super::{Failure, Report, SCHEMA, about};
use crate::verdict::row::Subject;
use base::error::{Error, Result};
use base::{exit, files};

/// Its name in a run's folder.
pub const FILE: &str = "report.json";
pub(super) const FILE_LIMIT: u64 = 256 << 20;

/// Pretty-printed, with a final newline.
pub fn render(report: &Report) -> Result<String> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|e| Error::bug("the report cannot be written as JSON").because(e))?;
    Ok(text + "\n")
}

/// Reads a report back; a file of another schema, or whose parts contradict each other, is an error.
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
    let mut report: Report = serde_json::from_str(&text).map_err(wrong)?;
    contradiction(&report).map_or(Ok(()), |why| {
        Err(Error::data(format!("{} contradicts itself", path.display()))
            .because(why)
            .next("it is not as it was written; judge the run again: repro check RUN --output DIR"))
    })?;
    name_demo(&mut report);
    Ok(report)
}

/// Names the results of a demo as such where the program that wrote the report did not yet do it.
fn name_demo(report: &mut Report) {
    if report.about.is_some() || Subject::of_profile(&report.profile) != Subject::Demo {
        return;
    }
    report.rows.iter_mut().for_each(|row| row.subject = Subject::Demo);
    report.about = about(&report.profile, &report.rows);
    report.summary = Report::conclude(&report.rows, report.failure.as_ref()).1;
}

/// What cannot be in a report that the program made: an exit code would be decided by it.
fn contradiction(report: &Report) -> Option<String> {
    if let Some(Failure { class, exit_code, .. }) = &report.failure {
        let verdicts = [exit::PASS, exit::FAIL, exit::INCONCLUSIVE];
        let is_of_an_error =
            |(name, code, _): &(&str, u8, &str)| name == class && code == exit_code && !verdicts.contains(code);
        if !exit::TABLE.iter().any(is_of_an_error) {
            return Some(format!("what stopped the run is {class} with exit code {exit_code}, and no error is"));
        }
    }
    let (verdict, _) = Report::conclude(&report.rows, report.failure.as_ref());
    (verdict != report.verdict).then(|| format!("its verdict is {}, that of its results is {verdict}", report.verdict))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::verdict::Verdict;

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

    #[test]
    fn reports_of_earlier_schemas_are_read_and_stay_what_they_are() {
        for (schema, verdict, failure) in [(1, Verdict::Infra, Some("DATA")), (2, Verdict::Pass, None)] {
            let path = format!("{}/../../tests/fixtures/reports/schema-{schema}.json", env!("CARGO_MANIFEST_DIR"));
            let report = read(path.as_ref()).unwrap();
            assert_eq!((report.schema, report.verdict), (schema, verdict));
            assert_eq!(
                report.failure.as_ref().map(|f| (f.class.as_str(), &f.cause)),
                failure.map(|class| (class, &None))
            );
            let folder = tempfile::tempdir().unwrap();
            let again = folder.path().join("report.json");
            std::fs::write(&again, render(&report).unwrap()).unwrap();
            assert_eq!(read(&again).unwrap(), report);
        }
    }

    #[test]
    fn a_demo_report_of_an_older_program_says_what_it_is_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let mut old = serde_json::to_value(sample::demo()).unwrap();
        old.as_object_mut().unwrap().remove("about");
        old["summary"] = "All 3 results are reproduced.".into();
        for row in old["rows"].as_array_mut().unwrap() {
            row.as_object_mut().unwrap().remove("subject");
        }
        std::fs::write(&path, old.to_string()).unwrap();
        assert_eq!(read(&path).unwrap(), sample::demo());
    }

    #[test]
    fn a_report_is_read_unless_it_contradicts_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let read_again = |report: &Report| {
            std::fs::write(&path, render(report).unwrap()).unwrap();
            read(&path)
        };
        for (_, report) in sample::all() {
            assert_eq!(read_again(&report).unwrap(), report);
        }
        let refused = |mut report: Report, change: &dyn Fn(&mut Report)| {
            change(&mut report);
            let error = read_again(&report).unwrap_err().to_string();
            assert!(error.contains("contradicts itself"), "{error}");
        };
        refused(sample::mixed(), &|report| report.verdict = Verdict::Pass);
        refused(sample::passed(), &|report| report.rows.clear());
        for (class, code) in [("INFRA", 0), ("PASS", 0), ("DATA", 4), ("", 5)] {
            refused(sample::stopped(), &|report| {
                report.failure.iter_mut().for_each(|f| (f.class, f.exit_code) = (class.to_owned(), code));
            });
        }
    }
}

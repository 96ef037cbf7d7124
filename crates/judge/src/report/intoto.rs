//! `attestation.intoto.json`: the verdict as an in-toto Statement v1 with the predicate Test Result v0.1, not signed.
//!
//! Read at github.com/in-toto/attestation @ 051624ce466deaed4c5a66e66877f69b471fccbe: `spec/v1/statement.md`,
//! `spec/v1/resource_descriptor.md`, `spec/predicates/test-result.md`.
//!
//! What the specification leaves open is decided so:
//!
//! - Subjects are «the source artifacts tested», each with a digest. These are the files that the stages wrote, those that the
//!   report names. Results that were only judged have no stages: then the inputs are what was tested. `report.json` itself is
//!   always a subject, so that there is one even where nothing came out, and so that the page can be trusted to belong to it.
//! - `configuration` holds all that could change the result: the program, the container image, the golden files, the published
//!   files, and the inputs where they are not the subjects.
//! - INCONCLUSIVE is WARNED: the test ran, and nothing it found speaks against the result. Who wants certainty demands PASSED.
//! - INFRA is FAILED, not WARNED. A policy may take tests that are in `warnedTests` for passed, since these are «passed with
//!   warnings», and one use of the predicate is to verify «that all tests were in fact run». A test that could not run must not
//!   get through. Which of the two a failed test was is in the report, whose descriptor is annotated with the verdict.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::Report;
use crate::verdict::Verdict;
use crate::verdict::row::JudgedRow;
use base::error::{Error, Result};

/// The file's name in a report's folder.
pub const FILE: &str = "attestation.intoto.json";

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// The fields of a ResourceDescriptor that are used.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Resource {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    digest: Value,
    #[serde(rename = "mediaType", skip_serializing_if = "Option::is_none")]
    media_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Value::is_null")]
    annotations: Value,
}

/// The statement; `report_sha256` is that of `report.json`.
pub fn render(report: &Report, report_sha256: &str) -> Result<String> {
    let inputs = || report.provenance.inputs.iter().filter_map(|f| file(&f.name, f.sha256.as_deref()?));
    let outputs = report.provenance.outputs.iter().flat_map(|stage| {
        let named = |name: &str| format!("{}/{name}", stage.stage);
        stage.largest.iter().filter_map(move |f| file(&named(&f.name), f.sha256.as_deref()?))
    });
    let mut tested: Vec<Resource> = outputs.collect();
    let mut configuration: Vec<Resource> = [program(report)].into_iter().chain(image(report)).collect();
    configuration.extend(report.golden.iter().filter_map(|g| {
        let annotations = json!({ "edition": g.edition });
        file(&g.name, &g.sha256).map(|r| Resource { annotations, ..r })
    }));
    configuration.extend(report.provenance.assets.iter().filter_map(|a| {
        let annotations = json!({ "trust": a.trust });
        file(&a.name, &a.sha256).map(|r| Resource { annotations, ..r })
    }));
    match tested.is_empty() {
        true => tested.extend(inputs()),
        false => configuration.extend(inputs()),
    }
    let mut subjects = vec![Resource {
        media_type: Some("application/json"),
        annotations: match &report.about {
            Some(about) => json!({ "verdict": report.verdict, "run": report.run, "about": about }),
            None => json!({ "verdict": report.verdict, "run": report.run }),
        },
        ..file("report.json", report_sha256)
            .ok_or_else(|| Error::bug(format!("{report_sha256:?} is no SHA-256 of a report")))?
    }];
    subjects.extend(tested);
    let mut names = BTreeSet::new();
    subjects.retain(|resource| names.insert(resource.name.clone()));

    let named = |wanted: &[Verdict]| -> Vec<String> {
        report.rows.iter().filter(|r| wanted.contains(&r.verdict)).map(|r| test_name(&report.rows, r)).collect()
    };
    let mut failed = named(&[Verdict::Fail, Verdict::Infra]);
    failed.extend(report.failure.iter().map(|f| f.stage.as_ref().map_or("judging".into(), |s| format!("stage {s}"))));
    let statement = json!({
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": PREDICATE,
        "predicate": {
            "result": match report.verdict {
                Verdict::Pass => "PASSED",
                Verdict::Inconclusive => "WARNED",
                Verdict::Fail | Verdict::Infra => "FAILED",
            },
            "configuration": configuration,
            "passedTests": named(&[Verdict::Pass]),
            "warnedTests": named(&[Verdict::Inconclusive]),
            "failedTests": failed,
        },
    });
    let text = serde_json::to_string_pretty(&statement)
        .map_err(|e| Error::bug("the attestation cannot be written as JSON").because(e))?;
    Ok(text + "\n")
}

/// A row's name, with its gate where several rows have that name.
fn test_name(rows: &[JudgedRow], row: &JudgedRow) -> String {
    match rows.iter().filter(|r| r.name == row.name).count() {
        1 => row.name.clone(),
        _ => format!("{} ({})", row.name, row.gate.as_str()),
    }
}

/// Returns a file by name and SHA-256; `None` if `sha256` is not a SHA-256.
fn file(name: &str, sha256: &str) -> Option<Resource> {
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (sha256.len() == 64 && is_hex(sha256)).then(|| Resource {
        name: name.to_owned(),
        uri: None,
        digest: json!({ "sha256": sha256 }),
        media_type: None,
        annotations: Value::Null,
    })
}

/// This program; its commit is a digest where it was known in full when it was built.
fn program(report: &Report) -> Resource {
    let version = &report.environment.program;
    let commit = report.environment.commit.as_deref();
    let commit = commit.filter(|c| c.len() == 40 && c.bytes().all(|b| b.is_ascii_hexdigit()));
    Resource {
        name: "repro".to_owned(),
        uri: Some(format!("pkg:generic/lxmert-repro@{version}")),
        digest: commit.map_or(Value::Null, |c| json!({ "gitCommit": c })),
        media_type: None,
        annotations: Value::Null,
    }
}

/// The container image by the digest that stands in its description.
fn image(report: &Report) -> Option<Resource> {
    let words = report.environment.image.as_deref()?;
    let (before, after) = words.split_once("sha256:")?;
    let name = before.trim_end_matches([' ', '(', '@']);
    file(name, after.get(..64)?).map(|r| Resource { name: format!("image {name}"), ..r })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use base::files::sha256_bytes;

    fn statement(report: &Report) -> Value {
        serde_json::from_str(&render(report, &sha256_bytes(b"report")).unwrap()).unwrap()
    }

    #[test]
    fn attestation_snapshots() {
        let digest = sha256_bytes(b"report");
        insta::assert_snapshot!("intoto-mixed", render(&sample::mixed(), &digest).unwrap());
        insta::assert_snapshot!("intoto-stopped", render(&sample::stopped(), &digest).unwrap());
        insta::assert_snapshot!("intoto-checked", render(&sample::checked(), &digest).unwrap());
    }

    #[test]
    fn the_verdict_becomes_a_result() {
        for (verdict, result, list) in [
            (Verdict::Pass, "PASSED", "passedTests"),
            (Verdict::Inconclusive, "WARNED", "warnedTests"),
            (Verdict::Infra, "FAILED", "failedTests"),
            (Verdict::Fail, "FAILED", "failedTests"),
        ] {
            let mut report = sample::passed();
            report.rows.truncate(1);
            (report.rows[0].verdict, report.verdict) = (verdict, verdict);
            let predicate = statement(&report)["predicate"].clone();
            assert_eq!(predicate["result"], result);
            for one in ["passedTests", "warnedTests", "failedTests"] {
                assert_eq!(predicate[one], if one == list { json!(["vqa"]) } else { json!([]) }, "{verdict} {one}");
            }
        }
    }

    #[test]
    fn there_is_a_subject_whatever_happened() {
        let mut report = sample::stopped();
        report.provenance = Default::default();
        report.golden.clear();
        let statement = statement(&report);
        assert_eq!(statement["subject"].as_array().unwrap().len(), 1);
        assert_eq!(statement["subject"][0]["digest"]["sha256"], sha256_bytes(b"report"));
        assert!(render(&report, "abc").is_err());
    }

    #[test]
    fn what_is_no_digest_is_left_out() {
        let mut report = sample::mixed();
        let digest = sha256_bytes(b"image");
        for (image, name) in [
            (format!("lxmert-repro/train@sha256:{digest}"), Some("image lxmert-repro/train")),
            (format!("lxmert-repro/train (sha256:{digest})"), Some("image lxmert-repro/train")),
            ("lxmert-repro/train (sha256:abc)".to_owned(), None),
            ("lxmert-repro/train:latest".to_owned(), None),
        ] {
            report.environment.image = Some(image);
            assert_eq!(super::image(&report).map(|r| r.name).as_deref(), name);
        }
        report.provenance.assets[0].sha256 = "unknown".into();
        report.environment.commit = Some("1".repeat(40));
        let configuration = statement(&report)["predicate"]["configuration"].clone();
        assert!(!configuration.to_string().contains("train2014-obj36"));
        assert_eq!(configuration[0]["digest"]["gitCommit"], "1".repeat(40));
    }

    #[test]
    fn rows_of_one_name_are_told_apart() {
        let mut report = sample::checked();
        for row in &mut report.rows {
            row.name = "vqa".into();
        }
        report.rows.truncate(3);
        let predicate = statement(&report)["predicate"].clone();
        assert_eq!(predicate["failedTests"], json!(["vqa (train)", "vqa (eval)"]));
    }
}

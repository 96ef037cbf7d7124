//! Renders `junit.xml` for programs that read test results: FAIL is a failure, INFRA an error, INCONCLUSIVE a skipped test with its
//! reason. Stages have a suite of their own.
//!
//! The file follows the schema of Jenkins (`junit-10.xsd` of its plugin xunit); `ci/web-check` validates it.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Report, StageState, caption, words};
use crate::verdict::Verdict;
use crate::verdict::row::JudgedRow;
use base::error::{Error, Result};

/// Maximum number of changed answers per row.
const FLIPS: usize = 20;

/// Renders the whole file.
pub fn render(report: &Report) -> Result<String> {
    let mut verdicts = TestSuite::new(format!("{}.verdicts", report.profile));
    for golden in &report.golden {
        verdicts.add_property((
            format!("golden {}", golden.name),
            format!("edition {}, sha256 {}", golden.edition, golden.sha256),
        ));
    }
    if let Some(caption) = caption::full_caption(report) {
        verdicts.add_property(("judged", caption.as_str()));
    }
    let about = report.about.as_deref();
    if let Some(about) = about {
        verdicts.add_property(("about", about));
    }
    if let (Some(sentence), Some(before)) = (words::before(report), &report.before) {
        let told = [&[sentence], before.changes.as_slice()].concat().join("; ");
        verdicts.add_property(("before", told.as_str()));
    }
    verdicts.add_test_cases(report.rows.iter().map(|row| verdict(row, about)));
    let mut stages = TestSuite::new(format!("{}.stages", report.profile));
    for stage in &report.stages {
        let mut case = TestCase::new(&stage.name, stage_status(report, stage.state));
        if let Some(this_time) = &stage.this_time {
            case.set_time(Duration::try_from_secs_f64(this_time.seconds).unwrap_or_default());
        }
        stages.add_test_case(case);
    }
    let mut out = quick_junit::Report::new(format!("repro {}", report.run));
    out.add_test_suite(verdicts);
    if !report.stages.is_empty() {
        out.add_test_suite(stages);
    }
    let text = out.to_string().map_err(|e| Error::bug("the report cannot be written as JUnit XML").because(e))?;
    Ok(without_skipped_total(&text))
}

/// Removes `skipped` from the element of all suites; the schema allows it on single suites only.
fn without_skipped_total(text: &str) -> String {
    let Some((start, rest)) = text.split_once("<testsuites ") else { return text.to_owned() };
    let Some((tag, rest)) = rest.split_once('>') else { return text.to_owned() };
    let attributes = tag.split_inclusive("\" ").filter(|a| !a.starts_with("skipped=")).collect::<String>();
    format!("{start}<testsuites {attributes}>{rest}")
}

fn verdict(row: &JudgedRow, about: Option<&str>) -> TestCase {
    let mut status = match row.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Infra => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::Inconclusive => TestCaseStatus::skipped(),
    };
    let evidence = row.evidence.join("; ");
    if let Some(advice) = words::next(row) {
        status.set_message(words::happened(row));
        status.set_type(row.verdict.as_str());
        status.set_description(format!("{evidence}\nnext: {advice}"));
    }
    let mut case = TestCase::new(row.title(), status);
    case.set_classname(&row.metric);
    let lines = [evidence].into_iter().chain(about.map(str::to_owned)).chain(words::details(row, FLIPS));
    case.set_system_out(lines.collect::<Vec<_>>().join("\n"));
    case
}

fn stage_status(report: &Report, state: StageState) -> TestCaseStatus {
    match (state, &report.failure) {
        (StageState::Done, _) => TestCaseStatus::success(),
        (StageState::Failed, Some(failure)) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type(&failure.class);
            status.set_message(failure.message.lines().next().unwrap_or_default());
            status.set_description(&failure.message);
            status
        }
        (StageState::Failed, None) => TestCaseStatus::non_success(NonSuccessKind::Error),
        (StageState::NotRun, _) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("an earlier stage failed");
            status
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn junit_snapshot() {
        insta::assert_snapshot!("junit-mixed", render(&sample::mixed()).unwrap());
        insta::assert_snapshot!("junit-stopped", render(&sample::stopped()).unwrap());
        insta::assert_snapshot!("junit-checked", render(&sample::checked()).unwrap());
        insta::assert_snapshot!("junit-demo", render(&sample::demo()).unwrap());
    }

    #[test]
    fn only_the_total_of_skipped_goes() {
        let text = r#"<?xml?><testsuites name="a skipped=&quot;1&quot; b" skipped="2" errors="1"><testsuite skipped="2"/></testsuites>"#;
        assert_eq!(
            without_skipped_total(text),
            r#"<?xml?><testsuites name="a skipped=&quot;1&quot; b" errors="1"><testsuite skipped="2"/></testsuites>"#
        );
    }
}

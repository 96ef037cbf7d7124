//! `junit.xml`, for the machines that read tests: FAIL is a failure, INFRA an error, INCONCLUSIVE skipped with its reason.
//! Stages stand in a suite of their own.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Report, StageState};
use crate::error::{Error, Result};
use crate::verdict::Verdict;
use crate::verdict::row::Judged;

/// The whole file.
pub fn render(report: &Report) -> Result<String> {
    let mut verdicts = TestSuite::new(format!("{}.verdicts", report.profile));
    verdicts.add_test_cases(report.rows.iter().map(verdict));
    let mut stages = TestSuite::new(format!("{}.stages", report.profile));
    for stage in &report.stages {
        let mut case = TestCase::new(&stage.name, stage_status(report, stage.state));
        if let Some(this_time) = &stage.this_time {
            case.set_time(Duration::try_from_secs_f64(this_time.seconds).unwrap_or_default());
        }
        stages.add_test_case(case);
    }
    let mut out = quick_junit::Report::new(format!("repro {}", report.run));
    out.add_test_suites([verdicts, stages]);
    out.to_string().map_err(|e| Error::bug("the report cannot be written as JUnit XML").because(e))
}

fn verdict(row: &Judged) -> TestCase {
    let mut status = match row.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Infra => TestCaseStatus::non_success(NonSuccessKind::Error),
        Verdict::Inconclusive => TestCaseStatus::skipped(),
    };
    let evidence = row.evidence.join("; ");
    status.set_message(&evidence);
    if row.verdict != Verdict::Pass {
        status.set_type(row.verdict.as_str());
        status.set_description(format!("{evidence}\nnext: {}", row.what_to_do.as_deref().unwrap_or("see the report")));
    }
    let mut case = TestCase::new(&row.name, status);
    case.set_classname(&row.metric);
    case.set_system_out(evidence);
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
    }
}

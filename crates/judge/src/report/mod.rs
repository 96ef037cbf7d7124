//! The report of a run: one [`Report`], one renderer per file. It judges nothing.
//!
//! - [`metrics`]: reads the `metrics.jsonl` that training writes into curves;
//! - [`console`], [`markdown`], [`junit`], [`json`], [`html`] (with [`plot`]), [`annotations`], [`intoto`]: the renderers.
//!
//! `report.json` holds the [`Report`] itself, from which every other form can be rendered again. What differs between two runs of
//! one plan (clock, speed, reused stages) has fields of its own; [`Report::without_times`] empties them.

pub mod annotations;
mod caption;
pub mod console;
mod content;
mod environment;
pub mod html;
pub mod intoto;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod metrics;
mod numbers;
pub mod plot;
mod provenance;
#[cfg(test)]
mod schema;
mod words;
mod write;

pub use content::{
    EarlierVerdict, Example, Failure, FailureCause, GoldenRecord, Picture, Report, ReportTimes, SCHEMA, StageExecution,
    StageRow, StageState, TaskSpeed,
};
pub use environment::Environment;
pub use provenance::{AssetRecord, FileRecord, Provenance, StageOutputs};
pub(crate) use words::about;
pub use words::points;
pub use write::HTML;

pub use base::format::{human_bytes, human_seconds};

#[cfg(test)]
mod sample;
#[cfg(test)]
mod web;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;
    use base::exit;

    #[test]
    fn the_failure_decides_the_exit_code_unless_a_row_failed() {
        let mut report = sample::stopped();
        assert_eq!((report.verdict, report.exit_code()), (Verdict::Infra, exit::DATA));
        report.verdict = Verdict::Fail;
        assert_eq!(report.exit_code(), exit::FAIL);
        assert_eq!(sample::passed().exit_code(), exit::PASS);
        assert_eq!(Report::conclude(&[], None), (Verdict::Inconclusive, "Nothing was judged.".into()));
    }

    #[test]
    fn a_demo_result_agrees_with_recorded_runs_and_reproduces_nothing() {
        let mut report = sample::demo();
        let said = |report: &Report| Report::conclude(&report.rows, None).1;
        assert_eq!(said(&report), "All 3 demo results agree with the recorded runs.");
        report.rows[2].verdict = Verdict::Fail;
        assert_eq!(said(&report), "2 of 3 demo results agree with the recorded runs; NLVR2-like scenes FAIL.");
        report.rows.truncate(1);
        assert_eq!(said(&report), "The demo result agrees with the recorded runs.");
    }

    #[test]
    fn two_runs_differ_only_in_times() {
        let (one, mut two) = (sample::passed(), sample::passed());
        two.times.seconds = Some(1.0);
        two.stages[0].this_time = None;
        assert_ne!(one, two);
        assert_eq!(one.without_times(), two.without_times());
    }

    #[test]
    fn all_forms_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let paths = sample::passed().write(folder.path()).unwrap();
        assert_eq!(paths.len(), 5);
        let read = json::read(&paths[0]).unwrap();
        assert_eq!(read, sample::passed());
        for path in paths {
            assert!(path.metadata().unwrap().len() > 500, "{}", path.display());
        }
    }

    #[test]
    fn only_png_is_a_picture() {
        assert!(Picture::from_png(b"GIF89a", "x").is_err());
        assert!(Picture::from_png(b"\x89PNG\r\n\x1a\n", "x").is_ok());
    }
}

//! Tests of failing stages and a failing judge: what the report says, what is kept, and what runs the next time.

use std::fs;

use super::super::engine::run;
use super::super::journal::Event;
use super::super::plan::Stage;
use super::super::results::RunResults;
use super::plans::*;
use base::cause::Cause;
use base::error::{Error, Result};
use base::exit;
use fixtures::small_disk::SmallDisk;
use judge::report::json::read;
use judge::verdict::Verdict;

const KILLED: Cause = Cause::WorkerSignal { signal: 9 };

#[test]
fn an_error_stops_the_run_and_is_reported() {
    let mut toy = Toy::new();
    type Case = (fn() -> Result<()>, &'static str, u8, &'static str, (Cause, bool));
    let cases: [Case; 3] = [
        (
            || Err(Error::data("row 3 is cut short").next("fetch it again")),
            "DATA",
            exit::DATA,
            "row 3 is cut short",
            (Cause::Data, false),
        ),
        (|| Err(Error::infra("killed").with_cause(KILLED)), "INFRA", exit::INFRA, "killed", (KILLED, true)),
        (|| panic!("index 7"), "BUG", exit::BUG, "stage train panicked\n  caused by: index 7", (Cause::Bug, false)),
    ];
    for (fails, class, code, message, cause) in cases {
        toy.fails = Some(fails);
        let (report, folder) = toy.run();
        let failure = report.failure.as_ref().unwrap();
        assert_eq!((failure.class.as_str(), report.exit_code()), (class, code));
        assert!(failure.message.starts_with(message), "{}", failure.message);
        let recorded = failure.cause.clone().unwrap();
        assert_eq!((recorded.cause.clone(), recorded.spurious), cause);
        let written = events(&folder).into_iter().rev().find_map(|event| match event {
            Event::StageFailed { cause, .. } => cause,
            _ => None,
        });
        assert_eq!(written, Some(recorded));
        assert_eq!(read(&folder.join("report.json")).unwrap().failure.as_ref(), Some(failure));
        assert_eq!((report.verdict, report.stages[2].status()), (Verdict::Infra, "failed"));
        assert!(fs::read_to_string(folder.join("report.md")).unwrap().contains("Stopped at stage train"));
        assert!(folder.join("failed/train/metrics.jsonl").is_file(), "what it wrote is kept");
    }
    toy.fails = None;
    toy.ran();
    let (report, folder) = toy.run();
    assert_eq!(toy.ran(), ["train"]);
    assert_eq!(report.exit_code(), exit::PASS);
    assert!(!folder.join("failed/train").exists());

    // A stage after one that failed is not run.
    let mut plan = toy.plan();
    plan.stages[0] = Stage::new("draw", "Draw scenes", 2, |_| Err(Error::infra("no pencil")));
    let (report, _) = run(&plan, &toy.settings(), &mut |_| {}, |_| Ok(RunResults::default())).unwrap();
    assert_eq!(report.stages.iter().map(|s| s.status()).collect::<Vec<_>>(), ["failed", "not run", "not run"]);
    assert_eq!(report.summary, "Nothing was judged; the run stopped at stage draw (INFRA).");
}

#[test]
fn an_error_of_the_judge_is_reported() {
    let toy = Toy::new();
    let (report, folder) = toy.run_judged(|_| Err(Error::data("no golden file"))).unwrap();
    let failure = report.failure.as_ref().unwrap();
    assert_eq!((failure.stage.as_deref(), report.exit_code()), (None, exit::DATA));
    assert!(fs::read_to_string(folder.join("report.html")).unwrap().contains("no golden file"));
}

#[test]
fn what_a_failed_stage_wrote_is_kept_also_where_the_cache_is_on_another_disk() {
    let Some(disk) = SmallDisk::mount(1 << 20) else { return };
    let mut toy = Toy::new();
    std::os::unix::fs::symlink(disk.path(), toy.path("cache")).unwrap();
    toy.fails = Some(|| Err(Error::data("row 3 is cut short")));
    for _ in 0..2 {
        let (report, folder) = toy.run();
        assert_eq!(report.failure.unwrap().message, "row 3 is cut short");
        assert!(folder.join("failed/train/metrics.jsonl").is_file());
    }
    toy.fails = None;
    let (report, folder) = toy.run();
    assert_eq!(report.exit_code(), exit::PASS);
    assert!(folder.join("failed/train").symlink_metadata().is_err(), "no link is left");
}

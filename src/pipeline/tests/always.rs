//! Tests of a stage that always runs: `look` reads a file outside the cache, `use` depends on what it found.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::SystemTime;

use super::super::decision::render;
use super::super::engine::{explain, run};
use super::super::plan::{Plan, Stage};
use super::super::results::RunResults;
use super::plans::*;
use base::error::Error;
use base::exit;
use judge::verdict::Verdict;

/// Names of the stages that ran, in order.
type Ran = Rc<RefCell<Vec<&'static str>>>;

fn plan(outside: &Path, ran: &Ran) -> Plan {
    let (outside, looked, used) = (outside.to_owned(), Rc::clone(ran), Rc::clone(ran));
    let stages = vec![
        Stage::new("look", "Look outside", 1, move |context| {
            looked.borrow_mut().push("look");
            let text = get(Ok(outside.clone()))?;
            put(context.output("notes"), format!("{:?}", SystemTime::now()))?;
            put(context.output("found"), text)
        })
        .always(),
        Stage::new("use", "Use it", 1, move |context| {
            used.borrow_mut().push("use");
            put(context.output("result"), get(context.input("look", "found"))?)
        })
        .output_of("look", "found"),
    ];
    plan_of(stages)
}

#[test]
fn it_runs_every_time_and_later_stages_depend_on_what_it_found() {
    let workspace = tempfile::tempdir().unwrap();
    let (outside, ran) = (workspace.path().join("outside"), Ran::default());
    let settings = settings_in(workspace.path());
    let again = || {
        let (report, _) = run(&plan(&outside, &ran), &settings, &mut |_| {}, |_| Ok(RunResults::default())).unwrap();
        (ran.take(), report)
    };
    let explained = || render(&explain(&plan(&outside, &ran), workspace.path()).unwrap());
    fs::write(&outside, "one").unwrap();
    let never = explained();
    assert_eq!(again().0, ["look", "use"]);
    insta::assert_snapshot!(format!("{never}\n{}", explained()), @r"
    look  run      never finished in this workspace
    use   run      never finished in this workspace

    look  run      checks the workspace every time; later stages run only if it finds a change
    use   depends  waits for `look`; skipped if its output is unchanged
    ");

    let (did, report) = again();
    assert_eq!(did, ["look"], "the same was found, though its other output differs");
    assert_eq!(report.stages.iter().map(|s| s.status()).collect::<Vec<_>>(), ["ran", "ran"], "of the run that did it");

    fs::write(&outside, "two").unwrap();
    assert_eq!(again().0, ["look", "use"]);

    fs::remove_file(&outside).unwrap();
    let (did, report) = again();
    assert_eq!(did, ["look"]);
    assert_eq!(
        (report.stages[0].status(), report.exit_code()),
        ("failed", exit::DATA),
        "its cached result hid nothing"
    );

    fs::write(&outside, "one").unwrap();
    assert_eq!(again().0, ["look"], "what was made of it earlier is still at hand");
}

#[test]
fn the_report_names_the_class_of_the_exit_code() {
    for (error, class, code) in [
        (Error::network as fn(&'static str) -> Error, "NETWORK", exit::NETWORK),
        (Error::checksum, "CHECKSUM", exit::CHECKSUM),
        (Error::disk, "DISK", exit::DISK),
    ] {
        let workspace = tempfile::tempdir().unwrap();
        let settings = settings_in(workspace.path());
        let stages = vec![Stage::new("fetch", "Fetch", 1, move |_| Err(error("no"))).always()];
        let plan = plan_of(stages);
        let (report, folder) = run(&plan, &settings, &mut |_| {}, |_| Ok(RunResults::default())).unwrap();
        let failure = report.failure.as_ref().unwrap();
        assert_eq!((failure.class.as_str(), report.exit_code(), report.verdict), (class, code, Verdict::Infra));
        assert!(fs::read_to_string(folder.join("report.md")).unwrap().contains(class));
    }
}

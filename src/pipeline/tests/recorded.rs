//! Test of a stage whose worker writes its own record.

use std::fs;

use super::super::decision::render;
use super::super::engine::{explain, run};
use super::super::plan::Stage;
use super::super::results::RunResults;
use super::plans::*;
use crate::placement::RECORD;

#[test]
fn the_record_of_a_worker_is_not_an_output_and_may_be_missing() {
    let workspace = tempfile::tempdir().unwrap();
    let settings = settings_in(workspace.path());
    let work = Stage::new("work", "Work", 1, |context| {
        put(context.output(RECORD), "{}\n")?;
        put(context.output("result"), "7")
    });
    let plan = plan_of(vec![work]);
    let again = || run(&plan, &settings, &mut |_| {}, |_| Ok(RunResults::default())).unwrap();
    let (report, folder) = again();
    let outputs = &report.provenance.outputs[0];
    assert_eq!((outputs.files, outputs.largest[0].name.as_str()), (1, "result"));
    let record = folder.join("work").join(RECORD);
    assert_eq!(fs::read_to_string(&record).unwrap(), "{}\n");
    fs::remove_file(record).unwrap();
    assert_eq!(again().0.without_times(), report.without_times());
    assert!(render(&explain(&plan, workspace.path()).unwrap()).contains("skip"));
}

//! Test of a stage that resumes: `climb` takes two steps per run and needs six.

use std::fs;

use serde_json::json;

use super::super::decision::render;
use super::super::engine::{explain, run};
use super::super::plan::{Plan, Stage};
use super::super::results::RunResults;
use super::plans::*;
use base::error::Error;
use base::exit;

fn plan(steps: usize) -> Plan {
    let climb = Stage::new("climb", "Climb", 1, move |context| {
        let path = context.output("steps")?;
        let had = fs::read_to_string(&path).unwrap_or_default();
        put(Ok(path), format!("{had}xx"))?;
        put(context.output(".writing-half"), "left by a kill")?;
        if had.len() + 2 < steps {
            return Err(Error::interrupted("stopped on request"));
        }
        fs::remove_file(context.output(".writing-half")?).unwrap();
        Ok(())
    });
    let stages = vec![climb.parameters(json!({ "steps": steps })).resumes()];
    plan_of(stages)
}

#[test]
fn it_gets_its_folder_back_until_it_is_done() {
    let workspace = tempfile::tempdir().unwrap();
    let settings = settings_in(workspace.path());
    let again = |steps| run(&plan(steps), &settings, &mut |_| {}, |_| Ok(RunResults::default())).unwrap();
    let explained = |steps| render(&explain(&plan(steps), workspace.path()).unwrap());
    assert_eq!(again(6).0.exit_code(), exit::INTERRUPTED);
    assert!(explained(6).contains("was interrupted; resumes"), "{}", explained(6));
    assert!(!explained(4).contains("resumes"), "a different plan has its own folder");
    assert_eq!(again(4).0.exit_code(), exit::INTERRUPTED);
    assert_eq!(again(6).0.exit_code(), exit::INTERRUPTED);
    let (report, folder) = again(6);
    assert_eq!(
        (report.failure.is_none(), report.stages[0].this_time.as_ref().unwrap().why.as_str()),
        (true, "was interrupted; resumes from its last snapshot")
    );
    assert_eq!(fs::read_to_string(folder.join("climb/steps")).unwrap(), "xxxxxx");
    assert_eq!(fs::read_dir(fs::canonicalize(folder.join("climb")).unwrap()).unwrap().count(), 2, "and stage.json");
    assert!(!folder.join("failed").exists());
}

//! The sandbox against a real engine.

#[path = "common/engine.rs"]
mod engine;

use std::os::unix::fs::PermissionsExt;

use lxmert_repro::container::{Cause, Mount, Sandbox};

#[test]
fn output_mounts_and_exit_codes() {
    let Some((engine, image)) = engine::engine("test-basics") else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(folder.path().join("a"), "hello\n").unwrap();
    let mut sandbox = Sandbox::new("look", &image, ["sh", "-c", "cat /in/a; id -u >&2; exit ${CODE:-0}"]);
    sandbox.mounts = vec![Mount::read(folder.path(), "/in")];
    let mut lines = Vec::new();
    engine.run(&sandbox, &mut |line| lines.push(line.text.clone())).unwrap();
    assert!(lines.contains(&"hello".to_owned()), "{lines:?}");
    sandbox.environment.push(("CODE".into(), "7".into()));
    assert_eq!(engine.run(&sandbox, &mut |_| ()).unwrap_err().cause.as_ref(), &Cause::Exit { code: 7 });
    sandbox.command = vec!["nothing-there".into()];
    let failure = engine.run(&sandbox, &mut |_| ()).unwrap_err();
    assert_eq!(*failure.cause, Cause::CommandNotFound { command: "nothing-there".into() });
}

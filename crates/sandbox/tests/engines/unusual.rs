//! Engines that are missing, forbidden, too old, lost during a run, full, or configured differently.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use base::error::Error;
use engines::private::PrivateEngine;
use engines::test_engine::{BASE, folder};
use sandbox::failure::Unreachable;
use sandbox::{Cause, Engine, Mount, Sandbox};

/// Connects to an address without an engine; returns the reason and the text of the error.
fn unreachable(host: &str) -> (Unreachable, String) {
    let failure = Engine::connect_to(host, "test").unwrap_err();
    assert!(!failure.cause.may_be_spurious());
    match *failure.cause {
        Cause::EngineUnreachable { reason, .. } => (reason, Error::from(failure).to_string()),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn engines_that_cannot_be_reached() {
    let folder = folder();
    let socket = |name: &str| format!("unix://{}", folder.path().join(name).display());
    let (reason, text) = unreachable(&socket("none"));
    assert!(reason == Unreachable::NoSocket && text.contains("systemctl start docker"), "{text}");
    // A socket without a listener.
    drop(UnixListener::bind(folder.path().join("dead")).unwrap());
    let (reason, text) = unreachable(&socket("dead"));
    assert!(reason == Unreachable::NotRunning && text.contains("start the engine"), "{text}");
    fs::write(folder.path().join("file"), "").unwrap();
    assert_eq!(unreachable(&socket("file")).0, Unreachable::NotRunning);
    assert_eq!(unreachable("tcp://127.0.0.1:1").0, Unreachable::NotRunning);
    let (reason, text) = unreachable("ssh://somewhere");
    assert!(reason == Unreachable::BadAddress && text.contains("unix:///PATH"), "{text}");
}

/// Starts this program again as a user without permission.
#[test]
fn engines_without_permission() {
    if let Ok(host) = std::env::var("REPRO_TEST_FORBIDDEN") {
        let (reason, text) = unreachable(&host);
        assert!(reason == Unreachable::NoPermission && text.contains("usermod -aG docker"), "{text}");
        println!("did it");
        return;
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let folder = folder();
    let _listener = UnixListener::bind(folder.path().join("s")).unwrap();
    fs::set_permissions(folder.path().join("s"), fs::Permissions::from_mode(0o600)).unwrap();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    let _inner = UnixListener::bind(closed.join("s")).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let program = folder.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for socket in [folder.path().join("s"), closed.join("s")] {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        let host = format!("unix://{}", socket.display());
        assert!(again(command, "unusual::engines_without_permission", "REPRO_TEST_FORBIDDEN", &host));
    }
}

/// Starts a server that answers every request with this status and body.
fn fake_engine(socket: &Path, status: &'static str, body: &'static str) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
            let _ = write!(connection, "{head}\r\nConnection: close\r\n\r\n{body}");
        }
    });
}

#[test]
fn engines_that_are_too_old_or_no_engines() {
    let folder = folder();
    for (name, status, body) in [
        ("says", "200 OK", r#"{"Version":"17.06.0","ApiVersion":"1.30"}"#),
        (
            "refuses",
            "400 Bad Request",
            r#"{"message":"client version 1.53 is too new. Maximum supported API version is 1.30"}"#,
        ),
    ] {
        let socket = folder.path().join(name);
        fake_engine(&socket, status, body);
        let failure = Engine::connect_to(&format!("unix://{}", socket.display()), "test").unwrap_err();
        assert_eq!(*failure.cause, Cause::EngineTooOld { found: "1.30".into(), needed: "1.41".into() });
        assert!(Error::from(failure).to_string().contains("install Docker 20.10"));
    }
    let socket = folder.path().join("other");
    fake_engine(&socket, "200 OK", "<html>");
    assert_eq!(unreachable(&format!("unix://{}", socket.display())).0, Unreachable::Other);
}

/// Runs a script until it prints `ready`, then calls `with` on the engine; returns the cause of the failure and the container
/// that is left.
fn lose(
    engine: &mut PrivateEngine,
    sandbox: &Sandbox,
    with: impl FnOnce(&mut PrivateEngine),
) -> (Engine, Cause, Option<String>) {
    let connection = engine.connect("lose");
    let mut end = None;
    std::thread::scope(|scope| {
        let (ready, hear) = mpsc::channel();
        let connection = &connection;
        let run = scope.spawn(move || connection.run(sandbox, &mut |line| drop(ready.send(line.text.clone()))));
        assert_eq!(hear.recv().unwrap(), "ready");
        with(engine);
        end = Some(run.join().unwrap().unwrap_err());
    });
    let failure = end.unwrap();
    (connection, *failure.cause, failure.unremoved)
}

#[test]
fn an_engine_that_is_killed_during_a_run() {
    let Some(mut engine) = PrivateEngine::docker(None, &[]) else { return };
    let image = engine.copy_image(BASE);
    let out = folder();
    let mut sandbox =
        Sandbox::new("test", &image, ["sh", "-c", "[ -e /out/again ] && exit 0; echo ready; exec sleep 1000"]);
    sandbox.mounts = vec![Mount::write(out.path(), "/out")];
    let (connection, cause, unremoved) = lose(&mut engine, &sandbox, PrivateEngine::kill);
    assert!(matches!(cause, Cause::EngineLost { .. }) && cause.may_be_spurious(), "{cause:?}");
    let unremoved = unremoved.expect("it could not be removed");
    assert!(unremoved.starts_with("lxmert-repro-test-"), "{unremoved}");
    engine.restart();
    // The process that owns it is alive, so it is not a leftover, but the next run removes it first.
    assert!(connection.remove_leftovers().unwrap().is_empty());
    fs::write(out.path().join("again"), "").unwrap();
    connection.run(&sandbox, &mut |_| ()).unwrap();
    let list = ["-H", &engine.host(), "ps", "-aq"];
    assert!(Command::new("docker").args(list).output().unwrap().stdout.is_empty());
    // A run with retries recovers by itself.
    fs::remove_file(out.path().join("again")).unwrap();
    let mut notes = Vec::new();
    std::thread::scope(|scope| {
        let (said, hear) = mpsc::channel();
        let (connection, sandbox) = (&connection, &sandbox);
        let run = scope
            .spawn(move || connection.run_with_retries(sandbox, 2, &mut |line| drop(said.send(line.text.clone()))));
        assert_eq!(hear.recv().unwrap(), "ready");
        engine.kill();
        notes.push(hear.recv().unwrap());
        fs::write(out.path().join("again"), "").unwrap();
        engine.restart();
        run.join().unwrap().unwrap();
    });
    assert!(notes[0].contains("attempt 1 of 2 failed: test: lost the connection to the container engine"), "{notes:?}");
}

#[test]
fn an_engine_whose_disk_is_full() {
    let disk = folder();
    let options = ["-t", "tmpfs", "-o", "size=600m", "none"];
    if !Command::new("mount").args(options).arg(disk.path()).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no small disk");
        return;
    }
    let root = disk.path().join("data").display().to_string();
    let Some(engine) = PrivateEngine::docker(None, &["--data-root", &root]) else { return };
    let image = engine.copy_image(BASE);
    let connection = engine.connect("full");
    let sandbox = Sandbox::new("test", &image, ["true"]);
    connection.run(&sandbox, &mut |_| ()).unwrap();
    let mut filler = fs::File::create(disk.path().join("filler")).unwrap();
    while filler.write_all(&[1; 1 << 12]).is_ok() {}
    let failure = connection.run(&sandbox, &mut |_| ()).unwrap_err();
    assert!(matches!(*failure.cause, Cause::DiskFull { .. }), "{failure:?}");
    drop(engine);
    let _ = Command::new("umount").arg("-l").arg(disk.path()).status();
}

/// Starts this test again through `command`; returns whether it confirms that it ran.
fn again(mut command: Command, test: &str, variable: &str, value: &str) -> bool {
    command.args(["--exact", test, "--nocapture"]).env(variable, value).stdin(Stdio::null());
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.contains("did it")
}

/// With an engine that maps users to other ids, files still belong to the caller.
#[test]
fn an_engine_that_maps_users() {
    if std::env::var_os("REPRO_TEST_MAPPED").is_none() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can start such an engine");
            return;
        }
        // This machine may not have ids for it: the test mounts its own files of them.
        let folder = folder();
        fs::write(folder.path().join("ids"), "nobody:200000:65536\n").unwrap();
        let script = "mount --make-rprivate / && touch /etc/subuid /etc/subgid && mount --bind \"$0\" /etc/subuid \
                      && mount --bind \"$0\" /etc/subgid && exec \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", script])
            .arg(folder.path().join("ids"))
            .arg(std::env::current_exe().unwrap());
        assert!(again(command, "unusual::an_engine_that_maps_users", "REPRO_TEST_MAPPED", "1"));
        return;
    }
    let Some(engine) = PrivateEngine::docker(None, &["--userns-remap", "nobody:nogroup"]) else { return };
    let image = engine.copy_image(BASE);
    let out = folder();
    let mut sandbox = Sandbox::new("test", &image, ["sh", "-c", "echo x > /out/rows"]);
    sandbox.mounts = vec![Mount::write(out.path(), "/out")];
    engine.connect("mapped").run(&sandbox, &mut |_| ()).unwrap();
    assert_eq!(fs::read_to_string(out.path().join("rows")).unwrap(), "x\n");
    assert_eq!(fs::metadata(out.path().join("rows")).unwrap().uid(), 0);
    println!("did it");
}

/// For a user who may use the machine's engine, the container runs as that user, with the user's groups.
#[test]
fn a_user_who_is_not_root() {
    const PERSON: u32 = 4321;
    const GROUP: u32 = 4322;
    if let Ok(host) = std::env::var("REPRO_TEST_PERSON") {
        let engine = Engine::connect_to(&host, "person").unwrap();
        let image = engine.image(BASE).unwrap();
        let (out, shared) = (std::env::var("REPRO_TEST_OUT").unwrap(), std::env::var("REPRO_TEST_SHARED").unwrap());
        let mut sandbox = Sandbox::new("test", &image, ["sh", "-c", "id -u; cat /in/a; echo x > /out/rows"]);
        sandbox.mounts = vec![Mount::write(Path::new(&out), "/out"), Mount::read(Path::new(&shared), "/in")];
        let mut lines = Vec::new();
        engine.run(&sandbox, &mut |line| lines.push(line.text.clone())).unwrap();
        assert_eq!(lines, [PERSON.to_string().as_str(), "shared"]);
        let closed = Path::new(&out).with_file_name("closed");
        sandbox.mounts = vec![Mount::write(&closed, "/out")];
        let failure = engine.run(&sandbox, &mut |_| ()).unwrap_err();
        assert!(matches!(*failure.cause, Cause::MountUnusable { .. }), "{failure:?}");
        println!("did it");
        return;
    }
    let Some(engine) = PrivateEngine::docker(None, &[]) else { return };
    engine.copy_image(BASE);
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for name in ["out", "shared", "closed"] {
        fs::create_dir(at(name)).unwrap();
    }
    chown(at("out"), Some(PERSON), Some(PERSON)).unwrap();
    chown(at("shared"), Some(0), Some(GROUP)).unwrap();
    mode(&at("shared"), 0o750);
    mode(&at("closed"), 0o700);
    fs::write(at("shared/a"), "shared\n").unwrap();
    mode(engine.folder.path(), 0o755);
    mode(&engine.folder.path().join("socket"), 0o666);
    fs::copy(std::env::current_exe().unwrap(), at("test")).unwrap();
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={PERSON}")).arg(format!("--regid={PERSON}")).arg(format!("--groups={GROUP}"));
    command.arg(at("test")).env("REPRO_TEST_OUT", at("out")).env("REPRO_TEST_SHARED", at("shared"));
    assert!(again(command, "unusual::a_user_who_is_not_root", "REPRO_TEST_PERSON", &engine.host()));
    let rows = fs::metadata(at("out/rows")).unwrap();
    assert_eq!((rows.uid(), rows.gid()), (PERSON, PERSON));
}

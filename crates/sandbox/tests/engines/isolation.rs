//! Access, limits, output and files of a container, with each engine.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use engines::test_engine::{TestEngine, folder};
use engines::test_on_both;
use sandbox::{Cause, Mount, Stream};

test_on_both!(
    output_is_streamed_and_logged,
    a_container_reaches_and_changes_nothing_else,
    limits_are_in_force,
    files_belong_to_the_caller,
    memory_and_time_are_measured,
    eight_containers_run_at_once,
    long_runs_outlive_the_clients_timeout,
    environment_and_working_directory_are_set,
);

fn output_is_streamed_and_logged(fixture: &TestEngine) {
    let folder = folder();
    fs::write(folder.path().join("a"), "hello\n").unwrap();
    let mut sandbox =
        fixture.sandbox("cat /in/a; printf ' 10%%\\r 20%%\\r\\n\\nhalf'; sleep 0.2; echo wrong >&2; exit ${CODE:-0}");
    sandbox.mounts = vec![Mount::read(folder.path(), "/in")];
    sandbox.log = Some(folder.path().join("logs/run.log"));
    let mut lines = Vec::new();
    fixture.engine.run(&sandbox, &mut |line| lines.push((line.stream, line.text.clone()))).unwrap();
    lines.sort_by_key(|(stream, _)| *stream == Stream::Err);
    let texts: Vec<_> = lines.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["hello", " 10%", " 20%", "half", "wrong"]);
    assert_eq!(lines[4].0, Stream::Err);
    sandbox.environment.push(("CODE".into(), "7".into()));
    let failure = fixture.engine.run(&sandbox, &mut |_| ()).unwrap_err();
    assert_eq!(*failure.cause, Cause::Exit { code: 7 });
    assert_eq!((failure.task.as_str(), &failure.log), ("test", &sandbox.log));
    assert!(failure.last_lines.contains(&"wrong".to_owned()) && failure.used.is_some() && failure.unremoved.is_none());
    let log = fs::read_to_string(folder.path().join("logs/run.log")).unwrap();
    assert_eq!(log.matches("hello\n 10%\n 20%\n\n").count(), 2, "both runs, in order: {log}");
    assert!(fixture.containers().is_empty());
}

/// Returns a function that finds the values that a script printed as `NAME=VALUE`.
fn values(lines: &[String]) -> impl Fn(&str) -> String {
    move |name: &str| {
        let found = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("no {name} in {lines:?}")).to_owned()
    }
}

fn a_container_reaches_and_changes_nothing_else(fixture: &TestEngine) {
    let folder = folder();
    fs::write(folder.path().join("a"), "x").unwrap();
    let mut sandbox = fixture.sandbox(
        "try() { if (echo x > \"$2\") 2>/dev/null; then echo $1=yes; else echo $1=no; fi; }
         try root /x; try etc /etc/x; try home /root/x; try var /var/tmp/x; try run /run/x; try mount /in/a; try mount_new /in/b
         try tmp /tmp/x; try shm /dev/shm/x; try writable /out/x
         echo uid=$(id -u):$(id -g):$(id -G | tr ' ' ,)
         echo net=$(ls /sys/class/net | tr '\\n' ,)
         echo capabilities=$(sed -n 's/CapEff:\\s*//p' /proc/self/status)
         echo bounding=$(sed -n 's/CapBnd:\\s*//p' /proc/self/status)
         echo privileges=$(sed -n 's/NoNewPrivs:\\s*//p' /proc/self/status)
         echo seccomp=$(sed -n 's/Seccomp:\\s*//p' /proc/self/status)
         echo init=$(cat /proc/1/comm)
         cp /bin/true /tmp/true && /tmp/true 2>/dev/null; echo executed=$?
         python3 -c 'import socket; socket.create_connection((\"10.255.255.1\", 80), 3)' 2>/dev/null; echo connected=$?",
    );
    let out = engines::test_engine::folder();
    sandbox.mounts = vec![Mount::read(folder.path(), "/in"), Mount::write(out.path(), "/out")];
    let (ended, lines) = fixture.run_lines(&sandbox);
    ended.unwrap();
    let value = values(&lines);
    for name in ["root", "etc", "home", "var", "run", "mount", "mount_new"] {
        assert_eq!(value(name), "no", "{name}");
    }
    for name in ["tmp", "shm", "writable"] {
        assert_eq!(value(name), "yes", "{name}");
    }
    assert_ne!(value("executed"), "0");
    assert_ne!(value("connected"), "0");
    assert_eq!(value("net"), "lo,");
    assert_eq!(value("capabilities"), "0000000000000000");
    assert_eq!(value("bounding"), "0000000000000000");
    assert_eq!((value("privileges").as_str(), value("seccomp").as_str()), ("1", "2"));
    assert!(!value("uid").starts_with("0:") && !value("uid").contains(":0"), "{}", value("uid"));
    assert!(value("init").contains("init"), "{}", value("init"));
    assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "x");
}

fn limits_are_in_force(fixture: &TestEngine) {
    if !fixture.engine.facts().enforces_limits() {
        let mut notes = 0;
        fixture
            .engine
            .run(&fixture.sandbox("true"), &mut |line| notes += usize::from(line.stream == Stream::Note))
            .unwrap();
        assert_eq!(notes, 1, "a note says so");
        eprintln!("skipped: this engine enforces no limits");
        return;
    }
    let mut sandbox = fixture.sandbox(
        "one() { for file; do if [ -e /sys/fs/cgroup/$file ]; then cat /sys/fs/cgroup/$file; return; fi; done; }
         echo memory=$(one memory/memory.limit_in_bytes memory.max)
         echo swap=$(one memory/memory.memsw.limit_in_bytes memory.swap.max)
         echo pids=$(one pids/pids.max pids.max)
         echo cpu=$(one cpu/cpu.cfs_quota_us cpu.max)
         for at in dev/shm tmp big; do echo $at=$(($(df -B1 --output=size /$at | tail -1))); done",
    );
    sandbox.limits.memory = Some(256 << 20);
    sandbox.limits.pids = 77;
    sandbox.limits.cpus = Some(0.5);
    sandbox.limits.shm = 32 << 20;
    sandbox.tmpfs = vec![("/tmp".into(), 8 << 20), ("/big".into(), 16 << 20)];
    let (ended, lines) = fixture.run_lines(&sandbox);
    ended.unwrap();
    let value = values(&lines);
    assert_eq!(value("memory"), (256 << 20).to_string());
    assert!(["268435456", "0"].contains(&value("swap").as_str()), "no further swap: {}", value("swap"));
    assert_eq!((value("pids").as_str(), value("cpu").split(' ').next()), ("77", Some("50000")));
    for (at, size) in [("dev/shm", 32 << 20), ("tmp", 8 << 20), ("big", 16 << 20)] {
        assert_eq!(value(at), size.to_string(), "{at}");
    }
}

/// Returns the owner and group of a path.
fn owner(path: &Path) -> (u32, u32) {
    let metadata = path.symlink_metadata().unwrap();
    (metadata.uid(), metadata.gid())
}

fn files_belong_to_the_caller(fixture: &TestEngine) {
    let (out, outside) = (folder(), folder());
    let at = |name: &str| -> PathBuf { out.path().join(name) };
    let me = owner(outside.path());
    fs::create_dir_all(at("old")).unwrap();
    fs::write(at("old/rows"), "one\n").unwrap();
    fs::set_permissions(at("old/rows"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink(outside.path(), at("link")).unwrap();
    let mut sandbox = fixture.sandbox(
        "echo two >> /out/old/rows && mkdir -p /out/new/deep && echo x > /out/new/deep/file && ln -s /etc/passwd /out/new/away
         exit ${CODE:-0}",
    );
    sandbox.mounts = vec![Mount::write(out.path(), "/out")];
    for code in ["0", "9"] {
        sandbox.environment = vec![("CODE".into(), code.into())];
        let _ = fs::remove_dir_all(at("new"));
        let (ended, lines) = fixture.run_lines(&sandbox);
        assert_eq!(ended.is_ok(), code == "0", "{lines:?}");
        for name in ["", "old", "old/rows", "new", "new/deep", "new/deep/file", "new/away", "link"] {
            assert_eq!(owner(&at(name)), me, "{name} after exit code {code}");
        }
    }
    assert_eq!(fs::read_to_string(at("old/rows")).unwrap(), "one\ntwo\ntwo\n");
    assert_eq!((owner(Path::new("/etc/passwd")), owner(outside.path())), ((0, 0), me));
}

fn memory_and_time_are_measured(fixture: &TestEngine) {
    if !fixture.engine.facts().enforces_limits() {
        assert_eq!(
            fixture.run_lines(&fixture.sandbox("true")).0.unwrap().peak_memory,
            None,
            "no value rather than a wrong one"
        );
        return;
    }
    // It lives no longer than it takes to fill 200 MB.
    let mut sandbox = fixture.sandbox("exec python3 -c 'x = bytearray(200 << 20); print(len(x))'");
    let ended = fixture.run_lines(&sandbox).0.unwrap();
    let peak = ended.peak_memory.expect("a sample");
    assert!((200 << 20..400 << 20).contains(&peak), "{peak}");
    sandbox.command = vec!["sh".into(), "-c".into(), "sleep 1".into()];
    let ended = fixture.run_lines(&sandbox).0.unwrap();
    assert!((1.0..30.0).contains(&ended.seconds), "{}", ended.seconds);
    assert!(ended.peak_memory.is_some_and(|peak| peak < 100 << 20), "{:?}", ended.peak_memory);
}

fn eight_containers_run_at_once(fixture: &TestEngine) {
    std::thread::scope(|scope| {
        let run = |number: usize| {
            let out = folder();
            let mut sandbox = fixture.sandbox(&format!(
                "i=0; while [ $i -lt 500 ]; do echo {number}:$i; i=$((i+1)); done; echo {number} > /out/{number}"
            ));
            sandbox.mounts = vec![Mount::write(out.path(), "/out")];
            let (ended, lines) = fixture.run_lines(&sandbox);
            ended.unwrap();
            assert_eq!(lines, (0..500).map(|i| format!("{number}:{i}")).collect::<Vec<_>>());
            assert_eq!(fs::read_to_string(out.path().join(number.to_string())).unwrap(), format!("{number}\n"));
        };
        for number in 0..8 {
            scope.spawn(move || run(number));
        }
    });
    assert!(fixture.containers().is_empty());
}

/// With a timeout of five seconds for the client's requests, a run may take longer, silent or with its output closed.
fn long_runs_outlive_the_clients_timeout(fixture: &TestEngine) {
    let engine = fixture.engine.clone().with_response_timeout(Duration::from_secs(5));
    for script in ["echo a; sleep 8; echo b", "echo a; echo b; exec >&- 2>&-; sleep 8"] {
        let mut lines = Vec::new();
        let ended = engine.run(&fixture.sandbox(script), &mut |line| lines.push(line.text.clone()));
        assert!(ended.unwrap().seconds > 8.0);
        assert_eq!(lines, ["a", "b"]);
    }
}

fn environment_and_working_directory_are_set(fixture: &TestEngine) {
    let mut sandbox = fixture.sandbox("echo $HOME; echo \"$WORD\"; pwd");
    sandbox.environment = vec![("WORD".into(), "a b=c".into())];
    sandbox.workdir = Some("/usr/share".into());
    assert_eq!(fixture.run_lines(&sandbox).1, ["/tmp", "a b=c", "/usr/share"]);
    sandbox.environment.push(("HOME".into(), "/nowhere".into()));
    assert_eq!(fixture.run_lines(&sandbox).1[0], "/nowhere");
}

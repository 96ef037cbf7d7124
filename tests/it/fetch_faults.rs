//! Failures of `repro fetch`: each kind has its exit code, and the file appears only if it is correct.

use crate::common::fetching::{FetchSetup, content, sha256};
use crate::common::testing::{Fault, Served, Server};
use crate::common::{run, stderr};

#[test]
fn failures_of_a_server_are_retried() {
    let bytes = content(1_000_000);
    let server = Server::start();
    let url = server.put("/a", Served::new(bytes.clone()));
    server.faults(
        "/a",
        [
            Fault::Status(503, vec![("Retry-After", "0".into())]),
            Fault::Drop(300_000),
            Fault::Hang,
            Fault::Stall(300_000),
            Fault::Redirect("/b".into()),
        ],
    );
    server.put("/b", Served::new(bytes.clone()));
    server.faults("/b", [Fault::Few(1)]);
    let setup = FetchSetup::new(&[&url], &sha256(&bytes));
    run(&mut setup.fetch(), 0);
    assert!(std::fs::read(setup.file()).unwrap() == bytes, "another file");
    assert_eq!(setup.names(), ["a.bin"]);
    assert_eq!(server.starts(), [0, 0, 300_000, 300_000, 600_000, 600_000, 999_999]);
}

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    let bytes = content(1000);
    let server = Server::start();
    let url = server.put("/a", Served::new(bytes.clone()));

    let nowhere = FetchSetup::new(&[&server.url("/none")], "");
    let text = stderr(&run(&mut nowhere.fetch(), 6));
    assert!(text.contains("404 Not Found") && text.contains("repro fetch --from"), "{text}");

    server.faults("/a", [Fault::Corrupt(500)]);
    let other = FetchSetup::new(&[&url], &sha256(&bytes));
    let text = stderr(&run(&mut other.fetch(), 7));
    assert!(text.contains(&base::files::sha256_bytes(&bytes)) && text.contains("a.bin.suspect-"), "{text}");
    assert!(!other.file().exists());
    run(&mut other.fetch(), 0);

    let large = FetchSetup::new(&[&url], "size_about = 1000000000000000000");
    run(&mut large.fetch(), 8);
    assert!(server.records().len() == 3, "no byte is asked for that has no room");
}

//! `repro fetch`, killed repeatedly and run twice in parallel: the file is correct, and received data are not requested again.

use std::time::Duration;

use crate::common::fetching::{FetchSetup, content, sha256, until};
use crate::common::testing::{Served, Server};

const SIZE: usize = 200_000_000;
const KILLS: usize = 20;
/// What the system may have taken from the server for a client that did not read it any more.
const IN_FLIGHT: u64 = 8 << 20;

#[test]
fn killed_at_twenty_moments_it_ends_with_the_right_file() {
    let bytes = content(SIZE);
    let server = Server::start();
    let url = server.put("/a", Served { rate: Some(40_000_000), ..Served::new(bytes.clone()) });
    let setup = FetchSetup::new(&[&url], &sha256(&bytes));
    let mut moment = 12_345_u64;
    let mut here = 0;
    for kill in 0..KILLS {
        let before = server.records().len();
        let mut child = setup.start();
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // By turns from its start, so that it may not even have asked, and from the first new byte.
        if kill % 2 == 1 {
            until("a new byte", || setup.part() > here);
        }
        std::thread::sleep(Duration::from_millis((moment >> 33) % 150));
        child.kill().unwrap();
        child.wait().unwrap();
        let asked = server.starts().split_off(before);
        // The server may notice only now what the one before had asked for in its last moment.
        assert!(asked.iter().all(|from| *from == here), "kill {kill}: {asked:?} with {here} bytes here");
        assert!(setup.part() >= here, "kill {kill}: bytes are gone");
        here = setup.part();
        assert!(!setup.file().exists(), "the test is too slow for this machine: nothing is left to kill");
    }
    crate::common::run(&mut setup.fetch(), 0);
    assert_eq!(server.records().last().unwrap().from.unwrap_or(0), here);
    assert!(std::fs::read(setup.file()).unwrap() == bytes, "another file");
    // A claim that was killed while it was being made is swept away after a minute only.
    let mut names = setup.names();
    names.retain(|name| !name.starts_with("a.bin.claim.new-"));
    assert_eq!(names, ["a.bin"]);
    let sent: u64 = server.records().iter().map(|record| record.sent).sum();
    assert!(sent <= SIZE as u64 + KILLS as u64 * IN_FLIGHT, "{sent} bytes were sent for {SIZE}");

    // What is complete is not asked for.
    let asked = server.records().len();
    crate::common::run(&mut setup.fetch(), 0);
    assert_eq!(server.records().len(), asked);
}

#[test]
fn two_at_once_end_with_one_file_and_one_download() {
    let bytes = content(20_000_000);
    let server = Server::start();
    let url = server.put("/a", Served { rate: Some(20_000_000), ..Served::new(bytes.clone()) });
    let setup = FetchSetup::new(&[&url], &sha256(&bytes));
    let mut both = [setup.start(), setup.start()];
    for child in &mut both {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(server.starts(), [0]);
    assert!(std::fs::read(setup.file()).unwrap() == bytes, "another file");
    assert_eq!(setup.names(), ["a.bin"]);
}

#[test]
fn the_second_goes_on_where_the_first_was_killed() {
    let bytes = content(20_000_000);
    let server = Server::start();
    let url = server.put("/a", Served { rate: Some(20_000_000), ..Served::new(bytes.clone()) });
    let setup = FetchSetup::new(&[&url], &sha256(&bytes));
    let mut first = setup.start();
    until("the first byte", || setup.part() > 0);
    let mut second = setup.start();
    until("a quarter", || setup.part() > 5_000_000);
    first.kill().unwrap();
    first.wait().unwrap();
    let here = setup.part();
    assert!(second.wait().unwrap().success());
    let starts = server.starts();
    assert!(starts.len() == 2 && (5_000_000..=here).contains(&starts[1]), "{starts:?} with {here} bytes here");
    assert!(std::fs::read(setup.file()).unwrap() == bytes, "another file");
    assert_eq!(setup.names(), ["a.bin"]);
}

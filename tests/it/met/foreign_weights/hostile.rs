//! Files made to exhaust time or memory are refused immediately.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::pickles::{archive, overlapping, quadratic};
use super::world::{World, is_clean};

#[test]
fn files_made_to_exhaust_time_or_memory_are_refused_immediately() {
    let world = World::new();
    let mut hostile: Vec<(PathBuf, &str)> = Vec::new();
    if let Some(bomb) = fixtures::beside("cases/hostile/bomb.pth") {
        hostile.push((bomb, "its pickle would take 62700079 bytes"));
    }
    // As cases/hostile/quad.py makes it, whose own way takes minutes.
    fs::write(world.at("quad.pth"), quadratic(60_000, 12_000_000)).unwrap();
    hostile.push((world.at("quad.pth"), "overlap: "));
    // Lists of lists by the memo, numbers of a million digits, tuples without end, entries of one dict.
    let digits = [&b"}(X\x01\0\0\0a"[..], &[&b"\x8b\0\0\x10\0"[..], &vec![1; 1 << 20]].concat(), b"u."].concat();
    for (name, pickle, word) in [
        ("doubling", [&b"}q\0"[..], &b"(h\0h\0h\0h\0u".repeat(200_000), b"."].concat(), "builds more values"),
        ("tuples", [&b"(K\x01"[..], &b"\x85".repeat(1_000_000), b"t."].concat(), "builds more values"),
        ("entries", [&b"}(X\x01\0\0\0a]("[..], &b"N".repeat(1_000_000), b"eu."].concat(), "builds more values"),
        ("digits", digits, "0x8b is not supported"),
        ("long", b"}(X\x01\0\0\0a\x8b\xff\xff\xff\x7fu.".to_vec(), "0x8b is not supported"),
    ] {
        fs::write(world.at(name), archive(&pickle)).unwrap();
        hostile.push((world.at(name), word));
    }
    // Two members that name one range by their entries in the directory, and two of one name.
    fs::write(world.at("overlap"), overlapping("data/1", true)).unwrap();
    fs::write(world.at("inside"), overlapping("data/1", false)).unwrap();
    fs::write(world.at("names"), overlapping("data/0", true)).unwrap();
    hostile.push((world.at("overlap"), "overlap: \"a/data/0\" and \"a/data/1\""));
    hostile.push((world.at("inside"), "overlap: "));
    hostile.push((world.at("names"), "the same name"));
    for (path, word) in hostile {
        let start = Instant::now();
        let said = world.fails(&format!("convert --from {} --to out.pth", path.display()));
        assert!(said.contains(word), "{}: {said}", path.display());
        assert!(start.elapsed() < Duration::from_secs(20), "{}: {:?}", path.display(), start.elapsed());
    }
    is_clean(&world);
}

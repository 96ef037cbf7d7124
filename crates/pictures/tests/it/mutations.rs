//! Files with random damage: each is a picture or refused, and nothing else happens. `REPRO_FUZZ_SECONDS` sets how long the second test
//! goes on; without it a fixed number of files is tried.

use std::io::Write;
use std::time::{Duration, Instant};

use pictures::decode;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::opencv::folder;

/// How many files were decoded and how many refused.
#[derive(Default)]
struct Count {
    decoded: u64,
    refused: u64,
}

impl Count {
    fn try_one(&mut self, bytes: &[u8]) {
        match decode(bytes) {
            Ok(picture) => {
                assert!(picture.width > 0 && picture.height > 0);
                assert_eq!(picture.bgr.len(), picture.width * picture.height * 3);
                self.decoded += 1;
            }
            Err(_) => self.refused += 1,
        }
    }
}

fn samples() -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end != "tsv")).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Changes some bytes, mostly in the headers.
fn damage(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    for _ in 0..[1, 1, 1, 2, 5, 20][random.random_range(0..6)] {
        let end = if random.random() { bytes.len().min(700) } else { bytes.len() };
        if end == 0 {
            return;
        }
        let at = random.random_range(0..end);
        match random.random_range(0..10) {
            0..5 => bytes[at] = random.random(),
            5..7 => bytes[at] ^= 1 << random.random_range(0..8),
            7 => bytes[at] = [0, 1, 0x7f, 0x80, 0xd8, 0xd9, 0xda, 0xff][random.random_range(0..8)],
            8 => drop(bytes.drain(at..bytes.len().min(at + random.random_range(1..30)))),
            _ => {
                let from = random.random_range(0..bytes.len());
                let part = bytes[from..bytes.len().min(from + 40)].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
}

/// Makes the checksums of a PNG right, so that its damage is met later.
fn fix_checksums(png: &mut [u8]) {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let mut at = 8;
    while let Some(length) = png.get(at..).and_then(|rest| rest.first_chunk()) {
        let end = at + 8 + u32::from_be_bytes(*length) as usize;
        let Some(checksum) = png.get(at + 4..end).map(|named| crc.checksum(named)) else { return };
        let Some(place) = png.get_mut(end..end + 4) else { return };
        place.copy_from_slice(&checksum.to_be_bytes());
        at = end + 4;
    }
}

fn try_files(mut random: ChaCha8Rng, mut goes_on: impl FnMut(u64) -> bool) -> Count {
    let (samples, mut count) = (samples(), Count::default());
    while goes_on(count.decoded + count.refused) {
        let mut bytes = samples[random.random_range(0..samples.len())].clone();
        damage(&mut bytes, &mut random);
        if random.random() {
            fix_checksums(&mut bytes);
        }
        count.try_one(&bytes);
    }
    count
}

#[test]
fn damaged_files_are_pictures_or_refused() {
    let count = try_files(ChaCha8Rng::seed_from_u64(1), |tried| tried < 6000);
    assert!(count.decoded > 1000 && count.refused > 1000, "{} decoded, {} refused", count.decoded, count.refused);
}

#[test]
fn damaged_files_are_pictures_or_refused_for_as_long_as_asked() {
    let Ok(seconds) = std::env::var("REPRO_FUZZ_SECONDS") else { return };
    let seconds = Duration::from_secs(seconds.parse().expect("REPRO_FUZZ_SECONDS is a number of seconds"));
    let seed = rand::random();
    let begun = Instant::now();
    // Not `eprintln!`, whose text the test harness swallows where a test passes.
    let _ = writeln!(std::io::stderr(), "mutations: seed {seed}");
    let count = try_files(ChaCha8Rng::seed_from_u64(seed), |_| begun.elapsed() < seconds);
    let _ = writeln!(std::io::stderr(), "mutations: {} decoded, {} refused", count.decoded, count.refused);
}

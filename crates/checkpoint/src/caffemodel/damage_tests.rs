//! Reads damaged copies of nets, which must neither hang nor panic. With `REPRO_FUZZ_SECONDS`,
//! mutations take so long, and a net of the fixtures is cut at every byte.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fixtures::caffemodel::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::from_bytes;
use crate::StateDict;

/// Returns a net that has every form of values and shapes, and the ends of its layers.
fn small_net() -> (Vec<u8>, Vec<usize>) {
    let layers = [
        layer("input", "Input", &[]),
        layer("conv1", "Convolution", &[blob(&[2, 1, 1, 2], &[1.0, 2.0, 3.0, 4.0])]),
        layer(
            "bn",
            "BatchNorm",
            &[
                [legacy_shape([1, 1, 1, 2]), scattered_floats(5, &[5.0, 6.0]), floats(6, &[0.0])].concat(),
                [doubles(8, &[7.0, 8.0]), bytes_field(7, &[number_field(1, 1), number_field(1, 2)].concat())].concat(),
                floats(5, &[9.0]),
            ],
        ),
        layer("rpn/3x3", "InnerProduct", &[[scattered_doubles(8, &[1.0]), shape(&[1])].concat(), shape(&[0])]),
    ];
    let mut content = net(&[]);
    let mut ends = Vec::new();
    for layer in layers {
        content.extend(layer);
        ends.push(content.len());
    }
    (content, ends)
}

fn fuzz_seconds() -> Option<u64> {
    let text = std::env::var("REPRO_FUZZ_SECONDS").ok()?;
    Some(text.parse().expect("REPRO_FUZZ_SECONDS is a whole number"))
}

fn tiny() -> Option<Vec<u8>> {
    fixtures::beside("butd/tiny/tiny.caffemodel").map(|path| std::fs::read(path).unwrap())
}

/// Checks one cut of a net. It is refused, unless it is at the end of a layer: then it is a net of fewer layers.
fn check_cut(content: &Bytes, length: usize, whole: &StateDict, ends: &[usize]) {
    match from_bytes(&content.slice(..length)) {
        Ok(fewer) => {
            assert!(ends.contains(&length), "cut to {length} bytes");
            assert!(
                fewer.len() <= whole.len() && fewer.iter().zip(whole).all(|(a, b)| a == b),
                "cut to {length} bytes"
            );
        }
        Err(error) => {
            let first = whole.keys().next().unwrap().split('/').next().unwrap();
            let text = error.to_string();
            assert!(!ends.contains(&length) || text.contains("holds weights"), "cut to {length} bytes: {text} {first}");
        }
    }
}

/// Returns the ends of the fields of a net, found without the reader: lengths are varints.
fn ends(content: &[u8]) -> Vec<usize> {
    let (mut at, mut ends) = (0, Vec::new());
    while at < content.len() {
        let mut number = || {
            let mut value = 0_usize;
            for shift in (0..).step_by(7) {
                let byte = content[at];
                at += 1;
                value |= usize::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            value
        };
        assert_eq!(number() & 7, 2, "only texts and messages are in these nets");
        let length = number();
        at += length;
        ends.push(at);
    }
    ends
}

#[test]
fn a_net_cut_anywhere_but_after_a_layer_is_refused() {
    let (content, layers) = small_net();
    let found = ends(&content);
    assert_eq!(found[1..], layers);
    let content = Bytes::from(content);
    let whole = from_bytes(&content).unwrap();
    assert_eq!(whole.len(), 6);
    (0..content.len()).for_each(|length| check_cut(&content, length, &whole, &found));
}

#[test]
fn butd_caffemodel_cut_anywhere_but_after_a_layer_is_refused() {
    let Some(content) = tiny() else { return };
    let ends = ends(&content);
    let content = Bytes::from(content);
    let whole = from_bytes(&content).unwrap();
    // Every byte takes minutes.
    let step = if fuzz_seconds().is_some() { 1 } else { 4999 };
    let kilobytes = (0..4096).chain(content.len() - 1024..content.len());
    for length in (0..content.len()).step_by(step).chain(kilobytes).chain(ends.iter().copied()) {
        check_cut(&content, length, &whole, &ends);
    }
}

/// Changes a few places of a net: bytes, lengths, numbers; or moves, repeats or removes a piece.
fn mutated(content: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut damaged = content.to_vec();
    for _ in 0..random.random_range(1..5) {
        let at = random.random_range(0..damaged.len());
        match random.random_range(0..8) {
            0 | 1 => damaged[at] = random.random(),
            2 => damaged[at] ^= 1 << random.random_range(0..8),
            3 => damaged[at] = [0, 1, 0x7f, 0x80, 0xff][random.random_range(0..5)],
            4 => drop(damaged.splice(at..at, varint(random.random::<u64>() >> random.random_range(0..64)))),
            5 => {
                let end = damaged.len().min(at + random.random_range(1..32));
                if damaged.len() > end - at {
                    damaged.drain(at..end);
                }
            }
            6 => {
                let from = random.random_range(0..damaged.len());
                let piece = damaged[from..damaged.len().min(from + random.random_range(1..64))].to_vec();
                damaged.splice(at..at, piece);
            }
            _ => damaged.truncate(at + 1),
        }
    }
    damaged
}

/// Reads a net that may be damaged. Returns whether it was accepted; then its tensors fit their shapes.
fn ends_well(content: Vec<u8>) -> bool {
    let size = content.len();
    let read = from_bytes(&content.into());
    for (name, tensor) in read.iter().flatten() {
        tensor.check(name).unwrap();
    }
    let values: usize = read.iter().flatten().map(|(_, tensor)| tensor.data.len()).sum();
    assert!(values <= size, "a file of {size} bytes gave {values} bytes of values");
    read.is_ok()
}

#[test]
fn mutated_nets_never_panic() {
    let until = fuzz_seconds().map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut random = ChaCha8Rng::seed_from_u64(100);
    let (mut read, mut accepted) = (0_u64, 0_u64);
    let small = small_net().0;
    // The first layers: whole, so that damage to their values and lengths is met on the way.
    let tiny = tiny().map(|content| content[..ends(&content)[12]].to_vec());
    let rounds = 20_000;
    while until.map_or(read < rounds, |until| Instant::now() < until) {
        let content = tiny.as_ref().filter(|_| read % 8 == 0).unwrap_or(&small);
        accepted += u64::from(ends_well(mutated(content, &mut random)));
        read += 1;
    }
    println!("{read} mutated nets: {accepted} accepted, {} refused, none panicked", read - accepted);
    assert!(accepted > 0 && accepted < read, "the mutations reach both ends: {accepted} of {read}");
}

#[test]
fn random_bytes_after_a_layers_tag_never_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(101);
    for _ in 0..20_000 {
        let noise: Vec<u8> = (0..random.random_range(0..80)).map(|_| random.random()).collect();
        ends_well(layer("a", "", &[noise]));
        let noise: Vec<u8> = (0..random.random_range(0..80)).map(|_| random.random_range(0..64)).collect();
        ends_well(bytes_field(100, &noise));
        ends_well(noise);
    }
}

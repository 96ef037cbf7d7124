//! Reads damaged copies of good files, which must neither hang nor panic.

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pth_write::pickle;
use super::*;

/// The name of a case, which is printed if reading it panics.
struct Case(String);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed on {}", self.0);
        }
    }
}

fn sample() -> StateDict {
    let tied = TensorData::from_f32(vec![3, 4], (0..12).map(|i| i as f32).collect()).unwrap();
    let mut tensors = StateDict::from([("bert.word".to_owned(), tied.clone()), ("cls.decoder".to_owned(), tied)]);
    tensors.insert("id".into(), TensorData { dtype: DType::I64, shape: vec![2], data: vec![1; 16].into() });
    tensors.insert("empty".into(), TensorData::from_f32(vec![0], vec![]).unwrap());
    tensors
}

/// Returns the legacy container (2019) around the pickle of [`pickle`].
fn legacy_file(tensors: &StateDict) -> Vec<u8> {
    let (pickle, storages) = pickle(tensors);
    let mut file =
        b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\0\0\0little_endian\x88s.".to_vec();
    file.extend(pickle);
    file.extend(b"\x80\x02]");
    for key in 0..storages.len() {
        file.extend([b"X\x01\0\0\0", key.to_string().as_bytes(), b"a"].concat());
    }
    file.push(b'.');
    for storage in storages {
        file.extend((storage.numel() as u64).to_le_bytes());
        file.extend(&storage.data);
    }
    file
}

fn good_files() -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let (pth, safe) = (folder.path().join("a.pth"), folder.path().join("a.safetensors"));
    write_pth(&pth, &sample()).unwrap();
    write_safetensors(&safe, &sample(), &Default::default()).unwrap();
    let mut files = vec![
        ("zip".to_owned(), std::fs::read(pth).unwrap()),
        ("safetensors".to_owned(), std::fs::read(safe).unwrap()),
        ("legacy".to_owned(), legacy_file(&sample())),
    ];
    for (name, content) in &files {
        assert_eq!(read_bytes(&content.clone().into()).unwrap().get("bert.word"), sample().get("bert.word"), "{name}");
    }
    for name in
        ["exotic_zip.pth", "exotic_legacy.pth", "nested_zip.pth", "nested_legacy.pth", "micro_bert/pytorch_model.bin"]
    {
        if let Some(path) = fixtures::lxrt(&format!("ckpt/{name}")) {
            files.push((name.to_owned(), std::fs::read(path).unwrap()));
        }
    }
    files
}

fn must_end(name: String, content: Vec<u8>) {
    let case = Case(name);
    if let Ok(tensors) = read_bytes(&Bytes::from(content)) {
        for (name, tensor) in &tensors {
            tensor.check(name).unwrap();
        }
    }
    drop(case);
}

#[test]
fn files_cut_anywhere_are_refused() {
    for (name, content) in good_files() {
        let step = (content.len() / 500).max(1);
        for length in (0..content.len()).step_by(step) {
            let cut = Bytes::copy_from_slice(&content[..length]);
            assert!(read_bytes(&cut).is_err(), "{name} cut to {length} bytes");
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(9595);
    for (name, content) in good_files() {
        // Most of the bytes describe the tensors, so that every part of the description can be changed.
        for round in 0..1500 {
            let mut damaged = content.clone();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..damaged.len());
                damaged[at] = random.random();
            }
            must_end(format!("{name}, round {round}"), damaged);
        }
    }
}

#[test]
fn moved_pieces_never_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(9596);
    for (name, content) in good_files() {
        for round in 0..300 {
            let mut damaged = content.clone();
            let (from, to) = (random.random_range(0..content.len()), random.random_range(0..content.len()));
            let length = random.random_range(0..64_usize);
            let piece = content[from..content.len().min(from + length)].to_vec();
            if random.random() {
                damaged.splice(to..to, piece);
            } else {
                damaged.drain(to..content.len().min(to + length));
            }
            must_end(format!("{name}, round {round}"), damaged);
        }
    }
}

#[test]
fn a_changed_weight_in_a_zip_is_noticed() {
    let (name, mut content) = good_files().swap_remove(0);
    let position = content.windows(4).position(|four| four == 11.0_f32.to_le_bytes()).unwrap();
    content[position] ^= 1;
    let error = read_bytes(&content.into()).expect_err(&name).to_string();
    assert!(error.contains("damaged"), "{error}");
}

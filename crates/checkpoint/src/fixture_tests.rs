//! Reads every checkpoint of the reference fixtures and compares it bit for bit.

use std::path::Path;

use serde_json::Value;

use super::*;

fn expected(folder: &Path, about: &Value) -> Option<StateDict> {
    let path = folder.join(about["expected"].as_str()?);
    path.exists().then(|| read_safetensors(&path).unwrap())
}

#[test]
fn good_files_have_the_expected_bits() {
    fixtures::checkpoints(|folder, name, about| {
        let Some(expected) = expected(folder, about).filter(|_| !name.starts_with("micro_bert")) else { return };
        let tensors = read_checkpoint(&folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(tensors.len(), expected.len(), "{name}");
        for (key, tensor) in &tensors {
            let plain = match about["key_infix"] {
                Value::Null => key.strip_prefix("module.").unwrap_or(key).to_owned(),
                _ => key.replace(".module", ""),
            };
            assert_eq!(Some(tensor), expected.get(&plain), "{name}: {key}");
        }
        let prefix = about["key_prefix"].as_str().unwrap_or("");
        for pair in about["tied"].as_array().into_iter().flatten() {
            let [a, b] = [0, 1].map(|i| &tensors[&format!("{prefix}{}", pair[i].as_str().unwrap())]);
            assert!(a.shares_storage_with(b), "{name}: {pair}");
        }
        let order = fixtures::micro_pretraining_model().filter(|_| about["expected"] == "micro.expected.safetensors");
        if let Some(order) = order {
            let names = order.iter().map(|(name, _)| name);
            assert!(tensors.keys().map(|k| k.strip_prefix("module.").unwrap_or(k)).eq(names), "{name}");
        }
    });
}

#[test]
fn bad_files_are_refused_with_a_reason() {
    fixtures::checkpoints(|folder, name, about| {
        if about["kind"] == "bad" {
            let error = read_checkpoint(&folder.join(name)).expect_err(name);
            assert_eq!(error.kind(), base::error::Kind::Data, "{name}");
            assert!(error.to_string().contains("caused by: "), "{name}: {error}");
            if name.contains("getcwd") {
                assert!(error.to_string().contains("\"posix.getcwd\""), "{name}: {error}");
            }
        }
    });
}

#[test]
fn nested_files_are_described() {
    fixtures::checkpoints(|folder, name, _| {
        if name.starts_with("nested_") {
            let error = read_checkpoint(&folder.join(name)).expect_err(name).to_string();
            for word in ["flat state dict", "\"epoch\" (int)", "\"model\" (dict of 1 tensor)", "[\"model\"]"] {
                assert!(error.contains(word), "{name}: {error}");
            }
        }
    });
}

#[test]
fn written_files_read_back_and_are_torchs_own_pickle() {
    fixtures::checkpoints(|folder, name, about| {
        let Some(expected) = expected(folder, about).filter(|_| !name.starts_with("micro_bert")) else { return };
        let tensors = read_checkpoint(&folder.join(name)).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        let (pth, safe) = (temporary.path().join("a.pth"), temporary.path().join("a.safetensors"));
        write_pth(&pth, &tensors).unwrap();
        write_safetensors(&safe, &tensors, &Default::default()).unwrap();
        assert_eq!(read_checkpoint(&pth).unwrap(), tensors, "{name}");
        assert_eq!(read_checkpoint(&safe).unwrap(), tensors, "{name}");
        if about["kind"] == "zip" && !expected.contains_key("param") {
            let archive = |path: &Path| pth_zip::PthArchive::open(&std::fs::read(path).unwrap().into()).unwrap();
            let (mut theirs, mut ours) = (archive(&folder.join(name)), archive(&pth));
            // Theirs also holds the version numbers of the state_dict.
            let start = ours.pickle().unwrap();
            assert!(theirs.pickle().unwrap().starts_with(start.strip_suffix(b".").unwrap()), "{name}");
            for member in ["version", "byteorder"] {
                assert_eq!(ours.member(member).unwrap(), theirs.member(member).unwrap(), "{name}");
            }
        }
    });
}

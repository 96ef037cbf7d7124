//! Every checkpoint of the reference fixtures, bit for bit.

use std::path::Path;

use bytes::Bytes;
use indexmap::IndexMap;
use serde_json::Value;

use super::*;
use crate::fixtures;

type Shapes = IndexMap<String, Vec<usize>>;

/// The manifest's files that are there, with their folder.
fn files(check: impl Fn(&Path, &str, &Value)) {
    let Some(folder) = fixtures::lxrt("ckpt") else { return };
    let Some(manifest) = fixtures::lxrt("ckpt/manifest.json") else { return };
    let manifest = fixtures::json(&manifest);
    for (name, about) in manifest["files"].as_object().unwrap() {
        if folder.join(name).exists() {
            check(&folder, name, about);
        }
    }
}

fn expected(folder: &Path, about: &Value) -> Option<StateDict> {
    let path = folder.join(about["expected"].as_str()?);
    path.exists().then(|| read_safetensors(&path).unwrap())
}

fn shapes(tensors: &StateDict) -> Shapes {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone())).collect()
}

/// Names and shapes of the micro pre-training model.
fn pretraining_model() -> Option<Shapes> {
    let manifest = fixtures::json(&fixtures::lxrt("ckpt/manifest.json")?);
    Some(
        serde_json::from_value::<Vec<(String, Vec<usize>)>>(manifest["state_dict_order"].clone())
            .unwrap()
            .into_iter()
            .collect(),
    )
}

/// Names and shapes of the micro task model.
fn task_model() -> Option<Shapes> {
    Some(shapes(&read_safetensors(&fixtures::lxrt("ckpt/micro_vqa_BEST.expected.safetensors")?).unwrap()))
}

#[test]
fn good_files_have_the_expected_bits() {
    files(|folder, name, about| {
        let Some(expected) = expected(folder, about).filter(|_| !name.starts_with("micro_bert")) else { return };
        let tensors = read_as_named(&folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
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
        if let Some(order) = pretraining_model().filter(|_| about["expected"] == "micro.expected.safetensors") {
            assert!(tensors.keys().map(|k| k.strip_prefix("module.").unwrap_or(k)).eq(order.keys()), "{name}");
        }
    });
}

#[test]
fn bad_files_are_refused_with_a_reason() {
    files(|folder, name, about| {
        if about["kind"] == "bad" {
            let error = read(&folder.join(name)).expect_err(name);
            assert_eq!(error.kind(), crate::error::Kind::Data, "{name}");
            assert!(error.to_string().contains("caused by: "), "{name}: {error}");
            if name.contains("getcwd") {
                assert!(error.to_string().contains("\"posix.getcwd\""), "{name}: {error}");
            }
        }
    });
}

#[test]
fn nested_files_are_described() {
    files(|folder, name, _| {
        if name.starts_with("nested_") {
            let error = read(&folder.join(name)).expect_err(name).to_string();
            for word in ["flat state dict", "\"epoch\" (int)", "\"model\" (dict of 1 tensor)", "[\"model\"]"] {
                assert!(error.contains(word), "{name}: {error}");
            }
        }
    });
}

#[test]
fn written_files_read_back_and_are_torchs_own_pickle() {
    files(|folder, name, about| {
        let Some(expected) = expected(folder, about).filter(|_| !name.starts_with("micro_bert")) else { return };
        let tensors = read_as_named(&folder.join(name)).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        let (pth, safe) = (temporary.path().join("a.pth"), temporary.path().join("a.safetensors"));
        write_pth(&pth, &tensors).unwrap();
        write_safetensors(&safe, &tensors, &Default::default()).unwrap();
        assert_eq!(read_as_named(&pth).unwrap(), tensors, "{name}");
        assert_eq!(read_as_named(&safe).unwrap(), tensors, "{name}");
        if about["kind"] == "zip" && !expected.contains_key("param") {
            let archive = |path: &Path| zipped::Archive::open(&std::fs::read(path).unwrap().into()).unwrap();
            let (mut theirs, mut ours) = (archive(&folder.join(name)), archive(&pth));
            // Theirs goes on with the version numbers that a state_dict carries.
            let start = ours.pickle().unwrap();
            assert!(theirs.pickle().unwrap().starts_with(start.strip_suffix(b".").unwrap()), "{name}");
            for member in ["version", "byteorder"] {
                assert_eq!(ours.member(member).unwrap(), theirs.member(member).unwrap(), "{name}");
            }
        }
    });
}

#[test]
fn pre_training_checkpoints_fill_task_and_pre_training_models() {
    let (Some(task), Some(pretraining)) = (task_model(), pretraining_model()) else { return };
    files(|folder, name, about| {
        if about["expected"] != "micro.expected.safetensors" {
            return;
        }
        let Some(expected) = expected(folder, about) else { return };
        let checkpoint = read(&folder.join(name)).unwrap();
        let (tensors, report) = plan(checkpoint.clone(), &task, Policy::Lxmert, false).unwrap();
        let encoder = pretraining.keys().filter(|name| name.starts_with("bert.")).count();
        assert_eq!((tensors.len(), report.loaded), (encoder, encoder), "{name}");
        for (key, tensor) in &tensors {
            assert_eq!(tensor, &expected[key.strip_prefix("lxrt_encoder.model.").unwrap()], "{name}: {key}");
        }
        assert!(
            report.missing.iter().all(|name| name.starts_with("logit_fc.")) && report.missing.len() == 6,
            "{report}"
        );
        assert_eq!(report.unexpected.len(), pretraining.len() - encoder, "{report}");

        let (tensors, report) = plan(checkpoint.clone(), &pretraining, Policy::Pretrained, false).unwrap();
        assert!(report.missing.is_empty() && report.unexpected.is_empty(), "{name}: {report}");
        assert!(tensors.iter().all(|(key, tensor)| tensor == &expected[key]) && tensors.keys().eq(pretraining.keys()));
        let error = plan(checkpoint, &task, Policy::FineTuned, false).unwrap_err().to_string();
        assert!(error.contains("pre-training checkpoint"), "{error}");
    });
}

#[test]
fn fine_tuned_checkpoints_load_whole_and_only_as_such() {
    let Some(task) = task_model() else { return };
    files(|folder, name, about| {
        if about["expected"] != "micro_vqa_BEST.expected.safetensors" {
            return;
        }
        let Some(expected) = expected(folder, about) else { return };
        let checkpoint = read(&folder.join(name)).unwrap();
        let (tensors, report) = plan(checkpoint.clone(), &task, Policy::FineTuned, false).unwrap();
        assert!(tensors.iter().all(|(key, tensor)| tensor == &expected[key]), "{name}");
        assert_eq!(report.to_string(), format!("{} tensors loaded, none missing", task.len()));
        for policy in [Policy::Lxmert, Policy::LxmertQa { rows: &[], expected_loaded: None }] {
            let error = plan(checkpoint.clone(), &task, policy, false).unwrap_err().to_string();
            assert!(error.contains("fine-tuned task model"), "{error}");
        }
        let (tensors, report) = plan(checkpoint, &task, Policy::Lxmert, true).unwrap();
        assert!(tensors.is_empty() && report.missing.len() == task.len(), "{report}");
    });
}

#[test]
fn bert_initialises_the_language_side() {
    let (Some(pretraining), Some(task)) = (pretraining_model(), task_model()) else { return };
    files(|folder, name, about| {
        if !name.starts_with("micro_bert") {
            return;
        }
        let Some(expected) = expected(folder, about) else { return };
        let names = |key: &str| serde_json::from_value::<Vec<String>>(about[key].clone()).unwrap();
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        let checkpoint = read(&folder.join(name)).unwrap();
        let (mut tensors, report) = plan(checkpoint.clone(), &pretraining, Policy::Bert, false).unwrap();
        assert_eq!(sorted(report.missing.clone()), sorted(names("left_random")), "{name}");
        assert_eq!(sorted(report.unexpected.clone()), sorted(names("unused")), "{name}");
        if !expected.contains_key("cls.predictions.decoder.weight") {
            tensors.swap_remove("cls.predictions.decoder.weight");
        }
        tensors.sort_keys();
        assert!(tensors.iter().eq(expected.iter()), "{name}");
        let (tensors, report) = plan(checkpoint, &task, Policy::Bert, false).unwrap();
        assert!(tensors.keys().all(|name| name.starts_with("lxrt_encoder.model.bert.")) && !tensors.is_empty());
        assert!(report.missing.iter().all(|name| !name.contains(".layer.0.")), "{report}");
    });
}

#[test]
fn answer_heads_move_by_the_answer_table() {
    let (Some(json), Some(path)) =
        (fixtures::lxrt("answers/answers.json"), fixtures::lxrt("answers/micro9500_LXRT.pth"))
    else {
        return;
    };
    let Some(task) = task_model() else { return };
    let answers = fixtures::json(&json);
    let checkpoint = read(&path).unwrap();
    for (name, about) in answers["maps"].as_object().unwrap() {
        let rows: Vec<Option<usize>> =
            about["label_to_9500_id"].as_array().unwrap().iter().map(|id| id.as_u64().map(|id| id as usize)).collect();
        let count = |key: &str| about[key].as_u64().unwrap() as usize;
        let (loaded, zeroed) = (count("loaded"), count("zeroed"));
        let mut model = task.clone();
        for part in ["logit_fc.3.weight", "logit_fc.3.bias"] {
            model[part][0] = rows.len();
        }
        let load = |rows, expected| {
            plan(checkpoint.clone(), &model, Policy::LxmertQa { rows, expected_loaded: Some(expected) }, false)
        };
        let (tensors, report) = load(&rows, loaded).unwrap();
        assert_eq!((report.answers_loaded, report.answers_zeroed), (Some(loaded), Some(zeroed)), "{name}");
        assert_eq!((report.loaded, report.missing.len()), (model.len(), 0), "{name}");
        assert!(report.to_string().ends_with(&format!("; {loaded} answers loaded, {zeroed} zeroed")), "{report}");

        let values = |key: &str| tensors[key].to_f32().unwrap();
        let (weight, bias) = (values("logit_fc.3.weight"), values("logit_fc.3.bias"));
        let width = weight.len() / rows.len();
        for (label, row) in rows.iter().enumerate().filter(|(_, row)| row.is_none()) {
            assert!(weight[label * width..][..width].iter().chain([&bias[label]]).all(|v| v.to_bits() == 0), "{row:?}");
        }
        let end = &answers["end_to_end"][name];
        let floats = |key: &str| serde_json::from_value::<Vec<f64>>(end[key].clone()).unwrap();
        let sum = |values: &[f32]| values.iter().map(|v| f64::from(*v)).sum::<f64>();
        assert!(
            (sum(&weight) - end["logit_fc.3.weight.sum"].as_f64().unwrap()).abs() < 1e-9,
            "{name}: {}",
            sum(&weight)
        );
        assert!((sum(&bias) - end["logit_fc.3.bias.sum"].as_f64().unwrap()).abs() < 1e-9, "{name}: {}", sum(&bias));
        let first = |values: &[f32]| values[..4].iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
        assert_eq!(first(&weight[1000 * width..]), floats("row_1000_first4"), "{name}");
        assert_eq!(first(&values("logit_fc.0.weight")), floats("logit_fc.0.weight.first4"), "{name}");

        assert!(load(&rows, loaded + 1).unwrap_err().to_string().contains(&loaded.to_string()));
        assert!(load(&rows[1..], loaded).unwrap_err().to_string().contains("number of answers"), "{name}");
        let mut beyond = rows.clone();
        beyond[0] = Some(9500);
        assert!(load(&beyond, loaded + 1).unwrap_err().to_string().contains("9500 rows"), "{name}");
    }
}

#[test]
fn a_compressed_archive_reads_the_same() {
    files(|folder, name, about| {
        if about["kind"] != "zip" || !name.starts_with("exotic") {
            return;
        }
        let original = read(&folder.join(name)).unwrap();
        let mut from = zip::ZipArchive::new(std::fs::File::open(folder.join(name)).unwrap()).unwrap();
        let mut to = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for i in 0..from.len() {
            let mut member = from.by_index(i).unwrap();
            let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
            let name = member.name().unwrap().into_owned();
            to.start_file(name, options).unwrap();
            std::io::copy(&mut member, &mut to).unwrap();
        }
        let packed = Bytes::from(to.finish().unwrap().into_inner());
        assert_eq!(read_bytes(&packed).unwrap(), original, "{name}");
    });
}

//! Mapping the reference fixtures' checkpoints to the models that they are for.

use std::path::Path;

use bytes::Bytes;
use checkpoint::*;
use indexmap::IndexMap;
use serde_json::Value;

use super::*;

type Shapes = IndexMap<String, Vec<usize>>;

fn expected(folder: &Path, about: &Value) -> Option<StateDict> {
    let path = folder.join(about["expected"].as_str()?);
    path.exists().then(|| read_safetensors(&path).unwrap())
}

fn shapes(tensors: &StateDict) -> Shapes {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone())).collect()
}

/// Names and shapes of the micro pre-training model.
fn pretraining_model() -> Option<Shapes> {
    Some(fixtures::micro_pretraining_model()?.into_iter().collect())
}

/// Names and shapes of the micro task model.
fn task_model() -> Option<Shapes> {
    Some(shapes(&read_safetensors(&fixtures::lxrt("ckpt/micro_vqa_BEST.expected.safetensors")?).unwrap()))
}

#[test]
fn pre_training_checkpoints_fill_task_and_pre_training_models() {
    let (Some(task), Some(pretraining)) = (task_model(), pretraining_model()) else { return };
    fixtures::checkpoints(|folder, name, about| {
        if about["expected"] != "micro.expected.safetensors" {
            return;
        }
        let Some(expected) = expected(folder, about) else { return };
        let checkpoint = read(&folder.join(name)).unwrap();
        let (tensors, report) = map_checkpoint(checkpoint.clone(), &task, LoadPolicy::Lxmert, false).unwrap();
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

        let (tensors, report) =
            map_checkpoint(checkpoint.clone(), &pretraining, LoadPolicy::Pretrained, false).unwrap();
        assert!(report.missing.is_empty() && report.unexpected.is_empty(), "{name}: {report}");
        assert!(tensors.iter().all(|(key, tensor)| tensor == &expected[key]) && tensors.keys().eq(pretraining.keys()));
        let error = map_checkpoint(checkpoint, &task, LoadPolicy::FineTuned, false).unwrap_err().to_string();
        assert!(error.contains("pre-training checkpoint"), "{error}");
    });
}

#[test]
fn fine_tuned_checkpoints_load_whole_and_only_as_such() {
    let Some(task) = task_model() else { return };
    fixtures::checkpoints(|folder, name, about| {
        if about["expected"] != "micro_vqa_BEST.expected.safetensors" {
            return;
        }
        let Some(expected) = expected(folder, about) else { return };
        let checkpoint = read(&folder.join(name)).unwrap();
        let (tensors, report) = map_checkpoint(checkpoint.clone(), &task, LoadPolicy::FineTuned, false).unwrap();
        assert!(tensors.iter().all(|(key, tensor)| tensor == &expected[key]), "{name}");
        assert_eq!(report.to_string(), format!("{} tensors loaded, none missing", task.len()));
        for policy in [LoadPolicy::Lxmert, LoadPolicy::LxmertQa { rows: &[], expected_loaded: None }] {
            let error = map_checkpoint(checkpoint.clone(), &task, policy, false).unwrap_err().to_string();
            assert!(error.contains("fine-tuned task model"), "{error}");
        }
        let (tensors, report) = map_checkpoint(checkpoint, &task, LoadPolicy::Lxmert, true).unwrap();
        assert!(tensors.is_empty() && report.missing.len() == task.len(), "{report}");
    });
}

#[test]
fn bert_initialises_the_language_side() {
    let (Some(pretraining), Some(task)) = (pretraining_model(), task_model()) else { return };
    fixtures::checkpoints(|folder, name, about| {
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
        let (mut tensors, report) = map_checkpoint(checkpoint.clone(), &pretraining, LoadPolicy::Bert, false).unwrap();
        assert_eq!(sorted(report.missing.clone()), sorted(names("left_random")), "{name}");
        assert_eq!(sorted(report.unexpected.clone()), sorted(names("unused")), "{name}");
        if !expected.contains_key("cls.predictions.decoder.weight") {
            tensors.swap_remove("cls.predictions.decoder.weight");
        }
        tensors.sort_keys();
        assert!(tensors.iter().eq(expected.iter()), "{name}");
        let (tensors, report) = map_checkpoint(checkpoint, &task, LoadPolicy::Bert, false).unwrap();
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
            map_checkpoint(
                checkpoint.clone(),
                &model,
                LoadPolicy::LxmertQa { rows, expected_loaded: Some(expected) },
                false,
            )
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
    fixtures::checkpoints(|folder, name, about| {
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

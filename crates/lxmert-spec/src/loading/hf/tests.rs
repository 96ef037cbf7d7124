//! Conversions to the port's layout and back, without Python; `tests/it/interchange.rs` runs the port itself.

use std::path::Path;

use serde_json::json;

use super::{HfConfig, HfLayout, answers, folder, names};
use crate::loading::{ModelHeads, TensorCatalogue, locate, read};
use checkpoint::{
    DType, StateDict, TensorData, read_checkpoint, read_pth, read_safetensors, write_pth, write_safetensors,
};

const WORDS: &str = "bert.embeddings.word_embeddings.weight";
const DECODER: &str = "cls.predictions.decoder.weight";

fn weights(name: &str) -> Option<StateDict> {
    Some(read_safetensors(&fixtures::lxrt(&format!("tiny/{name}_weights.safetensors"))?).unwrap())
}

/// Writes the port's folder of a model and returns the names in it.
fn exported(state: &StateDict, layout: HfLayout, to: &Path) -> Vec<String> {
    let catalogue = TensorCatalogue::of(state).unwrap();
    let state = names::from_original(layout, catalogue.arrange(state.clone()).unwrap());
    folder::write(to, &state, &HfConfig::of(&catalogue, layout, 4), &Default::default()).unwrap();
    state.into_keys().collect()
}

fn back(from: &Path) -> StateDict {
    let state = read(from).unwrap();
    let catalogue = TensorCatalogue::of(&state).unwrap();
    folder::config_of(from).unwrap().unwrap().check(&catalogue).unwrap();
    catalogue.arrange(state).unwrap()
}

#[test]
fn models_come_back_to_the_bit() {
    for (name, layout, prefix) in [
        ("pretrain", HfLayout::PreTraining, "cls.seq_relationship."),
        ("vqa", HfLayout::QuestionAnswering, "answer_head.logit_fc.3."),
        ("gqa", HfLayout::QuestionAnswering, "lxmert.pooler.dense."),
    ] {
        let Some(state) = weights(name) else { continue };
        let place = tempfile::tempdir().unwrap();
        let names = exported(&state, layout, place.path());
        assert!(names.contains(&format!("{prefix}weight")) && !names.iter().any(|n| n.contains("bert.")), "{name}");
        assert_eq!(names.len(), state.len() - usize::from(layout == HfLayout::PreTraining), "the tie is not stored");
        assert_eq!(names::recognise(&read_checkpoint(place.path()).unwrap()), Some(layout));
        let found = locate(place.path().to_str().unwrap(), "_LXRT").unwrap();
        for path in [found, place.path().join("model.safetensors")] {
            let again = arranged(&path);
            assert_eq!(again.len(), state.len(), "{name}");
            assert!(again.iter().all(|(key, tensor)| &state[key] == tensor), "{name}");
        }
        let again = back(place.path());
        // The other suffix is the older layout.
        let older = tempfile::tempdir().unwrap();
        write_pth(&older.path().join("pytorch_model.bin"), &read_checkpoint(place.path()).unwrap()).unwrap();
        std::fs::copy(place.path().join("config.json"), older.path().join("config.json")).unwrap();
        assert_eq!(back(older.path()), again);
        let config = HfConfig::default();
        assert!(folder::write(older.path(), &state, &config, &Default::default()).is_err(), "two models in one folder");
    }
}

fn arranged(path: &Path) -> StateDict {
    let state = read(path).unwrap();
    TensorCatalogue::of(&state).unwrap().arrange(state).unwrap()
}

#[test]
fn the_second_logit_of_the_matching_head_stays_the_second() {
    let Some(state) = weights("pretrain") else { return };
    let port = names::from_original(HfLayout::PreTraining, state.clone());
    for name in ["cls.seq_relationship.weight", "cls.seq_relationship.bias"] {
        assert_eq!(port[name], state[name]);
    }
}

#[test]
fn an_encoder_alone_has_no_prefix_in_the_port() {
    let Some(mut state) = weights("pretrain") else { return };
    state.retain(|name, _| name.starts_with("bert."));
    let place = tempfile::tempdir().unwrap();
    let names = exported(&state, HfLayout::Model, place.path());
    assert!(names.contains(&"embeddings.word_embeddings.weight".to_owned()));
    let again = back(place.path());
    assert!(again.len() == state.len() && again.iter().all(|(key, tensor)| &state[key] == tensor));
    assert_eq!(TensorCatalogue::of(&again).unwrap().heads, ModelHeads::None);
}

#[test]
fn pth_and_safetensors_hold_the_same_tensors() {
    let Some(state) = weights("pretrain") else { return };
    let state = TensorCatalogue::of(&state).unwrap().arrange(state).unwrap();
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    write_pth(&at("a.pth"), &state).unwrap();
    let first = read_pth(&at("a.pth")).unwrap();
    write_safetensors(&at("b.safetensors"), &first, &Default::default()).unwrap();
    let second = read_safetensors(&at("b.safetensors")).unwrap();
    let second = TensorCatalogue::of(&second).unwrap().arrange(second).unwrap();
    std::fs::create_dir(at("again")).unwrap();
    write_pth(&at("again/a.pth"), &second).unwrap();
    assert_eq!(std::fs::read(at("a.pth")).unwrap(), std::fs::read(at("again/a.pth")).unwrap());
    assert!(second[WORDS].shares_storage_with(&second[DECODER]));
}

#[test]
fn oddities_of_published_files_are_named() {
    let Some(state) = weights("pretrain") else { return };
    let mut port: StateDict = names::from_original(HfLayout::PreTraining, state.clone())
        .into_iter()
        .map(|(name, tensor)| (format!("module.{name}"), tensor))
        .collect();
    let ids = TensorData { dtype: DType::I64, shape: vec![1, 1], data: vec![0; 8].into() };
    port.insert("module.lxmert.embeddings.position_ids".into(), ids);
    port.insert(format!("module.{DECODER}"), TensorData::from_f32(vec![1], vec![1.0]).unwrap());
    let layout = names::recognise(&port).unwrap();
    let (original, left_out) = names::to_original(layout, port);
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert!(left_out[0].contains("position_ids") && left_out[1].contains("tied"), "{left_out:?}");
    assert_eq!(TensorCatalogue::of(&original).unwrap().arrange(original).unwrap().len(), state.len());
    assert_eq!(names::recognise(&state), None);
}

#[test]
fn configurations_say_what_the_tensors_are() {
    let of = |value: &serde_json::Value| HfConfig::parse(&value.to_string());
    let paper = of(&json!({"model_type": "lxmert", "num_hidden_layers": {"vision": 5}, "unknown": [1]})).unwrap();
    assert_eq!((paper.l_layers, paper.num_qa_labels, paper.hidden_size), (9, 9500, 768));
    for (change, word) in [
        (json!({"model_type": "bert"}), "not lxmert"),
        (json!({}), "not lxmert"),
        (json!({"model_type": "lxmert", "hidden_act": "relu"}), "relu"),
        (json!({"model_type": "lxmert", "tie_word_embeddings": false}), "tied"),
        (json!({"model_type": "lxmert", "num_attention_heads": 0}), "0 heads"),
        (json!({"model_type": "lxmert", "num_attention_heads": 7}), "7 heads"),
        (json!({"model_type": "lxmert", "hidden_size": -1}), "config.json"),
        (json!([]), "config.json"),
    ] {
        let error = of(&change).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    let Some(state) = weights("pretrain") else { return };
    let catalogue = TensorCatalogue::of(&state).unwrap();
    let mut config = HfConfig::of(&catalogue, HfLayout::PreTraining, 4);
    assert_eq!((config.num_qa_labels, config.num_object_labels, config.task_qa), (17, 1600, true));
    assert_eq!(HfConfig::parse(&config.text().unwrap()).unwrap(), config);
    config.check(&catalogue).unwrap();
    config.x_layers = 3;
    let error = config.check(&catalogue).unwrap_err().to_string();
    assert!(error.contains("x_layers is 3") && error.contains("have 2"), "{error}");
}

#[test]
fn a_model_without_some_heads_says_so() {
    let Some(mut state) = weights("pretrain") else { return };
    state.retain(|name, _| !name.starts_with("answer_head.") && !name.contains("decoder_dict.attr"));
    let place = tempfile::tempdir().unwrap();
    exported(&state, HfLayout::PreTraining, place.path());
    let config = folder::config_of(place.path()).unwrap().unwrap();
    assert!(!config.task_qa && !config.visual_attr_loss && config.visual_obj_loss && config.visual_feat_loss);
    assert_eq!(back(place.path()).len(), state.len());
}

#[test]
fn answers_are_read_and_reordered_row_by_row() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut config = HfConfig { num_qa_labels: 3, ..HfConfig::default() };
    assert_eq!(config.answers().unwrap(), None);
    config.set_answers(&words("LABEL_0 LABEL_1 LABEL_2"));
    assert_eq!(config.answers().unwrap(), None, "the port's filling");
    config.set_answers(&words("yes no 2"));
    assert_eq!(config.answers().unwrap(), Some(words("yes no 2")));
    config.num_qa_labels = 4;
    assert!(config.answers().unwrap_err().to_string().contains("3 answers"));

    let head = TensorData::from_f32(vec![3, 2], (0..6).map(|n| n as f32).collect()).unwrap();
    let bias = TensorData::from_f32(vec![3], vec![0.0, 1.0, 2.0]).unwrap();
    let state = StateDict::from([("logit_fc.3.weight".to_owned(), head), ("logit_fc.3.bias".to_owned(), bias)]);
    let mut changed = state.clone();
    answers::reorder(&mut changed, &words("yes no 2"), &words("2 yes no")).unwrap();
    assert_eq!(changed[0].to_f32().unwrap(), [4.0, 5.0, 0.0, 1.0, 2.0, 3.0]);
    assert_eq!(changed[1].to_f32().unwrap(), [2.0, 0.0, 1.0]);
    answers::reorder(&mut changed, &words("2 yes no"), &words("yes no 2")).unwrap();
    assert_eq!(changed, state);
    for other in ["yes no 3", "yes no", "yes no 2 2", "yes yes no"] {
        assert!(answers::reorder(&mut changed, &words("yes no 2"), &words(other)).is_err(), "{other}");
    }
}

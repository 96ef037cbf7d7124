//! Compares the encoder of `repro encode` with outputs of the original, on the original's weights.

use indexmap::IndexMap;
use tch::{Device, Kind, Tensor};

use super::super::sizes::AttentionHeads;
use super::forward::*;
use crate::model::encoder::EncoderInputs;
use crate::model::parameters;
use base::error::Kind as Fault;
use checkpoint::{self, StateDict, TensorData};

type Named = IndexMap<String, Tensor>;

fn named(state: &StateDict) -> Named {
    state.iter().map(|(name, data)| (name.clone(), parameters::tensor(data).unwrap())).collect()
}

fn tensors(name: &str) -> Option<Named> {
    Some(named(&lxmert_spec::loading::read(&fixtures::lxrt(name)?).unwrap()))
}

fn encoder(name: &str, heads: usize) -> Option<Encoder> {
    let path = fixtures::lxrt(name)?;
    Some(Encoder::read(&path, AttentionHeads::Known(heads), Device::Cpu).unwrap())
}

#[track_caller]
fn within(what: &str, got: &Tensor, want: &Tensor, bound: f64) {
    assert_eq!(got.size(), want.size(), "{what}");
    let far = (got - want).abs().max().double_value(&[]);
    assert!(far <= bound, "{what}: {far} apart");
}

const ALL: RequestedOutputs = RequestedOutputs { attention: true, heads: true };

#[test]
fn states_attention_and_scores_are_the_original_s() {
    let (Some(encoder), Some(given), Some(wanted)) = (
        encoder("tiny/pretrain_weights.safetensors", 4),
        tensors("tiny/model_inputs.safetensors"),
        tensors("tiny/model_outputs.safetensors"),
    ) else {
        return;
    };
    let mask = &given["attention_mask"];
    let inputs = EncoderInputs {
        ids: &given["input_ids"],
        mask: Some(mask),
        token_types: Some(&given["token_type_ids"]),
        features: &given["visual_feats"],
        boxes: &given["boxes"],
        visual_mask: None,
    };
    let got = encoder.forward(&inputs, 4, ALL).unwrap();
    for (ours, original) in [("lang", "lang_output"), ("visn", "visn_output"), ("pooled", "pooled_output")] {
        within(ours, &got[ours], &wanted[&format!("plain.{original}")], 2e-5);
    }
    check_attention(&got, mask);
    let without = encoder.forward(&inputs, 4, RequestedOutputs::default()).unwrap();
    assert_eq!(without.keys().collect::<Vec<_>>(), ["lang", "visn", "pooled"]);
    within("lang alone", &without["lang"], &got["lang"], 0.0);
}

/// Checks that every map has its shape, rows that sum to 1, and zeros for padding.
fn check_attention(got: &Named, mask: &Tensor) {
    let (b, s, o) = (3, 12, 7);
    let mut maps = 0;
    for (kind, layers, queries, keys) in [
        ("lang", 2, s, s),
        ("visn", 2, o, o),
        ("cross_lang", 2, s, o),
        ("cross_visn", 2, o, s),
        ("cross_lang_self", 2, s, s),
        ("cross_visn_self", 2, o, o),
    ] {
        for layer in 0..layers {
            let name = format!("attention.{kind}.{layer}");
            let map = &got[&name];
            assert_eq!(map.size(), [b, 4, queries, keys], "{name}");
            let sums = map.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float);
            within(&name, &sums, &sums.ones_like(), 1e-5);
            if keys == s {
                let padding = mask.eq(0).to_kind(Kind::Float).view([b, 1, 1, s]);
                assert!(padding.sum(Kind::Float).double_value(&[]) > 0.0, "the case has padding");
                assert_eq!((map * padding).abs().max().double_value(&[]), 0.0, "{name}: padding is attended to");
            }
            maps += 1;
        }
    }
    assert_eq!(got.keys().filter(|name| name.starts_with("attention.")).count(), maps);
}

#[test]
fn heads_of_pre_training_give_the_original_s_scores() {
    let (Some(encoder), Some(given), Some(wanted)) = (
        encoder("tiny/pretrain_weights.safetensors", 4),
        tensors("tiny/pretrain_inputs.safetensors"),
        tensors("tiny/pretrain_outputs.safetensors"),
    ) else {
        return;
    };
    let inputs = EncoderInputs {
        ids: &given["input_ids"],
        mask: given.get("attention_mask"),
        token_types: given.get("token_type_ids"),
        features: &given["visual_feats"],
        boxes: &given["boxes"],
        visual_mask: None,
    };
    // The id for [MASK] does not matter here: the first id of the first sentence occurs in each sentence.
    let mask_id = given["input_ids"].int64_value(&[0, 0]);
    let got = encoder.forward(&inputs, mask_id, RequestedOutputs { heads: true, attention: false }).unwrap();
    let positions = &got["heads.mask_positions"];
    let at = [Some(positions.select(1, 0)), Some(positions.select(1, 1))];
    assert!(positions.size()[0] >= 3);
    within("words", &got["heads.words"], &wanted["lang_prediction_scores"].index(&at), 1e-4);
    for (ours, original) in [
        ("matched", "cross_relationship_score"),
        ("obj", "obj_scores"),
        ("attr", "attr_scores"),
        ("feat", "feat_scores"),
        ("answer", "answer_score"),
    ] {
        within(ours, &got[&format!("heads.{ours}")], &wanted[original], 1e-4);
    }
}

#[test]
fn a_task_model_gives_its_logits() {
    for (task, images) in [("vqa", 1), ("gqa", 1), ("nlvr2", 2)] {
        let (Some(encoder), Some(io)) =
            (encoder(&format!("tiny/{task}_weights.safetensors"), 4), tensors(&format!("tiny/{task}_io.safetensors")))
        else {
            continue;
        };
        assert_eq!(encoder.sizes().images(), images);
        let each = |t: &Tensor| t.repeat_interleave_self_int(images as i64, 0, None);
        let flat = |t: &Tensor| match images {
            1 => t.shallow_clone(),
            _ => t.flatten(0, 1),
        };
        let (ids, mask) = (each(&io["input_ids"]), each(&io["input_mask"]));
        let (features, boxes) = (flat(&io["feats"]), flat(&io["boxes"]));
        let inputs = EncoderInputs {
            ids: &ids,
            mask: Some(&mask),
            token_types: None,
            features: &features,
            boxes: &boxes,
            visual_mask: None,
        };
        let got = encoder.forward(&inputs, 4, ALL).unwrap();
        within(task, &got["heads.answer"], &io["logits"], 2e-5);
        assert!(!got.contains_key("heads.words") && !got.contains_key("heads.obj"));
    }
}

#[test]
fn nothing_is_loaded_in_part() {
    let Some(path) = fixtures::lxrt("tiny/pretrain_weights.safetensors") else { return };
    let state = lxmert_spec::loading::read(&path).unwrap();
    let load = |state: &StateDict| Encoder::new(state.clone(), AttentionHeads::Known(4), Device::Cpu);
    for gone in [
        "bert.encoder.layer.1.output.dense.weight",
        "bert.pooler.dense.bias",
        "bert.encoder.visn_fc.box_fc.weight",
        "cls.predictions.transform.dense.weight",
        "obj_predict_head.decoder_dict.attr.weight",
        "answer_head.logit_fc.2.bias",
    ] {
        let mut state = state.clone();
        state.shift_remove(gone).unwrap();
        let error = load(&state).map(drop).unwrap_err();
        assert!(error.kind() == Fault::Data && error.to_string().contains(gone), "{gone}: {error}");
    }
    let mut more = state.clone();
    more.insert("bert.stray".into(), TensorData::from_f32(vec![1], vec![1.0]).unwrap());
    assert!(load(&more).map(drop).unwrap_err().to_string().contains("bert.stray"));
    let encoder_only: StateDict = state.into_iter().filter(|(name, _)| name.starts_with("bert.")).collect();
    let encoder = load(&encoder_only).unwrap();
    assert!(encoder.sizes().head_names().is_empty());
}

#[test]
fn heads_that_were_not_trained_are_left_out() {
    let (Some(path), Some(given), Some(wanted)) = (
        fixtures::lxrt("tiny/pretrain_weights.safetensors"),
        tensors("tiny/pretrain_inputs.safetensors"),
        tensors("tiny/pretrain_outputs.safetensors"),
    ) else {
        return;
    };
    let mut state = lxmert_spec::loading::read(&path).unwrap();
    state.retain(|name, _| !name.contains("decoder_dict.attr") && !name.starts_with("answer_head."));
    let state = state.into_iter().map(|(name, tensor)| (format!("module.{name}"), tensor)).collect();
    let encoder = Encoder::new(state, AttentionHeads::Known(4), Device::Cpu).unwrap();
    let inputs = EncoderInputs {
        ids: &given["input_ids"],
        mask: given.get("attention_mask"),
        token_types: None,
        features: &given["visual_feats"],
        boxes: &given["boxes"],
        visual_mask: None,
    };
    let got = encoder.forward(&inputs, 4, RequestedOutputs { heads: true, attention: false }).unwrap();
    assert!(!got.contains_key("heads.attr") && !got.contains_key("heads.answer"));
    within("obj", &got["heads.obj"], &wanted["obj_scores"], 1e-4);
    within("feat", &got["heads.feat"], &wanted["feat_scores"], 1e-4);
}

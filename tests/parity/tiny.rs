//! Tests the tiny models: names and shapes, every module's output, heads, losses, every gradient.

use std::cell::RefCell;

use checkpoint::StateDict;
use lxmert::model::encoder::{EncoderInputs, EncoderOutputs};
use lxmert::model::losses::{self, VisualTargets};
use lxmert::model::pretraining::{self, PretrainTargets, PretrainingModel, TIED_DECODER};
use lxmert::model::{ForwardContext, TaskBatch, TaskModel};
use lxmert::train::gradients;
use lxmert_spec::Config;
use lxmert_spec::pretrain_tasks::PretrainTasks;
use serde_json::Value;
use tch::{Device, Tensor};

use crate::compare::{self, Tensors, device, relative, within};

/// Returns the pre-training configuration, which the tiny task models share, and its description.
pub(crate) fn config() -> Option<(Config, Value)> {
    let meta = fixtures::json(&fixtures::support("tiny/pretrain_meta.json")?);
    let layers = ["l_layers", "x_layers", "r_layers"].map(|key| meta[key].as_u64().unwrap() as usize);
    Some((compare::config(&meta["config"], layers), meta))
}

pub(crate) fn pretraining_model(config: &Config, answers: usize, mut weights: StateDict) -> PretrainingModel {
    let model = PretrainingModel::new(config, answers, device()).unwrap();
    weights.shift_remove(TIED_DECODER);
    model.parameters().load(&weights).unwrap();
    model
}

fn pretraining() -> Option<(PretrainingModel, Value)> {
    let (config, meta) = config()?;
    let weights = compare::state(&fixtures::lxrt("tiny/pretrain_weights.safetensors")?);
    let answers = meta["num_answers"].as_u64().unwrap() as usize;
    Some((pretraining_model(&config, answers, weights), meta))
}

fn check_names(what: &str, got: &StateDict, want: &Value) {
    let got: Vec<_> = got.iter().map(|(name, data)| (name.clone(), data.shape.clone())).collect();
    assert_eq!(got, compare::listed_shapes(want), "{what}: names, shapes and their order");
}

#[test]
fn pretraining_names_and_shapes_match() {
    let Some((model, meta)) = pretraining() else { return };
    check_names("pre-training", &model.state(), &meta["state_dict_order"]);
}

#[test]
fn outputs_of_every_case_and_module_match() {
    let (Some((model, _)), Some(inputs), Some(outputs), Some(cases)) = (
        pretraining(),
        fixtures::lxrt("tiny/model_inputs.safetensors"),
        fixtures::lxrt("tiny/model_outputs.safetensors"),
        fixtures::support("tiny/model_cases.json"),
    ) else {
        return;
    };
    let (inputs, outputs, cases) = (Tensors::read(&inputs), Tensors::read(&outputs), fixtures::json(&cases));
    for (case, masks) in cases["cases"].as_object().unwrap() {
        let optional = |key: &str| masks[key].as_str().map(|name| inputs.get(name));
        let taps = RefCell::new(Vec::new());
        let given = EncoderInputs {
            ids: inputs.get("input_ids"),
            mask: optional("attention_mask"),
            token_types: optional("token_type_ids"),
            features: inputs.get("visual_feats"),
            boxes: inputs.get("boxes"),
            visual_mask: optional("visual_attention_mask"),
        };
        let EncoderOutputs { lang, visn, pooled } =
            model.lxrt().forward(&given, ForwardContext { train: false, taps: Some(&taps) });
        // Scores near −10000 are quantised to 2^-10 in f32: the fixture's own difference of f32 and f64 is 1.5e-4.
        let bound = if case.ends_with("allzero") { 2e-3 } else { 2e-5 };
        for (part, got) in [("lang_output", &lang), ("visn_output", &visn), ("pooled_output", &pooled)] {
            within(&format!("{case}.{part}"), got, outputs.get(&format!("{case}.{part}")), bound);
        }
        // The same operations on fewer rows. A GPU's library may choose another order of sums for another number of rows.
        let same = if device() == Device::Cpu { 1e-7 } else { bound };
        let alone = model.lxrt().forward_pooled(&given, ForwardContext::EVAL);
        within(&format!("{case}: pooled alone"), &alone, &pooled, same);
        if case == "plain" {
            let taps = taps.into_inner();
            let wanted: Vec<_> = outputs.0.keys().filter_map(|name| name.strip_prefix("tap.")).collect();
            assert!(!wanted.is_empty());
            for name in wanted {
                let got = taps.iter().find(|(tap, _)| tap == name);
                let (_, got) = got.unwrap_or_else(|| panic!("no output of module {name} was collected"));
                within(&format!("module {name}"), got, outputs.get(&format!("tap.{name}")), 2e-5);
            }
        }
    }
}

#[test]
fn pretraining_heads_losses_and_every_gradient_match() {
    let (Some((model, _)), Some(inputs), Some(outputs), Some(grads), Some(expected)) = (
        pretraining(),
        fixtures::lxrt("tiny/pretrain_inputs.safetensors"),
        fixtures::lxrt("tiny/pretrain_outputs.safetensors"),
        fixtures::lxrt("tiny/pretrain_grads.safetensors"),
        fixtures::lxrt("tiny/pretrain_losses.json"),
    ) else {
        return;
    };
    let (inputs, outputs, grads, expected) =
        (Tensors::read(&inputs), Tensors::read(&outputs), Tensors::read(&grads), fixtures::json(&expected));
    let given = pretraining_inputs(&inputs, "");
    let targets = pretraining_targets(&inputs, "");
    let scores = model.forward(&given, ForwardContext::EVAL);
    for (name, got) in [
        ("lang_prediction_scores", &scores.words),
        ("cross_relationship_score", &scores.matched),
        ("answer_score", &scores.answer),
        ("obj_scores", &scores.objects.obj),
        ("attr_scores", &scores.objects.attr),
        ("feat_scores", &scores.objects.feat),
    ] {
        within(name, got, outputs.get(name), 1e-4);
    }
    for (case, tasks) in [
        ("full", PretrainTasks::ALL),
        ("no_qa", PretrainTasks { qa: false, ..PretrainTasks::ALL }),
        ("no_lm", PretrainTasks { mask_lm: false, ..PretrainTasks::ALL }),
        ("no_obj", PretrainTasks { obj: false, attr: false, feat: false, ..PretrainTasks::ALL }),
        ("no_matched", PretrainTasks { matched: false, ..PretrainTasks::ALL }),
    ] {
        let got = pretraining::losses(&scores, &targets, tasks);
        let want: Vec<f64> = expected[case]["losses"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert_eq!(got.len(), want.len(), "{case}: number of losses");
        for ((name, got), want) in got.iter().zip(want) {
            relative(&format!("{case}: {name}"), got.double_value(&[]), want, 1e-5);
        }
        relative(case, total(&got).double_value(&[]), expected[case]["total"].as_f64().unwrap(), 1e-5);
    }
    let named = model.parameters().named();
    let parameters: Vec<_> = named.iter().map(|(_, t)| t.shallow_clone()).collect();
    let got = gradients::gradients(&total(&pretraining::losses(&scores, &targets, PretrainTasks::ALL)), &parameters);
    relative("gradient norm", gradients::norm(&got), expected["full"]["grad_norm_total"].as_f64().unwrap(), 1e-4);
    compare::gradients("pre-training", &named, &got, &grads);

    // The original gives NaN here; this model has no loss if nothing is labelled.
    let nothing = inputs.get("masked_lm_labels").full_like(-1);
    let no_answer = inputs.get("ans").full_like(-1);
    let unlabelled = PretrainTargets { words: &nothing, answer: &no_answer, ..pretraining_targets(&inputs, "") };
    let guarded = pretraining::losses(&model.forward(&given, ForwardContext::EVAL), &unlabelled, PretrainTasks::ALL);
    assert!(expected["all_lm_and_qa_labels_ignored"].is_object());
    assert_eq!((guarded[0].1.double_value(&[]), guarded[5].1.double_value(&[])), (0.0, 0.0));
    let after = gradients::gradients(&total(&guarded), &parameters);
    assert!(gradients::norm(&after).is_finite());
}

pub(crate) fn total(losses: &[(&str, Tensor)]) -> Tensor {
    losses.iter().map(|(_, loss)| loss.shallow_clone()).reduce(|sum, loss| sum + loss).unwrap()
}

/// Returns the inputs of a pre-training batch that is stored under the usual names with a suffix.
pub(crate) fn pretraining_inputs<'a>(tensors: &'a Tensors, suffix: &str) -> EncoderInputs<'a> {
    let get = |name: &str| tensors.get(&format!("{name}{suffix}"));
    EncoderInputs {
        ids: get("input_ids"),
        mask: Some(get("attention_mask")),
        token_types: None,
        features: get("visual_feats"),
        boxes: get("boxes"),
        visual_mask: None,
    }
}

pub(crate) fn pretraining_targets<'a>(tensors: &'a Tensors, suffix: &str) -> PretrainTargets<'a> {
    let get = |name: &str| tensors.get(&format!("{name}{suffix}"));
    PretrainTargets {
        words: get("masked_lm_labels"),
        matched: get("matched_label"),
        visual: VisualTargets {
            obj: get("obj_labels"),
            obj_conf: get("obj_conf"),
            attr: get("attr_labels"),
            attr_conf: get("attr_conf"),
            feat: get("feat_labels"),
            feat_mask: get("feat_mask"),
        },
        answer: get("ans"),
    }
}

#[test]
fn logits_losses_and_every_gradient_of_task_models_match() {
    let Some((config, _)) = config() else { return };
    for task in ["vqa", "gqa", "nlvr2"] {
        let file = |name: &str| fixtures::lxrt(&format!("tiny/{task}_{name}"));
        let (Some(meta), Some(weights), Some(io)) =
            (file("meta.json"), file("weights.safetensors"), file("io.safetensors"))
        else {
            continue;
        };
        let (meta, io) = (fixtures::json(&meta), Tensors::read(&io));
        let images = if task == "nlvr2" { 2 } else { 1 };
        let answers = meta["num_answers"].as_u64().unwrap() as usize;
        let model = TaskModel::new(&config, images, answers, device()).unwrap();
        model.parameters().load(&compare::state(&weights)).unwrap();
        check_names(task, &model.parameters().state(), &meta["state_dict_order"]);
        let flat =
            |name: &str, inner: i64| io.get(name).reshape([-1, io.get(name).size()[io.get(name).dim() - 2], inner]);
        let batch = TaskBatch {
            ids: io.get("input_ids").shallow_clone(),
            mask: io.get("input_mask").shallow_clone(),
            features: flat("feats", config.visual_feat_dim as i64),
            boxes: flat("boxes", 4),
        };
        for (kind, expected) in meta["losses"].as_object().unwrap() {
            let logits = model.forward(&batch, ForwardContext::EVAL);
            within(&format!("{task} logits"), &logits, io.get("logits"), 2e-5);
            let loss = match kind.as_str() {
                "bce" => losses::soft_answers(&logits, io.get("target")),
                "mce" => losses::hard_answers(&logits, io.get("target")),
                "ce" => losses::classes(&logits, io.get("label")),
                other => panic!("{task}: unknown loss {other}"),
            };
            let case = format!("{task} {kind}");
            relative(&case, loss.double_value(&[]), expected["value"].as_f64().unwrap(), 1e-5);
            relative(&case, loss.double_value(&[]), io.get(&format!("loss.{kind}")).double_value(&[]), 1e-5);
            let named = model.parameters().named();
            let parameters: Vec<_> = named.iter().map(|(_, t)| t.shallow_clone()).collect();
            let got = gradients::gradients(&loss, &parameters);
            relative(
                &format!("{case} gradient norm"),
                gradients::norm(&got),
                expected["grad_norm"].as_f64().unwrap(),
                1e-4,
            );
            let without: Vec<_> =
                named.iter().zip(&got).filter(|(_, g)| !g.defined()).map(|((name, _), _)| name.as_str()).collect();
            assert_eq!(
                serde_json::json!(without),
                expected["params_without_grad"],
                "{case}: parameters without gradient"
            );
            if let Some(grads) = fixtures::lxrt(&format!("tiny/{task}_grads_{kind}.safetensors")) {
                compare::gradients(&case, &named, &got, &Tensors::read(&grads));
            }
        }
    }
}

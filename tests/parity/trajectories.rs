//! Tests thirty optimiser steps: losses, gradient norms, learning rates and the final weights.

use lxmert::model::losses;
use lxmert::model::pretraining::{self, TIED_DECODER};
use lxmert::model::{ForwardContext, Parameters, TaskBatch, TaskModel};
use lxmert::train::bert_adam::{BertAdam, BertAdamSettings};
use lxmert::train::gradients;
use lxmert_spec::pretrain_tasks::PretrainTasks;
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::compare::{self, Tensors, device, relative, within};
use crate::tiny;

/// Runs a trajectory and compares each of its rows. `loss_of` returns the loss of a batch and its parts.
fn follow(what: &str, file: &Value, parameters: &Parameters, loss_of: impl Fn(usize) -> (Tensor, Vec<f64>)) {
    let number = |key: &str| file[key].as_f64().unwrap();
    let tensors: Vec<_> = parameters.named().into_iter().map(|(_, t)| t).collect();
    let mut optimiser = BertAdam::new(BertAdamSettings::new(number("lr"), number("warmup"), file["t_total"].as_u64()));
    let rows = file["rows"].as_array().unwrap();
    assert!(!rows.is_empty());
    for (step, row) in rows.iter().enumerate() {
        let at = |name: &str| format!("{what} step {step} {name}");
        let (loss, parts) = loss_of(step % 3);
        relative(&at("loss"), loss.double_value(&[]), row["loss"].as_f64().unwrap(), 1e-5);
        if let Some(wanted) = row["losses"].as_array() {
            assert_eq!(parts.len(), wanted.len());
            for (i, (got, want)) in parts.iter().zip(wanted).enumerate() {
                relative(&at(&format!("loss {i}")), *got, want.as_f64().unwrap(), 1e-5);
            }
        }
        let grads = gradients::gradients(&loss, &tensors);
        let norm = gradients::norm(&grads);
        relative(&at("gradient norm"), norm, row["grad_norm"].as_f64().unwrap(), 1e-4);
        let rate = optimiser.step(&tensors, &grads, gradients::clip_factor(norm, number("clip")));
        assert!((rate - row["lr"].as_f64().unwrap()).abs() <= 1e-15, "{}", at("learning rate"));
        let squares: f64 =
            tensors.iter().map(|t| t.detach().to_kind(Kind::Double).square().sum(Kind::Double).double_value(&[])).sum();
        relative(&at("parameter norm"), squares.sqrt(), row["param_norm"].as_f64().unwrap(), 1e-5);
    }
    let never: Vec<String> = parameters
        .named()
        .into_iter()
        .enumerate()
        .filter(|(i, _)| optimiser.state(*i).is_none())
        .map(|(_, (name, _))| name)
        .collect();
    if let Some(wanted) = file.get("params_never_updated") {
        assert_eq!(&serde_json::json!(never), wanted, "{what}: parameters never updated");
    }
}

fn compare_weights(what: &str, got: &Parameters, want: &std::path::Path) {
    let want = Tensors::read(want);
    for (name, got) in got.named() {
        within(&format!("{what}: final {name}"), &got.detach(), want.get(&name), 2e-4);
    }
}

#[test]
fn the_trajectory_of_vqa_matches() {
    let (Some((config, _)), Some(batches), Some(weights)) = (
        tiny::config(),
        fixtures::lxrt("optim/vqa_batches.safetensors"),
        fixtures::lxrt("tiny/vqa_weights.safetensors"),
    ) else {
        return;
    };
    let batches = Tensors::read(&batches);
    for (file, finals) in
        [("vqa_trajectory.json", Some("vqa_final_weights.safetensors")), ("vqa_lr5e-5_trajectory.json", None)]
    {
        let Some(path) = fixtures::lxrt(&format!("optim/{file}")) else { continue };
        let weights = compare::state(&weights);
        let answers = weights["logit_fc.3.bias"].shape[0];
        let model = TaskModel::new(&config, 1, answers, device()).unwrap();
        model.parameters().load(&weights).unwrap();
        follow(file, &fixtures::json(&path), model.parameters(), |i| {
            let get = |name: &str| batches.get(&format!("{name}.{i}")).shallow_clone();
            let batch = TaskBatch {
                ids: get("input_ids"),
                mask: get("input_mask"),
                features: get("feats"),
                boxes: get("boxes"),
            };
            (losses::soft_answers(&model.forward(&batch, ForwardContext::EVAL), &get("target")), Vec::new())
        });
        if let Some(finals) = finals.and_then(|name| fixtures::lxrt(&format!("optim/{name}"))) {
            compare_weights(file, model.parameters(), &finals);
        }
    }
}

#[test]
fn the_trajectory_of_pretraining_matches() {
    let (Some((config, meta)), Some(batches), Some(weights), Some(path)) = (
        tiny::config(),
        fixtures::lxrt("optim/pretrain_batches.safetensors"),
        fixtures::lxrt("tiny/pretrain_weights.safetensors"),
        fixtures::lxrt("optim/pretrain_trajectory.json"),
    ) else {
        return;
    };
    let batches = Tensors::read(&batches);
    let answers = meta["num_answers"].as_u64().unwrap() as usize;
    let model = tiny::pretraining_model(&config, answers, compare::state(&weights));
    follow("pre-training", &fixtures::json(&path), model.parameters(), |i| {
        let suffix = format!(".{i}");
        let scores = model.forward(&tiny::pretraining_inputs(&batches, &suffix), ForwardContext::EVAL);
        let losses = pretraining::losses(&scores, &tiny::pretraining_targets(&batches, &suffix), PretrainTasks::ALL);
        let parts = losses.iter().map(|(_, loss)| loss.double_value(&[])).collect();
        (tiny::total(&losses), parts)
    });
    if let Some(finals) = fixtures::lxrt("optim/pretrain_final_weights.safetensors") {
        compare_weights("pre-training", model.parameters(), &finals);
        let state = model.state();
        assert_eq!(
            state[TIED_DECODER].data.as_ptr(),
            state[pretraining::WORD_TABLE].data.as_ptr(),
            "the decoder is tied"
        );
    }
}

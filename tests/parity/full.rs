//! The full-size lxr955 with formula weights on ten real images: every layer, the VQA and pre-training losses, gradient norms, four
//! steps.

use std::cell::RefCell;

use lxmert::model::encoder::EncoderInputs;
use lxmert::model::losses::{self, VisualTargets};
use lxmert::model::pretraining::{self, PretrainTargets, PretrainingModel};
use lxmert::model::{CachedEncoder, ForwardContext, TaskBatch, TaskModel};
use lxmert::train::bert_adam::{BertAdam, BertAdamSettings};
use lxmert::train::gradients;
use lxmert_spec::Config;
use lxmert_spec::pretrain_tasks::PretrainTasks;
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::compare::{Tensors, device, relative, within};
use crate::formula;
use data::features::{self, tsv};

/// The ten real rows: features (10, 36, 2048), object and attribute ids (10, 36), and their confidences (10, 36).
struct Rows {
    features: Tensor,
    obj: Tensor,
    obj_conf: Tensor,
    attr: Tensor,
    attr_conf: Tensor,
}

fn rows() -> Option<Rows> {
    let path = fixtures::beside("real/golden/train2014_obj36.tsv")?;
    let mut reader = tsv::TsvReader::open(&path).unwrap();
    let mut rows = Vec::new();
    let mut row = features::Row::default();
    while reader.read(&mut row).unwrap() {
        rows.push(row.clone());
    }
    let stack = |pick: &dyn Fn(&features::Row) -> Tensor| {
        Tensor::stack(&rows.iter().map(pick).collect::<Vec<_>>(), 0).to_device(device())
    };
    Some(Rows {
        features: stack(&|row| Tensor::from_slice(&row.features).view([36, 2048])),
        obj: stack(&|row| Tensor::from_slice(&row.objects_id)),
        obj_conf: stack(&|row| Tensor::from_slice(&row.objects_conf)),
        attr: stack(&|row| Tensor::from_slice(&row.attrs_id)),
        attr_conf: stack(&|row| Tensor::from_slice(&row.attrs_conf)),
    })
}

/// Compares shape, sum, norm, largest value, first eight and last four elements of an output.
fn check_statistics(what: &str, got: &Tensor, want: &Value) {
    let flat = got.to_device(Device::Cpu).to_kind(Kind::Double).reshape([-1]);
    assert_eq!(serde_json::json!(got.size()), want["shape"], "{what}: shape");
    let number = |key: &str| want[key].as_f64().unwrap();
    // The bounds follow from 5e-5 per element. Those of sums over up to 6 M elements grow like a random walk.
    let grown = 5e-5 * (flat.numel() as f64).sqrt();
    assert!((flat.sum(Kind::Double).double_value(&[]) - number("sum")).abs() <= grown, "{what}: sum");
    assert!((flat.norm().double_value(&[]) - number("norm")).abs() <= grown, "{what}: norm");
    assert!((flat.abs().max().double_value(&[]) - number("absmax")).abs() <= 5e-5, "{what}: absmax");
    let n = flat.numel() as i64;
    for (key, start, len) in [("first8", 0, 8), ("last4", n - 4, 4)] {
        let want: Vec<f64> = want[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        within(&format!("{what}: {key}"), &flat.narrow(0, start, len), &Tensor::from_slice(&want), 5e-5);
    }
}

#[test]
fn vqa_layers_gradients_and_steps_match() {
    let (Some(meta), Some(outputs), Some(rows)) =
        (fixtures::lxrt("full/full_vqa.json"), fixtures::lxrt("full/full_outputs.safetensors"), rows())
    else {
        return;
    };
    let (meta, outputs) = (fixtures::json(&meta), Tensors::read(&outputs));
    let answers = meta["num_answers"].as_u64().unwrap() as usize;
    let model = TaskModel::new(&Config::lxr955(), 1, answers, device()).unwrap();
    assert_eq!(Some(model.parameters().count() as u64), meta["n_parameters"].as_u64());
    model.parameters().load(&formula::weights(model.parameters())).unwrap();
    let batch = TaskBatch {
        ids: outputs.get("input_ids").shallow_clone(),
        mask: outputs.get("input_mask").shallow_clone(),
        features: rows.features,
        boxes: outputs.get("boxes_normalised").shallow_clone(),
    };
    let taps = RefCell::new(Vec::new());
    let pooled = tch::no_grad(|| model.encode(&batch, ForwardContext { train: false, taps: Some(&taps) }));
    for (part, got) in [("lang_output", &pooled.lang), ("visn_output", &pooled.visn), ("pooled_output", &pooled.pooled)]
    {
        check_statistics(part, got, &meta[part]);
    }
    within("pooled", &pooled.pooled, outputs.get("pooled_output"), 5e-5);
    within("lang 0", &pooled.lang.select(0, 0), outputs.get("lang_output_0"), 5e-5);
    within("visn 0", &pooled.visn.select(0, 0), outputs.get("visn_output_0"), 5e-5);
    within("lang cls", &pooled.lang.select(1, 0), outputs.get("lang_output_cls_all"), 5e-5);
    within("visn box 0", &pooled.visn.select(1, 0), outputs.get("visn_output_box0_all"), 5e-5);
    let taps = taps.into_inner();
    for (module, want) in meta["layer_outputs"].as_object().unwrap() {
        let (_, got) = taps
            .iter()
            .find(|(name, _)| name == module)
            .unwrap_or_else(|| panic!("no output of module {module} was collected"));
        check_statistics(module, got, want);
    }

    // As in prediction: no padding, and sentences and images are encoded separately.
    let encoder = CachedEncoder::new(&model);
    let longest = batch.mask.sum_dim_intlist([1i64].as_slice(), false, Kind::Int64).max().int64_value(&[]);
    let (ids, mask) = (batch.ids.narrow(1, 0, longest), batch.mask.narrow(1, 0, longest));
    let pooled = encoder.pooled(&encoder.sentences(&ids, &mask), &mask, &encoder.images(&batch.features, &batch.boxes));
    within("pooled, encoded separately", &pooled, outputs.get("pooled_output"), 5e-5);
    within("logits, encoded separately", &encoder.logits(&pooled), outputs.get("vqa_logits"), 5e-5);

    let target = target(&meta["targets"], answers);
    let named = model.parameters().named();
    let parameters: Vec<_> = named.iter().map(|(_, t)| t.shallow_clone()).collect();
    let logits = model.forward(&batch, ForwardContext::EVAL);
    within("logits", &logits, outputs.get("vqa_logits"), 5e-5);
    let loss = losses::soft_answers(&logits, &target);
    relative("loss", loss.double_value(&[]), meta["loss_bce_times_num_answers"].as_f64().unwrap(), 1e-5);
    let grads = gradients::gradients(&loss, &parameters);
    relative("gradient norm", gradients::norm(&grads), meta["grad_norm_total"].as_f64().unwrap(), 1e-3);
    let mut without = Vec::new();
    for ((name, _), gradient) in named.iter().zip(&grads) {
        let key = name.trim_start_matches("lxrt_encoder.model.");
        if !gradient.defined() {
            without.push(key.to_owned());
            continue;
        }
        let want = meta["grads"][key]["norm"].as_f64().unwrap();
        let got = gradient.norm().double_value(&[]);
        // The gradients of attention key biases and token types are mathematically zero, so they are only rounding noise.
        let noise = 1e-6 * meta["grad_norm_total"].as_f64().unwrap();
        assert!((got - want).abs() <= 1e-3 * want + noise, "gradient norm of {key}: {got} is not {want}");
    }
    assert_eq!(serde_json::json!(without), meta["params_without_grad"]);
    drop(grads);
    four_steps(&model, &batch, &target, &parameters);
}

fn four_steps(model: &TaskModel, batch: &TaskBatch, target: &Tensor, parameters: &[Tensor]) {
    let Some(path) = fixtures::lxrt("full/full_vqa_steps.json") else { return };
    let file = fixtures::json(&path);
    let number = |key: &str| file[key].as_f64().unwrap();
    let mut optimiser = BertAdam::new(BertAdamSettings::new(number("lr"), number("warmup"), file["t_total"].as_u64()));
    for row in file["rows"].as_array().unwrap() {
        let loss = losses::soft_answers(&model.forward(batch, ForwardContext::EVAL), target);
        relative(&format!("loss of step {}", row["step"]), loss.double_value(&[]), row["loss"].as_f64().unwrap(), 1e-5);
        let grads = gradients::gradients(&loss, parameters);
        let norm = gradients::norm(&grads);
        relative("gradient norm", norm, row["grad_norm"].as_f64().unwrap(), 1e-3);
        optimiser.step(parameters, &grads, gradients::clip_factor(norm, number("clip")));
    }
    let state = Tensors(model.parameters().named().into_iter().collect());
    for (key, want) in file["weights_after"].as_object().unwrap() {
        let name = if key.starts_with("logit_fc") { key.clone() } else { format!("lxrt_encoder.model.{key}") };
        let got = state.get(&name).detach().reshape([-1]);
        relative(key, got.to_kind(Kind::Double).norm().double_value(&[]), want["norm"].as_f64().unwrap(), 1e-5);
        let first: Vec<f64> = want["first4"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        within(key, &got.narrow(0, 0, 4), &Tensor::from_slice(&first), 2e-4);
    }
}

fn target(targets: &Value, answers: usize) -> Tensor {
    let labels = fixtures::json(
        &fixtures::beside("tables/vqa_trainval_ans2label.json").expect("the label table is beside the rows"),
    );
    let rows = targets.as_array().unwrap();
    let target = Tensor::zeros([rows.len() as i64, answers as i64], (Kind::Float, Device::Cpu));
    for (i, row) in rows.iter().enumerate() {
        for (answer, score) in row.as_object().unwrap() {
            let label = labels[answer].as_i64().unwrap();
            let _ = target.get(i as i64).narrow(0, label, 1).fill_(score.as_f64().unwrap());
        }
    }
    target.to_device(device())
}

#[test]
fn pretraining_losses_and_gradient_norms_match() {
    let (Some(meta), Some(outputs), Some(rows)) =
        (fixtures::lxrt("full/full_pretrain.json"), fixtures::lxrt("full/full_outputs.safetensors"), rows())
    else {
        return;
    };
    let (meta, outputs) = (fixtures::json(&meta), Tensors::read(&outputs));
    let answers = meta["num_answers"].as_u64().unwrap() as usize;
    let model = PretrainingModel::new(&Config::lxr955(), answers, device()).unwrap();
    assert_eq!(Some(model.parameters().count() as u64), meta["n_parameters"].as_u64());
    model.parameters().load(&formula::weights(model.parameters())).unwrap();

    const MASK: i64 = 103;
    let ids = outputs.get("input_ids").copy();
    let words = ids.full_like(-1);
    for (row, position) in meta["masked_positions"].as_array().unwrap().iter().enumerate() {
        let at = |t: &Tensor| t.get(row as i64).narrow(0, position.as_i64().unwrap(), 1);
        at(&words).copy_(&at(&ids));
        let _ = at(&ids).fill_(MASK);
    }
    let chosen = Tensor::from_slice(&[0i64, 6, 12, 18, 24, 30]).to_device(device());
    let masked = rows.features.index_fill(1, &chosen, 0.0);
    let feat_mask = rows.obj_conf.zeros_like().index_fill(1, &chosen, 1.0);
    let numbers = |key: &str| {
        let list: Vec<i64> = meta["rules"][key].as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect();
        Tensor::from_slice(&list).to_device(device())
    };
    let inputs = EncoderInputs {
        ids: &ids,
        mask: Some(outputs.get("input_mask")),
        token_types: None,
        features: &masked,
        boxes: outputs.get("boxes_normalised"),
        visual_mask: None,
    };
    let targets = PretrainTargets {
        words: &words,
        matched: &numbers("matched"),
        visual: VisualTargets {
            obj: &rows.obj,
            obj_conf: &rows.obj_conf,
            attr: &rows.attr,
            attr_conf: &rows.attr_conf,
            feat: &rows.features,
            feat_mask: &feat_mask,
        },
        answer: &numbers("ans"),
    };
    let scores = model.forward(&inputs, ForwardContext::EVAL);
    for (head, got) in [
        ("lang_prediction_scores", &scores.words),
        ("cross_relationship_score", &scores.matched),
        ("answer_score", &scores.answer),
        ("obj", &scores.objects.obj),
        ("attr", &scores.objects.attr),
        ("feat", &scores.objects.feat),
    ] {
        check_statistics(head, got, &meta["heads"][head]);
    }
    let losses = pretraining::losses(&scores, &targets, PretrainTasks::ALL);
    for (name, loss) in &losses {
        relative(name, loss.double_value(&[]), meta["losses"][*name].as_f64().unwrap(), 1e-5);
    }
    let total = crate::tiny::total(&losses);
    relative("total", total.double_value(&[]), meta["total_loss"].as_f64().unwrap(), 1e-5);
    let named = model.parameters().named();
    let parameters: Vec<_> = named.iter().map(|(_, t)| t.shallow_clone()).collect();
    let grads = gradients::gradients(&total, &parameters);
    let whole = meta["grad_norm_total"].as_f64().unwrap();
    relative("gradient norm", gradients::norm(&grads), whole, 1e-3);
    for ((name, _), gradient) in named.iter().zip(&grads) {
        let want = meta["grad_norms"][name].as_f64().unwrap();
        let got = gradient.norm().double_value(&[]);
        assert!((got - want).abs() <= 1e-3 * want + 1e-6 * whole, "gradient norm of {name}: {got} is not {want}");
    }
}

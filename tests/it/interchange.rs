//! Models exchanged with Hugging Face's port and PyTorch give the same numbers everywhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use checkpoint::{self, DType, StateDict, TensorData, read_safetensors, write_pth, write_safetensors};
use data::dataset::Task;
use lxmert::model::parameters::{data, tensor};
use lxmert::model::{EncoderInputs, ForwardContext, Parameters, PretrainingModel, TaskBatch, TaskModel};
use lxmert::train::weights;
use lxmert_spec::loading::LoadPolicy;
use lxmert_spec::{Config, ModelDescription};
use tch::{Device, Kind, Tensor};

use crate::common::python;
use crate::common::{repro, run, stdout};

const ANSWERS: usize = 11;
/// Two f32 implementations of models of this size differ by at most 2.2e-6 (the fixtures' README); their bound.
const BOUND: f64 = 2e-5;

/// The sizes in `tests/python/port.py`.
fn config() -> Config {
    Config {
        vocab_size: 120,
        max_position_embeddings: 64,
        r_layers: 1,
        visual_feat_dim: 24,
        obj_id_num: 50,
        attr_id_num: 20,
        ..Config::tiny()
    }
}

/// Words with padding, boxes, features.
struct Given {
    batch: TaskBatch,
}

impl Given {
    fn drawn() -> Self {
        tch::manual_seed(20);
        let real = Tensor::from_slice(&[12_i64, 7, 3]).unsqueeze(1);
        let mask = Tensor::arange(12, (Kind::Int64, Device::Cpu)).unsqueeze(0).lt_tensor(&real).to_kind(Kind::Int64);
        let ids = Tensor::randint_low(1, 120, [3, 12], (Kind::Int64, Device::Cpu)) * &mask;
        let features = Tensor::randn([3, 7, 24], (Kind::Float, Device::Cpu)).abs();
        let boxes = Tensor::rand([3, 7, 4], (Kind::Float, Device::Cpu));
        Self { batch: TaskBatch { ids, mask, features, boxes } }
    }

    fn write(&self, path: &Path) {
        let TaskBatch { ids, mask, features, boxes } = &self.batch;
        let named = [("ids", ids), ("mask", mask), ("features", features), ("boxes", boxes)];
        let state: StateDict = named.map(|(name, tensor)| (name.to_owned(), stored(tensor))).into();
        write_safetensors(path, &state, &BTreeMap::new()).unwrap();
    }

    fn inputs(&self) -> EncoderInputs<'_> {
        let TaskBatch { ids, mask, features, boxes } = &self.batch;
        EncoderInputs { ids, mask: Some(mask), token_types: None, features, boxes, visual_mask: None }
    }
}

/// A tensor at rest; whole numbers stay whole.
fn stored(tensor: &Tensor) -> TensorData {
    if tensor.kind() != Kind::Int64 {
        return data(tensor);
    }
    let shape = tensor.size().iter().map(|&n| n as usize).collect();
    let values: Vec<i64> = tensor.flatten(0, -1).try_into().unwrap();
    let bytes: Vec<u8> = values.iter().flat_map(|n| n.to_le_bytes()).collect();
    TensorData { dtype: DType::I64, shape, data: bytes.into() }
}

/// Gives every parameter, also biases and norms, values of its own.
fn scramble(parameters: &Parameters) {
    tch::manual_seed(9595);
    let state: StateDict = parameters
        .named()
        .into_iter()
        .map(|(name, old)| {
            let norm = name.ends_with("orm.weight") || name.ends_with("logit_fc.2.weight");
            (name, data(&(Tensor::randn(old.size(), (Kind::Float, Device::Cpu)) * 0.15 + f64::from(u8::from(norm)))))
        })
        .collect();
    parameters.load(&state).unwrap();
}

fn pretraining() -> PretrainingModel {
    let model = PretrainingModel::new(&config(), ANSWERS, Device::Cpu).unwrap();
    scramble(model.parameters());
    model
}

fn task_model() -> TaskModel {
    let model = TaskModel::new(&config(), 1, ANSWERS, Device::Cpu).unwrap();
    scramble(model.parameters());
    model
}

fn encoded(model: &PretrainingModel, given: &Given) -> Vec<(&'static str, Tensor)> {
    let out = model.lxrt().forward(&given.inputs(), ForwardContext::EVAL);
    vec![("lang", out.lang), ("visn", out.visn), ("pooled", out.pooled)]
}

fn scored(model: &PretrainingModel, given: &Given) -> Vec<(&'static str, Tensor)> {
    let scores = model.forward(&given.inputs(), ForwardContext::EVAL);
    let mut all = encoded(model, given);
    all.extend([("words", scores.words), ("matched", scores.matched), ("answer", scores.answer)]);
    all.extend([("obj", scores.objects.obj), ("attr", scores.objects.attr), ("feat", scores.objects.feat)]);
    all
}

/// Compares every output by name.
fn same(what: &str, ours: &[(&str, Tensor)], theirs: &Path) {
    let theirs = read_safetensors(theirs).unwrap();
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (name, ours) in ours {
        let other = tensor(&theirs[*name]).unwrap();
        assert_eq!(ours.size(), other.size(), "{what}: {name}");
        let difference = (ours - &other).abs().max().double_value(&[]);
        eprintln!(
            "{what}: {name} differs by {difference:.1e}, its largest value is {:.2}",
            other.abs().max().double_value(&[])
        );
        assert!(difference <= BOUND, "{what}: {name} differs by {difference:e}");
    }
}

/// Asks the port about models by kind and folder; what each puts out lies in `<kind>.safetensors`.
fn port(command: &str, place: &Path, models: &[(&str, &str)]) -> Option<()> {
    let given = place.join("given.safetensors");
    let mut arguments = vec![PathBuf::from(command), given];
    for (kind, folder) in models {
        arguments.extend([kind.into(), place.join(folder), place.join(format!("{kind}.safetensors"))]);
    }
    python::run("port.py", &arguments)
}

fn convert(place: &Path, arguments: &[&str], code: i32) -> String {
    stdout(&run(repro(place).arg("convert").args(arguments), code))
}

#[test]
fn our_models_give_the_same_numbers_in_the_port() {
    let place = tempfile::tempdir().unwrap();
    let (at, given) = (|name: &str| place.path().join(name), Given::drawn());
    given.write(&at("given.safetensors"));
    std::fs::write(at("sizes.json"), serde_json::to_string(&config()).unwrap()).unwrap();
    let model = pretraining();
    write_pth(&at("pre_LXRT.pth"), &model.state()).unwrap();
    let said = convert(place.path(), &["--from", "pre", "--to", "port", "--config", "sizes.json"], 0);
    for word in ["pre-training model of the original, 171 tensors", "LxmertForPreTraining", "170 tensors", "11 answers"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    convert(place.path(), &["--from", "pre", "--to", "encoder", "--config", "sizes.json", "--encoder-only"], 0);
    let task = task_model();
    let description = ModelDescription { task: Task::Vqa, config: config(), answers: ANSWERS };
    weights::save(&task, place.path(), "BEST", &description, None, true).unwrap();
    let said = convert(place.path(), &["--from", "BEST", "--to", "vqa"], 0);
    assert!(said.contains("LxmertForQuestionAnswering") && said.contains("read back"), "{said}");

    let models = [("pretrain", "port"), ("encoder", "encoder"), ("answers", "vqa")];
    let Some(()) = port("answer", place.path(), &models) else { return };
    same("our pre-training model in the port", &scored(&model, &given), &at("pretrain.safetensors"));
    same("our encoder in the port", &encoded(&model, &given), &at("encoder.safetensors"));
    let logits = task.forward(&given.batch, ForwardContext::EVAL);
    same("our VQA model in the port", &[("answer", logits)], &at("answers.safetensors"));
}

#[test]
fn the_ports_models_give_the_same_numbers_here() {
    let place = tempfile::tempdir().unwrap();
    let (at, given) = (|name: &str| place.path().join(name), Given::drawn());
    given.write(&at("given.safetensors"));
    std::fs::write(at("sizes.json"), serde_json::to_string(&config()).unwrap()).unwrap();
    let kinds = ["pretrain", "answers", "encoder"];
    for kind in kinds {
        std::fs::create_dir_all(at(kind).join("old")).unwrap();
    }
    let Some(()) = port("make", place.path(), &kinds.map(|kind| (kind, kind))) else { return };
    for kind in kinds {
        let folder = at(kind);
        for form in ["new", "old"] {
            let name = folder.join(form).to_str().unwrap().to_owned();
            let path = lxmert_spec::loading::locate(&name, "_LXRT").unwrap();
            let what = format!("the port's {kind} model ({form}) here");
            let ours = match kind {
                "answers" => {
                    assert_eq!(weights::describe(&path).unwrap(), None, "11 answers are no known task's");
                    let model = TaskModel::new(&config(), 1, ANSWERS, Device::Cpu).unwrap();
                    let report = weights::load(&model, &path, LoadPolicy::FineTuned, false).unwrap();
                    assert!(report.missing.is_empty() && report.unexpected.is_empty(), "{report}");
                    vec![("answer", model.forward(&given.batch, ForwardContext::EVAL))]
                }
                _ => {
                    let model = PretrainingModel::new(&config(), ANSWERS, Device::Cpu).unwrap();
                    let policy = if kind == "pretrain" { LoadPolicy::Pretrained } else { LoadPolicy::Lxmert };
                    let state = lxmert_spec::loading::read(&path).unwrap();
                    let (state, report) =
                        lxmert_spec::loading::map_checkpoint(state, &model.parameters().shapes(), policy, false)
                            .unwrap();
                    assert!(
                        report.unexpected.is_empty() && (kind == "encoder" || report.missing.is_empty()),
                        "{report}"
                    );
                    model.parameters().load(&state).unwrap();
                    if kind == "encoder" { encoded(&model, &given) } else { scored(&model, &given) }
                }
            };
            same(&what, &ours, &at(&format!("{kind}.safetensors")));
            // Through the original's files, and back into the port: the same tensors.
            let again = format!("{kind}-{form}");
            convert(place.path(), &["--from", &name, "--to", &format!("{again}.pth")], 0);
            let file = format!("{again}.pth");
            convert(place.path(), &["--from", &file, "--to", &again, "--config", "sizes.json"], 0);
            let theirs = sorted(checkpoint::read_checkpoint(&folder.join("new")).unwrap());
            assert_eq!(sorted(checkpoint::read_checkpoint(&at(&again)).unwrap()), theirs);
        }
    }
}

fn sorted(mut state: StateDict) -> StateDict {
    state.sort_keys();
    state
}

#[test]
fn pytorch_reads_our_files_with_weights_only() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let mut state = pretraining().state();
    state.insert("count".into(), TensorData { dtype: DType::I64, shape: vec![], data: vec![7; 8].into() });
    write_pth(&at("a.pth"), &state).unwrap();
    let found = at("found.safetensors");
    let Some(()) = python::run("port.py", &["reread".into(), at("a.pth"), found.clone()]) else { return };
    assert_eq!(sorted(read_safetensors(&found).unwrap()), sorted(state));
}

/// Writes a data root with the fixtures' VQA, and a model for it; `None` if they are missing.
fn vqa_data(place: &Path) -> Option<()> {
    let programs = fixtures::lxrt("programs")?;
    let (vocab, tsv) =
        (fixtures::support("tiny/vocab/vocab.txt")?, fixtures::beside("real/golden/train2014_obj36.tsv")?);
    let data = place.join("data");
    for folder in ["vqa", "mscoco_imgfeat"] {
        std::fs::create_dir_all(data.join(folder)).unwrap();
    }
    std::fs::copy(vocab, data.join("vocab.txt")).unwrap();
    std::fs::copy(tsv, data.join("mscoco_imgfeat/val2014_obj36.tsv")).unwrap();
    for file in ["minival.json", "trainval_ans2label.json", "trainval_label2ans.json"] {
        std::fs::copy(programs.join(format!("vqa_{file}")), data.join("vqa").join(file)).ok()?;
    }
    std::fs::copy(programs.join("vqa_LAST.safetensors"), place.join("model.safetensors")).ok()?;
    Some(())
}

#[test]
fn the_programs_take_the_ports_folder_and_its_own_order_of_answers() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let Some(()) = vqa_data(place.path()) else { return };
    let state = read_safetensors(&at("model.safetensors")).unwrap();
    write_pth(&at("vqa.pth"), &state).unwrap();
    let sizes = lxmert_spec::loading::TensorCatalogue::of(&state).unwrap().sizes;
    let config = Config {
        vocab_size: sizes.vocab_size,
        max_position_embeddings: sizes.max_position_embeddings,
        hidden_dropout_prob: 0.0,
        attention_probs_dropout_prob: 0.0,
        ..Config::tiny()
    };
    std::fs::write(at("sizes.json"), serde_json::to_string(&config).unwrap()).unwrap();
    let answers = "data/vqa/trainval_label2ans.json";
    let error = run(repro(place.path()).args(["convert", "--from", "vqa", "--to", "port"]), 2);
    assert!(crate::common::stderr(&error).contains("attention heads"), "{}", crate::common::stderr(&error));
    let from = ["--from", "vqa", "--config", "sizes.json"];
    let to = |more: &[&str]| convert(place.path(), &[&from[..], more].concat(), 0);
    to(&["--to", "port", "--task", "vqa", "--answers", answers]);
    to(&["--to", "file.safetensors", "--task", "vqa"]);
    let predicted = |load: &str| {
        let run = run(
            repro(place.path()).args([
                "predict",
                "vqa",
                "--split",
                "minival",
                "--data-root",
                "data",
                "--load",
                load,
                "--output",
                "p.json",
            ]),
            0,
        );
        (stdout(&run), std::fs::read(at("p.json")).unwrap())
    };
    let wanted = predicted("file");
    assert_eq!(predicted("port"), wanted);
    assert_eq!(predicted("port/model.safetensors"), wanted);

    // A model of other people has its answers in another order, which its config.json tells.
    let list: Vec<String> = serde_json::from_slice(&std::fs::read(at(answers)).unwrap()).unwrap();
    let turned: Vec<String> = list.iter().rev().cloned().collect();
    std::fs::write(at("turned.json"), serde_json::to_string(&turned).unwrap()).unwrap();
    convert(place.path(), &["--from", "port", "--to", "other", "--answers", "turned.json"], 0);
    let bias = |name: &str| {
        let state = lxmert_spec::loading::read(&at(name)).unwrap();
        state["logit_fc.3.bias"].to_f32().unwrap()
    };
    assert!(bias("other").iter().rev().eq(&bias("port")));
    let refused = run(
        repro(place.path()).args(["predict", "vqa", "--split", "minival", "--data-root", "data", "--load", "other"]),
        5,
    );
    assert!(crate::common::stderr(&refused).contains("repro convert"), "{}", crate::common::stderr(&refused));
    convert(place.path(), &["--from", "other", "--to", "again.safetensors", "--answers", answers], 0);
    assert_eq!(predicted("again"), wanted);
}

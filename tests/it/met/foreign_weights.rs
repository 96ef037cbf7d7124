//! Weights that other programs wrote, that are not finite, or that are made to harm: each is read or named, and none is
//! answered with.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use checkpoint::{self, DType, StateDict, TensorData, write_pth, write_safetensors};
use data::dataset::Task;
use half::f16;
use lxmert::model::TaskModel;
use lxmert_spec::{Config, ModelDescription};
use tch::Device;
use zip::CompressionMethod::{Deflated, Stored};
use zip::write::SimpleFileOptions;

use crate::common::mini;
use crate::common::{copy_folder, repro, run, stderr, stdout};

const DATA: i32 = 5;
const HEAD: &str = "logit_fc.3.weight";

/// A folder with generated data of every task, and a VQA model that fits them.
struct World {
    folder: tempfile::TempDir,
    state: StateDict,
    description: ModelDescription,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        mini::data_root(&folder.path().join("data"), 9, 6);
        tch::manual_seed(1);
        let config = Config {
            vocab_size: 14,
            hidden_size: 8,
            num_attention_heads: 2,
            intermediate_size: 12,
            max_position_embeddings: 24,
            l_layers: 1,
            x_layers: 1,
            r_layers: 1,
            visual_feat_dim: 16,
            ..Config::lxr955()
        };
        let model = TaskModel::new(&config, 1, 7, Device::Cpu).unwrap();
        let description = ModelDescription { task: Task::Vqa, config, answers: 7 };
        fs::write(folder.path().join("c.json"), serde_json::to_string(&description.config).unwrap()).unwrap();
        Self { state: model.parameters().state(), description, folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the model with one tensor changed.
    fn changed(&self, file: &str, name: &str, change: impl FnOnce(&TensorData) -> TensorData) {
        let mut state = self.state.clone();
        let tensor = change(&state[name]);
        state.insert(name.to_owned(), tensor);
        write_safetensors(&self.at(file), &state, &self.description.metadata().unwrap()).unwrap();
    }

    /// Runs a command line; what it says where it fails.
    fn fails(&self, line: &str) -> String {
        stderr(&run(repro(self.folder.path()).args(line.split_whitespace()), DATA))
    }
}

/// Command lines of everything that reads weights, but for `convert`.
fn readers(file: &str) -> Vec<String> {
    let common = "--data-root data --config c.json --threads 1 --device cpu";
    vec![
        format!("evaluate vqa --split valid --load {file} --output judged {common}"),
        format!("predict vqa --split valid --load {file} --output answers.json {common}"),
        format!("train vqa --load {file} --output out --batch-size 4 --train train --valid valid {common}"),
        format!("train nlvr2 --load-lxmert {file} --output out --batch-size 4 --valid valid {common}"),
        format!(
            "encode --load {file} --attention-heads 2 --image COCO_bench2014_000000000001 --sentence a \
             --features data/mscoco_imgfeat/val2014_obj36.tsv --vocab data/vocab.txt --output out.safetensors \
             --workspace . --threads 1 --device cpu"
        ),
    ]
}

fn is_clean(world: &World) {
    for name in ["answers.json", "out.safetensors", "out.pth", "port", "judged/result.json", "out/BEST.safetensors"] {
        assert!(!world.at(name).exists(), "{name} was written");
    }
}

/// EuroEval#106, neoml#576: a model of NaN answered every question, and the result was called complete.
#[test]
fn weights_that_are_not_finite_are_refused_wherever_they_are_read() {
    let world = World::new();
    world.changed("nan.safetensors", HEAD, |head| {
        let mut values = head.to_f32().unwrap();
        values[5] = f32::NAN;
        values[7] = f32::NEG_INFINITY;
        TensorData::from_f32(head.shape.clone(), values).unwrap()
    });
    let says = format!("{HEAD} is not finite: 1 of {} tensors hold 2 values", world.state.len());
    for line in readers("nan.safetensors").iter().filter(|line| !line.contains("nlvr2")) {
        let said = world.fails(line);
        assert!(said.contains(&says) && said.contains("nan.safetensors"), "{line}: {said}");
    }
    let said = world.fails("convert --from nan.safetensors --to out.pth");
    assert!(said.contains(&says) && said.contains("nan.safetensors"), "{said}");
    is_clean(&world);
    // The head is not taken where only the encoder is.
    let mut pretrained = repro(world.folder.path());
    let line = "pretrain --load-lxmert nan.safetensors --output out --data-root data --config c.json --device cpu";
    let output = pretrained.args(line.split(' ')).output().unwrap();
    assert!(!stderr(&output).contains("is not finite"), "{}", stderr(&output));
}

#[test]
fn no_width_of_numbers_hides_what_is_not_finite() {
    let world = World::new();
    let places = world.state[HEAD].numel();
    let of = |dtype, bytes: Vec<u8>| TensorData { dtype, shape: world.state[HEAD].shape.clone(), data: bytes.into() };
    // Overflow of half precision, and a number that only 64 bits hold.
    let half = f16::from_f32(1e6).to_le_bytes().repeat(places);
    let double = 1e300_f64.to_le_bytes().repeat(places);
    for (dtype, bytes) in [(DType::F16, half), (DType::F64, double), (DType::BF16, vec![0xff; 2 * places])] {
        world.changed("bad.safetensors", HEAD, |_| of(dtype, bytes));
        let said = world.fails("convert --from bad --to out.pth");
        assert!(said.contains(&format!("{HEAD} is not finite: 1 of")), "{dtype:?}: {said}");
        assert!(said.contains(&format!("{places} values")), "{dtype:?}: {said}");
    }
}

#[test]
fn a_model_whose_weights_are_all_nan_is_named_by_its_first_tensor_and_their_number() {
    let Some(file) = fixtures::beside("cases/weights/all_nan.pth") else { return };
    let world = World::new();
    fs::copy(file, world.at("all_nan.pth")).unwrap();
    let mut lines = readers("all_nan.pth");
    lines.retain(|line| !line.contains("nlvr2"));
    lines.push("convert --from all_nan.pth --to out.pth".to_owned());
    lines.push("convert --from all_nan.pth --to port --model tiny".to_owned());
    for line in lines {
        let said = world.fails(&line);
        let first = "lxrt_encoder.model.bert.embeddings.word_embeddings.weight is not finite: ";
        assert!(said.contains(first) && said.contains("all_nan.pth"), "{line}: {said}");
        // The models that the mini data ask for have other layers.
        assert!(said.contains(" tensors hold ") && said.contains("next: use weights from before"), "{line}: {said}");
        if line.starts_with("convert") {
            assert!(said.contains("169 of 169 tensors hold 1342681 values"), "{line}: {said}");
        }
    }
    is_clean(&world);
}

#[test]
fn scores_that_are_not_finite_end_the_answering_and_name_the_first_question() {
    let world = World::new();
    let mut state = world.state.clone();
    for (name, value) in [("logit_fc.2.bias", 3e38), (HEAD, 1.0)] {
        state[name] = TensorData::from_f32(state[name].shape.clone(), vec![value; state[name].numel()]).unwrap();
    }
    write_safetensors(&world.at("huge.safetensors"), &state, &world.description.metadata().unwrap()).unwrap();
    for line in &readers("huge.safetensors")[..2] {
        let said = world.fails(line);
        assert!(said.contains("the model's scores for question 1000 are not finite"), "{line}: {said}");
        assert!(said.contains("so are those of 6 of 6 questions"), "{line}: {said}");
    }
    is_clean(&world);
}

#[test]
fn the_odd_entry_of_a_state_dict_is_what_the_message_names() {
    let world = World::new();
    if let Some(file) = fixtures::beside("cases/weights/extra_int.pth") {
        fs::copy(file, world.at("extra_int.pth")).unwrap();
        for line in [&readers("extra_int.pth")[..1], &["convert --from extra_int --to out.pth".to_owned()]].concat() {
            let said = world.fails(&line);
            assert!(said.contains("beside 169 tensors it holds \"step\" (int)"), "{line}: {said}");
            assert!(said.contains("d.pop(\"step\")") && !said.contains("damaged"), "{line}: {said}");
        }
    }
    // Two odd entries, and a training checkpoint of another program.
    let tensor = tensor_pickle("w");
    for (name, pickle, words) in [
        (
            "two",
            [b"}(", &tensor[..], b"X\x02\0\0\0lrG\0\0\0\0\0\0\0\0X\x01\0\0\0eK\x03u."].concat(),
            ["\"lr\" (float), \"e\" (int)", "beside 1 tensors"],
        ),
        (
            "training",
            [b"}(X\x0a\0\0\0state_dict}(", &tensor[..], b"uX\x05\0\0\0epochK\x09X\x09\0\0\0optimizer}u."].concat(),
            ["\"state_dict\" (dict of 1 tensor), \"epoch\" (int)", "torch.load(OLD)[\"state_dict\"]"],
        ),
        (
            "lightning",
            [
                b"}(X\x05\0\0\0epochK\x09X\x19\0\0\0pytorch-lightning_versionNX\x0a\0\0\0state_dict}(",
                &tensor[..],
                b"uu.",
            ]
            .concat(),
            ["PyTorch Lightning", "torch.load(OLD)[\"state_dict\"]"],
        ),
        (
            "mmf",
            [b"}(X\x05\0\0\0model}(", &tensor[..], b"uX\x0b\0\0\0best_updateK\x09u."].concat(),
            ["a checkpoint of mmf", "torch.load(OLD)[\"model\"]"],
        ),
        ("whole", b"c__main__\nNet\n)R.".to_vec(), ["a whole model, saved with its classes", "nothing was run"]),
        ("hydra", b"comegaconf.dictconfig\nDictConfig\n)R.".to_vec(), ["a checkpoint of mmf", "nothing was run"]),
    ] {
        let file = format!("{name}.ckpt");
        fs::write(world.at(&file), archive(&pickle)).unwrap();
        let said = world.fails(&format!("convert --from {file} --to out.pth"));
        assert!(words.iter().all(|word| said.contains(word)), "{name}: {said}");
    }
    is_clean(&world);
}

/// timm PR 2003: torch.compile puts `_orig_mod.` before names, several GPUs put `module.` before that or behind it.
#[test]
fn wrappers_come_off_in_any_order_and_it_is_said() {
    let world = World::new();
    let convert = |from: &str, to: &str| {
        stdout(&run(repro(world.folder.path()).args(["convert", "--from", from, "--to", to]), 0))
    };
    let plain = |file: &str| checkpoint::read_as_named(&world.at(file)).unwrap();
    let files = ["torch_compile_vqa", "ddp_of_compile_vqa"]
        .map(|name| (name, fixtures::beside(&format!("cases/weights/{name}.pth"))));
    let mut read = Vec::new();
    for (name, path) in files {
        let Some(path) = path else { continue };
        let said = convert(path.to_str().unwrap(), &format!("{name}.pth"));
        assert!(said.contains("\"_orig_mod.\"") && said.contains("removed from 169 names"), "{said}");
        assert_eq!(said.contains("\"module.\""), name.starts_with("ddp"), "{said}");
        read.push(plain(&format!("{name}.pth")));
    }
    assert!(read.windows(2).all(|two| two[0] == two[1]), "the same model in two wrappers");
    for (name, from, to) in [
        ("inner", "lxrt_encoder.model.", "lxrt_encoder._orig_mod.module.model._orig_mod."),
        ("fsdp", "", "_fsdp_wrapped_module."),
        ("twice", "", "module.module._orig_mod."),
        ("lightning", "", "net."),
    ] {
        let state = world.state.iter().map(|(key, t)| (key.replacen(from, to, 1), t.clone())).collect();
        let state: StateDict = state;
        write_pth(&world.at(&format!("{name}.pth")), &state).unwrap();
        let said = convert(name, "out.pth");
        assert!(said.contains("removed from"), "{name}: {said}");
        assert_eq!(plain("out.pth"), world.state, "{name}");
        let line = format!(
            "evaluate vqa --split valid --load {name}.pth --config c.json --data-root data --threads 1 --device cpu"
        );
        let output = run(repro(world.folder.path()).args(line.split(' ')), 0);
        assert!(
            stderr(&output).contains("none missing; ") && stderr(&output).contains("removed from"),
            "{}",
            stderr(&output)
        );
    }
}

/// One pre-trained model, as its owners met it: under VOLTA's names (e-bug/volta#6), with the tie stored under the other name
/// (transformers#38870), and in shards (diffusers#14811).
#[test]
fn the_same_model_in_every_program_s_layout_is_the_same_file() {
    let all = [
        "weights/volta_pytorch_model_9.bin",
        "hf/tied_safetensors",
        "hf/sharded",
        "hf/sharded/model.safetensors.index.json",
    ];
    let world = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    for (name, note) in
        all.into_iter().zip(["VOLTA", "cls.predictions.decoder.weight alone", "it is in 4 shards", "it is in 4 shards"])
    {
        let Some(path) = fixtures::beside(&format!("cases/{name}")) else { continue };
        let line = ["convert", "--from", path.to_str().unwrap(), "--to", "out/model.pth"];
        let said = stdout(&run(repro(world.path()).args(line), 0));
        assert!(said.contains(note) && said.contains("is the same"), "{name}: {said}");
        written.push(fs::read(world.path().join("out/model.pth")).unwrap());
    }
    assert!(written.windows(2).all(|two| two[0] == two[1]), "the layouts differ");
}

#[test]
fn shards_are_all_looked_for_before_any_is_read() {
    let Some(sharded) = fixtures::beside("cases/hf/sharded") else { return };
    let world = World::new();
    let fresh = || {
        let _ = fs::remove_dir_all(world.at("sharded"));
        copy_folder(&sharded, &world.at("sharded"));
    };
    let index = world.at("sharded/model.safetensors.index.json");
    let fails = |words: [&str; 2]| {
        let said = world.fails("convert --from sharded --to out.pth");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    };
    fresh();
    // The first is damaged, the third is missing: only the second fault needs nothing read.
    fs::write(world.at("sharded/model-00001-of-00004.safetensors"), b"x").unwrap();
    fs::remove_file(world.at("sharded/model-00003-of-00004.safetensors")).unwrap();
    fails(["1 of the 4 shards", "model-00003-of-00004.safetensors"]);
    let text = fs::read_to_string(sharded.join("model.safetensors.index.json")).unwrap();
    for elsewhere in ["../model-00001-of-00004.safetensors", "/etc/passwd", "a/b.safetensors", ".hidden"] {
        fresh();
        fs::write(&index, text.replacen("model-00001-of-00004.safetensors", elsewhere, 1)).unwrap();
        fails(["which is not a file beside it", elsewhere]);
    }
    fresh();
    fs::write(&index, text.replacen("model-00001-of-00004", "model-00002-of-00004", 1)).unwrap();
    fails(["lacks 1 tensors that its index places there", "lxmert.embeddings.word_embeddings.weight"]);
    fs::write(&index, "{\"weight_map\": {}}").unwrap();
    fails(["no index of a model in shards", "is empty"]);
    let said = world.fails("convert --from sharded/model-00002-of-00004.safetensors --to out.pth");
    assert!(said.contains("is shard 2 of 4") && said.contains("next: name the folder"), "{said}");
    is_clean(&world);
}

#[test]
fn a_folder_s_weights_are_found_under_their_variant_s_name_or_in_older_shards() {
    let Some(tied) = fixtures::beside("cases/hf/tied_safetensors") else { return };
    let world = World::new();
    copy_folder(&tied, &world.at("port"));
    let at = |name: &str| world.at(&format!("port/{name}"));
    fs::rename(at("model.safetensors"), at("model.fp16.safetensors")).unwrap();
    let convert =
        |from: &str, to: &str| run(repro(world.folder.path()).args(["convert", "--from", from, "--to", to]), 0);
    let said = stdout(&convert("port", "a.pth"));
    assert!(said.contains("its weights are model.fp16.safetensors"), "{said}");
    fs::copy(at("model.fp16.safetensors"), at("model.ema.safetensors")).unwrap();
    let said = world.fails("convert --from port --to out.pth");
    assert!(
        said.contains("several variants") && said.contains("model.ema.safetensors, model.fp16.safetensors"),
        "{said}"
    );
    convert("port/model.ema.safetensors", "b.pth");
    // Two shards of the older kind.
    let state = checkpoint::read_as_named(&at("model.ema.safetensors")).unwrap();
    let [first, second] = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
    let of = |name: &str| if name.starts_with("lxmert.") { first } else { second };
    for shard in [first, second] {
        let part: StateDict =
            state.iter().filter(|(name, _)| of(name) == shard).map(|(n, t)| (n.clone(), t.clone())).collect();
        write_pth(&at(shard), &part).unwrap();
    }
    let map: BTreeMap<&String, &str> = state.keys().map(|name| (name, of(name))).collect();
    fs::write(at("pytorch_model.bin.index.json"), serde_json::json!({"weight_map": map}).to_string()).unwrap();
    assert!(stdout(&convert("port", "c.pth")).contains("it is in 2 shards"), "an index goes before variants");
    let read = |name: &str| lxmert_spec::loading::read(&world.at(name)).unwrap();
    assert!(read("a.pth") == read("b.pth") && read("b.pth") == read("c.pth"));
}

#[test]
fn null_fields_that_decide_nothing_are_passed_over() {
    let (Some(config), Some(tied)) =
        (fixtures::beside("cases/hf/null_fields/config.json"), fixtures::beside("cases/hf/tied_safetensors"))
    else {
        return;
    };
    let world = World::new();
    // The pre-trained model's encoder, and an answer head for VQA's answers.
    let mut state = checkpoint::read_as_named(&tied).unwrap();
    let table = state.shift_remove("cls.predictions.decoder.weight").unwrap();
    state.insert("lxmert.embeddings.word_embeddings.weight".into(), table);
    state.retain(|name, _| name.starts_with("lxmert.") || name.starts_with("answer_head."));
    for name in ["answer_head.logit_fc.3.weight", "answer_head.logit_fc.3.bias"] {
        let TensorData { dtype, shape, data } = state[name].clone();
        let width = data.len() / shape[0];
        state[name] = TensorData { dtype, data: data.slice(..3129 * width), shape: [&[3129], &shape[1..]].concat() };
    }
    fs::create_dir(world.at("port")).unwrap();
    write_safetensors(&world.at("port/model.safetensors"), &state, &BTreeMap::new()).unwrap();
    let text = fs::read_to_string(config).unwrap();
    fs::write(world.at("port/config.json"), &text).unwrap();
    let mut command = repro(world.folder.path());
    let said = stdout(&run(command.args(["convert", "--from", "port", "--to", "vqa.safetensors"]), 0));
    assert!(said.contains("LxmertForQuestionAnswering") && said.contains("3129 answers"), "{said}");
    for (field, was) in [("num_attention_heads", "4"), ("l_layers", "2")] {
        let null = text.replace(&format!("\"{field}\": {was}"), &format!("\"{field}\": null"));
        assert_ne!(null, text);
        fs::write(world.at("port/config.json"), null).unwrap();
        let said = world.fails("convert --from port --to out.pth");
        assert!(said.contains(&format!("has null for {field}, which the model depends on")), "{said}");
    }
}

#[test]
fn what_is_missing_is_only_offered_to_be_left_out_where_it_is_little() {
    let world = World::new();
    let name = |text: &str| text.replace("lxrt_encoder.model.bert.", "bert.encoder.c_layer.0.");
    let foreign: StateDict = world.state.iter().map(|(key, t)| (name(key), t.clone())).collect();
    write_pth(&world.at("vilbert.pth"), &foreign).unwrap();
    let unknown = world.state.values().enumerate().map(|(at, tensor)| (format!("net.{at}.weight"), tensor.clone()));
    let unknown: StateDict = unknown.collect();
    write_pth(&world.at("unknown.pth"), &unknown).unwrap();
    let bert = world.state.iter().filter(|(key, _)| !key.contains("_layers.") && !key.contains("visn_fc"));
    let bert: StateDict = bert.map(|(key, t)| (key.replace("lxrt_encoder.model.", ""), t.clone())).collect();
    write_pth(&world.at("bert.pth"), &bert).unwrap();
    let mut gap = world.state.clone();
    gap.shift_remove("lxrt_encoder.model.bert.pooler.dense.bias");
    write_safetensors(&world.at("gap.safetensors"), &gap, &world.description.metadata().unwrap()).unwrap();
    let line = |file: &str| {
        format!(
            "train nlvr2 --load-lxmert {file} --config c.json --output out --batch-size 4 --data-root data --device cpu"
        )
    };
    for (file, word) in
        [("vilbert.pth", "ViLBERT"), ("unknown.pth", "its names are unknown"), ("bert.pth", "it is of BERT only")]
    {
        let said = world.fails(&line(file));
        assert!(said.contains(word) && !said.contains("--allow-missing"), "{file}: {said}");
    }
    let said = world.fails("evaluate vqa --split valid --load gap --data-root data --device cpu --threads 1");
    assert!(said.contains("1 of the ") && said.contains("--allow-missing"), "{said}");
}

#[test]
fn what_is_no_checkpoint_is_named_for_what_it_is() {
    let world = World::new();
    let tsv = fs::read(world.at("data/mscoco_imgfeat/train2014_obj36.tsv")).unwrap();
    let mut arrays = zip::ZipWriter::new(Cursor::new(Vec::new()));
    arrays.start_file("a.npy", SimpleFileOptions::default()).unwrap();
    let arrays = arrays.finish().unwrap().into_inner();
    let mut script = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for member in ["net/data.pkl", "net/constants.pkl", "net/code/__torch__.py"] {
        script.start_file(member, SimpleFileOptions::default()).unwrap();
    }
    let script = script.finish().unwrap().into_inner();
    for (name, content, word) in [
        ("page.pth", b"\xef\xbb\xbf<!DOCTYPE html><html>".to_vec(), "a web page"),
        ("pointer.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(), "git lfs pull"),
        ("rows.pth", tsv, "a table of features"),
        ("list.pth", b"[{\"question_id\": 1}]".to_vec(), "JSON, not a checkpoint"),
        ("packed.pth", b"\x1f\x8b\x08\0\0\0".to_vec(), "a gzip archive"),
        ("keras.pth", b"\x89HDF\r\n\x1a\n\0\0".to_vec(), "HDF5"),
        ("arrays.pth", arrays, "NumPy"),
        ("script.pth", script, "TorchScript"),
        ("text.pth", "\u{feff}weights of the model\n".into(), "it is text"),
        ("empty.pth", Vec::new(), "the file is empty"),
    ] {
        fs::write(world.at(name), content).unwrap();
        let said = world.fails(&format!("convert --from {name} --to out.pth"));
        assert!(said.contains(word) && said.contains(name) && !said.contains("damaged"), "{name}: {said}");
    }
    let pipe = world.at("pipe.pth");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    let said = world
        .fails("train vqa --bert pipe.pth --output out --batch-size 4 --train train --valid valid --data-root data --config c.json --device cpu");
    assert!(said.contains("a named pipe"), "{said}");
    is_clean(&world);
}

#[test]
fn files_that_are_made_to_harm_are_refused_at_once() {
    let world = World::new();
    let mut hostile: Vec<(PathBuf, &str)> = Vec::new();
    if let Some(bomb) = fixtures::beside("cases/hostile/bomb.pth") {
        hostile.push((bomb, "its pickle would take 62700079 bytes"));
    }
    // As cases/hostile/quad.py makes it, whose own way takes minutes.
    fs::write(world.at("quad.pth"), quadratic(60_000, 12_000_000)).unwrap();
    hostile.push((world.at("quad.pth"), "overlap: "));
    // Lists of lists by the memo, numbers of a million digits, tuples without end, entries of one dict.
    let digits = [&b"}(X\x01\0\0\0a"[..], &[&b"\x8b\0\0\x10\0"[..], &vec![1; 1 << 20]].concat(), b"u."].concat();
    for (name, pickle, word) in [
        ("doubling", [&b"}q\0"[..], &b"(h\0h\0h\0h\0u".repeat(200_000), b"."].concat(), "builds more values"),
        ("tuples", [&b"(K\x01"[..], &b"\x85".repeat(1_000_000), b"t."].concat(), "builds more values"),
        ("entries", [&b"}(X\x01\0\0\0a]("[..], &b"N".repeat(1_000_000), b"eu."].concat(), "builds more values"),
        ("digits", digits, "0x8b is not one that a checkpoint needs"),
        ("long", b"}(X\x01\0\0\0a\x8b\xff\xff\xff\x7fu.".to_vec(), "0x8b is not one that a checkpoint needs"),
    ] {
        fs::write(world.at(name), archive(&pickle)).unwrap();
        hostile.push((world.at(name), word));
    }
    // Two members that name one range by their entries in the directory, and two of one name.
    fs::write(world.at("overlap"), overlapping("data/1", true)).unwrap();
    fs::write(world.at("inside"), overlapping("data/1", false)).unwrap();
    fs::write(world.at("names"), overlapping("data/0", true)).unwrap();
    hostile.push((world.at("overlap"), "overlap: \"a/data/0\" and \"a/data/1\""));
    hostile.push((world.at("inside"), "overlap: "));
    hostile.push((world.at("names"), "the same name"));
    for (path, word) in hostile {
        let start = Instant::now();
        let said = world.fails(&format!("convert --from {} --to out.pth", path.display()));
        assert!(said.contains(word), "{}: {said}", path.display());
        assert!(start.elapsed() < Duration::from_secs(20), "{}: {:?}", path.display(), start.elapsed());
    }
    is_clean(&world);
}

/// No file of another kind ends any reader of weights with success or a panic.
#[test]
fn every_reader_of_weights_refuses_every_file_that_is_none() {
    let files = [
        "weights/extra_int.pth",
        "hostile/bomb.pth",
        "hostile/bad_attribute_ids.store.safetensors",
        "features/zeros.tsv",
        "hf/null_fields",
    ];
    let world = World::new();
    for name in files {
        let Some(path) = fixtures::beside(&format!("cases/{name}")) else { continue };
        // Answering, training and encoding; the others read weights as these do.
        for line in readers(path.to_str().unwrap()).iter().step_by(2) {
            let said = world.fails(line);
            assert!(said.starts_with("error: ") || said.contains("\nerror: "), "{line}: {said}");
            assert!(said.contains("next: "), "{line}: {said}");
        }
    }
    is_clean(&world);
}

/// The pickle of one tensor of one float under a name.
fn tensor_pickle(name: &str) -> Vec<u8> {
    let mut pickle = b"X".to_vec();
    pickle.extend((name.len() as u32).to_le_bytes());
    pickle.extend(name.as_bytes());
    pickle.extend(
        b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01tQ\
          K\0K\x01\x85K\x01\x85\x89}tR",
    );
    pickle
}

/// A `.pth` file with this pickle and one storage of one float.
fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut member = |name: &str, content: &[u8], method| {
        zip.start_file(name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(content).unwrap();
    };
    member("a/data.pkl", &[b"\x80\x02", pickle].concat(), if pickle.len() > 1 << 20 { Deflated } else { Stored });
    member("a/data/0", &1_f32.to_le_bytes(), Stored);
    // A compressed member may not be much larger than the whole file.
    member("a/pad", &vec![7; pickle.len() / 8], Stored);
    zip.finish().unwrap().into_inner()
}

/// A header of a member or of its entry in the directory, up to the name's length.
fn header(signature: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = signature.to_vec();
    out.extend([20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.extend(crc(content).to_le_bytes());
    out.extend([content.len() as u32; 2].map(u32::to_le_bytes).concat());
    out.extend((name.len() as u16).to_le_bytes());
    out.extend([0, 0]);
    out
}

fn local(name: &str, content: &[u8]) -> Vec<u8> {
    [&header(b"PK\x03\x04", name, content), name.as_bytes(), content].concat()
}

fn entry(name: &str, content: &[u8], offset: usize) -> Vec<u8> {
    let start = header(b"PK\x01\x02\x14\0", name, content);
    [&start, &[0; 10][..], &(offset as u32).to_le_bytes(), name.as_bytes()].concat()
}

/// The members with a directory of their entries behind them.
fn with_directory(members: &[u8], entries: &[Vec<u8>]) -> Vec<u8> {
    let directory = entries.concat();
    let mut out = [members, &directory[..]].concat();
    let count = (entries.len() as u16).to_le_bytes();
    out.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count].concat());
    out.extend([directory.len() as u32, members.len() as u32].map(u32::to_le_bytes).concat());
    out.extend([0, 0]);
    out
}

/// A `.pth` file whose directory has an entry more that names the bytes of its only storage, or those within its data.
fn overlapping(second: &str, whole: bool) -> Vec<u8> {
    let pickle = [b"\x80\x02}(", &tensor_pickle("w")[..], b"u."].concat();
    let second = format!("a/{second}");
    let inner = local(&second, b"1234");
    let storage = if whole { b"1234".to_vec() } else { inner.clone() };
    let mut out = local("a/data.pkl", &pickle);
    let at = out.len();
    out.extend(local("a/data/0", &storage));
    let inside = if whole { at } else { out.len() - inner.len() };
    let entries = [entry("a/data.pkl", &pickle, 0), entry("a/data/0", &storage, at), entry(&second, b"1234", inside)];
    with_directory(&out, &entries)
}

/// A `.pth` file of so many tensors whose storages are all the same bytes of the file.
fn quadratic(tensors: usize, bytes: usize) -> Vec<u8> {
    let mut pickle = b"\x80\x02}(".to_vec();
    for number in 0..tensors {
        let (key, name) = (number.to_string(), format!("t{number}"));
        let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
        let size = [b"J", &(bytes as i32).to_le_bytes()[..]].concat();
        pickle.extend([&text(&name)[..], b"ctorch._utils\n_rebuild_tensor_v2\n(("].concat());
        pickle.extend(
            [&text("storage")[..], b"ctorch\nByteStorage\n", &text(&key), &text("cpu"), &size, b"tQK\0"].concat(),
        );
        pickle.extend([&size[..], b"\x85K\x01\x85\x89}tR"].concat());
    }
    pickle.extend(b"u.");
    let storage = vec![0; bytes];
    let mut out = local("a/data.pkl", &pickle);
    let at = out.len();
    out.extend(local("a/data/0", &storage));
    let shared = entry("a/data/0", &storage, at);
    let mut entries = vec![entry("a/data.pkl", &pickle, 0)];
    entries.extend((0..tensors).map(|number| {
        let name = format!("a/data/{number}");
        let mut entry = shared[..46].to_vec();
        entry[28..30].copy_from_slice(&(name.len() as u16).to_le_bytes());
        [&entry, name.as_bytes()].concat()
    }));
    with_directory(&out, &entries)
}

/// CRC-32 as zip archives have it.
fn crc(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

#[test]
fn a_folder_without_weights_says_what_it_needs() {
    let world = World::new();
    fs::create_dir(world.at("port")).unwrap();
    fs::write(world.at("port/config.json"), "{\"model_type\": \"lxmert\"}").unwrap();
    let said = world.fails("evaluate vqa --split valid --load port --data-root data --device cpu --threads 1");
    assert!(said.contains("the folder port holds no model") && said.contains("model.safetensors"), "{said}");
}

//! The same model in the layouts of other programs (wrapped names, shards, variants, ties) reads as the same model.

use std::collections::BTreeMap;
use std::fs;

use checkpoint::{self, StateDict, TensorData, write_pth, write_safetensors};

use super::world::{World, is_clean};
use crate::common::{copy_folder, repro, run, stderr, stdout};

/// timm PR 2003: torch.compile puts `_orig_mod.` before names, several GPUs put `module.` before that or behind it.
#[test]
fn wrapper_prefixes_are_removed_in_any_order_and_reported() {
    let world = World::new();
    let convert = |from: &str, to: &str| {
        stdout(&run(repro(world.folder.path()).args(["convert", "--from", from, "--to", to]), 0))
    };
    let plain = |file: &str| checkpoint::read_checkpoint(&world.at(file)).unwrap();
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
fn every_layout_of_the_same_model_converts_to_the_same_file() {
    let all = [
        "weights/volta_pytorch_model_9.bin",
        "hf/tied_safetensors",
        "hf/sharded",
        "hf/sharded/model.safetensors.index.json",
    ];
    let world = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    for (name, note) in all.into_iter().zip([
        "VOLTA",
        "stored only as cls.predictions.decoder.weight",
        "read from 4 shards",
        "read from 4 shards",
    ]) {
        let Some(path) = fixtures::beside(&format!("cases/{name}")) else { continue };
        let line = ["convert", "--from", path.to_str().unwrap(), "--to", "out/model.pth"];
        let said = stdout(&run(repro(world.path()).args(line), 0));
        assert!(said.contains(note) && said.contains("is identical"), "{name}: {said}");
        written.push(fs::read(world.path().join("out/model.pth")).unwrap());
    }
    assert!(written.windows(2).all(|two| two[0] == two[1]), "the layouts differ");
}

#[test]
fn missing_shards_are_named_before_any_is_read() {
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
    fails(["is not an index of a model in shards", "is empty"]);
    let said = world.fails("convert --from sharded/model-00002-of-00004.safetensors --to out.pth");
    assert!(said.contains("is shard 2 of 4") && said.contains("next: pass the folder"), "{said}");
    is_clean(&world);
}

#[test]
fn weights_are_found_by_the_name_of_their_variant_and_in_older_shards() {
    let Some(tied) = fixtures::beside("cases/hf/tied_safetensors") else { return };
    let world = World::new();
    copy_folder(&tied, &world.at("port"));
    let at = |name: &str| world.at(&format!("port/{name}"));
    fs::rename(at("model.safetensors"), at("model.fp16.safetensors")).unwrap();
    let convert =
        |from: &str, to: &str| run(repro(world.folder.path()).args(["convert", "--from", from, "--to", to]), 0);
    let said = stdout(&convert("port", "a.pth"));
    assert!(said.contains("read from model.fp16.safetensors"), "{said}");
    fs::copy(at("model.fp16.safetensors"), at("model.ema.safetensors")).unwrap();
    let said = world.fails("convert --from port --to out.pth");
    assert!(
        said.contains("several variants") && said.contains("model.ema.safetensors, model.fp16.safetensors"),
        "{said}"
    );
    convert("port/model.ema.safetensors", "b.pth");
    // Two shards of the older kind.
    let state = checkpoint::read_checkpoint(&at("model.ema.safetensors")).unwrap();
    let [first, second] = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
    let of = |name: &str| if name.starts_with("lxmert.") { first } else { second };
    for shard in [first, second] {
        let part: StateDict =
            state.iter().filter(|(name, _)| of(name) == shard).map(|(n, t)| (n.clone(), t.clone())).collect();
        write_pth(&at(shard), &part).unwrap();
    }
    let map: BTreeMap<&String, &str> = state.keys().map(|name| (name, of(name))).collect();
    fs::write(at("pytorch_model.bin.index.json"), serde_json::json!({"weight_map": map}).to_string()).unwrap();
    assert!(stdout(&convert("port", "c.pth")).contains("read from 2 shards"), "an index goes before variants");
    let read = |name: &str| lxmert_spec::loading::read(&world.at(name)).unwrap();
    assert!(read("a.pth") == read("b.pth") && read("b.pth") == read("c.pth"));
}

#[test]
fn null_fields_are_ignored_unless_they_are_needed() {
    let (Some(config), Some(tied)) =
        (fixtures::beside("cases/hf/null_fields/config.json"), fixtures::beside("cases/hf/tied_safetensors"))
    else {
        return;
    };
    let world = World::new();
    // The pre-trained model's encoder, and an answer head for VQA's answers.
    let mut state = checkpoint::read_checkpoint(&tied).unwrap();
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

//! Files that are not a checkpoint, or not one of this model, are refused with what they are.

use std::fs;
use std::io::Cursor;

use checkpoint::{self, StateDict, write_pth, write_safetensors};
use zip::write::SimpleFileOptions;

use super::pickles::{archive, tensor_pickle};
use super::world::{World, is_clean, readers};

#[test]
fn entries_of_a_state_dict_that_are_not_tensors_are_named() {
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

#[test]
fn allow_missing_is_suggested_only_if_little_is_missing() {
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
fn a_file_that_is_not_a_checkpoint_is_named_with_its_kind() {
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

/// No file of another kind ends any reader of weights with success or a panic.
#[test]
fn every_reader_of_weights_refuses_files_that_are_not_weights() {
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

#[test]
fn a_folder_without_weights_is_refused_with_the_names_of_the_missing_files() {
    let world = World::new();
    fs::create_dir(world.at("port")).unwrap();
    fs::write(world.at("port/config.json"), "{\"model_type\": \"lxmert\"}").unwrap();
    let said = world.fails("evaluate vqa --split valid --load port --data-root data --device cpu --threads 1");
    assert!(said.contains("the folder port holds no model") && said.contains("model.safetensors"), "{said}");
}

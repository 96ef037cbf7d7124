//! `repro convert`: what it prints and what it refuses.

use std::path::Path;

use checkpoint::{self, StateDict, read_safetensors, write_pth};
use fixtures::caffemodel;

use crate::common::{repro, run, stderr, stdout};

/// The fixtures' weights of a tiny model as `<name>.pth`.
fn given(place: &Path, name: &str) -> Option<StateDict> {
    let state = read_safetensors(&fixtures::lxrt(&format!("tiny/{name}_weights.safetensors"))?).unwrap();
    write_pth(&place.join(format!("{name}.pth")), &state).unwrap();
    Some(state)
}

fn convert(place: &Path, arguments: &[&str], code: i32) -> String {
    let output = run(repro(place).arg("convert").args(arguments), code);
    if code == 0 { stdout(&output) } else { stderr(&output) }
}

#[test]
fn every_step_says_what_it_did_and_what_it_left_out() {
    let place = tempfile::tempdir().unwrap();
    let Some(state) = given(place.path(), "pretrain") else { return };
    let sizes = ["--model", "tiny"];
    let said = convert(place.path(), &[&["--from", "pretrain", "--to", "port"], &sizes[..]].concat(), 0);
    for word in [
        "pre-training model of the original, 187 tensors",
        "2/2/2 layers, 32 hidden, 120 words, 17 answers",
        "LxmertForPreTraining of Hugging Face's port, 186 tensors",
        "shares the word embeddings",
        "is identical",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let said = convert(place.path(), &["--from", "port", "--to", "again.pth"], 0);
    assert!(said.contains("names     lxmert.* -> bert.*, cls.*"), "{said}");
    let again = lxmert_spec::loading::read(&place.path().join("again.pth")).unwrap();
    assert!(again.len() == state.len() && again.iter().all(|(name, tensor)| &state[name] == tensor));
    let said = convert(place.path(), &["--from", "again", "--to", "bare.safetensors", "--encoder-only"], 0);
    assert!(said.contains("left out  cls.seq_relationship.weight (--encoder-only)"), "{said}");
    assert!(
        lxmert_spec::loading::read(&place.path().join("bare.safetensors"))
            .unwrap()
            .keys()
            .all(|n| n.starts_with("bert."))
    );
}

#[test]
fn what_would_not_load_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let (Some(nlvr2), Some(_)) = (given(place.path(), "nlvr2"), given(place.path(), "vqa")) else { return };
    let refused = |arguments: &[&str], code: i32, word: &str| {
        let said = convert(place.path(), arguments, code);
        assert!(said.contains(word), "{arguments:?} should say {word}: {said}");
    };
    refused(&["--from", "nlvr2", "--to", "port", "--model", "tiny"], 2, "--encoder-only");
    convert(place.path(), &["--from", "nlvr2", "--to", "port", "--model", "tiny", "--encoder-only"], 0);
    refused(&["--from", "nlvr2", "--to", "port"], 2, "attention heads");
    refused(&["--from", "vqa", "--to", "port", "--model", "small"], 2, "32 wide (64 within layers), not 64 (128)");
    refused(&["--from", "vqa", "--to", "model.bin"], 2, "unsupported format");
    refused(&["--from", "vqa", "--to", "vqa.pth"], 2, "would replace");
    refused(&["--from", "vqa", "--to", "vqa.safetensors", "--model", "tiny"], 2, "--task vqa or --task gqa");
    refused(&["--from", "vqa", "--to", "new.pth", "--task", "nlvr2"], 2, "omit --task");
    refused(&["--from", "vqa", "--to", "new.pth", "--task", "pretrain"], 2, "omit --task");
    refused(&["--from", "nlvr2", "--to", "new.pth", "--task", "vqa"], 2, "a model for NLVR2");
    refused(&["--from", "absent", "--to", "new.pth"], 5, "there is no checkpoint");
    std::fs::create_dir(at("empty")).unwrap();
    refused(&["--from", "empty", "--to", "new.pth"], 5, "config.json");
    std::fs::write(at("answers.json"), "[\"yes\", \"no\"]").unwrap();
    refused(&["--from", "vqa", "--to", "p", "--model", "tiny", "--answers", "answers.json"], 5, "2 answers");

    let mut damaged = nlvr2.clone();
    damaged.shift_remove("lxrt_encoder.model.bert.pooler.dense.bias");
    write_pth(&at("short.pth"), &damaged).unwrap();
    refused(&["--from", "short", "--to", "new.pth"], 5, "bert.pooler.dense.bias");
    let mut more = nlvr2.clone();
    more.insert("other.weight".into(), nlvr2[0].clone());
    write_pth(&at("more.pth"), &more).unwrap();
    refused(&["--from", "more", "--to", "new.pth"], 5, "other.weight");
    let mut twice = nlvr2.clone();
    twice.insert("lxrt_encoder.model.module.bert.pooler.dense.bias".into(), nlvr2[0].clone());
    write_pth(&at("twice.pth"), &twice).unwrap();
    refused(&["--from", "twice", "--to", "new.pth"], 5, "dense.bias twice");
    let config = std::fs::read_to_string(at("port/config.json")).unwrap();
    std::fs::write(at("port/config.json"), config.replace("\"r_layers\": 2", "\"r_layers\": 5")).unwrap();
    refused(&["--from", "port", "--to", "new.pth"], 5, "r_layers is 5, but its tensors have 2");
    assert!(!at("new.pth").exists() && !at("p").exists(), "nothing is written by what is refused");
}

#[test]
fn several_gpus_leave_no_trace() {
    let place = tempfile::tempdir().unwrap();
    let Some(state) = given(place.path(), "vqa") else { return };
    let parallel = state.iter().map(|(name, t)| (name.replace("model.bert", "model.module.bert"), t.clone())).collect();
    write_pth(&place.path().join("BEST.pth"), &parallel).unwrap();
    convert(place.path(), &["--from", "BEST", "--to", "one.safetensors", "--task", "vqa", "--model", "tiny"], 0);
    let one = lxmert_spec::loading::read(&place.path().join("one.safetensors")).unwrap();
    assert!(one.len() == state.len() && one.iter().all(|(name, tensor)| &state[name] == tensor));
}

#[test]
fn a_caffemodel_becomes_safetensors_with_its_own_names() {
    let place = tempfile::tempdir().unwrap();
    let blob = caffemodel::blob(&[1, 2], &[1.0, 2.0]);
    let net = caffemodel::net(&[caffemodel::layer("rpn_conv/3x3", "Convolution", &[blob])]);
    std::fs::write(place.path().join("net.caffemodel"), net).unwrap();
    std::fs::write(place.path().join("net.prototxt.caffemodel"), "layer { name: 'a' }").unwrap();
    let said = convert(place.path(), &["--from", "net.caffemodel", "--to", "net.safetensors"], 0);
    for word in ["net of Caffe, 1 tensors, 2 values", "names <layer>/<blob>", "is identical"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let written = read_safetensors(&place.path().join("net.safetensors")).unwrap();
    assert_eq!(written["rpn_conv/3x3/0"].to_f32().unwrap(), [1.0, 2.0]);
    for (arguments, code, word) in [
        (&["--from", "net.caffemodel", "--to", "net.pth"][..], 2, "name a .safetensors file"),
        (&["--from", "net.caffemodel", "--to", "b.safetensors", "--encoder-only"], 2, "omit --encoder-only"),
        (&["--from", "net.prototxt.caffemodel", "--to", "b.safetensors"], 5, ".prototxt"),
    ] {
        let said = convert(place.path(), arguments, code);
        assert!(said.contains(word), "{word}: {said}");
    }
    let load = ["evaluate", "vqa", "--load", "net.caffemodel"];
    let said = stderr(&run(repro(place.path()).args(load), 5));
    assert!(said.contains("a net of Caffe, not a model of LXMERT"), "{said}");
}

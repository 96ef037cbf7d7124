//! Weights and scores that are not finite are refused and named.

use std::fs;

use checkpoint::{DType, TensorData, write_safetensors};
use half::f16;

use super::world::{HEAD, World, is_clean, readers};
use crate::common::{repro, stderr};

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
fn values_that_are_not_finite_are_found_in_every_number_format() {
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
fn the_first_of_many_tensors_that_are_nan_is_named_with_their_number() {
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
fn the_first_question_whose_scores_are_not_finite_is_named() {
    let world = World::new();
    let mut state = world.state.clone();
    for (name, value) in [("logit_fc.2.bias", 3e38), (HEAD, 1.0)] {
        state[name] = TensorData::from_f32(state[name].shape.clone(), vec![value; state[name].numel()]).unwrap();
    }
    write_safetensors(&world.at("huge.safetensors"), &state, &world.description.metadata().unwrap()).unwrap();
    for line in &readers("huge.safetensors")[..2] {
        let said = world.fails(line);
        assert!(said.contains("the model's scores for question 1000 are not finite"), "{line}: {said}");
        assert!(said.contains("this affects 6 of the 6 questions"), "{line}: {said}");
    }
    is_clean(&world);
}

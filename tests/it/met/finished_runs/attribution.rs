//! Weights and results are attributed only to the training that made them, and are used only with its vocabulary.

use std::fs;

use base::files::sha256;
use serde_json::{Value, json};

use super::world::{DATA, FIXED, PRETRAIN, World};
use crate::common::{repro, run, stderr, stdout};

#[test]
fn weights_are_not_attributed_to_a_training_that_did_not_write_them() {
    let world = World::shared();
    let place = world.copies(&["a", "b", "gqa"]);
    let at = |name: &str| place.path().join(name);
    let refused = |words: &str, said: &[&str]| {
        let text = stderr(&run(&mut world.go(place.path(), words), DATA));
        assert!(said.iter().all(|part| text.contains(part)), "{words}: {text}");
        assert!(text.contains("folder of their own"), "{words}: {text}");
    };
    let good = "evaluate vqa --load a/BEST --split valid --output good --threads 1 --device cpu";
    run(&mut world.go(place.path(), good), 0);
    let result: Value = serde_json::from_str(&fs::read_to_string(at("good/result.json")).unwrap()).unwrap();
    let best = sha256(&at("a/BEST.safetensors")).unwrap();
    assert_eq!(
        (&result["models"][0]["sha256"], &result["training"]["weights"]["BEST.safetensors"]),
        (&json!(best), &json!(best))
    );
    assert_eq!(result["training"]["options"]["--seed"], 1);
    let judged = world.go(place.path(), "check a good").output().unwrap();
    assert!(judged.status.code().unwrap() < 4, "{}", stderr(&judged));

    // BEST of one run beside the outcome of another, LAST, and the other form.
    for (name, words) in [
        ("BEST.safetensors", "--load a/BEST"),
        ("LAST.safetensors", "--load a/LAST"),
        ("BEST.pth", "--load a/BEST.pth --model tiny"),
    ] {
        let own = fs::read(at("a").join(name)).unwrap();
        match name {
            "BEST.pth" => drop(fs::copy(at("a/LAST.safetensors"), at("a/BEST.pth")).unwrap()),
            _ => drop(fs::copy(at("b").join(name), at("a").join(name)).unwrap()),
        }
        let digests = [sha256(&at("a").join(name)).unwrap(), base::files::sha256_bytes(&own)];
        let said = [name, "a/outcome.json", &digests[0], &digests[1]];
        refused(&format!("evaluate vqa {words} --split valid --threads 1 --device cpu"), &said);
        refused(&format!("evaluate vqa {words} --split valid --threads 1 --device cpu --output bad"), &said);
        refused(&format!("predict vqa {words} --split valid --threads 1 --device cpu --output p.json"), &said);
        refused("check a", &said);
        assert!(!at("bad").exists() && !at("p.json").exists());
        fs::write(at("a").join(name), own).unwrap();
    }
    run(&mut world.go(place.path(), good), 0);

    // In a folder of its own no training is named.
    fs::create_dir(at("own")).unwrap();
    fs::copy(at("b/BEST.safetensors"), at("own/BEST.safetensors")).unwrap();
    run(
        &mut world
            .go(place.path(), "evaluate vqa --load own/BEST --split valid --output alone --threads 1 --device cpu"),
        0,
    );
    let result: Value = serde_json::from_str(&fs::read_to_string(at("alone/result.json")).unwrap()).unwrap();
    assert_eq!(result["training"], Value::Null);
    // Under a name that the training does not have, too, and that is said.
    fs::copy(at("b/BEST.safetensors"), at("a/mine.safetensors")).unwrap();
    let told = run(
        &mut world.go(place.path(), "evaluate vqa --load a/mine --split valid --output mine --threads 1 --device cpu"),
        0,
    );
    assert!(stderr(&told).contains("no training is named"), "{}", stderr(&told));
    let result: Value = serde_json::from_str(&fs::read_to_string(at("mine/result.json")).unwrap()).unwrap();
    assert_eq!(result["training"], Value::Null);

    // VQA weights beside the outcome of a training on GQA, of this version or an older one without checksums.
    let outcome = fs::read_to_string(at("gqa/outcome.json")).unwrap();
    let mut older: Value = serde_json::from_str(&outcome).unwrap();
    older.as_object_mut().unwrap().shift_remove("weights").unwrap();
    for outcome in [outcome, older.to_string()] {
        fs::write(at("b/outcome.json"), outcome).unwrap();
        let said = ["a training on gqa", "a model for vqa", "b/outcome.json", "b/BEST.safetensors"];
        refused("evaluate vqa --load b/BEST --split valid --threads 1 --device cpu", &said);
        refused("predict vqa --load b/BEST --split valid --threads 1 --device cpu --output p.json", &said);
        refused("check b", &said);
    }
    // An older outcome of the same task is believed, and that is said.
    let mut older: Value = serde_json::from_str(&fs::read_to_string(at("a/outcome.json")).unwrap()).unwrap();
    older.as_object_mut().unwrap().shift_remove("weights").unwrap();
    older["identity"].as_object_mut().unwrap().shift_remove("vocabulary").unwrap();
    fs::write(at("a/outcome.json"), older.to_string()).unwrap();
    let told = run(&mut world.go(place.path(), good), 0);
    assert!(stderr(&told).contains("names no checksum (an older version wrote it)"), "{}", stderr(&told));
    let judged = world.go(place.path(), "check a good").output().unwrap();
    assert!(stderr(&judged).contains("names no checksum of weights: an older version wrote it"), "{}", stderr(&judged));
    assert!(judged.status.code().unwrap() < 4, "{}", stderr(&judged));
}

#[test]
fn a_result_that_names_another_training_is_not_repeated() {
    let world = World::shared();
    let place = world.copies(&["a"]);
    run(
        &mut world.go(place.path(), "evaluate vqa --load a/BEST --split valid --output good --threads 1 --device cpu"),
        0,
    );
    let path = place.path().join("good/result.json");
    let good: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for (pointer, value, said) in [
        ("/training/options/task", json!("gqa"), "its training learnt gqa"),
        ("/models/0/sha256", json!("00"), "BEST.safetensors (SHA-256 00) is not of its training"),
        ("/training/weights", json!({ "BEST.safetensors": "11" }), "which wrote BEST.safetensors 11"),
    ] {
        let mut wrong = good.clone();
        *wrong.pointer_mut(pointer).unwrap() = value;
        fs::write(&path, wrong.to_string()).unwrap();
        let refused = run(&mut world.go(place.path(), "check good"), DATA);
        assert!(stderr(&refused).contains(said), "{}", stderr(&refused));
    }
}

#[test]
fn a_model_is_not_read_with_a_different_vocabulary() {
    let world = World::shared();
    let place = world.copies(&["a", "pretrain"]);
    let at = |name: &str| place.path().join(name);
    let text = fs::read_to_string(world.path("data/vocab.txt")).unwrap();
    let own = sha256(&world.path("data/vocab.txt")).unwrap();
    // As many words, two of them exchanged.
    let other = text.replace("cat\ndog", "dog\ncat");
    assert_ne!(text, other);
    fs::write(at("other.txt"), &other).unwrap();
    // The same words with other line ends.
    fs::write(at("same.txt"), text.trim_end().replace('\n', "\r\n")).unwrap();
    let told = sha256(&at("other.txt")).unwrap();

    let outcome: Value = serde_json::from_str(&fs::read_to_string(at("a/outcome.json")).unwrap()).unwrap();
    assert_eq!(outcome["identity"]["vocabulary"], json!(own));
    let metadata = checkpoint::read_metadata(&at("a/BEST.safetensors")).unwrap().unwrap();
    assert_eq!(metadata["lxmert_repro.vocabulary"], own);
    for from in ["a/BEST", "pretrain/Epoch01"] {
        let to = format!("{}.safetensors", from.replace('/', "-"));
        run(repro(place.path()).args(["convert", "--from", from, "--to", &to, "--encoder-only"]), 0);
        let metadata = checkpoint::read_metadata(&at(&to)).unwrap().unwrap();
        assert_eq!(metadata["lxmert_repro.vocabulary"], own, "{from}");
    }

    let commands = [
        "evaluate vqa --load a/BEST --split valid --threads 1 --device cpu --output e".to_owned(),
        "evaluate vqa --load a/BEST.pth --model tiny --split valid --threads 1 --device cpu".to_owned(),
        "predict vqa --load a/LAST --split valid --threads 1 --device cpu --output p.json".to_owned(),
        "encode --load a/BEST --task vqa --split valid --threads 1 --device cpu --output o.safetensors".to_owned(),
        format!("train vqa --output n1 {} --load a/BEST", FIXED.replace("--fromScratch ", "")),
        format!("train gqa --output n2 {} --load-lxmert pretrain/Epoch01", FIXED.replace("--fromScratch ", "")),
        format!(
            "pretrain --taskMaskLM --train mscoco_train --valid mscoco_minival --output n3 {} --load pretrain/Epoch01",
            FIXED.replace("--fromScratch ", "").replace("--model tiny ", "")
        ),
        format!("train vqa --output a {FIXED} --seed 1 --resume"),
        format!("{PRETRAIN} --output pretrain {FIXED} --resume"),
    ];
    for words in &commands {
        let refused = run(&mut world.go(place.path(), &format!("{words} --vocab other.txt")), DATA);
        let error = stderr(&refused);
        assert!(error.contains("another vocabulary") && error.contains("--vocab FILE"), "{words}: {error}");
        assert!(error.contains(&own) && error.contains(&told), "{words}: {error}");
        let accepted = run(&mut world.go(place.path(), &format!("{words} --vocab same.txt")), 0);
        let notes = stderr(&accepted);
        assert_eq!(notes.matches("is not bert-base-uncased's").count(), 1, "{words}: {notes}");
    }
    let result: Value = serde_json::from_str(&fs::read_to_string(at("e/result.json")).unwrap()).unwrap();
    assert_eq!(result["vocabulary"], json!(own));
    // The published vocabulary needs no note.
    let Some(published) = fixtures::beside("vocab/vocab.txt") else { return };
    let words = format!("train vqa --output n4 {FIXED}");
    let quiet = run(world.go(place.path(), &words).arg("--vocab").arg(published), 0);
    assert!(!stderr(&quiet).contains("vocabulary") && stdout(&quiet).contains("best_valid"), "{}", stderr(&quiet));
}

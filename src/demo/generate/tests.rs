use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::*;
use crate::demo::baselines::{Accuracies, baselines};
use crate::demo::detector::DemoDetector;
use crate::demo::picture::Picture;
use crate::extract::extract_all;
use crate::files::{sha256, sha256_bytes};
use serde_json::Value;

/// The embedded recipe at a fraction of its size.
fn small() -> Recipe {
    let mut recipe = Recipe::embedded().unwrap();
    (recipe.vqa.train, recipe.vqa.minival, recipe.vqa.nominival) = (60, 20, 10);
    (recipe.gqa.train, recipe.gqa.valid, recipe.gqa.testdev) = (60, 15, 20);
    (recipe.nlvr2.train, recipe.nlvr2.valid, recipe.nlvr2.test) = (10, 4, 3);
    recipe
}

fn make(recipe: &Recipe) -> (tempfile::TempDir, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    let (data, images) = (folder.path().join("data"), folder.path().join("images"));
    let manifest = generate(&data, &images, recipe, &|_, _| ()).unwrap();
    for file in &manifest.features {
        extract_all(&mut DemoDetector, &file.images(&images), &data.join(&file.tsv), &mut |_| ()).unwrap();
    }
    (folder, manifest)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { &mut open } else { &mut found }.push(path);
        }
    }
    found.sort();
    found
}

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_same_recipe_gives_the_same_bytes() {
    let (a, manifest) = make(&small());
    let (b, again) = make(&small());
    assert_eq!(manifest, again);
    assert_eq!(Manifest::read(&a.path().join("images")).unwrap(), manifest);
    let (of_a, of_b) = (files_below(a.path()), files_below(b.path()));
    assert_eq!(of_a.len(), of_b.len());
    let mut hashes = String::new();
    let mut pixels: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for (one, other) in of_a.iter().zip(&of_b) {
        let name = one.strip_prefix(a.path()).unwrap();
        assert_eq!(name, other.strip_prefix(b.path()).unwrap());
        assert_eq!(sha256(one).unwrap(), sha256(other).unwrap(), "{}", name.display());
        if name.extension().is_some_and(|e| e == "png") {
            // Pixels, not files: another version of the compressor may write other bytes.
            pixels.entry(name.parent().unwrap().to_owned()).or_default().extend(Picture::read_png(one).unwrap().rgb);
        } else {
            writeln!(hashes, "{} {}", &sha256(one).unwrap()[..16], name.display()).unwrap();
        }
    }
    for (folder, rgb) in pixels {
        writeln!(hashes, "{} {} (pixels)", &sha256_bytes(&rgb)[..16], folder.display()).unwrap();
    }
    insta::assert_snapshot!("bytes", hashes);
    let mut other = small();
    other.seed += 1;
    let (c, _) = make(&other);
    assert_ne!(
        sha256(&a.path().join("data/vqa/train.json")).unwrap(),
        sha256(&c.path().join("data/vqa/train.json")).unwrap()
    );
}

#[test]
fn files_obey_the_formats() {
    let (folder, manifest) = make(&small());
    let data = folder.path().join("data");
    for (file, entries) in &manifest.entries {
        let text = std::fs::read_to_string(data.join(file)).unwrap();
        assert!(text.is_ascii() && text.starts_with("[\n    {\n        \"") && text.ends_with("\n    }\n]"), "{file}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value.as_array().unwrap().len(), *entries, "{file}");
        for entry in value.as_array().unwrap() {
            let keys: Vec<&String> = entry.as_object().unwrap().keys().collect();
            assert!(keys.is_sorted(), "{file}: {keys:?}");
        }
    }

    let mut question_ids = BTreeSet::new();
    for (task, splits) in [("vqa", ["train", "minival", "nominival"]), ("gqa", ["train", "valid", "testdev"])] {
        let label2ans = json(data.join(task).join("trainval_label2ans.json"));
        let ans2label = json(data.join(task).join("trainval_ans2label.json"));
        for (label, ans) in label2ans.as_array().unwrap().iter().enumerate() {
            assert_eq!(ans2label[ans.as_str().unwrap()], label);
        }
        assert_eq!(label2ans.as_array().unwrap().len(), ans2label.as_object().unwrap().len());
        for entry in
            splits.iter().flat_map(|s| json(data.join(task).join(format!("{s}.json"))).as_array().unwrap().clone())
        {
            assert!(question_ids.insert(entry["question_id"].to_string()), "{entry}");
            let scores = entry["label"].as_object().unwrap();
            assert!(!scores.is_empty(), "{entry}");
            for (answer, score) in scores {
                assert!(ans2label.get(answer).is_some(), "{entry}");
                let score = score.as_f64().unwrap();
                assert!(if task == "gqa" { score == 1.0 } else { [0.3, 0.6, 0.9, 1.0].contains(&score) }, "{entry}");
            }
            assert_eq!(entry["question_id"].is_string(), task == "gqa");
        }
    }

    for (name, official) in [("train", "train"), ("valid", "dev"), ("test", "test1")] {
        let mut truths: BTreeMap<String, [usize; 2]> = BTreeMap::new();
        for entry in json(data.join(format!("nlvr2/{name}.json"))).as_array().unwrap() {
            let text = |key: &str| entry[key].as_str().unwrap().to_owned();
            let identifier = text("identifier");
            let parts: Vec<&str> = identifier.split('-').collect();
            assert_eq!((parts[0], parts.len()), (official, 4));
            let pair = identifier.rsplit_once('-').unwrap().0;
            assert_eq!((text("img0"), text("img1")), (format!("{pair}-img0"), format!("{pair}-img1")));
            let label = entry["label"].as_u64().unwrap() as usize;
            for group in [format!("pair {pair}"), format!("sentence {} {}", parts[1], parts[3]), text("sent")] {
                truths.entry(group).or_default()[label] += 1;
            }
        }
        assert!(truths.values().all(|[no, yes]| no == yes), "{name}: {truths:?}");
    }

    let vocabulary = std::fs::read_to_string(data.join("vocab.txt")).unwrap();
    let lines: Vec<&str> = vocabulary.lines().collect();
    assert_eq!(lines[..5], ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]);
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len());
    assert!(["?", ".", "a", "##a", "9", "##9", "star", "purple", "both"].iter().all(|w| lines.contains(w)));
}

fn gap(of: &Accuracies) -> f64 {
    of.question_only - of.prior
}

#[test]
fn neither_the_question_nor_the_picture_alone_is_enough() {
    let mut recipe = Recipe::embedded().unwrap();
    (recipe.vqa.train, recipe.vqa.minival) = (160, 80);
    (recipe.gqa.train, recipe.gqa.testdev) = (160, 80);
    (recipe.nlvr2.train, recipe.nlvr2.valid, recipe.nlvr2.test) = (20, 10, 1);
    let (folder, _) = make(&recipe);
    let found = baselines(&folder.path().join("data")).unwrap();
    println!("{found:#?}");
    for (task, of, most) in [("vqa", &found.vqa, 0.5), ("gqa", &found.gqa, 0.5), ("nlvr2", &found.nlvr2, 0.55)] {
        let a = &of.all;
        assert!([a.prior, a.question_only, a.image_only, a.image_and_kind].iter().all(|x| *x < most), "{task}: {a:?}");
        for (kind, of) in &of.kinds {
            assert!(gap(of) < 0.1, "{task}, {kind}: the text tells too much: {of:?}");
        }
    }
    assert_eq!((found.nlvr2.all.question_only, found.nlvr2.all.image_only), (0.5, 0.5), "balanced by construction");
}

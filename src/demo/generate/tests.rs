use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::OnceLock;

use super::super::questions::vqa;
use super::super::random::Random;
use super::super::scenes::draw;
use super::files::*;
use crate::demo::baselines::baselines;
use crate::demo::detector::DemoDetector;
use crate::demo::picture::Picture;
use crate::demo::scenes::{Color, Shape};
use crate::extract::extract_all;
use base::files::{sha256, sha256_bytes};
use data::features::Row;
use data::features::tsv::TsvReader;
use lxmert_spec::demo::DemoRecipe;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The embedded recipe at a fraction of its size.
fn small() -> DemoRecipe {
    let mut recipe = DemoRecipe::embedded().unwrap();
    (recipe.vqa.train, recipe.vqa.minival, recipe.vqa.nominival) = (90, 40, 5);
    (recipe.gqa.train, recipe.gqa.valid, recipe.gqa.testdev) = (80, 10, 40);
    (recipe.nlvr2.train, recipe.nlvr2.valid, recipe.nlvr2.test) = (10, 5, 1);
    recipe
}

fn make(recipe: &DemoRecipe) -> (tempfile::TempDir, DemoManifest) {
    let folder = tempfile::tempdir().unwrap();
    let (data, images) = (folder.path().join("data"), folder.path().join("images"));
    let manifest = generate(&data, &images, recipe, &|_, _| ()).unwrap();
    for file in &manifest.features {
        extract_all(&mut DemoDetector, &file.images(&images), &data.join(&file.tsv), &mut |_| ()).unwrap();
    }
    (folder, manifest)
}

/// The small demo, made once for all tests.
fn shared() -> &'static (tempfile::TempDir, DemoManifest) {
    static MADE: OnceLock<(tempfile::TempDir, DemoManifest)> = OnceLock::new();
    MADE.get_or_init(|| make(&small()))
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
    let (a, manifest) = shared();
    let (b, again) = make(&small());
    assert_eq!(*manifest, again);
    assert_eq!(DemoManifest::read(&a.path().join("images")).unwrap(), *manifest);
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
}

#[test]
fn another_seed_gives_another_demo() {
    let scene = |seed| draw(&mut Random::named(seed, "scene/a"), &small().picture);
    assert_ne!(scene(1), scene(2));
    let pictures = [("a".to_owned(), scene(1))];
    let asked = |seed| format!("{:?}", vqa::ask_about(seed, &pictures, 0));
    assert_eq!(asked(1), asked(1));
    assert_ne!(asked(1), asked(2));
}

#[test]
fn files_obey_the_formats() {
    let (folder, manifest) = shared();
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

#[test]
fn neither_the_question_nor_the_picture_alone_is_enough() {
    let found = {
        let data = shared().0.path().join("data");
        baselines(&data, &data)
    }
    .unwrap();
    for (task, of) in [("vqa", &found.vqa), ("gqa", &found.gqa), ("nlvr2", &found.nlvr2)] {
        let a = &of.all;
        assert!([a.prior, a.question_only, a.image_only, a.image_and_kind].iter().all(|x| *x < 0.55), "{task}: {a:?}");
        for (kind, of) in &of.kinds {
            let chance = 2.0 * (of.prior * (1.0 - of.prior) / of.questions as f64).sqrt();
            assert!(of.question_only < of.prior + 0.05 + chance, "{task}, {kind}: the text tells too much: {of:?}");
        }
    }
    assert_eq!((found.nlvr2.all.question_only, found.nlvr2.all.image_only), (0.5, 0.5), "balanced by construction");
}

/// What the detector says of one object.
struct Seen {
    words: [&'static str; 3],
    middle: f32,
}

/// Each image's objects, from the feature files alone.
fn seen(data: &Path, manifest: &DemoManifest) -> BTreeMap<String, Vec<Seen>> {
    let mut images = BTreeMap::new();
    for file in &manifest.features {
        let mut reader = TsvReader::open(&data.join(&file.tsv)).unwrap();
        let mut row = Row::default();
        while reader.read(&mut row).unwrap() {
            let object = |k: usize| {
                let [x1, y1, x2, y2] = std::array::from_fn(|c| row.boxes[4 * k + c]);
                let size = if (x2 - x1).max(y2 - y1) > 20.0 { "large" } else { "small" };
                let shape = Shape::ALL.get(row.objects_id[k] as usize)?.word();
                let color = Color::ALL[row.attrs_id[k] as usize].word();
                Some(Seen { words: [size, color, shape], middle: (x1 + x2) / 2.0 })
            };
            images.insert(row.img_id.clone(), (0..row.num_boxes).filter_map(object).collect());
        }
    }
    images
}

/// Answers a sentence by its words.
fn solve(sent: &str, images: &[&Vec<Seen>]) -> String {
    let sent = sent.to_lowercase();
    let fits = |part: &str, o: &Seen| {
        part.split(|c: char| !c.is_alphabetic()).map(|w| w.trim_end_matches('s')).all(|w| {
            let known = w == "large" || w == "small" || Color::ALL.iter().any(|c| c.word() == w);
            !(known || Shape::ALL.iter().any(|s| s.word() == w)) || o.words.contains(&w)
        })
    };
    let find = |part: &str, image: usize| images[image].iter().filter(|o| fits(part, o)).collect::<Vec<_>>();
    let truth = |holds: bool, [no, yes]: [&str; 2]| if holds { yes } else { no }.to_owned();
    let side = |left: bool| truth(left, ["right", "left"]);
    if let Some((one, other)) = sent.split_once(" to the left or to the right of ") {
        let middle = |part| find(part, 0).first().map_or(f32::NAN, |o| o.middle);
        return side(middle(one) < middle(other));
    }
    let found = find(&sent, 0);
    let property = |i: usize| found.first().map_or_else(|| "nothing there".into(), |o| o.words[i].to_owned());
    match sent.split(' ').take(2).collect::<Vec<_>>()[..] {
        ["what", "size"] => property(0),
        ["what", "color"] => property(1),
        ["what", "shape"] => property(2),
        ["how", "many"] => found.len().to_string(),
        ["is", "there"] => truth(!found.is_empty(), ["no", "yes"]),
        ["is", "the"] => side(found.first().is_some_and(|o| o.middle < 56.0)),
        _ => {
            let there = [!found.is_empty(), !find(&sent, 1).is_empty()];
            let holds = match sent.split(' ').take(2).collect::<Vec<_>>()[..] {
                ["the", "left"] => there[0],
                ["the", "right"] => there[1],
                ["both", _] => there == [true; 2],
                _ => there != [false; 2],
            };
            truth(holds, ["0", "1"])
        }
    }
}

#[test]
fn questions_are_true_and_can_be_answered_from_the_features() {
    let (folder, manifest) = shared();
    let data = folder.path().join("data");
    let images = seen(&data, manifest);
    for (file, entries) in &manifest.entries {
        let mut wrong = Vec::new();
        for entry in json(data.join(file)).as_array().unwrap() {
            let keys = if entry.get("img_id").is_some() { &["img_id"][..] } else { &["img0", "img1"] };
            let looked: Vec<_> = keys.iter().map(|k| &images[entry[k].as_str().unwrap()]).collect();
            let answer = solve(entry["sent"].as_str().unwrap(), &looked);
            let score = match &entry["label"] {
                Value::Object(scores) => scores.get(&answer).map_or(0.0, |s| s.as_f64().unwrap()),
                label => f64::from(u8::from(label.as_u64() == answer.parse().ok())),
            };
            if score < 0.9 {
                wrong.push(format!("{answer}: {entry}"));
            }
        }
        assert!(wrong.len() * 200 <= *entries, "{file}: {} of {entries}\n{}", wrong.len(), wrong.join("\n"));
    }
}

//! The shipped manifest: complete for every task, and correct for every file of which a copy exists here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use assets::digest::hash_file;
use assets::lock::Lock;
use assets::manifest::{Asset, Expect, Manifest, Selection};
use data::dataset::pretrain::data::PretrainSource;
use data::dataset::process_gqa::GqaSet;
use data::dataset::{Scale, Task, feature_files};

const MANIFEST: &str = include_str!("../../data/assets.toml");
/// The tasks whose groups must be complete without a person's help.
const TASKS: [&str; 5] = ["vqa", "gqa", "nlvr2", "pretrain", "extract"];

fn manifest() -> Manifest {
    Manifest::parse(MANIFEST, "data/assets.toml").unwrap()
}

fn group(name: &str) -> Selection {
    Selection { groups: vec![name.to_owned()], ..Selection::default() }
}

/// Where everything of a group ends up: files, what they unpack to, what is made from them.
fn places(manifest: &Manifest, name: &str) -> BTreeSet<PathBuf> {
    let assets = manifest.select(&group(name)).unwrap();
    let unpacked = assets.iter().flat_map(|asset| &asset.unpack).map(|unpack| unpack.path.clone());
    let made = manifest.select_made(&group(name)).unwrap().into_iter().map(|made| made.path.clone());
    assets.iter().map(|asset| asset.path.clone()).chain(unpacked).chain(made).collect()
}

#[track_caller]
fn asset<'a>(manifest: &'a Manifest, name: &str) -> &'a Asset {
    manifest.asset(name).unwrap_or_else(|| panic!("there is no {name}"))
}

fn count(expect: Option<&Expect>) -> u64 {
    expect.and_then(|expect| expect.count).unwrap()
}

#[test]
fn each_task_gets_all_that_its_program_reads() {
    let manifest = manifest();
    let data = Path::new("data");
    let splits = [
        (Task::Vqa, "train,nominival,minival"),
        (Task::Gqa, "train,valid"),
        (Task::Gqa, "testdev"),
        (Task::Nlvr2, "train,valid,test"),
    ];
    let mut wanted: Vec<(&str, PathBuf)> = Vec::new();
    for (task, splits) in splits {
        let features = feature_files(task, splits, Scale::Full, data).unwrap();
        wanted.extend(features.into_iter().map(|file| (task.name(), file.path)));
        wanted.extend(splits.split(',').map(|split| (task.name(), task.split_file(data, split))));
        wanted.push((task.name(), "snap/pretrained/model_LXRT.pth".into()));
    }
    for task in ["vqa", "gqa"] {
        wanted.extend(
            ["ans2label", "label2ans"].map(|table| (task, format!("data/{task}/trainval_{table}.json").into())),
        );
    }
    for source in PretrainSource::parse_list("mscoco_train,mscoco_nominival,vgnococo,mscoco_minival").unwrap() {
        wanted.push(("pretrain", data.join(format!("lxmert/{}.json", source.name()))));
        wanted.push(("pretrain", data.join(source.feature_file())));
    }
    wanted.extend(["vqa", "gqa", "pretrain"].map(|task| (task, "data/lxmert/all_ans.json".into())));
    wanted.extend(["vqa", "gqa", "nlvr2", "pretrain"].map(|task| (task, "data/vocab.txt".into())));
    wanted.push(("vqa-server", feature_files(Task::Vqa, "test", Scale::Full, data).unwrap()[0].path.clone()));
    wanted.push(("vqa-server", Task::Vqa.split_file(data, "test")));
    wanted.push(("gqa-server", feature_files(Task::Gqa, "submit", Scale::Full, data).unwrap()[0].path.clone()));
    wanted.push(("gqa-server", Task::Gqa.split_file(data, "submit")));
    wanted.push(("nlvr2-extras", Task::Nlvr2.split_file(data, "hidden")));
    for (task, path) in wanted {
        assert!(places(&manifest, task).contains(&path), "the group {task} lacks {}", path.display());
    }
    for task in TASKS {
        let by_hand: Vec<_> = manifest.select(&group(task)).unwrap();
        let by_hand: Vec<_> = by_hand.iter().filter(|a| a.urls.is_empty()).map(|a| &a.name).collect();
        assert!(by_hand.is_empty(), "{task} has files to download by hand: {by_hand:?}");
    }
}

#[test]
fn every_address_in_the_originals_readme_is_in_the_manifest() {
    let manifest = manifest();
    let known: BTreeSet<&str> = manifest.assets.iter().flat_map(|asset| &asset.urls).map(String::as_str).collect();
    let unc = |folder: &str, files: &str| -> Vec<String> {
        let address = |file: &str| format!("https://nlp.cs.unc.edu/data/{folder}{file}");
        files.split(' ').map(address).collect()
    };
    let mut readme = vec![
        "http://nlp.cs.unc.edu/data/model_LXRT.pth".to_owned(),
        "https://nlp.stanford.edu/data/gqa/eval.zip".to_owned(),
        "https://www.dropbox.com/s/2h4hmgcvpaewizu/resnet101_faster_rcnn_final_iter_320000.caffemodel?dl=1".to_owned(),
    ];
    readme.extend(unc("", "model_LXRT.pth github_pretrain/lxmert20/Epoch20_LXRT.pth"));
    readme.extend((1..=12).flat_map(|epoch| unc("github_pretrain/lxmert/", &format!("Epoch{epoch:02}_LXRT.pth"))));
    readme.extend(unc("lxmert_data/vqa/", "train.json nominival.json minival.json test.json"));
    readme.extend(unc("lxmert_data/gqa/", "train.json valid.json testdev.json submit.json"));
    readme.extend(unc(
        "lxmert_data/lxmert/",
        "mscoco_train.json mscoco_nominival.json vgnococo.json mscoco_minival.json",
    ));
    readme.extend(unc("lxmert_data/mscoco_imgfeat/", "train2014_obj36.zip val2014_obj36.zip test2015_obj36.zip"));
    readme.extend(unc("lxmert_data/vg_gqa_imgfeat/", "vg_gqa_obj36.zip gqa_testdev_obj36.zip"));
    readme.extend(unc("lxmert_data/nlvr2_imgfeat/", "train_obj36.zip valid_obj36.zip test_obj36.zip"));
    for address in readme {
        assert!(known.contains(address.as_str()), "{address}");
    }
}

#[test]
fn what_is_said_of_a_file_is_said_with_its_source() {
    let manifest = manifest();
    let kinds = ["json-list", "json-object", "json-lines", "lines", "obj36", "files"];
    let expects = manifest.assets.iter().flat_map(|a| a.expect.iter().chain(a.unpack.iter().flat_map(|u| &u.expect)));
    for expect in expects.chain(manifest.made.iter().flat_map(|made| &made.expect)) {
        assert!(kinds.contains(&expect.kind.as_str()), "{}", expect.kind);
    }
    for asset in &manifest.assets {
        let name = &asset.name;
        assert!(!asset.known_from.is_empty() && !asset.title.is_empty() && !asset.groups.is_empty(), "{name}");
        let silent = asset.known_from.contains("checksum was ever published");
        assert_eq!(asset.checksums.is_empty(), silent, "{name}: {}", asset.known_from);
        if asset.urls.iter().any(|url| url.starts_with("https://raw.githubusercontent.com/")) {
            assert!(asset.checksums.git_blob.is_some(), "{name}: a file of a repository has a git blob");
        }
        let plain = asset.urls.iter().position(|url| url.starts_with("http://"));
        assert!(plain != Some(0), "{name}: plain http is not the first to try");
        if let [unpack] = &asset.unpack[..] {
            assert!(asset.likely_size().is_none_or(|size| size < unpack.size_max), "{name}: {}", unpack.member);
        }
    }
}

#[test]
fn counts_add_up() {
    let manifest = manifest();
    let of = |name: &str| count(asset(&manifest, name).expect.as_ref());
    assert_eq!(of("vqa-train") + of("vqa-nominival"), 632_117);
    assert_eq!(of("vqa-nominival") + of("vqa-minival"), 214_354);
    assert_eq!(of("vqa-minival"), 25_994);
    assert_eq!(of("gqa-train") + of("gqa-valid"), 1_075_062);
    let official = ["train", "dev", "test1", "test2"].map(|name| of(&format!("nlvr2-official-{name}")));
    assert_eq!(official.iter().sum::<u64>(), 107_292);
    for made in &manifest.made {
        let from = asset(&manifest, &made.from[0]);
        if let Some(expect) = &from.expect {
            assert_eq!(made.expect.as_ref().unwrap().count, expect.count, "{}", made.name);
        }
    }
}

/// Bytes of a row of 36 boxes besides the image's name, for sides of three digits.
const ROW: u64 = 395_155;

#[test]
fn feature_bounds_are_the_closed_form() {
    let manifest = manifest();
    let features = |name: &str| -> (u64, Option<u64>) {
        let unpack = &asset(&manifest, name).unpack[0];
        (unpack.size_max, unpack.expect.as_ref().and_then(|expect| expect.count))
    };
    for (name, rows, longest_name, more_digits, bytes) in [
        ("vqa-features-train2014", 82_783, "COCO_train2014_000000132417", 0, Some(32_714_351_506)),
        ("vqa-features-val2014", 40_504, "COCO_val2014_000000132417", 0, Some(16_006_370_720)),
        ("vqa-features-test2015", 81_434, "COCO_test2015_000000132417", 0, Some(32_181_169_554)),
        ("gqa-features-vg-gqa", 148_854, "12345678", 2, None),
        ("gqa-features-testdev", 398, "n1234567", 2, None),
        ("nlvr2-features-valid", 8_102, "dev-1234-3-img1", 4, None),
        ("nlvr2-features-test", 8_082, "test1-1234-3-img1", 4, None),
    ] {
        let (bound, count) = features(name);
        assert_eq!((bound, count), (rows * (ROW + longest_name.len() as u64 + more_digits), Some(rows)), "{name}");
        assert!(bytes.is_none_or(|bytes| bytes == bound), "{name}");
        // Sides of one digit, a name of one character, and no carriage return.
        assert_eq!(asset(&manifest, name).unpack[0].size_min, Some(rows * (ROW - 4)), "{name}");
    }
    let train = asset(&manifest, "nlvr2-features-train");
    assert!(train.lower_bound_of(&train.unpack[0]) > Some(18_000_000_000), "it is no smaller than its archive");
    assert_eq!(features("nlvr2-features-train").1, None, "never published");
    let golden = asset(&manifest, "golden-rows");
    assert_eq!(golden.size, Some(10 * (ROW + 27)));
}

#[test]
fn made_files_know_their_sources() {
    let manifest = manifest();
    let sets = [("gqa-balanced", GqaSet::Balanced), ("gqa-all", GqaSet::All), ("gqa-submission", GqaSet::Submission)];
    let mut gqa = 0;
    for made in &manifest.made {
        let from = asset(&manifest, &made.from[0]);
        let split = made.path.file_stem().unwrap().to_str().unwrap();
        match sets.iter().find(|(rule, _)| *rule == made.rule) {
            Some((_, set)) => {
                assert!(set.splits().iter().any(|(name, _)| *name == split), "{}", made.name);
                let [unpack] = &from.unpack[..] else { panic!("{}: one folder of questions", from.name) };
                assert!(unpack.folder && unpack.member.is_empty());
                gqa += 1;
            }
            None => assert_eq!((made.rule.as_str(), from.unpack.len()), ("nlvr2", 0), "{}", made.name),
        }
    }
    assert_eq!(gqa, sets.iter().map(|(_, set)| set.splits().len()).sum::<usize>());
}

/// Files of the manifest that the fixtures hold, unchanged.
fn copies() -> BTreeMap<String, String> {
    let mut copies: BTreeMap<String, String> = [
        ("bert-vocab", "vocab/vocab.txt"),
        ("all-ans", "tables/all_ans.json"),
        ("vqa-ans2label", "tables/vqa_trainval_ans2label.json"),
        ("vqa-label2ans", "tables/vqa_trainval_label2ans.json"),
        ("gqa-ans2label", "tables/gqa_trainval_ans2label.json"),
        ("gqa-label2ans", "tables/gqa_trainval_label2ans.json"),
        ("objects-vocab", "tables/objects_vocab.txt"),
        ("attributes-vocab", "tables/attributes_vocab.txt"),
        ("nlvr2-official-dev", "nlvr2/dev.json"),
        ("nlvr2-official-test1", "nlvr2/test1.json"),
        ("nlvr2-official-test2", "nlvr2/test2.json"),
        ("nlvr2-balanced-dev", "nlvr2/balanced/balanced_dev.json"),
        ("nlvr2-balanced-test1", "nlvr2/balanced/balanced_test1.json"),
        ("nlvr2-unbalanced-dev", "nlvr2/unbalanced/unbalanced_dev.json"),
        ("nlvr2-unbalanced-test1", "nlvr2/unbalanced/unbalanced_test1.json"),
        ("nlvr2-categories", "nlvr2/annotated_dev_examples.txt"),
        ("nlvr2-hashes-dev", "nlvr2/hashes/dev_hashes.json"),
        ("nlvr2-hashes-test1", "nlvr2/hashes/test1_hashes.json"),
        ("golden-rows", "real/golden/train2014_obj36.tsv"),
    ]
    .into_iter()
    .map(|(name, path)| (name.to_owned(), path.to_owned()))
    .collect();
    for asset in manifest().assets {
        if asset.name.starts_with("golden-image-") {
            let image = asset.path.file_name().unwrap().to_str().unwrap();
            copies.insert(asset.name, format!("real/images/{image}"));
        }
    }
    copies
}

/// Entries of a file as `kind` counts them.
fn entries(path: &Path, kind: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap();
    let whole = || serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let entries = match kind {
        "json-list" => whole().as_array().unwrap().len(),
        "json-object" => whole().as_object().unwrap().len(),
        "json-lines" => text.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).count(),
        "lines" | "obj36" => text.lines().count(),
        other => panic!("no file has the kind {other}"),
    };
    entries as u64
}

#[test]
fn checksums_sizes_and_counts_are_those_of_the_copies() {
    let manifest = manifest();
    let copies = copies();
    assert_eq!(copies.len(), 29);
    for (name, path) in copies {
        let Some(path) = fixtures::beside(&path) else { continue };
        let asset = asset(&manifest, &name);
        assert_eq!(asset.size, Some(path.metadata().unwrap().len()), "{name}");
        assert!(asset.checksums.sha256.is_some() && asset.checksums.git_blob.is_some(), "{name}");
        assert_eq!(hash_file(&path, &asset.checksums, &mut |_| {}).unwrap(), asset.checksums, "{name}");
        if let Some(expect) = &asset.expect {
            assert_eq!(expect.count, Some(entries(&path, &expect.kind)), "{name}");
        }
    }
}

#[test]
fn the_shipped_lock_pins_nothing_that_is_not_there() {
    let lock = Lock::parse(include_str!("../../data/assets.lock"), "data/assets.lock").unwrap();
    let manifest = manifest();
    for asset in &manifest.assets {
        assert!(!lock.demands(asset).contradiction, "{}", asset.name);
    }
}

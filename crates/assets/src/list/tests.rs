use std::path::Path;

use super::*;
use crate::lock::{Lock, Trust};
use crate::manifest::Manifest;
use crate::plan::{AssetState, Item, plan};
use crate::rate::Rate;
use base::table::WIDTH;

const MANIFEST: &str = r#"
    schema = 1
    group = [
        { name = "vqa", title = "VQA v2.0: fine-tune and score on minival" },
        { name = "nlvr2", title = "NLVR2: fine-tune and score on dev and test-P" },
        { name = "images", title = "the pictures themselves" },
    ]

    [[asset]]
    name = "model"
    title = "the pre-trained model, twenty epochs of all five tasks, as published with the code"
    groups = ["nlvr2", "vqa"]
    path = "snap/pretrained/model_LXRT.pth"
    urls = ["https://x.org/model_LXRT.pth", "https://y.org/model_LXRT.pth"]
    size_about = 870000000

    [[asset]]
    name = "train2014-obj36"
    title = "features of train2014"
    groups = ["vqa"]
    path = "downloads/train2014_obj36.zip"
    urls = ["https://x.org/train2014_obj36.zip"]
    size_about = 17000000000
    [[asset.unpack]]
    member = "train2014_obj36.tsv"
    path = "data/mscoco_imgfeat/train2014_obj36.tsv"
    size_max = 32714351506
    [[asset.by_hand]]
    place = "Baidu Drive"
    url = "https://pan.baidu.com/s/1m0mUVsq30rO6F1slxPZNHA"
    how = "code wwma; download every part"

    [[asset]]
    name = "minival"
    title = "questions of minival"
    groups = ["vqa"]
    path = "data/vqa/minival.json"
    urls = ["https://x.org/minival.json"]
    size_max = 50000000

    [[asset]]
    name = "official-dev"
    title = "the official dev file"
    groups = ["nlvr2"]
    path = "downloads/nlvr2/dev.json"
    urls = ["https://x.org/dev.json"]
    size = 3762423
    sha256 = "7c44bc7831c0e060ae7d31807c91cc0c9791322363d8d86828fb44a77f09ae88"

    [[asset]]
    name = "nlvr2-images"
    title = "images of NLVR2"
    groups = ["images"]
    path = "downloads/nlvr2-images.zip"
    md5 = "00000000000000000000000000000000"
    [[asset.by_hand]]
    place = "the authors' form"
    url = "https://x.org/form"
    how = "sign it, then wait for a mail with links"

    [[made]]
    name = "nlvr2-valid"
    title = "dev as the original reads it"
    groups = ["nlvr2"]
    rule = "nlvr2"
    from = ["official-dev"]
    path = "data/nlvr2/valid.json"
"#;

fn items<'a>(manifest: &'a Manifest, states: &[(&str, AssetState)]) -> Vec<Item<'a>> {
    let mut lock = Lock::default();
    for source in ["https://x.org/minival.json", "https://z.org/minival.json"] {
        lock.record("minival", 45_000_000, &"1".repeat(64), source).unwrap();
    }
    let assets: Vec<_> = manifest.assets.iter().collect();
    let mut items = plan(&assets, &lock, Path::new("/nowhere/workspace"));
    for (name, state) in states {
        items.iter_mut().find(|item| item.asset.name == *name).unwrap().state = state.clone();
    }
    items
}

fn mixed() -> [(&'static str, AssetState); 3] {
    [
        ("model", AssetState::Wrong("it has 12 bytes, not 870000000".into())),
        ("train2014-obj36", AssetState::Partial(3_200_000_000)),
        ("official-dev", AssetState::Good),
    ]
}

#[test]
fn the_page_lists_all_files() {
    let manifest = Manifest::parse(MANIFEST, "test").unwrap();
    let text = page(&manifest, &items(&manifest, &mixed()), Path::new("workspace"), 24_500_000_000);
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    insta::assert_snapshot!("list", text);
    let json = list_json(&manifest, &items(&manifest, &mixed()), Path::new("workspace"), 0);
    insta::assert_snapshot!("list-json", serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn the_forecast_shows_sources_space_and_time() {
    let manifest = Manifest::parse(MANIFEST, "test").unwrap();
    let (items, workspace) = (items(&manifest, &mixed()), Path::new("workspace"));
    let mut rate = Rate::measured(400_000_000, 32.0).unwrap();
    rate.date = "2026-11-23".into();
    let known =
        Forecast { free: Some(20_000_000_000), unpacked: 32_714_351_506, stores: 24_500_000_000, rate: Some(rate) };
    insta::assert_snapshot!("forecast-measured", forecast(&items, workspace, &known));
    let unknown = Forecast { free: Some(1 << 40), ..Forecast::default() };
    insta::assert_snapshot!("forecast-unmeasured", forecast(&items, workspace, &unknown));
    let json = forecast_json(&items, workspace, &known);
    assert_eq!(json["disk"]["needed"], 13_800_000_000_u64 + 870_000_000 + 45_000_000 + 32_714_351_506 + 24_500_000_000);
    assert_eq!(json["fetch"].as_array().unwrap().len(), 3);
    assert!((json["seconds"].as_f64().unwrap() - 14_715.0 / 12.5).abs() < 1e-6);

    let there: Vec<_> = items.iter().filter(|item| item.asset.name == "official-dev").cloned().collect();
    let text = forecast(&there, workspace, &unknown);
    assert!(text.starts_with("Nothing to fetch into workspace\nalready present: official-dev\n"), "{text}");
}

#[test]
fn groups_are_listed_with_their_sizes() {
    let manifest = Manifest::parse(MANIFEST, "test").unwrap();
    insta::assert_snapshot!(groups(&manifest), @"
  --task vqa     3 files, about 17.9 GB  VQA v2.0: fine-tune and score on
                                         minival
  --task nlvr2   2 files, about 874 MB   NLVR2: fine-tune and score on dev and
                                         test-P
  --task images  1 file, size unknown    the pictures themselves
");
    assert_eq!(items(&manifest, &[])[2].trust, Trust::Corroborated);
}

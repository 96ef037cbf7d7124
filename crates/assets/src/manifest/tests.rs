use super::table::*;

const GOOD: &str = r#"
    schema = 1
    group = [{ name = "vqa", title = "VQA" }, { name = "all-epochs", title = "snapshots" }]

    [[asset]]
    name = "epoch{}"
    title = "after epoch {}"
    groups = ["all-epochs"]
    path = "snap/Epoch{}_LXRT.pth"
    urls = ["https://x.org/Epoch{}_LXRT.pth"]
    size_about = 100
    each = ["01", "12"]

    [[asset]]
    name = "minival"
    title = "minival"
    groups = ["vqa"]
    path = "data/minival.json"
    urls = ["file:///x/minival.json"]
    md5 = "00000000000000000000000000000000"

    [[mirror]]
    of = ["epoch12"]
    place = "a drive"
    url = "https://drive.org/x"
    how = "ask"

    [[made]]
    name = "made"
    title = "made"
    groups = ["all-epochs"]
    rule = "copy"
    from = ["minival"]
    path = "data/made.json"
"#;

#[test]
fn a_selection_includes_the_assets_that_made_files_need() {
    let manifest = Manifest::parse(GOOD, "test").unwrap();
    let names = |selection: Selection| -> Vec<String> {
        manifest.select(&selection).unwrap().iter().map(|asset| asset.name.clone()).collect()
    };
    let of = |groups: &[&str], given: &[&str]| Selection {
        groups: groups.iter().map(|s| (*s).to_owned()).collect(),
        names: given.iter().map(|s| (*s).to_owned()).collect(),
        all: false,
    };
    assert_eq!(names(of(&["vqa"], &[])), ["minival"]);
    assert_eq!(names(of(&[], &["made"])), ["minival"]);
    assert_eq!(names(of(&["all-epochs"], &[])), ["epoch01", "epoch12", "minival"]);
    let epoch = manifest.asset("epoch12").unwrap();
    assert_eq!(
        (epoch.path.to_str(), epoch.urls[0].as_str()),
        (Some("snap/Epoch12_LXRT.pth"), "https://x.org/Epoch12_LXRT.pth")
    );
    assert_eq!((epoch.upper_bound(), epoch.likely_size()), (Some(114), Some(100)));
    let places: Vec<_> = manifest.assets.iter().map(|asset| asset.by_hand.len()).collect();
    assert_eq!((places, epoch.by_hand[0].how.as_str()), (vec![0, 1, 0], "ask"));
    let error = manifest.select(&of(&[], &["mini"])).unwrap_err().to_string();
    assert!(error.contains("did you mean minival?"), "{error}");
    assert!(manifest.select(&of(&["gqa"], &[])).unwrap_err().to_string().contains("vqa, all-epochs"));
}

#[test]
fn an_invalid_manifest_is_refused() {
    for (from, to, why) in [
        ("schema = 1", "schema = 2", "schema"),
        ("md5 =", "md6 =", "unknown field"),
        ("0000\"", "000\"", "hexadecimal"),
        ("data/minival", "../minival", "not below the workspace"),
        ("data/minival", "/minival", "not below the workspace"),
        ("data/made.json", "data/minival.json", "same path"),
        ("\"minival\"\n    title", "\"epoch01\"\n    title", "occurs twice"),
        ("groups = [\"vqa\"]", "groups = [\"gqa\"]", "group `gqa`, which does not exist"),
        ("file:///x", "ftp://x", "not an http, https or file"),
        ("of = [\"epoch12\"", "of = [\"epoch13\"", "mirror of `epoch13`"),
        ("from = [\"minival\"]", "from = [\"maxival\"]", "does not exist"),
        ("name = \"minival\"", "name = \"mini/val\"", "not a valid name"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let error = Manifest::parse(&text, "test").expect_err(to).to_string();
        assert!(error.contains(why), "{to}: {error}");
    }
}

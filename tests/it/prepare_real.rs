//! `repro prepare` on real files: the small real set, NLVR2's published statements, official GQA questions.

use std::fs;

use base::files::sha256_bytes;

use crate::common::workspace::{Workspace, files, zipped};
use crate::common::{run, stdout};

const REAL: &str = r#"
schema = 1
group = [{ name = "all", title = "all" }]
"#;

/// The small real set: zips of its feature files, its questions, its official statements of NLVR2.
#[test]
fn the_small_real_set_is_prepared() {
    let Some(real) = fixtures::beside("real") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = REAL.to_owned();
    let mut put: Vec<(String, Vec<u8>)> = Vec::new();
    for (tsv, rows) in [
        ("mscoco_imgfeat/train2014", 7),
        ("mscoco_imgfeat/val2014", 3),
        ("mscoco_imgfeat/test2015", 2),
        ("vg_gqa_imgfeat/vg_gqa", 8),
        ("vg_gqa_imgfeat/gqa_testdev", 2),
        ("nlvr2_imgfeat/train", 16),
        ("nlvr2_imgfeat/valid", 4),
        ("nlvr2_imgfeat/test", 4),
    ] {
        let name = tsv.replace('/', "-");
        let file = format!("{}_obj36.tsv", tsv.split('/').next_back().unwrap());
        manifest += &format!(
            "[[asset]]\nname = \"{name}\"\ntitle = \"\"\ngroups = [\"all\"]\npath = \"downloads/{name}.zip\"\nurls = [\"https://x.org/\"]\n\
             [[asset.unpack]]\nmember = \"{file}\"\npath = \"data/{tsv}_obj36.tsv\"\nsize_max = 10_000_000\n\
             expect = {{ kind = \"obj36\", count = {rows} }}\n"
        );
        let bytes = fs::read(real.join(format!("data/{tsv}_obj36.tsv"))).unwrap();
        put.push((name, zipped(&[(&file, &bytes)])));
    }
    for (file, entries) in [
        ("vqa/train", 106),
        ("vqa/nominival", 15),
        ("vqa/minival", 32),
        ("vqa/test", 32),
        ("gqa/train", 75),
        ("gqa/valid", 24),
        ("gqa/testdev", 26),
        ("gqa/submit", 24),
        ("lxmert/mscoco_train", 5),
        ("lxmert/mscoco_minival", 2),
        ("lxmert/mscoco_nominival", 1),
        ("lxmert/vgnococo", 2),
        ("lxmert/all_ans", 9_500),
    ] {
        let name = file.replace('/', "-");
        manifest += &format!(
            "[[asset]]\nname = \"{name}\"\ntitle = \"\"\ngroups = [\"all\"]\npath = \"data/{file}.json\"\nurls = [\"https://x.org/\"]\n\
             expect = {{ kind = \"json-list\", count = {entries} }}\n"
        );
        put.push((name, fs::read(real.join(format!("data/{file}.json"))).unwrap()));
    }
    for (split, official) in [("train", "train"), ("valid", "dev"), ("test", "test1")] {
        let expected = fs::read(real.join(format!("data/nlvr2/{split}.json"))).unwrap();
        let bytes = fs::read(real.join(format!("nlvr2_raw/{official}.json"))).unwrap();
        manifest += &format!(
            "[[asset]]\nname = \"official-{split}\"\ntitle = \"\"\ngroups = [\"all\"]\npath = \"downloads/{official}.json\"\n\
             urls = [\"https://x.org/\"]\nsha256 = \"{}\"\n\
             [[made]]\nname = \"nlvr2-{split}\"\ntitle = \"\"\ngroups = [\"all\"]\nrule = \"nlvr2\"\nfrom = [\"official-{split}\"]\n\
             path = \"data/nlvr2/{split}.json\"\nsha256 = \"{}\"\n",
            sha256_bytes(&bytes),
            sha256_bytes(&expected),
        );
        put.push((format!("official-{split}"), bytes));
    }
    let workspace = Workspace::new(folder.path(), &manifest);
    put.iter().for_each(|(name, bytes)| workspace.fetched(name, bytes));
    let text = stdout(&run(&mut workspace.repro("prepare", &["--all", "--drop-archives"]), 0));
    assert!(text.contains("\n11 prepared, 0 ready before\n"), "{text}");
    assert!(text.contains("data/vqa train + nominival") && text.contains("121 entries  as expected"), "{text}");
    let covered = text.lines().filter(|line| line.contains("_obj36.tsv  all")).count();
    assert_eq!(covered, 15, "8 files of questions, 3 of statements, 4 of sentences: {text}");
    for file in files(&real.join("data")).iter().filter(|file| file.is_file()) {
        let below = file.strip_prefix(&real).unwrap();
        let ours = workspace.path(&below.to_string_lossy());
        if ours.exists() {
            assert_eq!(fs::read(&ours).unwrap(), fs::read(file).unwrap(), "{}", below.display());
        }
    }
    assert!(!workspace.path("downloads/nlvr2_imgfeat-test.zip").exists());
    run(&mut workspace.repro("prepare", &["--all"]), 0);
}

/// The published statements of NLVR2 give the bytes whose checksum the shipped manifest holds.
#[test]
fn the_published_statements_are_prepared() {
    let Some(nlvr2) = fixtures::beside("nlvr2") else { return };
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::new(folder.path(), include_str!("../../data/assets.toml"));
    for (name, file) in
        [("nlvr2-official-dev", "dev"), ("nlvr2-official-test1", "test1"), ("nlvr2-official-test2", "test2")]
    {
        workspace.fetched(name, &fs::read(nlvr2.join(format!("{file}.json"))).unwrap());
    }
    let text = stdout(&run(&mut workspace.repro("prepare", &["nlvr2-valid", "nlvr2-test", "nlvr2-hidden"]), 0));
    for (split, count, sha256) in [
        ("valid", "6,982", "1de87ab7cd82b565b11bd3b56f7f61e4523b4f2acc47ec31b4f54a149b73583d"),
        ("test", "6,967", "ed828271f8abe9f08780c64c09ff418647a388fa6b87172036b509fff8b5d0c7"),
    ] {
        assert_eq!(sha256_bytes(&fs::read(workspace.path(&format!("data/nlvr2/{split}.json"))).unwrap()), sha256);
        assert!(text.contains(&format!("{count} entries  as expected")) && text.contains(sha256), "{text}");
    }
}

/// A folder of official GQA questions in an archive gives the original's files.
#[test]
fn official_gqa_questions_are_prepared() {
    let (Some(raw), Some(expected)) = (fixtures::lxrt("data/gqa_raw"), fixtures::lxrt("data/gqa_expected")) else {
        return;
    };
    let members: Vec<(String, Vec<u8>)> = files(&raw)
        .into_iter()
        .filter(|path| path.is_file())
        .map(|path| (format!("q/{}", path.strip_prefix(&raw).unwrap().display()), fs::read(&path).unwrap()))
        .collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let mut manifest = REAL.to_owned()
        + "[[asset]]\nname = \"questions\"\ntitle = \"\"\ngroups = [\"all\"]\npath = \"downloads/q.zip\"\nurls = [\"https://x.org/\"]\n\
           [[asset.unpack]]\nfolder = true\nmember = \"q\"\npath = \"data/raw\"\nsize_max = 10_000_000\n";
    let made = [
        ("gqa-balanced", "train"),
        ("gqa-balanced", "challenge"),
        ("gqa-all", "train_all"),
        ("gqa-submission", "submit"),
    ];
    for (rule, split) in made {
        manifest += &format!(
            "[[made]]\nname = \"gqa-{split}\"\ntitle = \"\"\ngroups = [\"all\"]\nrule = \"{rule}\"\nfrom = [\"questions\"]\npath = \"data/made/{split}.json\"\n"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::new(folder.path(), &manifest);
    workspace.fetched("questions", &zipped(&members));
    run(&mut workspace.repro("prepare", &["--all", "--drop-archives"]), 0);
    for (_, split) in made {
        let file = format!("{split}.json");
        let (ours, theirs) = (fs::read(workspace.path(&format!("data/made/{file}"))), fs::read(expected.join(&file)));
        assert_eq!(ours.unwrap(), theirs.unwrap(), "{split}");
    }
    let text = stdout(&run(&mut workspace.repro("prepare", &["--all"]), 0));
    assert!(text.starts_with("0 prepared, 5 ready before"), "{text}");
}

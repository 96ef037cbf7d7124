//! `repro extract` with a stand-in for the original's image that fails on request: it ends with a correct file or a named error.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use base::files::sha256_bytes;
use data::features::Row;
use data::features::tsv::TsvReader;
use engines::shared;
use sandbox::Build;
use sandbox::build::BuildNetwork;
use serde_json::Value;

use crate::common::workspace;
use crate::common::workspace::Workspace;
use crate::common::{run, stderr, stdout};

/// The stand-in with a Caffe that finds a GPU, or is told that there is one.
const IMAGE: &str = "lxmert-repro-test/extractor-standin";
/// The stand-in without a GPU.
pub(crate) const WITHOUT_GPU: &str = "lxmert-repro-test/extractor-standin-without-gpu";
const SCRIPT: &[u8] = include_bytes!("../standin/extract.py");

/// Builds both stand-ins once; whether there is an engine.
fn standin() -> bool {
    static BUILT: OnceLock<bool> = OnceLock::new();
    *BUILT.get_or_init(|| {
        let Some((engine, _)) = shared::engine("test-extract") else { return false };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/standin");
        for (image, gpu) in [(IMAGE, "yes"), (WITHOUT_GPU, "no")] {
            let args = vec![("gpu".to_owned(), gpu.to_owned())];
            let build = Build { network: BuildNetwork::None, args, ..Build::new(&folder, "Dockerfile", image) };
            engine.build(&build, &mut |_| ()).unwrap();
        }
        true
    })
}

/// Images, a workspace with script and weights, and the place for features.
pub(crate) struct World {
    _folder: tempfile::TempDir,
    pub(crate) workspace: Workspace,
}

impl World {
    /// COCO valid with images `v0`, `v1`, … of these sizes and misbehaviours.
    pub(crate) fn new(words: &[&str]) -> Option<Self> {
        if !standin() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let asset = |name: &str, path: &str, bytes: &[u8]| {
            let (size, sha256) = (bytes.len(), sha256_bytes(bytes));
            format!(
                "[[asset]]\nname = \"{name}\"\ntitle = \"{name}\"\ngroups = [\"extract\"]\npath = \"data/extract/{path}\"\n\
                 urls = [\"https://example.org/{path}\"]\nsize = {size}\nsha256 = \"{sha256}\"\nknown_from = \"test\"\n\n"
            )
        };
        let weights = b"weights of nothing";
        let manifest = "schema = 1\n\n[[group]]\nname = \"extract\"\ntitle = \"extraction\"\n\n".to_owned()
            + &asset("extract-coco-script", "extract_coco_image.py", SCRIPT)
            + &asset("caffemodel", "weights.caffemodel", weights);
        let workspace = Workspace::new(folder.path(), &manifest);
        workspace.fetched("extract-coco-script", SCRIPT);
        workspace.fetched("caffemodel", weights);
        let world = Self { _folder: folder, workspace };
        words.iter().enumerate().for_each(|(number, words)| world.image(number, words));
        Some(world)
    }

    fn image(&self, number: usize, words: &str) {
        let path = self.workspace.folder.join(format!("images/val2014/v{number}.png"));
        workspace::write(&path, &png(40 + number as u32, 30, words));
    }

    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.workspace.folder.join("out").join(name)
    }

    pub(crate) fn repro(&self, words: &[&str]) -> Command {
        let mut repro = self.repro_in(IMAGE, &["--gpus", "none"]);
        repro.args(words);
        repro
    }

    /// The command in one of the images.
    pub(crate) fn repro_in(&self, image: &str, words: &[&str]) -> Command {
        let fixed = ["coco", "--split", "valid", "--images", "images", "--out", "out", "--image", image];
        let mut repro = self.workspace.repro("extract", &fixed);
        repro.args(words).env("DOCKER_HOST", std::env::var("DOCKER_HOST").unwrap_or_default());
        repro
    }

    /// The file is right: these images, in this order, nothing left behind.
    #[track_caller]
    pub(crate) fn is_right(&self, expected: &[usize]) {
        let mut reader = TsvReader::open(&self.out("val2014_obj36.tsv")).unwrap();
        let (mut row, mut ids) = (Row::default(), Vec::new());
        while reader.read(&mut row).unwrap() {
            assert_eq!((row.num_boxes, row.dim(), row.img_h), (36, 2048, 30));
            ids.push(row.img_id.clone());
        }
        assert_eq!(ids, expected.iter().map(|number| format!("v{number}")).collect::<Vec<_>>());
        assert!(!self.out(".extract-val2014_obj36").exists());
        let metadata = fs::metadata(self.out("val2014_obj36.tsv")).unwrap();
        assert_eq!(metadata.uid(), fs::metadata(&self.workspace.folder).unwrap().uid());
        let bytes = fs::read(self.out("val2014_obj36.tsv")).unwrap();
        assert!(bytes.ends_with(b"\r\n"));
        assert_eq!(self.json("val2014_obj36.extract.json")["sha256"], sha256_bytes(&bytes));
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.out(name)).unwrap()).unwrap()
    }

    /// Missing images and why.
    fn missing(&self) -> Vec<(String, String)> {
        let list = self.json("val2014_obj36.missing.json");
        let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(|one| (text(one, "id"), text(one, "reason"))).collect()
    }
}

/// The header of a PNG and words behind it.
fn png(width: u32, height: u32, words: &str) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(words.as_bytes());
    bytes
}

const BY_ID: [&str; 2] = ["--order", "id"];

#[test]
fn the_file_is_correct_and_in_minivals_order() {
    let Some(world) = World::new(&["", "", "", "", "swallow company"]) else { return };
    let questions = workspace::questions(["v3", "v1", "v3"]);
    fs::write(world.workspace.folder.join("minival.json"), questions).unwrap();
    workspace::write(&world.workspace.folder.join("images/val2014/README.txt"), b"text");
    let words = ["--minival", "minival.json", "--shards", "2"];
    let told = stdout(&run(&mut world.repro(&["--minival", "minival.json", "--dry-run"]), 0));
    assert!(told.contains("5 images below") && told.contains("features: out/val2014_obj36.tsv, 2.0 MB"), "{told}");
    assert!(!world.out("").exists());

    let output = run(&mut world.repro(&words), 0);
    world.is_right(&[1, 3, 0, 2, 4]);
    let record = world.json("val2014_obj36.extract.json");
    assert_eq!((&record["rows"], &record["shards"], &record["extracted"]), (&5.into(), &2.into(), &5.into()));
    assert_eq!(record["script_sha256"], sha256_bytes(SCRIPT));
    assert!(record["image"]["id"].as_str().unwrap().starts_with("sha256:"));
    assert!(record["containers"].as_array().unwrap().len() > 2, "the swallowed image was tried by itself");
    assert!(stderr(&output).contains("README.txt"), "{}", stderr(&output));

    let before = fs::metadata(world.out("val2014_obj36.tsv")).unwrap().ino();
    assert!(stdout(&run(&mut world.repro(&words), 0)).contains("already present"));
    assert_eq!(fs::metadata(world.out("val2014_obj36.tsv")).unwrap().ino(), before);
    let other = stderr(&run(&mut world.repro(&BY_ID), 5));
    assert!(other.contains("already exists"), "{other}");
}

#[test]
fn images_without_features_are_named_with_the_scripts_message() {
    let Some(world) = World::new(&["swallow", "", "few", "", "sigfpe", ""]) else { return };
    workspace::write(&world.workspace.folder.join("images/val2014/thin.png"), &png(300, 12, ""));
    workspace::write(&world.workspace.folder.join("images/val2014/broken.jpg"), b"no image");
    let output = run(&mut world.repro(&BY_ID), 5);
    assert!(!world.out("val2014_obj36.tsv").exists());
    let missing = world.missing();
    let reason = |id: &str| missing.iter().find(|(one, _)| one == id).unwrap().1.as_str();
    assert_eq!(missing.len(), 5, "{missing:?}");
    assert_eq!(reason("v0"), "the script says: this image is 40x30");
    assert!(reason("broken").contains("'NoneType' object has no attribute"), "{missing:?}");
    assert!(reason("v2").contains("only 22 boxes") && reason("thin").contains("300x12"), "{missing:?}");
    assert!(reason("v4").contains("136"), "{missing:?}");
    assert!(stdout(&output).contains("v0.png: the script says: this image is 40x30"), "{}", stdout(&output));

    world.image(4, "");
    run(&mut world.repro(&["--order", "id", "--allow-missing"]), 0);
    world.is_right(&[1, 3, 4, 5]);
    assert_eq!(world.missing().len(), 4);
}

#[test]
fn the_failure_of_a_part_does_not_end_the_extraction() {
    for word in ["half company", "exit company", "hang company"] {
        let Some(world) = World::new(&["", "", "", "", word, "", "", ""]) else { return };
        let output = run(&mut world.repro(&["--order", "id", "--silence", "4"]), 0);
        world.is_right(&[0, 1, 2, 3, 4, 5, 6, 7]);
        let record = world.json("val2014_obj36.extract.json");
        assert!(record["containers"].as_array().unwrap().iter().any(|one| !one["failure"].is_null()), "{word}");
        assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    }
}

#[test]
fn an_invalid_row_and_too_little_memory_are_named() {
    let Some(world) = World::new(&["", "wrong", ""]) else { return };
    let error = stderr(&run(&mut world.repro(&BY_ID), 5));
    assert!(error.contains("invalid row") && error.contains("image v1, column num_boxes"), "{error}");
    assert!(error.contains("valid_obj36.tsv, line "), "{error}");
    world.image(1, "");
    run(&mut world.repro(&BY_ID), 0);
    world.is_right(&[0, 1, 2]);

    let Some(world) = World::new(&["", "memory"]) else { return };
    let error = stderr(&run(&mut world.repro(&["--order", "id", "--memory", "100M"]), 4));
    assert!(error.contains("memory limit of 100 MB") && error.contains("--memory"), "{error}");
}

#[test]
fn a_killed_extraction_resumes_with_different_shards() {
    let words = ["", "", "", "", "", "hang company"];
    let Some(world) = World::new(&words) else { return };
    let mut child = world.repro(&["--order", "id", "--shards", "2", "--silence", "600"]);
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    // Rows of the part without the image that hangs, at least.
    while bytes_of_rows(&world.out(".extract-val2014_obj36")) < 3 * 390_000 {
        assert!(Instant::now() < deadline, "no rows");
        std::thread::sleep(Duration::from_millis(50));
    }
    let second = stderr(&run(&mut world.repro(&BY_ID), 4));
    assert!(second.contains("another run is already extracting val2014_obj36.tsv"), "{second}");
    child.kill().unwrap();
    child.wait().unwrap();

    world.image(5, "");
    let error = stderr(&run(&mut world.repro(&["--order", "id", "--shards", "3"]), 0));
    assert!(error.contains("of 6 images were extracted before"), "{error}");
    world.is_right(&[0, 1, 2, 3, 4, 5]);
    let extracted = world.json("val2014_obj36.extract.json")["extracted"].as_u64().unwrap();
    assert!(extracted <= 3, "{extracted} were extracted again");
}

fn bytes_of_rows(folder: &Path) -> u64 {
    let Ok(parts) = fs::read_dir(folder) else { return 0 };
    let file = |part: std::io::Result<fs::DirEntry>| part.ok().map(|part| part.path().join("features/valid_obj36.tsv"));
    parts.filter_map(file).filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum()
}

#[test]
fn missing_requirements_are_named_before_anything_runs() {
    let Some(world) = World::new(&[""]) else { return };
    let error = stderr(&run(&mut world.repro(&[]), 5));
    assert!(error.contains("minival.json") && error.contains("repro fetch vqa-minival"), "{error}");
    let error = stderr(&run(&mut world.repro_in(IMAGE, &BY_ID), 4));
    assert!(error.contains("the original's extractor needs a GPU") && error.contains("--backend caffe-cpu"), "{error}");

    fs::write(world.workspace.path("data/extract/extract_coco_image.py"), b"print('other')").unwrap();
    let error = stderr(&run(&mut world.repro(&BY_ID), 7));
    assert!(error.contains("extract_coco_image.py has the wrong content"), "{error}");
    fs::remove_file(world.workspace.path("data/extract/extract_coco_image.py")).unwrap();
    let error = stderr(&run(&mut world.repro(&BY_ID), 5));
    assert!(error.contains("repro fetch --task extract"), "{error}");
    assert!(!world.out("").exists());
}

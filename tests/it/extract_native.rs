//! `repro extract` with the native detector: Caffe's rows, folders of one's own, interruptions, and the choice between extractors.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use data::features::Row;
use data::features::tsv::{BoxCounts, TsvReader};
use engines::private::write_script;
use lxmert::model::butd::{ButdSizes, random_weights};
use serde_json::Value;

use crate::common::killing::{kills, survives_kills};
use crate::common::{repro, run, stderr, stdout, train_image, unwrapped};

/// Weights of a small network in `folder`.
fn weights(folder: &Path) -> PathBuf {
    let path = folder.join("tiny.safetensors");
    let sizes = ButdSizes { channels: 2, rpn: 4, classes: 9, attributes: 5, embedding: 3, attribute_hidden: 6 };
    checkpoint::write_safetensors(&path, &random_weights(sizes).unwrap(), &BTreeMap::new()).unwrap();
    path
}

/// A PNG of squares, other ones for each number.
fn picture(path: &Path, number: usize, width: usize, height: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let pixel = |at: usize| {
        let (x, y) = (at % width / 8, at / width / 8);
        [1, 3, 7].map(|factor| ((x * 31 + y * 17 + number * 5) * factor * 29 % 251) as u8)
    };
    let pixels: Vec<u8> = (0..width * height).flat_map(pixel).collect();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
}

fn extract(folder: &Path, words: &[&str]) -> Command {
    let mut command = repro(folder);
    command.args(["extract", "folder", "photos", "--out", "out", "--gpus", "none", "--threads", "1"]).args(words);
    command
}

fn rows(path: &Path) -> Vec<Row> {
    let mut reader = TsvReader::open(path).unwrap().with_boxes(BoxCounts::Any);
    let (mut row, mut rows) = (Row::default(), Vec::new());
    while reader.read(&mut row).unwrap() {
        rows.push(row.clone());
    }
    rows
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn native_writes_the_rows_of_caffe() {
    let (Some(images), Some(weights), Some(caffe)) = (
        fixtures::beside("butd/images/dev"),
        fixtures::beside("butd/tiny/tiny.caffemodel"),
        fixtures::beside("butd/tiny/s600_obj36.tsv"),
    ) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(images.canonicalize().unwrap(), place.path().join("photos")).unwrap();
    let weights = weights.canonicalize().unwrap();
    let words = ["--weights", weights.to_str().unwrap(), "--workers", "2"];
    let printed = run(&mut extract(place.path(), &words), 5);
    let out = place.path().join("out");
    assert!(stdout(&printed).contains("dev_obj36.tsv is not written"), "{}", stdout(&printed));
    let missing = json(&out.join("dev_obj36.missing.json"));
    let reasons: Vec<_> = missing.as_array().unwrap().iter().map(|image| (&image["id"], &image["reason"])).collect();
    assert_eq!((reasons[0].0, reasons[1].0, reasons.len()), (&"corrupt-k".into(), &"empty-l".into(), 2));
    for (_, reason) in reasons {
        assert!(reason.as_str().unwrap().contains("'NoneType' object has no attribute 'astype'"), "{reason}");
    }

    let printed = run(&mut extract(place.path(), &[&words[..], &["--allow-missing"]].concat()), 0);
    let by_id = |rows: Vec<Row>| rows.into_iter().map(|row| (row.img_id.clone(), row)).collect::<BTreeMap<_, _>>();
    let (native, caffe) = (by_id(rows(&out.join("dev_obj36.tsv"))), by_id(rows(&caffe)));
    let images = fs::read_dir(&images).unwrap().filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        path.extension().is_some_and(|ending| ending != "txt")
    });
    assert_eq!(native.len(), images.count() - 2, "every image but the two");
    assert!(stdout(&printed).contains(&format!("dev_obj36.tsv: {} rows", native.len())), "{}", stdout(&printed));
    // Either may lack some of the other's images.
    let both: Vec<_> = caffe.iter().filter_map(|(id, expected)| Some((id, native.get(id)?, expected))).collect();
    assert!(!both.is_empty());
    for (id, found, expected) in both {
        assert_eq!((found.img_w, found.img_h, found.num_boxes), (expected.img_w, expected.img_h, expected.num_boxes));
        // Ties decide everything in an image of one colour.
        if id == "flat-i" {
            continue;
        }
        assert_eq!((&found.objects_id, &found.attrs_id), (&expected.objects_id, &expected.attrs_id), "{id}");
        // Five times what Caffe differs by between processors.
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart(&found.boxes, &expected.boxes) < 1e-2, "{id}: {}", apart(&found.boxes, &expected.boxes));
        assert!(apart(&found.features, &expected.features) < 1e-4, "{id}");
        assert!(apart(&found.objects_conf, &expected.objects_conf) < 4e-5, "{id}");
        assert!(apart(&found.attrs_conf, &expected.attrs_conf) < 4e-5, "{id}");
    }
    let record = json(&out.join("dev_obj36.extract.json"));
    assert_eq!((&record["native"]["threads"], &record["shards"]), (&1.into(), &2.into()));
    assert_eq!(record["made_by"]["backend"], "native");
}

#[test]
fn a_killed_extraction_continues_with_other_workers_to_the_same_file() {
    let place = tempfile::tempdir().unwrap();
    let weights = weights(place.path());
    for number in 0..40 {
        let name = format!("photos/{}/p{number}.png", number % 3);
        picture(&place.path().join(name), number, 40 + number, 50);
    }
    let photos = place.path().join("photos");
    let turn = Cell::new(0);
    survives_kills(
        kills(3),
        19,
        |folder, _| {
            let workers = ["1", "3", "2"][turn.replace(turn.get() + 1) % 3];
            let mut command = repro(folder);
            command.args(["extract", "folder"]).arg(&photos).args(["--out", "out", "--gpus", "none", "--threads", "1"]);
            command.arg("--weights").arg(&weights).args(["--workers", workers]);
            command
        },
        |(whole, _), (broken, _)| {
            let file = |folder: &Path| fs::read(folder.join("out/photos_obj36.tsv")).unwrap();
            assert!(file(whole) == file(broken), "another file");
            assert_eq!(rows(&broken.join("out/photos_obj36.tsv")).len(), 40);
            assert!(!broken.join("out/.extract-photos_obj36").exists());
        },
    );
}

#[test]
fn a_folder_of_ones_own() {
    let place = tempfile::tempdir().unwrap();
    let weights = weights(place.path());
    let photos = place.path().join("photos");
    picture(&photos.join("a/one.png"), 1, 64, 48);
    picture(&photos.join("b/two.png"), 2, 48, 64);
    picture(&photos.join("b/c/one.png"), 3, 50, 50);
    fs::write(photos.join("notes.txt"), "text").unwrap();
    std::os::unix::fs::symlink("..", photos.join("b/up")).unwrap();
    let words = ["--weights", weights.to_str().unwrap()];
    let twice = stderr(&run(&mut extract(place.path(), &words), 5));
    assert!(twice.contains("two images have the id one"), "{twice}");

    fs::write(place.path().join("ids.txt"), "a/one.png\tfirst\nb/c/one.png\tlast.one\n").unwrap();
    let words = [&words[..], &["--ids", "ids.txt"]].concat();
    let chosen = [&words[..], &["--boxes", "5..20", "--threshold", "0.9"]].concat();
    let printed = run(&mut extract(place.path(), &chosen), 0);
    assert!(stderr(&printed).contains("backend: native since --weights is for it"), "{}", stderr(&printed));
    let few = rows(&place.path().join("out/photos_obj5-20.tsv"));
    let shapes: Vec<_> = few.iter().map(|row| (row.img_id.as_str(), row.num_boxes, row.dim())).collect();
    assert_eq!(shapes, [("first", 5, 64), ("last.one", 5, 64)], "nothing is that confident, so the least number");

    run(&mut extract(place.path(), &[&words[..], &["--also", "npz", "--also", "store"]].concat()), 0);
    assert_eq!(fs::read_dir(place.path().join("out/photos_obj36")).unwrap().count(), 2);
    assert!(
        fs::read_dir(place.path().join("out"))
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().ends_with(".f32.safetensors") })
    );
    let usual = rows(&place.path().join("out/photos_obj36.tsv"));
    assert_eq!(usual.iter().map(|row| row.num_boxes).collect::<Vec<_>>(), [36, 36]);
    let again = stdout(&run(&mut extract(place.path(), &words), 0));
    assert!(again.contains("already present"), "{again}");

    fs::remove_file(place.path().join("out/photos_obj36.extract.json")).unwrap();
    fs::remove_file(photos.join("b/c/one.png")).unwrap();
    fs::write(place.path().join("ids.txt"), "a/one.png\tfirst\n").unwrap();
    assert!(stderr(&run(&mut extract(place.path(), &words), 5)).contains("already exists"));
    for (wrong, code, says) in [
        (&["--boxes", "0..20"][..], 2, "from 1 to 300"),
        (&["--threshold", "2"], 2, "from 0 to 1"),
        (&["--images", "photos"], 2, "two folders"),
        (&["--split", "valid"], 2, "no splits"),
        (&["--backend", "caffe"], 2, "--threads is for the native detector"),
        (&["--weights", "ids.txt"], 5, "ids.txt"),
        (&["--weights", "absent"], 5, "there are no weights"),
        (&["--image", "some/image"], 2, "--image needs --engine docker"),
        (&["--ids", "absent.txt"], 5, "absent.txt"),
        (&["--ids", "ids.txt", "--boxes", "5..20", "--also", "store"], 2, "same number of boxes"),
    ] {
        let told = stderr(&run(&mut extract(place.path(), wrong), code));
        assert!(unwrapped(&told).contains(says), "{wrong:?}: {told}");
    }
}

#[test]
fn the_training_image_extracts_the_same_bytes() {
    let Some(image) = train_image::image() else { return };
    let place = tempfile::tempdir().unwrap();
    let weights = weights(place.path());
    for number in 0..4 {
        picture(&place.path().join(format!("photos/p{number}.png")), number, 60 + number, 50);
    }
    let words = ["--weights", weights.to_str().unwrap()];
    run(&mut extract(place.path(), &words), 0);
    let here = place.path().join("here");
    fs::rename(place.path().join("out"), &here).unwrap();
    let mut inside = extract(place.path(), &words);
    train_image::with_engine(&mut inside).args(["--engine", "docker", "--image", &image, "--workers", "2"]);
    // Asking for a worker of this machine would fail.
    run(inside.env("REPRO_WORKER", "/nowhere/repro-worker"), 0);
    let file = |folder: &Path| fs::read(folder.join("photos_obj36.tsv")).unwrap();
    let out = place.path().join("out");
    assert!(file(&here) == file(&out), "other rows in the container");
    let record = json(&out.join("photos_obj36.extract.json"));
    assert!(record["native"]["image"].as_str().unwrap().contains("train"), "{record}");
    assert_eq!(record["workers"].as_array().unwrap().len(), 2);
}

#[test]
fn another_number_of_threads_does_not_continue_an_extraction() {
    let place = tempfile::tempdir().unwrap();
    let weights = weights(place.path());
    picture(&place.path().join("photos/one.png"), 1, 64, 48);
    fs::write(place.path().join("photos/two.png"), "no picture").unwrap();
    let words = ["extract", "folder", "photos", "--out", "out", "--gpus", "none", "--weights"];
    let with = |threads: &str, code: i32| {
        stderr(&run(repro(place.path()).args(words).arg(&weights).args(["--threads", threads]), code))
    };
    with("1", 5);
    let other = with("2", 5);
    assert!(other.contains("cpu with 1 threads") && other.contains("cpu with 2 threads"), "{other}");
    picture(&place.path().join("photos/two.png"), 2, 64, 48);
    assert!(with("1", 0).contains("1 of 2 images were extracted before"));
}

#[test]
fn auto_says_what_it_chose_and_why() {
    let place = tempfile::tempdir().unwrap();
    picture(&place.path().join("photos/one.png"), 1, 64, 48);
    let tools = place.path().join("tools");
    let look = |line: Option<&str>, code: i32, words: &[&str]| {
        match line {
            Some(line) => write_script(&tools.join("nvidia-smi"), line),
            None => drop(fs::remove_file(tools.join("nvidia-smi"))),
        }
        let mut command = repro(place.path());
        // Without the real folders of programs, a driver of this machine stays unseen.
        command.env("PATH", format!("{}:/bin", tools.display()));
        run(command.args(["extract", "folder", "photos", "--out", "out"]).args(words), code)
    };
    let dry = |line: Option<&str>| stdout(&look(line, 0, &["--dry-run"]));
    for (capability, says) in [
        ("6.1", "backend: caffe since the original's image supports GPU 0 (Some GPU, compute capability 6.1)"),
        ("7.5", "backend: caffe since the original's image supports GPU 0 (Some GPU, compute capability 7.5)"),
        ("8.9", "backend: native on the GPU, since the original's image supports compute capability 7.x at most"),
    ] {
        let told = dry(Some(&format!("echo '0, 580.65.06, {capability}, Some GPU'")));
        assert!(told.contains(says), "{told}");
    }
    let failed = stderr(&look(Some("echo 'Driver/library version mismatch'; exit 18"), 4, &["--dry-run"]));
    assert!(failed.contains("version mismatch") && failed.contains("--gpus none"), "{failed}");
    if !Path::new("/bin/nvidia-smi").exists() {
        let told = dry(None);
        assert!(told.contains("backend: native on the CPU, since no nvidia-smi lists a GPU"), "{told}");
        assert!(told.contains("features: out/photos_obj36.tsv"), "{told}");
    }

    // A GPU that the program cannot use is never replaced by the CPU in silence.
    let weights = weights(place.path());
    let words = ["--weights", weights.to_str().unwrap()];
    let unused = stderr(&look(Some("echo '0, 580.65.06, 8.9, Some GPU'"), 4, &words));
    assert!(unused.contains("has a GPU (Some GPU)") && unused.contains("--gpus none"), "{unused}");
}

#[test]
fn golden_rows_are_judged_and_native_is_never_a_pass() {
    let place = tempfile::tempdir().unwrap();
    let weights = weights(place.path());
    for number in 0..10 {
        picture(&place.path().join(format!("photos/p{number}.png")), number, 60 + number, 50);
    }
    let words = ["--weights", weights.to_str().unwrap()];
    run(&mut extract(place.path(), &words), 0);
    let golden = |out: &str, words: &[&str], code: i32| {
        let mut command = repro(place.path());
        command.args(["extract", "golden", "--images", "photos", "--gpus", "none", "--threads", "1", "--out", out]);
        run(command.args(words), code)
    };
    let released = ["--released", "out/photos_obj36.tsv"];
    let same = stdout(&golden("same", &[&words[..], &released].concat(), 3));
    assert!(same.contains("INCONCLUSIVE") && same.contains("never run with the published weights"), "{same}");
    let json: Value =
        serde_json::from_str(&stdout(&golden("same", &[&words[..], &released, &["--format", "json"]].concat(), 3)))
            .unwrap();
    assert_eq!((&json["was_there"], &json["compared"]["judged"]["verdict"]), (&true.into(), &"INCONCLUSIVE".into()));

    // Other boxes over the same images are another network's.
    let other = place.path().join("other.safetensors");
    let sizes = ButdSizes { channels: 2, rpn: 5, classes: 9, attributes: 5, embedding: 3, attribute_hidden: 6 };
    checkpoint::write_safetensors(&other, &random_weights(sizes).unwrap(), &BTreeMap::new()).unwrap();
    let wrong = stdout(&golden("wrong", &[&["--weights", "other.safetensors"][..], &released].concat(), 1));
    assert!(wrong.contains("FAIL"), "{wrong}");
    let absent = stderr(&golden("absent", &[&words[..], &["--released", "absent.tsv"]].concat(), 5));
    assert!(absent.contains("absent.tsv") && !place.path().join("absent").exists(), "{absent}");
    let demo = stderr(&golden("demo", &["--backend", "demo"], 2));
    assert!(demo.contains("--threads is for the native detector"), "{demo}");
}

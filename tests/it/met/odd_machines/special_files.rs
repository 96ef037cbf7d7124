//! Pipes, devices and links in the place of files and folders.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};

use base::exit;

use super::machine::{TRAIN, ends, pipe, says, words, world};
use crate::common::{repro, run, stderr};

#[test]
fn a_pipe_or_a_device_is_refused_wherever_a_file_is_read() {
    let world = world();
    let folder = world.path();
    pipe(&folder.join("pipe"));
    for name in ["report/report.json", "run/result.json", "hf/config.json", "weights.pth"] {
        pipe(&folder.join(name));
    }
    symlink("pipe", folder.join("link")).unwrap();
    for line in [
        &format!("{TRAIN} --vocab pipe"),
        &format!("{TRAIN} --vocab link"),
        &format!("{TRAIN} --config pipe").replace("--model tiny", ""),
        &format!("{TRAIN} --load weights").replace("--from-scratch", ""),
        "evaluate vqa --data-root data --split valid --predictions pipe",
        "features inspect pipe",
        "features inspect /dev/zero",
        "features inspect .",
        "features compare pipe data/mscoco_imgfeat/val2014_obj36.tsv",
        "convert --from pipe --to out.pth",
        "fetch --list --manifest pipe",
        "fetch --list --lock pipe",
        "verify --manifest assets.toml --lock /dev/zero",
        "report report",
        "check run",
        "regrade run",
        "extract coco --split valid --images images --out features --backend demo --minival pipe",
        "all --profile demo --recipe pipe",
        "all --profile demo --golden pipe",
    ] {
        let told = stderr(&ends(repro(folder).args(words(line)), exit::DATA));
        let is = ["named pipe", "device", "folder"]
            .iter()
            .any(|kind| told.contains(&format!("it is a {kind}, not a regular file")));
        assert!(is && told.contains("next: "), "{line}: {told}");
    }
    for file in ["vqa/train.json", "vqa/trainval_ans2label.json", "mscoco_imgfeat/train2014_obj36.tsv", "vocab.txt"] {
        let path = folder.join("data").join(file);
        let content = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        pipe(&path);
        let output = ends(repro(folder).args(words(TRAIN)), exit::DATA);
        says(&output, &[file, "it is a named pipe, not a regular file", "next: "]);
        fs::remove_file(&path).unwrap();
        fs::write(&path, content).unwrap();
    }
}

#[test]
fn a_pipe_in_the_place_of_an_output_is_refused() {
    for (file, line) in [
        ("out/log.log", TRAIN),
        ("out/metrics.jsonl", TRAIN),
        ("workspace/cache/lock", "all --profile demo"),
        (
            "features/.extract-val2014_obj36/lock",
            "extract coco --split valid --order id --images images --out features --backend demo",
        ),
        ("workspace/data/a.part", "fetch a --manifest assets.toml"),
        ("workspace/data/a.claim", "fetch a --manifest assets.toml"),
    ] {
        let world = world();
        let path = world.path().join(file);
        pipe(&path);
        let output = ends(repro(world.path()).args(words(line)), exit::DATA);
        says(&output, &[file, "it is a named pipe, not a regular file", "next: "]);
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo(), "it is still there");
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    for (file, line, code) in [
        ("out/log.log", TRAIN, exit::DATA),
        ("out/metrics.jsonl", TRAIN, exit::DATA),
        ("workspace/cache/lock", "all --profile demo", exit::DATA),
        (
            "features/.extract-val2014_obj36/lock",
            "extract coco --split valid --order id --images images --out features --backend demo",
            exit::DATA,
        ),
        ("workspace/data/a.part", "fetch a --manifest assets.toml", exit::DATA),
        // These are replaced by their own kind, the link itself is.
        ("workspace/data/a.part.json.new", "fetch a --manifest assets.toml", exit::PASS),
        ("out/BEST.safetensors", &format!("{TRAIN} --resume"), exit::PASS),
    ] {
        let world = world();
        let (link, target) = (world.path().join(file), world.path().join("precious"));
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        fs::write(&target, "precious").unwrap();
        symlink(&target, &link).unwrap();
        let output = ends(repro(world.path()).args(words(line)), code);
        if code == exit::DATA {
            says(
                &output,
                &[file, "it is a symbolic link, not a regular file", "next: remove it, or name another folder"],
            );
        }
        assert_eq!(fs::read(&target).unwrap(), b"precious", "{file}");
    }
}

#[test]
fn an_output_folder_and_a_workspace_may_be_links_to_folders() {
    let world = world();
    let folder = world.path();
    for (link, target) in [("out", "elsewhere"), ("workspace", "disk")] {
        fs::create_dir(folder.join(target)).unwrap();
        symlink(target, folder.join(link)).unwrap();
    }
    run(repro(folder).args(words(TRAIN)), exit::PASS);
    run(repro(folder).args(words("fetch a --manifest assets.toml")), exit::PASS);
    assert!(folder.join("elsewhere/log.log").is_file() && folder.join("disk/data/a").is_file());
}

//! A stdout that is full or closed, and environment variables that are empty, are named.

use std::fs;

use base::exit;

use super::machine::{TRAIN, ends, says, words, world};
use crate::common::{repro, run, stderr};

#[test]
fn a_result_that_cannot_be_printed_is_an_error_in_every_command() {
    let world = world();
    let folder = world.path();
    let tsv = "data/mscoco_imgfeat/val2014_obj36.tsv";
    run(repro(folder).args(words(TRAIN)), exit::PASS);
    for line in [
        "--help",
        "--version",
        "help fetch",
        "pretrain --help",
        "fetch --list",
        "fetch --list --format json",
        "fetch --task vqa --dry-run",
        "fetch --task vqa --dry-run --format json",
        "fetch a --manifest assets.toml",
        "fetch a --manifest assets.toml --format json",
        "verify --manifest assets.toml",
        "verify --manifest assets.toml --format json",
        "prepare a --manifest assets.toml",
        "prepare a --manifest assets.toml --format json",
        "doctor --for demo",
        "doctor --for demo --format json",
        &format!("features inspect {tsv}"),
        &format!("features inspect {tsv} --format json"),
        &format!("features compare {tsv} {tsv}"),
        "all --profile demo --dry-run",
        "all --profile paper --dry-run",
        "extract coco --split valid --order id --images images --out features --dry-run",
        "convert --from out/BEST --to converted.pth",
        "evaluate vqa --data-root data --load out/BEST --model tiny --split valid --device cpu",
        "predict vqa --data-root data --load out/BEST --model tiny --split valid --device cpu --output p.json",
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = repro(folder).args(words(line)).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(exit::INFRA.into()), "{line}: {}", stderr(&output));
        says(&output, &["error: cannot write to standard output", "No space left on device", "next: "]);
    }
    // A reader that has gone away is no error.
    for line in ["--version", "fetch --list", "verify --manifest assets.toml --format json", "doctor --for demo"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        run(repro(folder).args(words(line)).stdout(writer), exit::PASS);
    }
}

#[test]
fn an_empty_variable_is_named() {
    let world = world();
    for line in [
        "fetch --list",
        "doctor",
        "verify",
        TRAIN,
        "all --profile demo",
        "images list",
        "bash run/vqa_finetune.bash 0 NAME",
    ] {
        let output = ends(repro(world.path()).env("REPRO_WORKSPACE", "").args(words(line)), exit::USAGE);
        says(
            &output,
            &["error: REPRO_WORKSPACE is set but empty", "next: set REPRO_WORKSPACE to a folder, or unset it"],
        );
    }
    // What is given counts, and what needs no workspace needs no variable.
    for line in
        ["verify --manifest assets.toml --workspace w", "features inspect data/mscoco_imgfeat/val2014_obj36.tsv"]
    {
        let output = repro(world.path()).env("REPRO_WORKSPACE", "").args(words(line)).output().unwrap();
        assert!(!stderr(&output).contains("REPRO_WORKSPACE"), "{}", stderr(&output));
    }
}

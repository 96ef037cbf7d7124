//! Feature stores that were changed, are old, or hold impossible classes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::helpers::{DATA, TSV, inspect, place, store, train};
use crate::common::{mini, repro, run, stderr};

/// Changes bytes of a file, which keeps its size; `later` sets its time.
fn overwrite(path: &Path, change: impl Fn(&mut Vec<u8>), later: u64) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(later);
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn a_store_that_was_changed_is_built_again() {
    let place = place();
    let folder = place.path();
    train(folder, "", 0);
    let path = store(folder);
    let (good, weights) = (fs::read(&path).unwrap(), fs::read(folder.join("out/LAST.safetensors")).unwrap());
    // A feature that is still plausible, one that is not, a class beyond the last one; features begin at byte 8192.
    let classes = |bytes: &[u8]| {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        8 + length + header["attrs_id"]["data_offsets"][0].as_u64().unwrap() as usize
    };
    let at = classes(&good);
    for (number, change) in [
        (&|bytes: &mut Vec<u8>| bytes[8192..8196].copy_from_slice(&0.5_f32.to_le_bytes())) as &dyn Fn(&mut Vec<u8>),
        &|bytes| bytes[8192..8196].copy_from_slice(&f32::NAN.to_le_bytes()),
        &|bytes| bytes[at..at + 2].copy_from_slice(&999_u16.to_le_bytes()),
    ]
    .into_iter()
    .enumerate()
    {
        overwrite(&path, change, 1_700_000_000 + number as u64);
        let again = stderr(&train(folder, &format!("--output again{number}"), 0));
        assert!(again.contains("this store is not used") && again.contains("features: built"), "{again}");
        assert!(fs::read(&path).unwrap() == good);
        assert!(fs::read(folder.join(format!("again{number}/LAST.safetensors"))).unwrap() == weights);
    }
    // Another time alone is no change.
    overwrite(&path, |_| {}, 1_700_000_009);
    let touched = stderr(&train(folder, "--output touched", 0));
    assert!(touched.contains("features: reused") && !touched.contains("not used"), "{touched}");
    // Without its TSV, a changed store that is named itself is an error.
    overwrite(&path, |bytes| bytes[8192..8196].copy_from_slice(&0.5_f32.to_le_bytes()), 1_700_000_010);
    let refused = encode(folder, &path);
    assert!(refused.contains("was changed after it was built"), "{refused}");
}

/// Encodes with a store given by name, which fails.
fn encode(folder: &Path, store: &Path) -> String {
    fs::write(folder.join("pairs.tsv"), "id\timg\tsent\n1\tx\ta cat\n").unwrap();
    let line = ["encode", "--load", "out/LAST", "--vocab", "data/vocab.txt", "--heads", "--output", "o.safetensors"];
    let mut command = repro(folder);
    command.args(line).args(["--pairs", "pairs.tsv", "--features"]).arg(store);
    stderr(&run(&mut command, DATA))
}

#[test]
fn a_store_from_before_receipts_existed_is_checked_in_full_once() {
    let place = place();
    let folder = place.path();
    train(folder, "", 0);
    let path = store(folder);
    let receipt = PathBuf::from(format!("{}.receipt.json", path.display()));
    let told = fs::read_to_string(&receipt).unwrap();
    fs::remove_file(&receipt).unwrap();
    assert!(stderr(&train(folder, "--output old", 0)).contains("features: reused"));
    assert_eq!(fs::read_to_string(&receipt).unwrap(), told);
    fs::remove_file(&receipt).unwrap();
    overwrite(&path, |bytes| bytes[8192..8196].copy_from_slice(&(-5_f32).to_le_bytes()), 1_700_000_000);
    let again = stderr(&train(folder, "--output second", 0));
    assert!(again.contains("value 0 is -5") && again.contains("features: built"), "{again}");
}

#[test]
fn a_store_with_classes_that_the_detector_does_not_have_never_reaches_the_loss() {
    let hostile = fixtures::beside("cases/hostile/bad_attribute_ids.store.safetensors");
    let real = fixtures::beside("real/data/mscoco_imgfeat/train2014_obj36.tsv");
    let (Some(hostile), Some(real)) = (hostile, real) else { return };
    let place = place();
    let folder = place.path();
    fs::copy(real, folder.join(TSV)).unwrap();
    fs::create_dir_all(folder.join("workspace/stores")).unwrap();
    fs::copy(&hostile, folder.join("workspace/stores/hostile.safetensors")).unwrap();
    assert!(inspect(folder, hostile.to_str().unwrap(), DATA).contains("class-id"));
    let images = ["000000132417", "000000573195", "000000207647", "000000084002"];
    let example = |number: &&str| {
        json!({"img_id": format!("COCO_train2014_{number}"), "sentf": {"mscoco": ["a red cat", "two blue dog there"]},
            "labelf": {}})
    };
    fs::create_dir_all(folder.join("data/lxmert")).unwrap();
    fs::write(folder.join("data/lxmert/all_ans.json"), r#"[{"ans": "cat", "dsets": ["vqa"]}]"#).unwrap();
    fs::write(
        folder.join("data/lxmert/mscoco_train.json"),
        json!(images.iter().map(example).collect::<Vec<_>>()).to_string(),
    )
    .unwrap();
    let line = "pretrain --data-root data --train mscoco_train --valid= --taskObjPredict --taskMaskLM --visualLosses attr \
                --model tiny --batchSize 4 --epochs 1 --threads 1 --device cpu --from-scratch --output pretrained";
    let mut command = repro(folder);
    command.env("GOMP_SPINCOUNT", "1000").args(line.split_whitespace());
    let said = stderr(&run(&mut command, 0));
    assert!(said.contains("this store is not used: ") && said.contains("column attrs_id: box "), "{said}");
    assert!(said.contains("outside 0..400") && said.contains("features: built"), "{said}");

    train(place_for_weights(folder), "", 0);
    let refused = encode(folder, &hostile);
    assert!(refused.contains("column attrs_id: box ") && refused.contains("outside 0..400"), "{refused}");
}

/// Puts the small features back, so that there are weights to encode with.
fn place_for_weights(folder: &Path) -> &Path {
    mini::data_root(&folder.join("data"), 9, 4);
    folder
}

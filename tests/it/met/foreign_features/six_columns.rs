use std::fs;
use std::path::Path;

use base64_simd::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::common::{repro, run, stderr, stdout, unwrapped};
use data::features::Row;
use data::features::bench::image_id;

/// Rows as bottom-up-attention writes them: six columns, width before height.
fn six(rows: &[Row]) -> Vec<u8> {
    let line = |row: &Row| {
        let [boxes, features] =
            [&row.boxes, &row.features].map(|values| STANDARD.encode_to_string(single(values).as_slice()));
        let Row { img_id, img_w, img_h, num_boxes, .. } = row;
        format!("{img_id}\t{img_w}\t{img_h}\t{num_boxes}\t{boxes}\t{features}\n")
    };
    rows.iter().map(line).collect::<String>().into_bytes()
}

/// Puts features in the place of those of both splits.
fn replace_features(folder: &Path, bytes: &[u8]) {
    for file in ["train2014", "val2014"] {
        fs::write(folder.join(format!("data/mscoco_imgfeat/{file}_obj36.tsv")), bytes).unwrap();
    }
}

/// Bytes of all files below the outputs that hold results.
fn results(folder: &Path) -> Vec<Vec<u8>> {
    let answer = "--split valid --load out/LAST --model tiny --data-root data --threads 1 --device cpu";
    let encode = format!(
        "encode --load out/LAST --image {} --sentence a --features {TSV} --vocab data/vocab.txt --output e.safetensors \
         --workspace . --threads 1 --device cpu",
        image_id(1)
    );
    for line in [
        format!("predict vqa {answer} --output answers.json"),
        format!("evaluate vqa {answer} --output scores"),
        encode,
    ] {
        run(repro(folder).env("GOMP_SPINCOUNT", "1000").args(line.split_whitespace()), 0);
    }
    ["out/LAST.safetensors", "answers.json"].map(|file| fs::read(folder.join(file)).unwrap()).to_vec()
}

#[test]
fn bottom_up_attention_issue_40_its_six_columns_train_as_the_same_rows_of_obj36_do() {
    let [ten_place, six_place] = [place(), place()];
    let (ten_folder, folder) = (ten_place.path(), six_place.path());
    replace_features(ten_folder, &text(&rows(), single));
    replace_features(folder, &six(&rows()));
    let found = inspect(folder, TSV, 0);
    assert!(
        found.contains("(TSV of bottom-up-attention's six columns, ") && found.ends_with("problems none"),
        "{found}"
    );
    assert!(found.contains("classes none, nor attributes: enough for fine-tuning"), "{found}");
    let json = stdout(&run(repro(folder).args(["features", "inspect", TSV, "--format", "json"]), 0));
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["classes"], false);

    for folder in [ten_folder, folder] {
        train(folder, "", 0);
    }
    assert!(results(folder) == results(ten_folder));
    let store = store(folder);
    assert!(inspect(folder, store.to_str().unwrap(), 0).contains("classes none, nor attributes"));

    let ten = ten_folder.join(TSV);
    let compare = |a: &Path, b: &Path, code| {
        unwrapped(&stdout(&run(repro(folder).args(["features", "compare"]).args([a, b]), code)))
    };
    let told = compare(Path::new(TSV), Path::new(TSV), 3);
    assert!(told.contains("not compared: neither A nor B holds any") && told.starts_with("INCONCLUSIVE "), "{told}");
    let told = compare(&ten, &store, 3);
    assert!(told.contains("12 in both, of which 12 equal") && told.contains("not compared: B holds none"), "{told}");
    compare(&ten, &ten, 0);
}

#[test]
fn six_columns_hold_nothing_to_pretrain_on_and_that_is_said() {
    let place = place();
    let folder = place.path();
    replace_features(folder, &six(&rows()));
    let example = |at: usize| json!({"img_id": image_id(at), "sentf": {"mscoco": ["a red cat", "two blue dog there"]}, "labelf": {}});
    fs::create_dir_all(folder.join("data/lxmert")).unwrap();
    fs::write(folder.join("data/lxmert/all_ans.json"), r#"[{"ans": "cat", "dsets": ["vqa"]}]"#).unwrap();
    let examples = json!((0..4).map(example).collect::<Vec<_>>()).to_string();
    fs::write(folder.join("data/lxmert/mscoco_train.json"), examples).unwrap();
    let pretrain = |more: &str, code| {
        let line = "pretrain --data-root data --train mscoco_train --valid= --taskMaskLM --model tiny --batchSize 4 \
                    --epochs 1 --threads 1 --device cpu --from-scratch --output pretrained";
        let mut command = repro(folder);
        command.env("GOMP_SPINCOUNT", "1000").args(line.split_whitespace()).args(more.split_whitespace());
        stderr(&run(&mut command, code))
    };
    for more in ["--taskObjPredict --visualLosses obj,attr,feat", "--taskMatched"] {
        let refused = pretrain(more, DATA);
        let words = format!(
            "{TSV}: these features lack object and attribute classes (bottom-up-attention's six columns), which pre-training \
             predicts"
        );
        assert!(refused.contains(&words), "{refused}");
        assert!(
            refused.contains(
                "next: extract obj36 with `repro extract`, or download the published file with `repro fetch`"
            ),
            "{refused}"
        );
        assert!(!folder.join("pretrained/LAST.safetensors").exists());
    }
    // The same name with obj36 in it is another file, and its store another store.
    replace_features(folder, &text(&rows(), single));
    pretrain("--taskObjPredict --visualLosses obj,attr,feat", 0);
}

#[test]
fn what_is_wrong_in_six_columns_is_damage_with_its_line() {
    let all = six(&rows());
    let lines: Vec<&[u8]> = all.split_inclusive(|&byte| byte == b'\n').collect();
    let ten = text(&rows()[1..2], single);
    let upright = |row: &Row| Row { img_w: row.img_h, img_h: row.img_w, ..row.clone() };
    let turned: Vec<Row> = rows().iter().map(upright).collect();
    for (bytes, found_words, refused_words) in [
        (
            [lines[0], &ten, &lines[2..].concat()].concat(),
            "line 2: image COCO_bench2014_000000000001: the row has obj36's ten columns, not",
            "line 2, image COCO_bench2014_000000000001: the row has obj36's ten columns, not bottom-up-attention's six",
        ),
        (
            [lines[0], lines[1], &lines[2][..lines[2].len() - 40]].concat(),
            "the row is cut short: 6 of 6 columns, and the file ends inside it",
            "line 3, image COCO_bench2014_000000000002, column features: the row is cut short",
        ),
        (
            six(&turned),
            "the boxes look like y1, x1, y2, x2, or the image's height and width have changed places",
            "line 1, image COCO_bench2014_000000000000, column boxes: box",
        ),
        (
            six(&[&rows()[..1], &[Row { features: vec![0.0; 80], ..rows()[1].clone() }]].concat()),
            "line 2: image COCO_bench2014_000000000001: features: all features are 0; Caffe gives that",
            "line 2, image COCO_bench2014_000000000001, column features: all features are 0",
        ),
    ] {
        let (found, refused) = said_of(&bytes);
        assert!(found.contains(found_words), "{found}");
        assert!(refused.contains(refused_words) && refused.contains("next: "), "{refused}");
        assert!(!refused.contains("delete"), "{refused}");
    }
    // Such files have no header; one that somebody wrote is named, and the rest is right.
    let header = b"image_id\timage_w\timage_h\tnum_boxes\tboxes\tfeatures\n";
    let (found, refused) = said_of(&[header, &all[..]].concat());
    assert!(
        found.contains("six columns (image_id, image_w, image_h, num_boxes, boxes, features), with a header"),
        "{found}"
    );
    assert!(refused.contains("next: take the first line off: tail -n +2 FILE > NEW"), "{refused}");
}

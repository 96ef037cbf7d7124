use std::fmt::Write as _;

use serde_json::Value;

use super::wordpiece::*;
use base::files;

const TINY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ncat\n##s\n.\n[\n]\nmask\n";

fn bert() -> Option<Tokenizer> {
    Some(Tokenizer::from_vocab_file(&fixtures::beside("vocab/vocab.txt")?).unwrap())
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Returns the SHA-256 of one line of ids per text, and how many ids there were.
fn digest<'a>(tokenizer: &Tokenizer, texts: impl Iterator<Item = &'a str>) -> (String, usize, usize) {
    let (mut lines, mut count, mut sentences) = (String::new(), 0, 0);
    for text in texts {
        let ids = tokenizer.tokenize(text);
        count += ids.len();
        sentences += 1;
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        writeln!(lines, "{}", ids.join(" ")).unwrap();
    }
    (files::sha256_bytes(lines.as_bytes()), count, sentences)
}

fn check_digest(name: &str, expected: &Value, found: (String, usize, usize)) {
    assert_eq!(found.0, expected["sha256_of_lines"], "{name}");
    assert_eq!(found.1 as u64, expected["tokens"], "{name}");
    assert_eq!(found.2 as u64, expected["sentences"], "{name}");
}

fn nlvr2_dev() -> Option<Vec<String>> {
    let text = std::fs::read_to_string(fixtures::beside("nlvr2/dev.json")?).unwrap();
    let sentence = |line| serde_json::from_str::<Value>(line).unwrap()["sentence"].as_str().unwrap().to_owned();
    Some(text.lines().map(sentence).collect())
}

#[test]
fn every_case_of_the_original_is_exact() {
    let (Some(path), Some(tokenizer)) = (fixtures::lxrt("tokenizer.json"), bert()) else { return };
    let fixture = fixtures::json(&path);
    let length = fixture["meta"]["max_seq_length"].as_u64().unwrap() as usize;
    for case in fixture["cases"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let ids = tokenizer.tokenize(text);
        let name = format!("{} {text:?}: {:?}", case["category"], tokenizer.pieces(text));
        assert_eq!(ids.len() as u64, case["n_tokens"], "{name}");
        assert_eq!(ids[..ids.len().min(64)], numbers::<u32>(&case["ids"]), "{name}");
        if let Some(pieces) = case.get("tokens") {
            assert_eq!(tokenizer.pieces(text), numbers::<String>(pieces), "{name}");
        }
        let encoding = tokenizer.encode(text, length);
        assert_eq!(encoding.ids, numbers::<i64>(&case["input_ids"]), "{name}");
        assert_eq!(encoding.mask, numbers::<i64>(&case["input_mask"]), "{name}");
    }
}

#[test]
fn every_code_point_is_treated_as_in_unicode_14() {
    let (Some(path), Some(tokenizer)) = (fixtures::lxrt("tokenizer.json"), bert()) else { return };
    let fixture = fixtures::json(&path);
    for (block, expected) in fixture["meta"]["codepoint_blocks"]["sha256"].as_object().unwrap() {
        let first = u32::from_str_radix(block, 16).unwrap();
        let texts: Vec<String> = (first..first + 0x1000).filter_map(char::from_u32).map(|c| format!("a{c}b")).collect();
        assert_eq!(digest(&tokenizer, texts.iter().map(String::as_str)).0, *expected, "block {block}");
    }
}

#[test]
fn whole_corpora_are_exact() {
    let (Some(path), Some(tokenizer)) = (fixtures::lxrt("tokenizer.json"), bert()) else { return };
    let meta = &fixtures::json(&path)["meta"];
    if let (Some(expected), Some(sentences)) = (meta.get("nlvr2_dev_all"), nlvr2_dev()) {
        check_digest("nlvr2 dev", expected, digest(&tokenizer, sentences.iter().map(String::as_str)));
    }
    let tables = ["tables/vqa_trainval_label2ans.json", "tables/gqa_trainval_label2ans.json"].map(fixtures::beside);
    if let (Some(expected), [Some(vqa), Some(gqa)]) = (meta.get("vqa_then_gqa_label2ans_all"), tables) {
        let answers: Vec<String> =
            [vqa, gqa].iter().flat_map(|path| numbers::<String>(&fixtures::json(path))).collect();
        check_digest("answers", expected, digest(&tokenizer, answers.iter().map(String::as_str)));
    }
}

#[test]
fn the_models_fixtures_were_fed_the_same() {
    for (sentences, inputs, vocabulary) in [
        ("tiny/vqa_meta.json", "tiny/vqa_io.safetensors", fixtures::lxrt("tiny/vocab/vocab.txt")),
        ("tiny/gqa_meta.json", "tiny/gqa_io.safetensors", fixtures::lxrt("tiny/vocab/vocab.txt")),
        ("tiny/nlvr2_meta.json", "tiny/nlvr2_io.safetensors", fixtures::lxrt("tiny/vocab/vocab.txt")),
        ("full/full_vqa.json", "full/full_outputs.safetensors", fixtures::beside("vocab/vocab.txt")),
    ] {
        let (Some(sentences), Some(path), Some(vocabulary)) =
            (fixtures::lxrt(sentences), fixtures::lxrt(inputs), vocabulary)
        else {
            continue;
        };
        let tokenizer = Tokenizer::from_vocab_file(&vocabulary).unwrap();
        let bytes = std::fs::read(path).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let integers = |name: &str| -> Vec<i64> {
            let data = tensors.tensor(name).unwrap().data();
            data.chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let sentences = numbers::<String>(&fixtures::json(&sentences)["sents"]);
        let encoded: Vec<Encoding> = sentences.iter().map(|text| tokenizer.encode(text, 20)).collect();
        assert_eq!(encoded.iter().flat_map(|e| e.ids.clone()).collect::<Vec<_>>(), integers("input_ids"), "{inputs}");
        assert_eq!(encoded.iter().flat_map(|e| e.mask.clone()).collect::<Vec<_>>(), integers("input_mask"), "{inputs}");
    }
}

#[test]
fn an_encoding_is_cut_and_padded() {
    let tokenizer = Tokenizer::from_vocab_text(TINY, "tiny").unwrap();
    assert_eq!(
        tokenizer.pieces("A cats [MASK] [MASK]. dog"),
        ["a", "cat", "##s", "[MASK]", "[", "mask", "]", ".", "[UNK]"]
    );
    assert_eq!(tokenizer.encode("", 4), Encoding { ids: vec![2, 3, 0, 0], mask: vec![1, 1, 0, 0] });
    assert_eq!(tokenizer.encode("cats cats", 4), Encoding { ids: vec![2, 6, 7, 3], mask: vec![1; 4] });
    assert_eq!(tokenizer.encode("cats", 0).ids, [2, 3]);
    assert_eq!((tokenizer.vocab_size(), tokenizer.mask_id()), (12, 4));
    assert_eq!((tokenizer.id_of("##s"), tokenizer.id_of("dog")), (Some(7), None));
    assert_eq!((tokenizer.piece(7), tokenizer.piece(12)), (Some("##s"), None));
}

#[test]
fn damaged_vocabularies_are_refused() {
    let error = |text: &str| Tokenizer::from_vocab_text(text, "v.txt").unwrap_err().to_string();
    assert!(error("").starts_with("v.txt: line 1: there is no piece"));
    assert!(error(&TINY.replace("cat", "")).starts_with("v.txt: line 7: there is no piece"));
    assert!(error(&format!("{TINY}cat\n")).starts_with("v.txt: line 13: \"cat\" is already on line 7"));
    for special in super::words::SPECIAL {
        assert!(error(&TINY.replace(special, "x")).contains(&format!("it lacks the entry {special}")));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vocab.txt");
    assert!(Tokenizer::from_vocab_file(&path).unwrap_err().what().contains("cannot read"));
    std::fs::write(&path, b"[PAD]\n\xff\n").unwrap();
    assert!(Tokenizer::from_vocab_file(&path).unwrap_err().what().contains("not UTF-8"));
}

#[test]
fn threads_share_a_tokenizer() {
    fn shareable<T: Send + Sync>() {}
    shareable::<Tokenizer>();
}

/// Prints sentences per second on one thread; run in release mode.
#[test]
#[ignore = "a measurement"]
fn speed() {
    let (Some(sentences), Some(tokenizer)) = (nlvr2_dev(), bert()) else { return };
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let start = std::time::Instant::now();
        let pieces: usize = sentences.iter().map(|text| tokenizer.encode(text, 20).ids.len()).sum();
        assert_eq!(pieces, 20 * sentences.len());
        best = best.min(start.elapsed().as_secs_f64());
    }
    eprintln!("{:.0} sentences/s", sentences.len() as f64 / best);
}

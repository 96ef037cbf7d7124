use std::path::Path;

use super::super::Verdict;
use super::super::row::JudgedRow;
use super::answers::*;

fn items(answers: &[(&str, f64)]) -> Vec<AnswerItem> {
    let item = |(at, (answer, score)): (usize, &(&str, f64))| AnswerItem {
        id: format!("q{at}"),
        answer: (*answer).to_owned(),
        score: *score,
        cluster: format!("image {}", at / 2),
    };
    answers.iter().enumerate().map(item).collect()
}

fn judged(before: &[AnswerItem], now: &[AnswerItem], allowed: u64) -> JudgedRow {
    judge(&AnswerComparison {
        task: "vqa",
        metric: "soft-score accuracy",
        reference: "released",
        before,
        candidate: "mine",
        now,
        cluster: "image",
        allowed,
    })
}

#[test]
fn flips_are_counted_and_decide() {
    let before = items(&[("yes", 1.0), ("no", 0.0), ("red", 0.9), ("two", 0.3), ("cat", 0.0), ("dog", 1.0)]);
    let mut now = before.clone();
    now.reverse();
    assert_eq!(judged(&before, &now, 0).verdict, Verdict::Pass);
    let change = |now: &mut [AnswerItem], id: &str, answer: &str, score: f64| {
        let item = now.iter_mut().find(|item| item.id == id).unwrap();
        (item.answer, item.score) = (answer.to_owned(), score);
    };
    change(&mut now, "q2", "blue", 0.3);
    change(&mut now, "q4", "cow", 0.0);
    change(&mut now, "q3", "three", 0.6);
    change(&mut now, "q0", "no", 0.0);
    let (three, four) = (judged(&before, &now, 3), judged(&before, &now, 4));
    assert_eq!((three.verdict, four.verdict), (Verdict::Fail, Verdict::Pass));
    let paired = three.paired.as_ref().unwrap();
    assert_eq!((paired.flips, paired.lost, paired.gained, paired.items, paired.clusters), (4, 2, 1, 6, 3));
    assert_eq!((paired.p, paired.examples[1].id.as_str()), (1.0, "q2"));
    assert!((paired.difference + 130.0 / 6.0).abs() < 1e-9, "{}", paired.difference);
    assert!(paired.interval.unwrap().low < paired.difference && paired.clustered.is_some());
    assert_eq!(three.evidence, ["4 of 6 answers differ from released, only 3 allowed"]);
    assert_eq!(four.evidence, ["4 of 6 answers differ from released, at most 4 allowed"]);
    assert!(four.what_to_do.is_none() && three.what_to_do.is_some());
}

#[test]
fn other_items_are_not_compared() {
    let before = items(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    let mut other = before.clone();
    other[1].id = "x".into();
    for (now, why) in [
        (&before[..2], "1 of 3 are missing, such as q2"),
        (&other[..], "1 of 3 are missing, such as q1; 1 are not in it, such as x"),
        (&[], "3 of 3 are missing, such as q0"),
    ] {
        let judged = judged(&before, now, 2);
        assert_eq!((judged.verdict, judged.paired), (Verdict::Inconclusive, None));
        assert_eq!(judged.evidence, [format!("mine did not answer the items of released: {why}")]);
    }
    assert_eq!(judged(&[], &[], 0).verdict, Verdict::Inconclusive);
}

#[test]
fn mistakes_in_a_file_are_named() {
    let good = format!(
        "schema = 1\nedition = 1\nkind = \"predictions\"\ntask = \"vqa\"\nsplits = \"minival\"\nn = 3\n\
         items = \"a.jsonl\"\nsha256 = \"{}\"\nallowed_flips = 0\nreason = \"r\"\nmodel = \"m\"\n",
        "a".repeat(64)
    );
    let frozen = FrozenAnswers::parse(&good).unwrap();
    assert_eq!(frozen.items_path(Path::new("golden/x.toml")), Path::new("golden/a.jsonl"));
    assert_eq!(FrozenAnswers::parse(&toml::to_string(&frozen).unwrap()).unwrap(), frozen);
    for (from, to, message) in [
        ("edition = 1", "edition = 2", "edition 2 is not"),
        ("\"predictions\"", "\"features\"", "kind is \"features\""),
        ("n = 3", "n = 0", "n is 0"),
        ("a.jsonl", "../a.jsonl", "no file beside"),
        ("aaa", "z", "64 hexadecimal"),
        ("allowed_flips = 0", "allowed_flips = 3", "allow everything"),
        ("\"r\"", "\" \"", "reason is empty"),
        ("model", "modle", "unknown field `modle`"),
    ] {
        assert!(good.contains(from), "{from}");
        let error = FrozenAnswers::parse(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

use clap::{CommandFactory, Parser};

use super::command::*;
use super::translation::{Step, Translation, TranslationContext, UsableGpus};
use crate::cli::Cli;
use crate::cli::interruption::quoted;

/// Every command of the original's README that concerns this program, and common variants.
const LINES: &[&str] = &[
    "bash run/vqa_finetune.bash 0 vqa_lxr955_tiny --tiny",
    "bash run/vqa_finetune.bash 0 vqa_lxr955",
    "bash run/vqa_test.bash 0 vqa_lxr955_results --test minival --load snap/vqa/vqa_lxr955/BEST",
    "bash run/vqa_test.bash 0 vqa_lxr955_results --test test --load snap/vqa/vqa_lxr955/BEST",
    "bash run/gqa_finetune.bash 0 gqa_lxr955_tiny --tiny",
    "bash run/gqa_finetune.bash 0 gqa_lxr955",
    "bash run/gqa_test.bash 0 gqa_lxr955_results --load snap/gqa/gqa_lxr955/BEST --test testdev --batchSize 1024",
    "bash run/gqa_test.bash 0 gqa_lxr955_results --load snap/gqa/gqa_lxr955/BEST --test submit --batchSize 1024",
    "bash run/gqa_test.bash 1 gqa_lxr955_results --load snap/gqa/gqa_lxr955/BEST --test testdev,submit",
    "bash -c 'cd data/nlvr2/process_raw_data_scripts && python process_dataset.py'",
    "bash run/nlvr2_finetune.bash 0 nlvr2_lxr955_tiny --tiny",
    "bash run/nlvr2_finetune.bash 0 nlvr2_lxr955",
    "bash run/nlvr2_test.bash 0 nlvr2_lxr955_results --load snap/nlvr2/nlvr2_lxr955/BEST --test test --batchSize 1024",
    "bash run/nlvr2_test.bash 0 n --load snap/nlvr2/nlvr2_lxr955/BEST --test hidden",
    "python data/nlvr2/nlvr/nlvr2/eval/metrics.py snap/nlvr2/nlvr2_lxr955_results/test_predict.csv data/nlvr2/nlvr/nlvr2/data/test1.json",
    "bash run/vqa_finetune.bash 0 --tiny",
    "bash run/vqa_finetune.bash 0 --fast",
    "bash run/lxmert_pretrain.bash 0,1,2,3 --multiGPU --tiny",
    "bash run/lxmert_pretrain.bash 0,1,2,3 --multiGPU",
    "run/vqa_finetune.bash 0 name --tiny",
    "vqa_finetune.bash 3 name --multiGPU --numWorkers 4 --dropout 0.2",
    "bash run/vqa_finetune.bash 0 name --tiny --model tiny --fromScratch --allow-missing-images",
    "bash run/vqa_finetune.bash 0 name --load snap/vqa/other/BEST --llayers 12 --optim adam --seed 7",
    "python src/tasks/vqa.py --train train --valid '' --llayers 9 --epochs 2 --batch 8",
    "python3 src/tasks/gqa.py --loadLXMERTQA snap/pretrained/model --mceLoss --output=snap/gqa/mce",
    "CUDA_VISIBLE_DEVICES=1 PYTHONPATH=$PYTHONPATH:./src python src/tasks/nlvr2.py --loadLXMERT elsewhere --tqdm",
    "python src/tasks/vqa.py --test minival --load snap/vqa/vqa_lxr955/BEST --tiny",
    "python src/pretrain/lxmert_pretrain.py --taskQA --qaSets vqa,gqa --loadLXMERT snap/pretrained/model",
    "python process_data.py",
    "python src/tasks/vqa.py --test nothing",
    "bash run/gqa_test.bash 0 name --test valid",
    "bash run/nlvr2_test.bash 0 name --test dev --load x",
    "bash run/vqa_test.bash -1 name --test val --load snap/vqa/name/BEST",
    "CUDA_VISIBLE_DEVICES=0 run/gqa_finetune.bash 2,3 name --resume",
    "bash run/other.bash 0 name",
    "bash",
    "python src/tasks/snli.py",
    "python data/nlvr2/nlvr/nlvr2/eval/metrics.py",
    "CUDA_VISIBLE_DEVICES=0 python extract_nlvr2_image.py --split train",
    "CUDA_VISIBLE_DEVICES=0 python extract_coco_image.py --split valid",
    "wget ADDRESS/model_LXRT.pth -P snap/pretrained",
    "sudo docker pull airsplay/bottom-up-attention",
    "bash run/vqa_finetune.bash 0 name tiny",
    "bash run/vqa_finetune.bash 2 name",
    "bash run/vqa_finetune.bash 2 name --device cpu",
    "bash run/vqa_finetune.bash 2 name --help",
    "bash run/vqa_finetune.bash 2 name --engine docker --gpus 2",
    "bash run/vqa_finetune.bash GPU-8932f937 name",
    "CUDA_VISIBLE_DEVICES= python src/tasks/vqa.py --fromScratch",
    "python src/tasks/vqa.py --fromScratch",
];

/// Splits a line into words like a shell.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '\'' => quote = !quote,
            ' ' if !quote => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

fn translated(line: &str, there: &[&str], gpus: usize) -> String {
    let found = |name: &str, _: &str| there.contains(&name);
    let gpus = || Some(UsableGpus { cuda: true, cuda_problem: None, count: gpus });
    let here = TranslationContext { found: &found, workspace: "workspace", gpus: &gpus, visible: None };
    match translate_line(&words(line), None, &here) {
        Err(error) => format!("error: {error}\n"),
        Ok(None) => "not the original's\n".to_owned(),
        Ok(Some(Translation { steps, notes })) => {
            let notes = notes.iter().map(|note| format!("note: {note}\n"));
            notes.chain(steps.iter().map(|step| format!("{step}\n"))).collect()
        }
    }
}

#[test]
fn every_command_of_the_original() {
    let table: String = LINES
        .iter()
        .map(|line| format!("$ {line}\n{}\n", translated(line, &["data", "snap/pretrained/model"], 2)))
        .collect();
    insta::assert_snapshot!("original", table);
}

#[test]
fn the_workspace_has_what_is_not_here() {
    let there = ["workspace/data", "workspace/snap/pretrained/model", "workspace/data/nlvr2/official/test1.json"];
    let table: String = [LINES[0], LINES[2], LINES[9], LINES[14], LINES[18]]
        .iter()
        .map(|line| format!("$ {line}\n{}\n", translated(line, &there, 1)))
        .collect();
    insta::assert_snapshot!("original_workspace", table);
    assert!(translated(LINES[9], &["data/nlvr2/nlvr/nlvr2/data/dev.json"], 0).starts_with("make data/nlvr2/"));
}

/// Every translation is a valid command line of this program.
#[test]
fn translations_can_be_run() {
    let found = |_: &str, _: &str| true;
    let gpus = || Some(UsableGpus { cuda: true, cuda_problem: None, count: 4 });
    let here = TranslationContext { found: &found, workspace: "workspace", gpus: &gpus, visible: None };
    let known: Vec<String> = Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let mut parsed = 0;
    for line in LINES {
        let Ok(Some(translation)) = translate_line(&words(line), None, &here) else { continue };
        for step in translation.steps {
            let Step::Repro(words) = step else { continue };
            // Help is no line to parse.
            if !known.contains(&words[0]) || words.last().is_some_and(|word| word == "--help") {
                continue;
            }
            let all = std::iter::once("repro").chain(words.iter().map(String::as_str));
            Cli::try_parse_from(all).unwrap_or_else(|error| panic!("{line}: {error}"));
            parsed += 1;
        }
    }
    assert!(parsed > 20);
}

#[test]
fn words_are_quoted_for_a_shell() {
    assert_eq!(["a-b/c,1", "", "it's", "a b"].map(quoted), ["a-b/c,1", "''", "'it'\\''s'", "'a b'"]);
}

#[test]
fn other_words_are_not_the_originals() {
    for line in ["trian vqa", "help", "cd data", "--load"] {
        assert_eq!(translated(line, &[], 0), "not the original's\n");
    }
}

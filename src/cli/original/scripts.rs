//! Facts about the original's scripts and programs (run/*.bash, src/param.py of airsplay/lxmert @ 0db1182).

use crate::cli::defaults::rate;
use data::dataset::Task;
use lxmert_spec::paper::{FineTuningRecipe, PRETRAINED, PRETRAINING, fine_tuning};

/// A program of the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// src/tasks/{vqa,gqa,nlvr2}.py: fine-tunes, or answers if `--test` is given.
    Task(Task),
    /// src/pretrain/lxmert_pretrain.py.
    Pretrain,
    /// data/nlvr2/process_raw_data_scripts/process_dataset.py: makes NLVR2's split files from the official ones.
    Nlvr2Data,
    /// data/gqa/process_raw_data_scripts: makes GQA's split files from the official ones.
    GqaData,
    /// metrics.py of lil-lab/nlvr: computes the official score of a predictions file.
    Nlvr2Metrics,
    /// data/*_imgfeat/extract_*.py, run inside the extractor's container, for this set of images of `repro extract`.
    Extract(&'static str),
}

/// The programs by file name.
pub(crate) const PROGRAMS: [(&str, Program); 12] = [
    ("vqa.py", Program::Task(Task::Vqa)),
    ("gqa.py", Program::Task(Task::Gqa)),
    ("nlvr2.py", Program::Task(Task::Nlvr2)),
    ("lxmert_pretrain.py", Program::Pretrain),
    ("process_dataset.py", Program::Nlvr2Data),
    ("process_data.py", Program::GqaData),
    ("process_data_all.py", Program::GqaData),
    ("process_submit_data.py", Program::GqaData),
    ("metrics.py", Program::Nlvr2Metrics),
    ("extract_nlvr2_image.py", Program::Extract("nlvr2")),
    ("extract_coco_image.py", Program::Extract("coco")),
    ("extract_gqa_image.py", Program::Extract("gqa")),
];

/// An option that a script passes; `None` for the value of a flag.
pub(crate) type ScriptOption = (&'static str, Option<String>);

/// A script with the program that it calls and the options that it passes. All scripts also pass 9, 5 and 5 layers, which are the
/// defaults, and `--tqdm`.
pub(crate) struct Script {
    /// File name.
    pub name: &'static str,
    /// Program that it calls.
    pub program: Program,
    /// Folder of its results, to which the experiment's name is added if the script takes one.
    pub output: &'static str,
    /// Whether its second argument is the experiment's name.
    pub named: bool,
    /// Whether it passes the paper's data and initial weights.
    data: bool,
    /// Whether it passes the paper's batch size, learning rate and epochs.
    numbers: bool,
    /// Other options that it passes.
    options: &'static [(&'static str, Option<&'static str>)],
}

/// The scripts of run/.
pub(crate) const SCRIPTS: [Script; 7] = [
    finetune("vqa_finetune.bash", Task::Vqa, "snap/vqa"),
    Script { numbers: true, ..test("vqa_test.bash", Task::Vqa, "snap/vqa", TEST) },
    finetune("gqa_finetune.bash", Task::Gqa, "snap/gqa"),
    test("gqa_test.bash", Task::Gqa, "snap/gqa", TEST),
    finetune("nlvr2_finetune.bash", Task::Nlvr2, "snap/nlvr2"),
    test("nlvr2_test.bash", Task::Nlvr2, "snap/nlvr2", &[("--tiny", None)]),
    Script {
        name: "lxmert_pretrain.bash",
        program: Program::Pretrain,
        output: "snap/pretrain/lxmert",
        named: false,
        data: true,
        numbers: true,
        options: &[("--taskMaskLM", None), ("--taskObjPredict", None), ("--taskMatched", None), ("--taskQA", None)],
    },
];

/// Options that a script for `--test` passes, so that little is read before the test.
const TEST: &[(&str, Option<&str>)] = &[("--tiny", None), ("--train", Some("train")), ("--valid", Some(""))];

const fn finetune(name: &'static str, task: Task, output: &'static str) -> Script {
    Script { name, program: Program::Task(task), output, named: true, data: true, numbers: true, options: &[] }
}

const fn test(
    name: &'static str,
    task: Task,
    output: &'static str,
    options: &'static [(&'static str, Option<&'static str>)],
) -> Script {
    Script { options, data: false, numbers: false, ..finetune(name, task, output) }
}

impl Script {
    /// Returns the options that it passes before the user's own.
    pub(crate) fn passes(&self) -> Vec<ScriptOption> {
        let mut all: Vec<ScriptOption> =
            self.options.iter().map(|(name, value)| (*name, value.map(str::to_owned))).collect();
        let mut pass = |name, value: &dyn ToString| all.push((name, Some(value.to_string())));
        let training = match self.program {
            Program::Task(task) => fine_tuning(task).training,
            _ => PRETRAINING.training,
        };
        if self.numbers {
            pass("--batchSize", &training.batch_size);
            pass("--lr", &rate(training.lr));
            pass("--epochs", &training.epochs);
        }
        match self.program {
            Program::Task(task) if self.data => {
                let FineTuningRecipe { train, valid, loads_answers, .. } = fine_tuning(task);
                pass("--train", &train);
                pass("--valid", &valid);
                pass(if loads_answers { "--loadLXMERTQA" } else { "--loadLXMERT" }, &PRETRAINED);
            }
            Program::Pretrain if self.data => {
                pass("--train", &PRETRAINING.train);
                pass("--valid", &PRETRAINING.valid);
                pass("--visualLosses", &PRETRAINING.visual_losses);
                pass("--wordMaskRate", &PRETRAINING.word_mask_rate);
                pass("--objMaskRate", &PRETRAINING.box_mask_rate);
                all.push(("--fromScratch", None));
            }
            _ => {}
        }
        all
    }
}

/// The options that all programs share, and whether each takes a value.
pub(crate) const OPTIONS: [(&str, bool); 33] = [
    ("--train", true),
    ("--valid", true),
    ("--test", true),
    ("--batchSize", true),
    ("--optim", true),
    ("--lr", true),
    ("--epochs", true),
    ("--dropout", true),
    ("--seed", true),
    ("--output", true),
    ("--fast", false),
    ("--tiny", false),
    ("--tqdm", false),
    ("--load", true),
    ("--loadLXMERT", true),
    ("--loadLXMERTQA", true),
    ("--fromScratch", false),
    ("--mceLoss", false),
    ("--llayers", true),
    ("--xlayers", true),
    ("--rlayers", true),
    ("--taskMatched", false),
    ("--taskMaskLM", false),
    ("--taskObjPredict", false),
    ("--taskQA", false),
    ("--visualLosses", true),
    ("--qaSets", true),
    ("--wordMaskRate", true),
    ("--objMaskRate", true),
    ("--multiGPU", false),
    ("--numWorkers", true),
    ("--help", false),
    ("-h", false),
];

/// Defaults of options that neither the script nor the user passes.
pub(crate) const DEFAULTS: [(&str, &str); 6] = [
    ("--train", "train"),
    ("--valid", "valid"),
    ("--batchSize", "256"),
    ("--lr", "1e-4"),
    ("--epochs", "10"),
    ("--output", "snap/test"),
];

//! Facts about the original's scripts and programs (run/*.bash, src/param.py of airsplay/lxmert @ 0db1182).

use data::dataset::Task;

/// What a program of the original does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// src/tasks/{vqa,gqa,nlvr2}.py: fine-tunes, or answers where `--test` is given.
    Task(Task),
    /// src/pretrain/lxmert_pretrain.py.
    Pretrain,
    /// data/nlvr2/process_raw_data_scripts/process_dataset.py: NLVR2's split files from the official ones.
    Nlvr2Data,
    /// data/gqa/process_raw_data_scripts: GQA's split files from the official ones.
    GqaData,
    /// lil-lab/nlvr's metrics.py: the official score of a predictions file.
    Nlvr2Metrics,
    /// data/*_imgfeat/extract_*.py, inside the extractor's container; the images by our name for them.
    Extract(&'static str),
}

/// The programs by their files' names.
pub const PROGRAMS: [(&str, Program); 12] = [
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

/// A script: which program it calls, and with what. All have 9, 5 and 5 layers, which are the defaults, and `--tqdm`.
pub struct Script {
    /// The file's name.
    pub name: &'static str,
    /// What it calls.
    pub program: Program,
    /// The folder of its results; the experiment's name is added where the script takes one.
    pub output: &'static str,
    /// Whether its second argument is the experiment's name.
    pub named: bool,
    /// The options that it passes before the person's own; a flag has no value.
    pub options: &'static [(&'static str, Option<&'static str>)],
}

/// The scripts of run/.
pub const SCRIPTS: [Script; 7] = [
    Script {
        name: "vqa_finetune.bash",
        program: Program::Task(Task::Vqa),
        output: "snap/vqa",
        named: true,
        options: &[
            ("--train", Some("train,nominival")),
            ("--valid", Some("minival")),
            ("--loadLXMERTQA", Some("snap/pretrained/model")),
            ("--batchSize", Some("32")),
            ("--lr", Some("5e-5")),
            ("--epochs", Some("4")),
        ],
    },
    Script {
        name: "vqa_test.bash",
        program: Program::Task(Task::Vqa),
        output: "snap/vqa",
        named: true,
        options: &[
            ("--tiny", None),
            ("--train", Some("train")),
            ("--valid", Some("")),
            ("--batchSize", Some("32")),
            ("--lr", Some("5e-5")),
            ("--epochs", Some("4")),
        ],
    },
    Script {
        name: "gqa_finetune.bash",
        program: Program::Task(Task::Gqa),
        output: "snap/gqa",
        named: true,
        options: &[
            ("--train", Some("train,valid")),
            ("--valid", Some("testdev")),
            ("--loadLXMERTQA", Some("snap/pretrained/model")),
            ("--batchSize", Some("32")),
            ("--lr", Some("1e-5")),
            ("--epochs", Some("4")),
        ],
    },
    Script {
        name: "gqa_test.bash",
        program: Program::Task(Task::Gqa),
        output: "snap/gqa",
        named: true,
        options: &[("--tiny", None), ("--train", Some("train")), ("--valid", Some(""))],
    },
    Script {
        name: "nlvr2_finetune.bash",
        program: Program::Task(Task::Nlvr2),
        output: "snap/nlvr2",
        named: true,
        options: &[
            ("--train", Some("train")),
            ("--valid", Some("valid")),
            ("--loadLXMERT", Some("snap/pretrained/model")),
            ("--batchSize", Some("32")),
            ("--lr", Some("5e-5")),
            ("--epochs", Some("4")),
        ],
    },
    Script {
        name: "nlvr2_test.bash",
        program: Program::Task(Task::Nlvr2),
        output: "snap/nlvr2",
        named: true,
        options: &[("--tiny", None)],
    },
    Script {
        name: "lxmert_pretrain.bash",
        program: Program::Pretrain,
        output: "snap/pretrain/lxmert",
        named: false,
        options: &[
            ("--taskMaskLM", None),
            ("--taskObjPredict", None),
            ("--taskMatched", None),
            ("--taskQA", None),
            ("--visualLosses", Some("obj,attr,feat")),
            ("--wordMaskRate", Some("0.15")),
            ("--objMaskRate", Some("0.15")),
            ("--train", Some("mscoco_train,mscoco_nominival,vgnococo")),
            ("--valid", Some("mscoco_minival")),
            ("--fromScratch", None),
            ("--batchSize", Some("256")),
            ("--lr", Some("1e-4")),
            ("--epochs", Some("20")),
        ],
    },
];

/// The options that all programs share, and whether each takes a value.
pub const OPTIONS: [(&str, bool); 33] = [
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

/// What an option is where neither script nor person says it.
pub const DEFAULTS: [(&str, &str); 6] = [
    ("--train", "train"),
    ("--valid", "valid"),
    ("--batchSize", "256"),
    ("--lr", "1e-4"),
    ("--epochs", "10"),
    ("--output", "snap/test"),
];

//! A call of one of the original's programs in the words of our own command line.

use super::options::Options;
use super::scripts::{OPTIONS, Passed, Program};
use super::translation::{Here, OFFICIAL_NLVR2, Step, Translation};
use crate::cli::original_extras::OriginalExtras;
use base::error::{Error, Result};
use data::dataset::Task;
use lxmert_spec::Config;
use lxmert_spec::paper::PRETRAINED;
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;

/// Where `repro fetch bert-weights` puts BERT's weights.
const BERT: &str = "snap/pretrained/bert-base-uncased/pytorch_model.bin";
/// Options of pre-training and what they are called here.
const PRETRAINING: [(&str, &str); 8] = [
    ("--taskMaskLM", "--task-mask-lm"),
    ("--taskObjPredict", "--task-obj-predict"),
    ("--taskMatched", "--task-matched"),
    ("--taskQA", "--task-qa"),
    ("--visualLosses", "--visual-losses"),
    ("--qaSets", "--qa-sets"),
    ("--wordMaskRate", "--word-mask-rate"),
    ("--objMaskRate", "--obj-mask-rate"),
];

/// Translates a call of `program`: `script` is what a script passes by itself, `typed` what the person wrote; `gpus` is what
/// `CUDA_VISIBLE_DEVICES` is set to.
///
/// # Errors
/// Usage where the original knows no such call, or has no counterpart here.
pub(crate) fn translate(
    program: Program,
    script: &[Passed],
    typed: &[String],
    gpus: Option<&str>,
    here: &Here,
) -> Result<Translation> {
    let mut call = Call { here, options: Options::default(), notes: Vec::new() };
    let steps = match program {
        Program::Nlvr2Data => vec![call.nlvr2_data()],
        Program::GqaData => vec![call.prepare(&["--task", "gqa-official"])],
        Program::Nlvr2Metrics => vec![call.metrics(typed)?],
        Program::Extract(set) => return Err(extraction(set, typed)),
        Program::Task(_) | Program::Pretrain => {
            call.options = Options::read(script, typed)?;
            let device = call.device(gpus);
            let test = call.options.given("--test").map(str::to_owned);
            let commands = match (program, &test) {
                (Program::Task(task), Some(test)) => call.test(task, test)?,
                (Program::Task(task), None) => vec![call.fine_tune(task)],
                _ => vec![call.pretrain()],
            };
            call.without_effect();
            let finish = |words| Step::Repro(call.finish(words, device.as_deref()));
            commands.into_iter().map(finish).collect()
        }
    };
    Ok(Translation { steps, notes: call.notes })
}

struct Call<'a> {
    here: &'a Here<'a>,
    options: Options,
    notes: Vec<String>,
}

impl Call<'_> {
    fn fine_tune(&mut self, task: Task) -> Vec<String> {
        let mut words = vec!["train".to_owned(), task.name().to_owned()];
        self.pass(&mut words, &[("--train", "--train"), ("--valid", "--valid")]);
        words.extend(self.start(""));
        self.pass(&mut words, &[("--batchSize", "--batch-size"), ("--lr", "--lr"), ("--epochs", "--epochs")]);
        self.pass_given(&mut words, &[("--seed", "--seed")]);
        if let Some(optim) = self.options.given("--optim").filter(|optim| !optim.contains("bert")) {
            words.extend(["--optim".to_owned(), optim.to_owned()]);
        }
        if self.options.flag("--mceLoss") && task == Task::Gqa {
            words.push("--mce-loss".to_owned());
        }
        self.scale(&mut words);
        self.layers(&mut words);
        self.output(&mut words);
        words
    }

    /// The original decides by what the split's name contains (the end of src/tasks/*.py).
    fn test(&mut self, task: Task, test: &str) -> Result<Vec<Vec<String>>> {
        let splits: Vec<&str> = match task {
            Task::Vqa if test.contains("test") => vec![test],
            Task::Vqa if test.contains("val") => vec!["minival"],
            Task::Gqa => ["submit", "testdev"].into_iter().filter(|split| test.contains(split)).collect(),
            Task::Nlvr2 if test.contains("hidden") => vec!["hidden"],
            Task::Nlvr2 if test.contains("test") || test.contains("valid") => vec![test],
            Task::Vqa | Task::Nlvr2 => vec![],
        };
        if splits.is_empty() {
            let known = match task {
                Task::Vqa => "test, minival",
                Task::Gqa => "testdev, submit",
                Task::Nlvr2 => "test, valid, hidden",
            };
            return Err(
                Error::usage(format!("{task} cannot be tested on {test:?}")).next(format!("use one of {known}"))
            );
        }
        if ["--tiny", "--fast"].iter().any(|flag| self.options.typed(flag)) {
            self.notes.push(
                "the original tests on the whole split, whatever --tiny and --fast say; so is it done here".into(),
            );
        }
        let folder = self.options.value("--output").unwrap_or_default().to_owned();
        let name = |split: &str| match (task, split) {
            (Task::Vqa, split) if split != "minival" => "test_predict.json".to_owned(),
            (Task::Nlvr2, split) => format!("{split}_predict.csv"),
            (_, split) => format!("{split}_predict.json"),
        };
        let commands = splits.iter().map(|split| {
            let mut words: Vec<String> = ["predict", task.name(), "--split", split].map(str::to_owned).into();
            if let Some(model) = self.options.given("--load") {
                words.extend(["--load".to_owned(), self.placed(model, "")]);
            }
            // VQA's tests have batches of 950, whatever is asked for; that is the default here.
            if task != Task::Vqa {
                self.pass(&mut words, &[("--batchSize", "--batch-size")]);
            }
            self.layers(&mut words);
            words.extend(["--output".to_owned(), format!("{}/{}", self.result(&folder), name(split))]);
            words
        });
        Ok(commands.collect())
    }

    fn pretrain(&mut self) -> Vec<String> {
        let mut words = vec!["pretrain".to_owned()];
        self.pass_given(&mut words, &PRETRAINING);
        self.pass_given(&mut words, &[("--train", "--train"), ("--valid", "--valid")]);
        words.extend(self.start(PRETRAINED_SUFFIX));
        self.pass(&mut words, &[("--batchSize", "--batch-size"), ("--lr", "--lr"), ("--epochs", "--epochs")]);
        self.pass_given(&mut words, &[("--seed", "--seed")]);
        self.scale(&mut words);
        self.layers(&mut words);
        self.output(&mut words);
        words
    }

    /// The first weights. Of several files the original loads one over the other: `--load` last, before it the answers'.
    /// A person's `--fromScratch` behind a script's file is taken at its word. `suffix` is that of `--load`'s names.
    fn start(&mut self, suffix: &'static str) -> Vec<String> {
        let files = [
            ("--load", "--load", suffix),
            ("--loadLXMERTQA", "--load-lxmert-qa", PRETRAINED_SUFFIX),
            ("--loadLXMERT", "--load-lxmert", PRETRAINED_SUFFIX),
        ];
        let last_file = files.iter().filter_map(|(name, ..)| self.options.position(name)).max();
        let scratch = self.options.position("--fromScratch");
        if scratch.is_some() && scratch > last_file {
            if last_file.is_some() {
                self.notes.push(
                    "--fromScratch is taken at its word: weights are random (the original loads the named file all the same)"
                        .into(),
                );
            }
            return vec!["--from-scratch".to_owned()];
        }
        let file = files
            .into_iter()
            .find_map(|(name, ours, suffix)| Some((self.options.given(name)?.to_owned(), ours, suffix)));
        let Some((name, ours, suffix)) = file else {
            let bert = self.placed(BERT, "");
            self.notes.push("no weights are named: the original starts from BERT's".to_owned());
            if !(self.here.found)(&bert, "") {
                self.notes.push(format!("{bert} is not there; `repro fetch bert-weights` gets it"));
            }
            return vec!["--bert".to_owned(), bert];
        };
        let placed = self.placed(&name, suffix);
        if !(self.here.found)(&placed, suffix) && name == PRETRAINED {
            self.notes.push(format!(
                "the pre-trained model {name}_LXRT.pth is not there; `repro fetch model-lxrt` gets it, --fromScratch does without"
            ));
        }
        vec![ours.to_owned(), placed]
    }

    fn scale(&self, words: &mut Vec<String>) {
        words.extend(["--tiny", "--fast"].into_iter().filter(|flag| self.options.flag(flag)).map(str::to_owned));
    }

    /// The paper's 9, 5 and 5 are said by every script and are the default; a model of other sizes is the person's choice.
    fn layers(&self, words: &mut Vec<String>) {
        let Config { l_layers, x_layers, r_layers, .. } = Config::lxr955();
        for (name, usual) in [("--llayers", l_layers), ("--xlayers", x_layers), ("--rlayers", r_layers)] {
            if let Some(layers) = self.options.given(name).filter(|layers| *layers != usual.to_string()) {
                words.extend([name.to_owned(), layers.to_owned()]);
            }
        }
    }

    fn output(&self, words: &mut Vec<String>) {
        let folder = self.options.value("--output").unwrap_or_default();
        words.extend(["--output".to_owned(), self.result(folder)]);
    }

    fn pass(&self, words: &mut Vec<String>, names: &[(&str, &str)]) {
        for (theirs, ours) in names {
            if let Some(value) = self.options.value(theirs) {
                words.extend([(*ours).to_owned(), value.to_owned()]);
            }
        }
    }

    fn pass_given(&self, words: &mut Vec<String>, names: &[(&'static str, &str)]) {
        for (theirs, ours) in names {
            if let Some(value) = self.options.given(theirs) {
                words.push((*ours).to_owned());
                let flag = OPTIONS.contains(&(*theirs, false));
                words.extend((!flag).then(|| value.to_owned()));
            }
        }
    }

    fn without_effect(&mut self) {
        let extras = OriginalExtras {
            tqdm: false,
            multi_gpu: self.options.typed("--multiGPU"),
            num_workers: self.options.given("--numWorkers").map(str::to_owned),
        };
        self.notes.extend(extras.note().map(|note| note.trim_start_matches("note: ").to_owned()));
        if self.options.given("--dropout").is_some() {
            self.notes.push("--dropout has no effect in the original: the model's 0.1 holds".to_owned());
        }
    }

    /// The words of every command: where the data are, the device, and what the person added of ours.
    fn finish(&self, mut words: Vec<String>, device: Option<&str>) -> Vec<String> {
        if self.own_layout() && !self.options.has_ours("--data-root") {
            words.extend(["--data-root", "data"].map(str::to_owned));
        }
        if let Some(device) = device.filter(|_| !self.options.has_ours("--device")) {
            words.extend(["--device".to_owned(), device.to_owned()]);
        }
        words.extend(self.options.ours.iter().cloned());
        words.extend(["--help", "-h"].into_iter().filter(|flag| self.options.flag(flag)).take(1).map(str::to_owned));
        words
    }

    /// The device of a script's first argument: the first GPU named, the usual choice for GPU 0.
    fn device(&mut self, gpus: Option<&str>) -> Option<String> {
        let gpus: Vec<&str> = gpus?.split(',').map(str::trim).filter(|gpu| !gpu.is_empty()).collect();
        if gpus.len() > 1 {
            self.notes.push(format!("one device is used, of the GPUs {}", gpus.join(",")));
        }
        let (first, here) = (gpus.first()?.parse::<i64>(), (self.here.gpus)());
        if first.as_ref().is_ok_and(|gpu| *gpu >= here as i64) {
            let instead = if here == 0 { "the CPU computes" } else { "the first GPU computes" };
            self.notes.push(format!("GPU {} is not here: {instead}", gpus[0]));
        }
        match first {
            Ok(..=-1) => Some("cpu".to_owned()),
            Ok(gpu @ 1..) if (gpu as usize) < here => Some(format!("cuda:{gpu}")),
            _ => None,
        }
    }

    /// Whether the data are where the original has them; also assumed where there are none at all, so that what is missing
    /// is named as the person knows it.
    fn own_layout(&self) -> bool {
        let workspace = self.here.workspace;
        !self.options.has_ours("--workspace")
            && ((self.here.found)("data", "") || !(self.here.found)(&format!("{workspace}/data"), ""))
    }

    /// A file of the original's layout: in the current folder, else in the workspace, where it is only there.
    fn placed(&self, name: &str, suffix: &str) -> String {
        let ours = format!("{}/{name}", self.here.workspace);
        if !(self.here.found)(name, suffix) && (self.here.found)(&ours, suffix) { ours } else { name.to_owned() }
    }

    /// A folder of results: beside the data.
    fn result(&self, folder: &str) -> String {
        let inside = !self.own_layout() && folder.starts_with("snap/") && !self.options.has_ours("--workspace");
        if inside { format!("{}/{folder}", self.here.workspace) } else { folder.to_owned() }
    }

    fn nlvr2_data(&self) -> Step {
        match (self.here.found)(&format!("{OFFICIAL_NLVR2}/dev.json"), "") {
            true => Step::Nlvr2Data,
            false => self.prepare(&["nlvr2-train", "nlvr2-valid", "nlvr2-test"]),
        }
    }

    fn prepare(&self, what: &[&str]) -> Step {
        let mut words = vec!["prepare"];
        words.extend(what);
        if self.own_layout() {
            words.extend(["--workspace", "."]);
        }
        Step::Repro(words.into_iter().map(str::to_owned).collect())
    }

    fn metrics(&self, typed: &[String]) -> Result<Step> {
        let [predictions, gold] = typed else {
            return Err(Error::usage("metrics.py takes a predictions file and a file of official examples")
                .next("use repro evaluate nlvr2 --predictions FILE --examples FILE"));
        };
        let fetched = gold.rsplit('/').next().map(|name| format!("data/nlvr2/official/{name}")).unwrap_or_default();
        let gold = match (self.here.found)(gold, "") {
            true => gold.clone(),
            false => {
                Some(self.placed(&fetched, "")).filter(|at| (self.here.found)(at, "")).unwrap_or_else(|| gold.clone())
            }
        };
        let predictions = self.placed(predictions, "");
        let words = ["evaluate", "nlvr2", "--predictions", &predictions, "--examples", &gold];
        Ok(Step::Repro(words.map(str::to_owned).into()))
    }
}

fn extraction(set: &str, typed: &[String]) -> Error {
    let split = typed.iter().skip_while(|word| *word != "--split").nth(1);
    let split = split.map_or_else(String::new, |split| format!(" --split {split}"));
    let folder = if set == "gqa" {
        "vg_gqa"
    } else if set == "coco" {
        "mscoco"
    } else {
        set
    };
    Error::usage("the extraction scripts run inside the original's container").next(format!(
        "repro extract {set}{split} --images DIR --out data/{folder}_imgfeat starts it, checks every row, and goes on where it stopped"
    ))
}

//! Translates a call of one of the original's programs to command lines of this program.

use super::named_gpus::NamedGpus;
use super::options::Options;
use super::scripts::{OPTIONS, Program, ScriptOption};
use super::translation::{OFFICIAL_NLVR2, Step, Translation, TranslationContext};
use crate::cli::original_extras::OriginalExtras;
use base::error::{Error, Result};
use data::dataset::Task;
use lxmert_spec::Config;
use lxmert_spec::paper::PRETRAINED;
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;

/// Path at which `repro fetch bert-weights` stores BERT's weights.
const BERT: &str = "snap/pretrained/bert-base-uncased/pytorch_model.bin";
/// Options of pre-training, with their names here.
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

/// Translates a call of `program`. `script` are the options that a script passes, `typed` those of the user, and `gpus` the value
/// of `CUDA_VISIBLE_DEVICES`.
///
/// # Errors
/// Usage if the original accepts no such call, or if this program has no counterpart.
pub(crate) fn translate(
    program: Program,
    script: &[ScriptOption],
    typed: &[String],
    gpus: Option<&str>,
    here: &TranslationContext,
) -> Result<Translation> {
    let mut call = Translator { here, options: Options::default(), notes: Vec::new() };
    let steps = match program {
        Program::Nlvr2Data => vec![call.nlvr2_data()],
        Program::GqaData => vec![call.prepare(&["--task", "gqa-official"])],
        Program::Nlvr2Metrics => vec![call.metrics(typed)?],
        Program::Extract(set) => return Err(extraction(set, typed)),
        Program::Task(_) | Program::Pretrain => {
            call.options = Options::read(script, typed)?;
            let device = call.device(gpus)?;
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

struct Translator<'a> {
    here: &'a TranslationContext<'a>,
    options: Options,
    notes: Vec<String>,
}

impl Translator<'_> {
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

    /// Translates a test. The original chooses the splits by what their names contain (the end of src/tasks/*.py).
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
                "--tiny and --fast do not limit the test: the whole split is answered, as in the original".into(),
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
            // The original always tests VQA with batches of 950, which is the default here.
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

    /// Returns the options of the initial weights. Of several files, the original loads one over the other: `--load` last, and
    /// `--loadLXMERTQA` before it. A user's `--fromScratch` after a script's file means random weights. `suffix` is the suffix of
    /// `--load`'s names.
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
                    "--fromScratch: weights are random here (the original would still load the given file)".into(),
                );
            }
            return vec!["--from-scratch".to_owned()];
        }
        let file = files
            .into_iter()
            .find_map(|(name, ours, suffix)| Some((self.options.given(name)?.to_owned(), ours, suffix)));
        let Some((name, ours, suffix)) = file else {
            let bert = self.placed(BERT, "");
            self.notes.push("no weights are given: the original starts from BERT's".to_owned());
            if !(self.here.found)(&bert, "") {
                self.notes.push(format!("{bert} is missing; fetch it with `repro fetch bert-weights`"));
            }
            return vec!["--bert".to_owned(), bert];
        };
        let placed = self.placed(&name, suffix);
        if !(self.here.found)(&placed, suffix) && name == PRETRAINED {
            self.notes.push(format!(
                "the pre-trained model {name}_LXRT.pth is missing; fetch it with `repro fetch model-lxrt`, or use --fromScratch"
            ));
        }
        vec![ours.to_owned(), placed]
    }

    fn scale(&self, words: &mut Vec<String>) {
        words.extend(["--tiny", "--fast"].into_iter().filter(|flag| self.options.flag(flag)).map(str::to_owned));
    }

    /// Adds the numbers of layers unless they are 9, 5 and 5, which every script passes and which are the defaults.
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
            self.notes.push("--dropout is ignored, as in the original: the model's 0.1 is used".to_owned());
        }
    }

    /// Adds the words that every command gets: the data root, the device, and the user's options of this program.
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

    /// Returns the device for a line that names GPUs: the first of them.
    ///
    /// # Errors
    /// Infra if this GPU is not there.
    fn device(&mut self, gpus: Option<&str>) -> Result<Option<String>> {
        let Some(gpus) = gpus else { return Ok(None) };
        if self.options.has_ours("--device") || ["--help", "-h"].iter().any(|flag| self.options.flag(flag)) {
            return Ok(None);
        }
        let named = NamedGpus::parse(gpus)?;
        if let NamedGpus::First { others: true, .. } = named {
            self.notes.push(format!("only the first of the GPUs {gpus} is used"));
        }
        // A container has GPUs of its own, counted from 0.
        let in_container =
            self.options.has_ours("--engine") && !self.options.ours.iter().any(|word| word.ends_with("host"));
        named.device(self.here, in_container).map(Some)
    }

    /// Returns whether the data are in the original's place, `data/`. This is also assumed if there are no data, so that errors
    /// name the paths that a user of the original knows.
    fn own_layout(&self) -> bool {
        let workspace = self.here.workspace;
        !self.options.has_ours("--workspace")
            && ((self.here.found)("data", "") || !(self.here.found)(&format!("{workspace}/data"), ""))
    }

    /// Returns the path of a file of the original's layout: in the workspace if it exists only there, else in the current folder.
    fn placed(&self, name: &str, suffix: &str) -> String {
        let ours = format!("{}/{name}", self.here.workspace);
        if !(self.here.found)(name, suffix) && (self.here.found)(&ours, suffix) { ours } else { name.to_owned() }
    }

    /// Returns the path of a folder of results, which is beside the data.
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
    Error::usage("the extraction scripts run only inside the original's container")
        .next(format!("repro extract {set}{split} --images DIR --out data/{folder}_imgfeat"))
}

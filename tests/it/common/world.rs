//! A small published world: the demo's data as files that are fetched, archives that are unpacked and official files
//! that are processed, with a manifest that names them all.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use lxmert_repro::demo::{DemoDetector, generate};
use lxmert_repro::extract::extract_all;
use serde_json::{Value, json};

use super::recipe::recipe;
use base::files::{sha256, write_bytes};
use checkpoint::write_pth;
use lxmert::model::pretraining::PretrainingModel;
use lxmert_spec::Config;
use lxmert_spec::demo::DemoRecipe;

/// Where things were published.
pub(crate) struct World {
    /// All published files.
    pub files: PathBuf,
    /// What names them.
    pub manifest: PathBuf,
    /// Words of the vocabulary.
    pub words: usize,
    /// Features of a box.
    pub dim: usize,
    /// Answers of the pre-training table.
    pub answers: usize,
}

impl World {
    /// Publishes below a folder; the weights are yet to be written, to [`World::weights`].
    pub(crate) fn publish(folder: &Path) -> Self {
        let (drawn, images, files) = (folder.join("drawn"), folder.join("images"), folder.join("published"));
        // Enough questions to fill a batch of 32.
        let recipe = DemoRecipe::parse(&recipe([[12, 4, 3], [12, 4, 4], [3, 2, 1]], [1, 1, 1])).unwrap();
        let features = generate(&drawn, &images, &recipe, &|_, _| {}).unwrap().features;
        let mut text = Manifest::default();
        let mut dim = 0;
        for file in &features {
            let name = file.tsv.file_stem().unwrap().to_str().unwrap();
            let folder = file.tsv.parent().unwrap().to_str().unwrap();
            let tsv = drawn.join(&file.tsv);
            dim = extract_all(&mut DemoDetector, &file.images(&images), &tsv, &mut |_| {}).unwrap().dim;
            let archive = format!("{name}.zip");
            zip(&tsv, &format!("home/someone/{name}.tsv"), &files.join(folder).join(&archive));
            text.archive(
                &files,
                &format!("{folder}/{archive}"),
                &format!("data/{}", file.tsv.display()),
                file.ids.len(),
            );
        }
        for (task, splits) in [("vqa", &["train", "nominival", "minival"][..]), ("gqa", &["train", "valid", "testdev"])]
        {
            let tables = ["trainval_ans2label", "trainval_label2ans"];
            for name in splits.iter().chain(&tables) {
                let path = format!("{task}/{name}.json");
                publish(&drawn.join(&path), &files.join(&path));
                text.asset(&files, &path, &format!("data/{path}"), tables.contains(name));
            }
        }
        for (split, official) in [("train", "train"), ("valid", "dev")] {
            let path = format!("nlvr2/official/{official}.json");
            write_bytes(&files.join(&path), officially(&drawn.join(format!("nlvr2/{split}.json"))).as_bytes()).unwrap();
            text.asset(&files, &path, &format!("downloads/nlvr2/{official}.json"), true);
            text.made(split, official);
        }
        let table = answers(&drawn);
        write_bytes(&files.join("lxmert/all_ans.json"), json!(table).to_string().as_bytes()).unwrap();
        text.asset(&files, "lxmert/all_ans.json", "data/lxmert/all_ans.json", true);
        publish(&drawn.join("vocab.txt"), &files.join("vocab.txt"));
        text.asset(&files, "vocab.txt", "data/vocab.txt", true);
        text.asset(&files, "model_LXRT.pth", "snap/pretrained/model_LXRT.pth", false);
        let manifest = folder.join("assets.toml");
        fs::write(&manifest, text.finished()).unwrap();
        let words = fs::read_to_string(files.join("vocab.txt")).unwrap().lines().count();
        Self { files, manifest, words, dim, answers: table.len() }
    }

    /// Where the pre-trained weights are published.
    pub(crate) fn weights(&self) -> PathBuf {
        self.files.join("model_LXRT.pth")
    }

    /// Publishes weights as the original's pre-training leaves them, of a tiny model.
    pub(crate) fn pretrain(&self) {
        tch::manual_seed(1);
        let config = Config { vocab_size: self.words, visual_feat_dim: self.dim, ..Config::tiny() };
        let model = PretrainingModel::new(&config, self.answers, tch::Device::Cpu).unwrap();
        write_pth(&self.weights(), &model.state()).unwrap();
    }
}

/// The text of a manifest.
#[derive(Default)]
struct Manifest {
    assets: String,
    made: String,
}

impl Manifest {
    fn asset(&mut self, files: &Path, published: &str, path: &str, checksum: bool) {
        let (name, url) = (published.replace('/', "-"), files.join(published).display().to_string());
        let _ = write!(
            self.assets,
            "[[asset]]\nname = \"{name}\"\ntitle = \"\"\ngroups = [\"all\"]\npath = \"{path}\"\nurls = [\"file://{url}\"]\n"
        );
        if checksum {
            let _ = writeln!(self.assets, "sha256 = \"{}\"", sha256(&files.join(published)).unwrap());
        }
    }

    fn archive(&mut self, files: &Path, published: &str, path: &str, rows: usize) {
        self.asset(files, published, &format!("downloads/{published}"), false);
        let member = path.rsplit('/').next().unwrap();
        let _ = write!(
            self.assets,
            "[[asset.unpack]]\nmember = \"{member}\"\npath = \"{path}\"\nsize_max = 100000000\n\
             expect = {{ kind = \"obj36\", count = {rows} }}\n"
        );
    }

    fn made(&mut self, split: &str, official: &str) {
        let _ = write!(
            self.made,
            "[[made]]\nname = \"nlvr2-{split}\"\ntitle = \"\"\ngroups = [\"all\"]\nrule = \"nlvr2\"\n\
             from = [\"nlvr2-official-{official}.json\"]\npath = \"data/nlvr2/{split}.json\"\n"
        );
    }

    fn finished(self) -> String {
        format!("schema = 1\n[[group]]\nname = \"all\"\ntitle = \"\"\n{}{}", self.assets, self.made)
    }
}

fn publish(from: &Path, to: &Path) {
    write_bytes(to, &fs::read(from).unwrap()).unwrap();
}

fn zip(file: &Path, member: &str, archive: &Path) {
    fs::create_dir_all(archive.parent().unwrap()).unwrap();
    let mut zip = zip::ZipWriter::new(fs::File::create(archive).unwrap());
    zip.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&fs::read(file).unwrap()).unwrap();
    zip.finish().unwrap();
}

/// A split in its official form: one object a line.
fn officially(split: &Path) -> String {
    let examples: Vec<Value> = serde_json::from_slice(&fs::read(split).unwrap()).unwrap();
    let line = |example: &Value| {
        let label = if example["label"] == 1 { "True" } else { "False" };
        let line = json!({ "identifier": example["identifier"], "sentence": example["sent"], "label": label });
        format!("{line}\n")
    };
    examples.iter().map(line).collect()
}

/// The pre-training table: every answer of both tasks.
fn answers(drawn: &Path) -> Vec<Value> {
    let read = |task: &str| -> Vec<String> {
        let path = drawn.join(task).join("trainval_label2ans.json");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let all: BTreeSet<String> = ["vqa", "gqa"].into_iter().flat_map(read).collect();
    all.into_iter().map(|answer| json!({ "ans": answer, "dsets": ["vqa", "gqa"] })).collect()
}

//! A small VQA model with data that fit it, and the command lines of everything that reads weights.

use std::fs;
use std::path::PathBuf;

use checkpoint::{StateDict, TensorData, write_safetensors};
use data::dataset::Task;
use lxmert::model::TaskModel;
use lxmert_spec::{Config, ModelDescription};
use tch::Device;

use crate::common::mini;
use crate::common::{repro, run, stderr};

pub(super) const DATA: i32 = 5;

pub(super) const HEAD: &str = "logit_fc.3.weight";

/// A folder with generated data of every task, and a VQA model that fits them.
pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) state: StateDict,
    pub(super) description: ModelDescription,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        mini::data_root(&folder.path().join("data"), 9, 6);
        tch::manual_seed(1);
        let config = Config {
            vocab_size: 14,
            hidden_size: 8,
            num_attention_heads: 2,
            intermediate_size: 12,
            max_position_embeddings: 24,
            l_layers: 1,
            x_layers: 1,
            r_layers: 1,
            visual_feat_dim: 16,
            ..Config::lxr955()
        };
        let model = TaskModel::new(&config, 1, 7, Device::Cpu).unwrap();
        let description = ModelDescription { task: Task::Vqa, config, answers: 7 };
        fs::write(folder.path().join("c.json"), serde_json::to_string(&description.config).unwrap()).unwrap();
        Self { state: model.parameters().state(), description, folder }
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the model with one tensor changed.
    pub(super) fn changed(&self, file: &str, name: &str, change: impl FnOnce(&TensorData) -> TensorData) {
        let mut state = self.state.clone();
        let tensor = change(&state[name]);
        state.insert(name.to_owned(), tensor);
        write_safetensors(&self.at(file), &state, &self.description.metadata().unwrap()).unwrap();
    }

    /// Runs a command line; what it says where it fails.
    pub(super) fn fails(&self, line: &str) -> String {
        stderr(&run(repro(self.folder.path()).args(line.split_whitespace()), DATA))
    }
}

/// Command lines of everything that reads weights, but for `convert`.
pub(super) fn readers(file: &str) -> Vec<String> {
    let common = "--data-root data --config c.json --threads 1 --device cpu";
    vec![
        format!("evaluate vqa --split valid --load {file} --output judged {common}"),
        format!("predict vqa --split valid --load {file} --output answers.json {common}"),
        format!("train vqa --load {file} --output out --batch-size 4 --train train --valid valid {common}"),
        format!("train nlvr2 --load-lxmert {file} --output out --batch-size 4 --valid valid {common}"),
        format!(
            "encode --load {file} --attention-heads 2 --image COCO_bench2014_000000000001 --sentence a \
             --features data/mscoco_imgfeat/val2014_obj36.tsv --vocab data/vocab.txt --output out.safetensors \
             --workspace . --threads 1 --device cpu"
        ),
    ]
}

pub(super) fn is_clean(world: &World) {
    for name in ["answers.json", "out.safetensors", "out.pth", "port", "judged/result.json", "out/BEST.safetensors"] {
        assert!(!world.at(name).exists(), "{name} was written");
    }
}

//! Saves a task model's weights with a description of the model, and loads weights into a model.

use std::collections::BTreeMap;
use std::path::Path;

use tch::Device;

use crate::model::TaskModel;
use crate::model::task::ENCODER_PREFIX;
use base::error::Result;
use base::files::ContentDigest;
use checkpoint::{self, StateDict};
use data::dataset::Task;
pub use lxmert_spec::ModelDescription;
use lxmert_spec::description::VOCABULARY;
use lxmert_spec::loading::{LoadPolicy, LoadReport};
use trainings::weights_digests::WeightsDigests;

/// Creates a randomly initialised model from a description.
///
/// # Errors
/// Usage if no model can have these sizes.
pub fn new_model(description: &ModelDescription, device: Device) -> Result<TaskModel> {
    TaskModel::new(&description.config, images(description.task), description.answers, device)
}

/// Returns the number of images per example of a task.
pub fn images(task: Task) -> usize {
    if task == Task::Nlvr2 { 2 } else { 1 }
}

/// Writes `<folder>/<name>.safetensors` and, if `pth`, `<folder>/<name>.pth`. `vocabulary` is the SHA-256 of the training's
/// vocabulary. Returns the digests of the files.
///
/// # Errors
/// If a file cannot be written.
pub fn save(
    model: &TaskModel,
    folder: &Path,
    name: &str,
    description: &ModelDescription,
    vocabulary: Option<&str>,
    pth: bool,
) -> Result<WeightsDigests> {
    write(&model.parameters().state(), folder, name, with_vocabulary(description.metadata()?, vocabulary), pth)
}

/// Adds the vocabulary's SHA-256 to a file's metadata.
pub(super) fn with_vocabulary(
    mut metadata: BTreeMap<String, String>,
    vocabulary: Option<&str>,
) -> BTreeMap<String, String> {
    metadata.extend(vocabulary.map(|sha256| (VOCABULARY.to_owned(), sha256.to_owned())));
    metadata
}

/// Writes weights in one format or both, and returns the digests of the files.
pub(super) fn write(
    state: &StateDict,
    folder: &Path,
    name: &str,
    metadata: BTreeMap<String, String>,
    pth: bool,
) -> Result<WeightsDigests> {
    let safe = format!("{name}.safetensors");
    let digest = checkpoint::write_safetensors_digested(&folder.join(&safe), state, &metadata)?;
    let mut written = WeightsDigests::from([(safe, digest)]);
    if pth {
        let (name, path) = (format!("{name}.pth"), folder.join(format!("{name}.pth")));
        checkpoint::write_pth(&path, state)?;
        // The headers of a zip are completed last, so its bytes cannot be hashed while they are written.
        written.insert(name, ContentDigest::of(&path)?);
    }
    Ok(written)
}

/// Writes only the encoder, as `<folder>/<name>_LXRT.safetensors`, under the names of a pre-trained model (`bert.*`), so that
/// another task can start from it.
///
/// # Errors
/// If the file cannot be written.
pub fn save_encoder(model: &TaskModel, folder: &Path, name: &str, vocabulary: Option<&str>) -> Result<()> {
    let state = model.parameters().state();
    let encoder: StateDict = state
        .into_iter()
        .filter_map(|(name, data)| Some((name.strip_prefix(ENCODER_PREFIX)?.to_owned(), data)))
        .collect();
    let metadata = with_vocabulary(BTreeMap::from([("format".to_owned(), "pt".to_owned())]), vocabulary);
    checkpoint::write_safetensors(&folder.join(format!("{name}_LXRT.safetensors")), &encoder, &metadata)
}

/// Reads the description of a weights file; see [`ModelDescription::read`].
pub fn describe(path: &Path) -> Result<Option<ModelDescription>> {
    ModelDescription::read(path)
}

/// Loads a checkpoint into a model according to `policy`.
///
/// # Errors
/// Those of [`read_weights`](lxmert_spec::loading::read_weights) and [`map_checkpoint`](lxmert_spec::loading::map_checkpoint).
pub fn load(model: &TaskModel, path: &Path, policy: LoadPolicy, allow_missing: bool) -> Result<LoadReport> {
    let weights = lxmert_spec::loading::read_weights(path)?;
    let report = apply(model, weights.state, path, policy, allow_missing)?;
    Ok(LoadReport { notes: weights.notes, ..report })
}

/// Like [`load`], for a checkpoint that was already read from `path`.
pub fn apply(
    model: &TaskModel,
    state: StateDict,
    path: &Path,
    policy: LoadPolicy,
    allow_missing: bool,
) -> Result<LoadReport> {
    let (state, report) =
        lxmert_spec::loading::map_checkpoint(state, &model.parameters().shapes(), policy, allow_missing)
            .map_err(|e| e.while_doing(format!("cannot load {}", path.display())))?;
    model.parameters().load(&state)?;
    Ok(report)
}

//! Checks the files and folders that a command line names before expensive work starts, so that a wrong name is reported at once
//! and not after hours. The checks are cheap: a file is opened and its beginning recognised; the rest is checked when it is read.

use std::path::{Path, PathBuf};

use base::error::{Error, Result};
use base::files::{self, text};
use base::status;
use data::dataset::{FeatureFile, Task, TaskData};
use data::features::store_without_tsv;
use judge::evidence::training;
use lxmert_spec::loading::locate;
use lxmert_spec::weights_names::PRETRAINED_SUFFIX;
use trainings::initial_weights::InitialWeights;
use trainings::task_loader::{StoreLocation, TaskDataSettings};

/// A file, a folder or data that a command line names.
pub(crate) enum NamedInput<'a> {
    /// The name of a checkpoint for [`locate`], with its usual suffix.
    Checkpoint(&'a str, &'static str),
    /// A BERT release.
    Bert(&'a Path),
    /// A text file.
    Text(PathBuf),
    /// A feature file: a TSV or its store.
    Features(&'a Path),
    /// A task, a data root, and splits, comma-separated.
    Splits(Task, &'a Path, &'a str),
    /// A folder to read.
    Folder(&'a Path),
    /// A folder to write into; it may be missing.
    OutputFolder(&'a Path),
    /// A file to write; it may be missing.
    OutputFile(&'a Path),
}

/// Checks inputs in order.
///
/// # Errors
/// The error of the first input that is missing or of the wrong kind.
pub(crate) fn check_inputs<'a>(named: impl IntoIterator<Item = NamedInput<'a>>) -> Result<()> {
    named.into_iter().try_for_each(|one| one.check())
}

/// Returns the input that holds the initial weights of a fine-tuning; `None` if they are random.
pub(crate) fn weights_input(start: &InitialWeights) -> Option<NamedInput<'_>> {
    match start {
        InitialWeights::Scratch => None,
        InitialWeights::FineTuned(name) => Some(NamedInput::Checkpoint(name, "")),
        InitialWeights::Lxmert(name) | InitialWeights::LxmertQa(name) => {
            Some(NamedInput::Checkpoint(name, PRETRAINED_SUFFIX))
        }
        InitialWeights::Bert(path) => Some(NamedInput::Bert(path)),
    }
}

/// Checks the files of a task's splits: vocabulary, answer tables, questions and features.
///
/// # Errors
/// Like [`check_inputs`].
pub(crate) fn check_data(data: &TaskDataSettings, splits: &[&str]) -> Result<()> {
    let root = &data.data_root;
    let mut named = vec![NamedInput::Text(data.vocab.clone())];
    if data.task != Task::Nlvr2 {
        let table = |name: &str| NamedInput::Text(root.join(data.task.name()).join(name));
        named.extend(["trainval_ans2label.json", "trainval_label2ans.json"].map(table));
    }
    named.extend(splits.iter().map(|splits| NamedInput::Splits(data.task, root, splits)));
    check_inputs(named)?;
    for splits in splits {
        check_features(&data.stores, root, &data::dataset::feature_files(data.task, splits, data.scale, root)?)?;
    }
    Ok(())
}

/// Checks the feature files of a data root, or their stores.
///
/// # Errors
/// Like [`check_inputs`].
pub(crate) fn check_features(stores: &StoreLocation, data_root: &Path, files: &[FeatureFile]) -> Result<()> {
    files.iter().try_for_each(|file| match stores {
        StoreLocation::Build { folder, precision } => match store_without_tsv(&file.path, folder, *precision) {
            Some(_) => Ok(()),
            None => NamedInput::Features(&file.path).check(),
        },
        StoreLocation::Ready { .. } => NamedInput::Features(&stores.ready(data_root, file)).check(),
    })
}

impl NamedInput<'_> {
    fn check(&self) -> Result<()> {
        status::detail(self.described());
        match self {
            Self::Checkpoint(name, suffix) => {
                let path = locate(name, suffix)?;
                if checkpoint::is_caffemodel(&path) {
                    return Err(Error::data(format!("{} is a net of Caffe, not a model of LXMERT", path.display()))
                        .next("name a checkpoint of LXMERT"));
                }
                checkpoint::check_format(&path)
            }
            Self::Bert(path) => lxmert_spec::loading::check_bert_exists(path),
            Self::Text(path) => text::open_text(path).map(drop),
            Self::Features(path) => files::open_regular(path).map(drop).map_err(|error| {
                error.next("fetch or extract the features, or correct the file's name or --data-root")
            }),
            Self::Splits(task, data_root, splits) => TaskData::look(*task, data_root, splits),
            Self::Folder(path) => match path.is_dir() {
                true => Ok(()),
                false => Err(Error::usage(format!("there is no folder {}", path.display())).next("correct the path")),
            },
            Self::OutputFolder(path) => match path.metadata() {
                Ok(data) if !data.is_dir() => {
                    Err(Error::usage(format!("{} is a file, but results go into a folder", path.display()))
                        .next("name a folder; it is created if missing"))
                }
                _ => files::check_writable(path),
            },
            Self::OutputFile(path) => match path.is_dir() {
                true => Err(Error::usage(format!("{} is a folder", path.display())).next("name a file to write")),
                false => {
                    training::spare(path)?;
                    files::check_writable(files::folder_of(path))
                }
            },
        }
    }

    /// Returns the line for `--verbose`.
    fn described(&self) -> String {
        match self {
            Self::Checkpoint(name, _) => format!("reads weights: {name}"),
            Self::Bert(path) | Self::Features(path) | Self::Folder(path) => format!("reads {}", path.display()),
            Self::Text(path) => format!("reads {}", path.display()),
            Self::Splits(task, data_root, splits) => format!("reads {task} {splits} below {}", data_root.display()),
            Self::OutputFolder(path) | Self::OutputFile(path) => format!("writes {}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::error::Kind;

    #[test]
    fn what_cannot_be_is_said_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        let name = at("file").display().to_string();
        let below = at("file").join("below/it");
        for (named, kind, says) in [
            (NamedInput::Checkpoint("absent", ""), Kind::Data, "there is no checkpoint"),
            (NamedInput::Checkpoint(&name, ""), Kind::Data, "not those of a checkpoint"),
            (NamedInput::Bert(&at("absent")), Kind::Data, "absent"),
            (NamedInput::Bert(&at("folder")), Kind::Data, "pytorch_model.bin"),
            (NamedInput::Text(at("folder")), Kind::Data, "a folder, not a regular file"),
            (NamedInput::Features(&at("absent.tsv")), Kind::Data, "fetch or extract"),
            (NamedInput::Folder(&at("file")), Kind::Usage, "there is no folder"),
            (NamedInput::OutputFolder(&at("file")), Kind::Usage, "is a file"),
            (NamedInput::OutputFolder(&below), Kind::Infra, "not a folder"),
            (NamedInput::OutputFile(&at("folder")), Kind::Usage, "is a folder"),
            (NamedInput::OutputFile(&below), Kind::Infra, "not a folder"),
        ] {
            let error = check_inputs([named]).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert_eq!(error.kind(), kind, "{error}");
        }
        check_inputs([
            NamedInput::Text(at("file")),
            NamedInput::OutputFolder(&at("new/er")),
            NamedInput::OutputFile(&at("new/file")),
        ])
        .unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

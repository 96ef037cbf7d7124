//! What a command names is looked at before anything expensive starts: a mistake in a name must not be said after hours of work.
//! Looking is cheap: a file is opened and its beginning recognised, the rest is checked when it is read.

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

/// A thing that a command names.
pub(crate) enum Named<'a> {
    /// A checkpoint as [`locate`] finds it, with its usual suffix.
    Checkpoint(&'a str, &'static str),
    /// BERT's release.
    Bert(&'a Path),
    /// A text file.
    Text(PathBuf),
    /// A file of features, a TSV or its store.
    Features(&'a Path),
    /// The splits of a task below a data root.
    Splits(Task, &'a Path, &'a str),
    /// A folder that is read.
    Folder(&'a Path),
    /// A folder that is filled; it may be absent.
    OutputFolder(&'a Path),
    /// A file that is written; it may be absent.
    OutputFile(&'a Path),
}

/// Looks at all of them, in order.
///
/// # Errors
/// Of the first that cannot be what it should be.
pub(crate) fn look<'a>(named: impl IntoIterator<Item = Named<'a>>) -> Result<()> {
    named.into_iter().try_for_each(|one| one.look())
}

/// The first weights of a fine-tuning.
pub(crate) fn of_start(start: &InitialWeights) -> Option<Named<'_>> {
    match start {
        InitialWeights::Scratch => None,
        InitialWeights::FineTuned(name) => Some(Named::Checkpoint(name, "")),
        InitialWeights::Lxmert(name) | InitialWeights::LxmertQa(name) => {
            Some(Named::Checkpoint(name, PRETRAINED_SUFFIX))
        }
        InitialWeights::Bert(path) => Some(Named::Bert(path)),
    }
}

/// Looks at what splits of a task read: vocabulary, answer tables, questions, and features.
///
/// # Errors
/// As [`look`].
pub(crate) fn look_at_data(data: &TaskDataSettings, splits: &[&str]) -> Result<()> {
    let root = &data.data_root;
    let mut named = vec![Named::Text(data.vocab.clone())];
    if data.task != Task::Nlvr2 {
        let table = |name: &str| Named::Text(root.join(data.task.name()).join(name));
        named.extend(["trainval_ans2label.json", "trainval_label2ans.json"].map(table));
    }
    named.extend(splits.iter().map(|splits| Named::Splits(data.task, root, splits)));
    look(named)?;
    for splits in splits {
        look_at_features(&data.stores, root, &data::dataset::feature_files(data.task, splits, data.scale, root)?)?;
    }
    Ok(())
}

/// Looks at the feature files of a data root, or at their stores.
///
/// # Errors
/// As [`look`].
pub(crate) fn look_at_features(stores: &StoreLocation, data_root: &Path, files: &[FeatureFile]) -> Result<()> {
    files.iter().try_for_each(|file| match stores {
        StoreLocation::Build { folder, precision } => match store_without_tsv(&file.path, folder, *precision) {
            Some(_) => Ok(()),
            None => Named::Features(&file.path).look(),
        },
        StoreLocation::Ready { .. } => Named::Features(&stores.ready(data_root, file)).look(),
    })
}

impl Named<'_> {
    fn look(&self) -> Result<()> {
        status::detail(self.told());
        match self {
            Self::Checkpoint(name, suffix) => checkpoint::check_format(&locate(name, suffix)?),
            Self::Bert(path) => lxmert_spec::loading::check_bert_exists(path),
            Self::Text(path) => text::open_text(path).map(drop),
            Self::Features(path) => files::open_regular(path)
                .map(drop)
                .map_err(|error| error.next("fetch or extract the features, or name the right file or --data-root")),
            Self::Splits(task, data_root, splits) => TaskData::look(*task, data_root, splits),
            Self::Folder(path) => match path.is_dir() {
                true => Ok(()),
                false => Err(Error::usage(format!("there is no folder {}", path.display())).next("check the path")),
            },
            Self::OutputFolder(path) => match path.metadata() {
                Ok(data) if !data.is_dir() => {
                    Err(Error::usage(format!("{} is a file, and results go into a folder", path.display()))
                        .next("name a folder, which is created where it is missing"))
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
}

impl Named<'_> {
    /// What it is, for those who want details.
    fn told(&self) -> String {
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
            (Named::Checkpoint("absent", ""), Kind::Data, "there is no checkpoint"),
            (Named::Checkpoint(&name, ""), Kind::Data, "not those of a checkpoint"),
            (Named::Bert(&at("absent")), Kind::Data, "absent"),
            (Named::Bert(&at("folder")), Kind::Data, "pytorch_model.bin"),
            (Named::Text(at("folder")), Kind::Data, "a folder, not a regular file"),
            (Named::Features(&at("absent.tsv")), Kind::Data, "fetch or extract"),
            (Named::Folder(&at("file")), Kind::Usage, "there is no folder"),
            (Named::OutputFolder(&at("file")), Kind::Usage, "is a file"),
            (Named::OutputFolder(&below), Kind::Infra, "not a folder"),
            (Named::OutputFile(&at("folder")), Kind::Usage, "is a folder"),
            (Named::OutputFile(&below), Kind::Infra, "not a folder"),
        ] {
            let error = look([named]).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
            assert_eq!(error.kind(), kind, "{error}");
        }
        look([Named::Text(at("file")), Named::OutputFolder(&at("new/er")), Named::OutputFile(&at("new/file"))])
            .unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

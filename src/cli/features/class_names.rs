//! The options that say where the names of object and attribute classes are.

use std::path::{Path, PathBuf};

use crate::cli::named_inputs::{NamedInput, check_inputs};
use crate::feature_page::ClassNames;
use base::error::Result;

/// File names of bottom-up attention's lists.
const FILES: [&str; 2] = ["objects_vocab.txt", "attributes_vocab.txt"];

/// Where the names of classes are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Names of classes")]
pub(super) struct NameOptions {
    /// Folder with objects_vocab.txt and attributes_vocab.txt [default: <workspace>/data/extract]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["object_names", "attribute_names"])]
    names: Option<PathBuf>,
    /// File with the names of the object classes, one per line
    #[arg(long, value_name = "FILE")]
    object_names: Option<PathBuf>,
    /// File with the names of the attribute classes, one per line
    #[arg(long, value_name = "FILE")]
    attribute_names: Option<PathBuf>,
    /// Folder that holds data/extract, where `repro fetch objects-vocab attributes-vocab` puts the names
    #[arg(long, value_name = "DIR", default_value = "workspace", env = "REPRO_WORKSPACE")]
    workspace: PathBuf,
}

impl NameOptions {
    /// Reads the names. Files that are not named and not in the workspace are no mistake: their classes are shown by number.
    ///
    /// # Errors
    /// Data if a file that is named is missing, or holds no names.
    pub(super) fn read(&self) -> Result<ClassNames> {
        if self.object_names.is_some() || self.attribute_names.is_some() {
            return read(self.object_names.as_deref(), self.attribute_names.as_deref());
        }
        if let Some(folder) = &self.names {
            check_inputs([NamedInput::Folder(folder)])?;
            let [objects, attributes] = FILES.map(|file| folder.join(file));
            return read(Some(&objects), Some(&attributes));
        }
        let [objects, attributes] = FILES.map(|file| self.workspace.join("data/extract").join(file));
        match [&objects, &attributes].map(|path| path.is_file()) {
            [false, false] => Ok(ClassNames::new(
                Vec::new(),
                Vec::new(),
                "Classes are shown by number: repro fetch objects-vocab attributes-vocab brings the names of the original's \
                 detector; --object-names and --attribute-names take others.",
            )),
            [with_objects, with_attributes] => {
                read(with_objects.then_some(&*objects), with_attributes.then_some(&*attributes))
            }
        }
    }
}

fn read(objects: Option<&Path>, attributes: Option<&Path>) -> Result<ClassNames> {
    check_inputs([objects, attributes].into_iter().flatten().map(|path| NamedInput::Text(path.to_owned())))?;
    ClassNames::read(objects, attributes)
}

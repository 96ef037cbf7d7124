//! Chooses boxes and writes rows.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::Receiver;

use base::error::{Error, Result};
use base::files;
use data::features::tsv::TsvWriter;
use lxmert::model::butd::BoxChoice;

use super::network::Headed;

/// The file of rows.
pub(super) struct RowWriter(TsvWriter<File>);

impl RowWriter {
    /// Creates the file.
    ///
    /// # Errors
    /// Those of creating a file.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = files::create_own(path).map_err(|error| Error::io("create", path, &error))?;
        Ok(Self(TsvWriter::with_any_boxes(file)))
    }

    /// Writes a row for each picture, in the order in which they come. A row is written at once, so that a watcher of the file sees it.
    ///
    /// # Errors
    /// Data if the network's outputs are not finite; those of writing.
    pub(super) fn write_all(mut self, pictures: Receiver<Headed>, choice: BoxChoice) -> Result<()> {
        for Headed { id, height, width, scale, regions, head } in pictures {
            let found = head.choose(&regions, scale, choice)?;
            self.0.write_row(&found.into_row(&id, height, width))?;
        }
        self.0.finish().map(drop)
    }
}

//! The trait of backends, which extract a whole list of images, and what they report.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::image_list::{ListedImage, MissingImage};
use super::image_sets::ImageSource;
use super::rows::{FileTail, RowIndex};
use super::work_dir::WorkDir;
use super::{Extractor, ImageFile};
use base::error::{Error, Kind, Result};
use base::files;
use base::progress::{Event, Observer, ProgressTask};
use data::features::Row;
use data::features::tsv::TsvWriter;
use protocol::BoxNumbers;
use sandbox::{Gpu, Image};

/// Images to extract, and where their rows go.
pub struct ExtractionJob<'a> {
    /// The set that the images belong to.
    pub source: &'a ImageSource,
    /// The image folder: absolute, links resolved.
    pub root: &'a Path,
    /// Images that have no row yet.
    pub todo: &'a [ListedImage],
    /// Folder for parts. Rows are written into their `features`, to files that end in `.tsv`.
    pub work: &'a mut WorkDir,
    /// Index of finished rows; every new row must be added.
    pub rows: &'a mut RowIndex,
    /// Gets notes for people.
    pub observer: &'a dyn Observer,
    /// Progress in rows.
    pub task: &'a ProgressTask<'a>,
}

impl ExtractionJob<'_> {
    /// Reports the number of rows as progress.
    pub(super) fn tell_rows(&self) {
        self.task.at(self.rows.len() as u64, String::new);
    }

    /// Reports a note for people.
    pub(super) fn note(&self, text: String) {
        self.observer.event(&Event::Note { name: String::new(), text });
    }
}

/// One run of a container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerRun {
    /// Description, such as `part 3`.
    pub task: String,
    /// Number of images.
    pub images: usize,
    /// Wall time.
    pub seconds: f64,
    /// Peak memory in bytes, if the engine reports it.
    pub peak_memory: Option<u64>,
    /// The failure, if it failed.
    pub failure: Option<String>,
}

/// One run of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerRun {
    /// Description, such as `extract val2014_obj36, part 3`.
    pub task: String,
    /// Its device.
    pub device: String,
    /// Number of images.
    pub images: usize,
    /// Wall time.
    pub seconds: f64,
    /// Peak memory in bytes, if it ran in a container whose engine reports it.
    pub peak_memory: Option<u64>,
    /// The failure, if it failed.
    pub failure: Option<String>,
}

/// How the native detector computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NativeFacts {
    /// Devices of the workers.
    pub devices: Vec<String>,
    /// What the devices are, as far as results depend on it.
    pub hardware: String,
    /// CPU threads of each worker.
    pub threads: usize,
    /// How many boxes an image got.
    pub boxes: BoxNumbers,
    /// Name and content of the training image; `None` if the workers ran on the machine itself.
    pub image: Option<String>,
    /// Versions of the numerical libraries.
    pub versions: BTreeMap<String, String>,
}

/// How the features were extracted, for the record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExtractionDetails {
    /// The container image.
    pub image: Option<Image>,
    /// SHA-256 of the script.
    pub script_sha256: Option<String>,
    /// SHA-256 of the detector's weights.
    pub model_sha256: Option<String>,
    /// GPUs used.
    pub gpus: Vec<Gpu>,
    /// Threads of each container that computes on the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Number of parts extracted in parallel.
    pub shards: usize,
    /// All containers.
    pub containers: Vec<ContainerRun>,
    /// All workers of the native detector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<WorkerRun>,
    /// How the native detector computed; `None` for other extractors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<NativeFacts>,
}

/// Extracts the features of many images.
pub trait Backend {
    /// Returns its name.
    fn name(&self) -> &str;

    /// Returns everything that determines the features. Rows of different versions are never mixed.
    fn version(&self) -> String;

    /// Returns the largest number of boxes per image.
    fn boxes(&self) -> usize;

    /// Returns the least number of boxes per image. A row with fewer is complete but cannot be used for training.
    fn least_boxes(&self) -> usize {
        self.boxes()
    }

    /// Returns the number of features per box.
    fn dim(&self) -> usize;

    /// Extracts all images of a job. Returns the images without a row, each with the reason.
    ///
    /// # Errors
    /// Whatever prevents further work; finished rows are kept.
    fn extract(&mut self, job: &mut ExtractionJob) -> Result<Vec<MissingImage>>;

    /// Returns how the extraction was done.
    fn details(&self) -> ExtractionDetails;
}

/// Makes a backend of an [`Extractor`]: image by image, in one part.
pub struct PerImage<E>(pub E);

impl<E: Extractor> Backend for PerImage<E> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn version(&self) -> String {
        self.0.version()
    }

    fn boxes(&self) -> usize {
        self.0.boxes()
    }

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn extract(&mut self, job: &mut ExtractionJob) -> Result<Vec<MissingImage>> {
        let path = job.work.new_part()?.features.join(job.source.written);
        let file = files::create_own(&path).map_err(|error| Error::io("create", &path, &error))?;
        let (mut writer, mut tail) = (TsvWriter::new(file), FileTail::new(&path));
        let (mut row, mut missing) = (Row::default(), Vec::new());
        for listed in job.todo {
            let image = ImageFile { id: listed.id.clone(), path: job.root.join(&listed.location) };
            match self.0.extract(&image, &mut row) {
                Ok(()) => writer.write_row(&row)?,
                Err(error) if error.kind() == Kind::Data => {
                    let reason = error.to_string().replace("\n  ", "; ");
                    missing.push(MissingImage { id: image.id, path: listed.path.clone(), reason });
                    continue;
                }
                Err(error) => return Err(error.while_doing(format!("no features for image {}", image.id))),
            }
            tail.poll(&mut |file, offset, line, text| {
                let broken = |why: String| {
                    Error::bug(format!("{} wrote an invalid row", self.0.name()))
                        .because(format!("{}, line {line}: {why}", file.display()))
                };
                job.rows.take(file, offset, text).map_err(broken)
            })?;
            job.tell_rows();
        }
        writer.finish().map(|_| missing)
    }

    fn details(&self) -> ExtractionDetails {
        ExtractionDetails { shards: 1, ..ExtractionDetails::default() }
    }
}

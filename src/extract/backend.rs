//! One interface for whatever extracts a whole list of images, and what it reports.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::list::{Listed, Missing};
use super::rows::{Rows, Tail};
use super::sets::Source;
use super::work::Work;
use super::{Extractor, ImageFile};
use base::error::{Error, Kind, Result};
use base::files;
use base::progress::{Event, Observer, ProgressTask};
use data::features::Row;
use data::features::tsv::Writer;
use sandbox::{Gpu, Image};

/// Images that have no row yet, and where their rows go.
pub struct Job<'a> {
    /// Where they come from.
    pub source: &'a Source,
    /// The image folder: absolute, without links.
    pub root: &'a Path,
    /// The images.
    pub todo: &'a [Listed],
    /// Where parts are made; rows are written into their `features`, to files that end in `.tsv`.
    pub work: &'a mut Work,
    /// Every row that is finished is handed to it.
    pub rows: &'a mut Rows,
    /// Hears what a person should know.
    pub observer: &'a dyn Observer,
    /// Tells how many rows there are.
    pub task: &'a ProgressTask<'a>,
}

impl Job<'_> {
    /// Tells the number of rows.
    pub(super) fn tell_rows(&self) {
        self.task.at(self.rows.len() as u64, String::new);
    }

    /// Tells what a person should know.
    pub(super) fn note(&self, text: String) {
        self.observer.event(&Event::Note { name: String::new(), text });
    }
}

/// A container that was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// What it did.
    pub task: String,
    /// Images that it was given.
    pub images: usize,
    /// Wall time.
    pub seconds: f64,
    /// Most memory in use at a time, in bytes, where the engine says.
    pub peak_memory: Option<u64>,
    /// How it failed, if it did.
    pub failure: Option<String>,
}

/// How features came about, for the record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// The container image.
    pub image: Option<Image>,
    /// SHA-256 of the script.
    pub script_sha256: Option<String>,
    /// SHA-256 of the detector's weights.
    pub model_sha256: Option<String>,
    /// The GPUs that were used.
    pub gpus: Vec<Gpu>,
    /// Parts at a time.
    pub shards: usize,
    /// Every container.
    pub containers: Vec<Container>,
}

/// Extracts many images.
pub trait Backend {
    /// What it is.
    fn name(&self) -> &str;

    /// Everything that decides what features come out: another version's rows are never mixed in.
    fn version(&self) -> String;

    /// Boxes per image; a row of fewer is complete but of no use for training.
    fn boxes(&self) -> usize;

    /// Features per box.
    fn dim(&self) -> usize;

    /// Extracts all images of a job. Returns those of which there is no row, each with the reason.
    ///
    /// # Errors
    /// What keeps it from going on; the rows finished so far stay.
    fn extract(&mut self, job: &mut Job) -> Result<Vec<Missing>>;

    /// How it was done.
    fn details(&self) -> Details;
}

/// Any [`Extractor`] as a backend: image by image, in one part.
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

    fn extract(&mut self, job: &mut Job) -> Result<Vec<Missing>> {
        let path = job.work.new_part()?.features.join(job.source.written);
        let file = files::create_own(&path).map_err(|error| Error::io("create", &path, &error))?;
        let (mut writer, mut tail) = (Writer::new(file), Tail::new(&path));
        let (mut row, mut missing) = (Row::default(), Vec::new());
        for listed in job.todo {
            let image = ImageFile { id: listed.id.clone(), path: job.root.join(&listed.location) };
            match self.0.extract(&image, &mut row) {
                Ok(()) => writer.write_row(&row)?,
                Err(error) if error.kind() == Kind::Data => {
                    let reason = error.to_string().replace("\n  ", "; ");
                    missing.push(Missing { id: image.id, path: listed.path.clone(), reason });
                    continue;
                }
                Err(error) => return Err(error.while_doing(format!("no features for image {}", image.id))),
            }
            tail.poll(&mut |file, offset, line, text| {
                let broken = |why: String| {
                    Error::bug(format!("{} wrote a wrong row", self.0.name()))
                        .because(format!("{}, line {line}: {why}", file.display()))
                };
                job.rows.take(file, offset, text).map_err(broken)
            })?;
            job.tell_rows();
        }
        writer.finish().map(|_| missing)
    }

    fn details(&self) -> Details {
        Details { shards: 1, ..Details::default() }
    }
}

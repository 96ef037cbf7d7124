//! The backend that runs the original's script: splits the images into parts, retries, and reports images without features.

use super::super::backend::{Backend, ExtractionDetails, ExtractionJob};
use super::super::image_list::{ListedImage, MissingImage};
use super::super::image_sets::Layout;
use super::super::split::split;
use super::parts::{self, PartResult};
use super::{Caffe, CaffeDevice, cpu};
use base::error::{Error, Result};
use data::features::{RELEASED_BOXES, RELEASED_WIDTH};
use sandbox::{Cause, Failure};

/// Maximum number of images that are tried in a container of their own, since starting one takes time.
pub const SINGLES: usize = 16;
/// Maximum number of attempts if parts fail.
const ATTEMPTS: usize = 3;
/// Maximum number of messages listed for images that the script does not name.
const SHOWN: usize = 5;
/// Exit code of a program that aborts: 128 plus SIGABRT.
const ABORTED: i64 = 134;
/// What to do if Caffe aborts without a GPU.
const NEEDS_GPU: &str = "choose a GPU with --gpus; without one, --backend caffe-cpu makes the original compute on the processor, \
                         which is for few images";

impl Caffe {
    /// Tries each image in a container of its own.
    fn singly(&mut self, job: &mut ExtractionJob, left: Vec<ListedImage>) -> Result<Vec<MissingImage>> {
        job.note(format!("{} images have no row; trying each one separately", left.len()));
        let endings = parts::run(self, job, left.into_iter().map(|image| vec![image]).collect())?;
        let mut missing = Vec::new();
        for PartResult { images, said, failure } in endings {
            let reason = match failure {
                Some(failure) => {
                    let last = failure.last_lines.last().map(|line| format!("; its last line: {line}"));
                    format!("the extractor fails on it: {}{}", failure.cause, last.unwrap_or_default())
                }
                None if said.is_empty() => "the script wrote no row for it and no message".to_owned(),
                None => format!("the script says: {}", said.join(" ")),
            };
            let without = images.into_iter().filter(|image| job.rows.get(&image.id).is_none());
            missing.extend(without.map(|image| MissingImage {
                id: image.id,
                path: image.path,
                reason: reason.clone(),
            }));
        }
        Ok(missing)
    }

    /// Returns whether a failure is that of a Caffe that needs a GPU and has none: it aborts before the first image.
    fn needs_gpu(&self, failure: &Failure) -> bool {
        let without = self.settings.device != CaffeDevice::Cpu && self.details.gpus.is_empty();
        without && *failure.cause == Cause::Exit { code: ABORTED }
    }
}

impl Backend for Caffe {
    fn name(&self) -> &str {
        match self.settings.device {
            CaffeDevice::Gpus(..) => "caffe",
            CaffeDevice::Cpu => "caffe-cpu",
        }
    }

    fn version(&self) -> String {
        let version = format!("image {} script {} weights {}", self.image.id, self.script.sha256, self.weights.sha256);
        match self.settings.device {
            CaffeDevice::Gpus(..) => version,
            CaffeDevice::Cpu => format!("{version} {}", cpu::version()),
        }
    }

    fn boxes(&self) -> usize {
        RELEASED_BOXES
    }

    fn dim(&self) -> usize {
        RELEASED_WIDTH
    }

    fn extract(&mut self, job: &mut ExtractionJob) -> Result<Vec<MissingImage>> {
        for (asset, name) in [(&self.script, "script"), (&self.weights, "weights")] {
            if !asset.pinned {
                job.note(format!(
                    "the {name} cannot be verified, since no checksum is known: {}",
                    asset.path.display()
                ));
            }
        }
        check_ids(job)?;
        if self.settings.device == CaffeDevice::Cpu {
            job.note(cpu::duration(job.todo.len(), self.lanes));
        }
        let (mut left, mut said, mut again) = (job.todo.to_vec(), Vec::new(), false);
        for attempt in 1.. {
            let before = job.rows.len();
            let endings = parts::run(self, job, split(&left, self.lanes))?;
            left.retain(|image| job.rows.get(&image.id).is_none());
            if left.is_empty() {
                return Ok(Vec::new());
            }
            let failed = endings.iter().find_map(|ending| ending.failure.clone());
            said = endings.into_iter().flat_map(|ending| ending.said).collect();
            if let Some(failure) = failed {
                let no_row = job.rows.len() == before && !failure.cause.may_be_spurious();
                let needs_gpu = self.needs_gpu(&failure);
                // If there is not a single row, no image is to blame, unless a signal ended the script.
                let blameless = needs_gpu || matches!(*failure.cause, Cause::Exit { code } if code < 128);
                let hopeless = job.rows.is_empty() && blameless;
                if hopeless || ((no_row || attempt == ATTEMPTS) && left.len() > SINGLES) {
                    let error = stuck(&failure, left.len());
                    return Err(if needs_gpu { error.next(NEEDS_GPU) } else { error });
                }
                job.note(format!("{failure}; continuing with the remaining {} images", left.len()));
            } else if again {
                break;
            } else {
                again = true;
            }
            if left.len() <= SINGLES {
                return self.singly(job, left);
            }
        }
        let shown: Vec<&str> = said.iter().take(SHOWN).map(String::as_str).collect();
        let reason =
            format!("no row after two attempts; messages of the script, which name no image: {}", shown.join("; "));
        Ok(left
            .into_iter()
            .map(|image| MissingImage { id: image.id, path: image.path, reason: reason.clone() })
            .collect())
    }

    fn details(&self) -> ExtractionDetails {
        self.details.clone()
    }
}

/// Checks that the script will find the ids that images of a folder were given: it takes the name of a link up to the first dot.
fn check_ids(job: &ExtractionJob) -> Result<()> {
    let lost = |image: &&ListedImage| image.id.contains(['.', '/']);
    match job.todo.iter().find(lost) {
        Some(image) if job.source.layout == Layout::AnyDepth => {
            Err(Error::data(format!("the original's script cannot write the id {}", image.id))
                .because("it takes the name of a file up to the first dot for the id")
                .next("give it an id without dots and slashes, or use --backend native"))
        }
        _ => Ok(()),
    }
}

/// Returns the error for a failure that repeats.
fn stuck(failure: &Failure, left: usize) -> Error {
    let error = Error::from(failure.clone()).because(format!("{left} images have no row yet; existing rows are kept"));
    match *failure.cause {
        // 128 plus the number of the signal.
        Cause::Exit { code: 136 } => {
            error.next("exit code 136 means SIGFPE: the original crashes on images that are too thin; remove them")
        }
        Cause::Exit { .. } => error.next("fix the cause in its log, then run the same command again to resume"),
        _ => error.next("run the same command again to resume"),
    }
}

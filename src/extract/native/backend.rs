//! The backend of the native detector: splits the images among its workers, and continues after the death of one.

use super::super::backend::{Backend, ExtractionDetails, ExtractionJob, NativeFacts};
use super::super::image_list::{ListedImage, MissingImage};
use super::super::split::split;
use super::lanes::{self, LaneEnd, may_pass};
use super::setup::Native;
use base::error::{Error, Result};

/// Edition of what the detector computes: a change of its results is a new number.
const EDITION: u32 = 1;
/// Maximum number of attempts if workers die.
const ATTEMPTS: usize = 3;

impl Backend for Native {
    fn name(&self) -> &str {
        "native"
    }

    fn version(&self) -> String {
        let NativeFacts { hardware, threads, boxes, versions, .. } = &self.facts;
        format!(
            "{EDITION} weights {}, {}..{} boxes over {}, {hardware} with {threads} threads, libtorch {}",
            self.weights.sha256,
            boxes.least,
            boxes.most,
            boxes.threshold,
            versions.get("libtorch").map_or("unknown", String::as_str),
        )
    }

    fn boxes(&self) -> usize {
        self.settings.boxes.most
    }

    fn least_boxes(&self) -> usize {
        self.settings.boxes.least
    }

    fn dim(&self) -> usize {
        self.weights.features
    }

    fn extract(&mut self, job: &mut ExtractionJob) -> Result<Vec<MissingImage>> {
        let (mut left, mut missing) = (job.todo.to_vec(), Vec::new());
        for attempt in 1.. {
            let before = job.rows.len();
            let ended = lanes::run(self, job, split(&left, self.lanes()))?;
            let mut died = None;
            for LaneEnd { images, result, run } in ended {
                self.runs.push(run);
                match result {
                    Ok(outcome) => missing.extend(outcome.refused.into_iter().filter_map(|refused| {
                        let image = images.iter().find(|image| image.id == refused.id)?;
                        Some(MissingImage { id: refused.id, path: image.path.clone(), reason: refused.reason })
                    })),
                    Err(error) => died = Some(error),
                }
            }
            let is_left = |image: &ListedImage| {
                job.rows.get(&image.id).is_none() && missing.iter().all(|one: &MissingImage| one.id != image.id)
            };
            left.retain(is_left);
            match died {
                None if left.is_empty() => break,
                None => return Err(without_row(&left[0])),
                Some(_) if left.is_empty() => break,
                Some(error) if attempt == ATTEMPTS || job.rows.len() == before || !may_pass(&error) => {
                    return Err(error.because(format!("{} images have no row yet; existing rows are kept", left.len())));
                }
                Some(error) => job.note(format!("{error}; continuing with the remaining {} images", left.len())),
            }
        }
        Ok(missing)
    }

    fn details(&self) -> ExtractionDetails {
        ExtractionDetails {
            model_sha256: Some(self.weights.sha256.clone()),
            shards: self.lanes(),
            workers: self.runs.clone(),
            native: Some(self.facts.clone()),
            ..ExtractionDetails::default()
        }
    }
}

fn without_row(image: &ListedImage) -> Error {
    Error::bug(format!("the worker ended well, but wrote no row for image {} and did not refuse it", image.id))
}

//! The backend: checks the image, starts containers, reads what they write.

use super::super::backend::{Backend, Details, Job};
use super::super::list::{Listed, Missing};
use super::parts::{self, Ending};
use super::{Caffe, shard};
use base::error::{Error, Result};
use data::features::{RELEASED_BOXES, RELEASED_WIDTH};
use sandbox::Cause;

/// Images that are tried each by itself, at most: a container takes some time to begin.
pub const SINGLES: usize = 16;
/// Attempts with parts that failed.
const ATTEMPTS: usize = 3;
/// Messages that are shown where it cannot be said whose they are.
const SHOWN: usize = 5;

impl Caffe {
    /// Tries images each by itself.
    fn singly(&mut self, job: &mut Job, left: Vec<Listed>) -> Result<Vec<Missing>> {
        job.note(format!("{} images have no row: trying each by itself", left.len()));
        let endings = parts::run(self, job, left.into_iter().map(|image| vec![image]).collect())?;
        let mut missing = Vec::new();
        for Ending { images, said, failure } in endings {
            let reason = match failure {
                Some(failure) => {
                    let last = failure.last_lines.last().map(|line| format!("; its last words: {line}"));
                    format!("the extractor fails on it: {}{}", failure.cause, last.unwrap_or_default())
                }
                None if said.is_empty() => "the script writes no row for it and says nothing".to_owned(),
                None => format!("the script says: {}", said.join(" ")),
            };
            let without = images.into_iter().filter(|image| job.rows.get(&image.id).is_none());
            missing.extend(without.map(|image| Missing { id: image.id, path: image.path, reason: reason.clone() }));
        }
        Ok(missing)
    }
}

impl Backend for Caffe {
    fn name(&self) -> &str {
        "caffe"
    }

    fn version(&self) -> String {
        format!("image {} script {} weights {}", self.image.id, self.script.sha256, self.weights.sha256)
    }

    fn boxes(&self) -> usize {
        RELEASED_BOXES
    }

    fn dim(&self) -> usize {
        RELEASED_WIDTH
    }

    fn extract(&mut self, job: &mut Job) -> Result<Vec<Missing>> {
        for (asset, name) in [(&self.script, "script"), (&self.weights, "weights")] {
            if !asset.pinned {
                job.note(format!("nothing is known to compare the {name} with: {}", asset.path.display()));
            }
        }
        let (mut left, mut said, mut again) = (job.todo.to_vec(), Vec::new(), false);
        for attempt in 1.. {
            let before = job.rows.len();
            let endings = parts::run(self, job, shard::split(&left, self.lanes))?;
            left.retain(|image| job.rows.get(&image.id).is_none());
            if left.is_empty() {
                return Ok(Vec::new());
            }
            let failed = endings.iter().find_map(|ending| ending.failure.clone());
            said = endings.into_iter().flat_map(|ending| ending.said).collect();
            if let Some(failure) = failed {
                let no_row = job.rows.len() == before && !failure.cause.may_be_spurious();
                // Without a single row it is not an image's fault, unless a signal ended it.
                let hopeless = job.rows.is_empty() && matches!(*failure.cause, Cause::Exit { code } if code < 128);
                if hopeless || ((no_row || attempt == ATTEMPTS) && left.len() > SINGLES) {
                    return Err(stuck(&failure, left.len()));
                }
                job.note(format!("{failure}; going on with the {} images left", left.len()));
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
        let reason = format!("no row after two attempts; the script names no image, but said: {}", shown.join("; "));
        Ok(left.into_iter().map(|image| Missing { id: image.id, path: image.path, reason: reason.clone() }).collect())
    }

    fn details(&self) -> Details {
        self.details.clone()
    }
}

/// A failure that comes again and again.
fn stuck(failure: &sandbox::Failure, left: usize) -> Error {
    let error =
        Error::from(failure.clone()).because(format!("{left} images have no row yet; those that have one are kept"));
    match *failure.cause {
        // 128 and the signal's number.
        Cause::Exit { code: 136 } => {
            error.next("136 is SIGFPE, of which the original dies at images that are too thin")
        }
        Cause::Exit { .. } => error.next("see what it said; the same command goes on"),
        _ => error.next("the same command goes on where it stopped"),
    }
}

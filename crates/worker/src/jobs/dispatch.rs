//! Does a job, whichever it is.

use tch::Device;

use super::work::Work;
use super::{Finished, answer, bench, encode, finetune, pretrain};
use crate::emit::Emitter;
use base::error::Result;
use protocol::{Job, Request};

/// Does what a request asks for; the result, as the kind of job says.
///
/// # Errors
/// The work's own.
pub(crate) fn run(request: Request, device: Device, emitter: &Emitter) -> Result<Finished> {
    let work = Work { device, emitter, record: request.record };
    match request.job {
        Job::Finetune(job) => finetune::run(*job, &work).map(Finished::from),
        Job::Pretrain(job) => pretrain::run(*job, &work).map(Finished::from),
        Job::Answer(job) => answer::run(&job, &work),
        Job::Encode(job) => encode::run(&job, &work),
        Job::BenchTrain(job) => bench::train::train(&job, &work).map(Finished::from),
        Job::BenchPredict(job) => bench::predict::predict(&job, &work).map(Finished::from),
    }
}

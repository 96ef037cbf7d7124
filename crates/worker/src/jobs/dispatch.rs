//! Runs a job of any kind.

use tch::Device;

use super::job_context::JobContext;
use super::{JobOutcome, answer, bench, encode, extract, finetune, pretrain};
use crate::emitter::Emitter;
use base::error::Result;
use protocol::{Job, Request};

/// Executes a request and returns the outcome of its job.
///
/// # Errors
/// Those of the job.
pub(crate) fn run(request: Request, device: Device, emitter: &Emitter) -> Result<JobOutcome> {
    let context = JobContext { device, emitter, record: request.record };
    match request.job {
        Job::Finetune(job) => finetune::run(*job, &context).map(JobOutcome::from),
        Job::Pretrain(job) => pretrain::run(*job, &context).map(JobOutcome::from),
        Job::Answer(job) => answer::run(&job, &context),
        Job::Encode(job) => encode::run(&job, &context),
        Job::Extract(job) => extract::run(&job, &context),
        Job::BenchTrain(job) => bench::train::train(&job, &context).map(JobOutcome::from),
        Job::BenchLoad(job) => bench::load::load(&job, &context).map(JobOutcome::from),
        Job::BenchExtract(job) => bench::extract::extract(&job, &context).map(JobOutcome::from),
        Job::BenchPredict(job) => bench::predict::predict(&job, &context).map(JobOutcome::from),
    }
}

//! The kinds of jobs, one file each.

mod answer;
mod bench;
mod data_summary;
mod dispatch;
mod encode;
mod extract;
mod finetune;
mod job_context;
mod pretrain;
mod progress_emitter;

pub(crate) use self::job_context::JobOutcome;
pub(crate) use dispatch::run;

//! The kinds of work, one file each.

mod answer;
mod bench;
mod dispatch;
mod encode;
mod finetune;
mod pretrain;
mod reading;
mod telling;
mod work;

pub(crate) use self::work::Finished;
pub(crate) use dispatch::run;

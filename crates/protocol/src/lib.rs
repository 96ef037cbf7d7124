//! The types of the messages between harness and worker: a request in a file, and events as lines of JSON.
//!
//! Must not know: how either side does its work.
//!
//! The worker has three commands: `run FILE` executes a [`Request`], `hello` prints the worker's identity ([`Hello`]), `devices`
//! the devices that it can compute on ([`Device`]). Its first line is [`Event::Hello`], its last [`Event::Done`] or
//! [`Event::Failed`]; output without such a last line is incomplete. Events of unknown kinds are ignored; a request with an unknown
//! field is refused.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

mod event;
mod hello;
mod job;
mod request;

pub use event::{Event, FileFacts};
pub use hello::{Device, Hello};
pub use job::{
    Answer, AnswerOutcome, BenchExtract, BenchLoad, BenchPictures, BenchPredict, BenchTrain, BoxNumbers, Encode,
    EncodeOutput, EncodePairs, Extract, ExtractImage, ExtractOutcome, Finetune, GeneratedSizes, Job, ModelFacts,
    Pretrain, RefusedImage, Rounds, StoreFacts,
};
pub use request::Request;

/// Edition of the protocol. Both sides refuse any other.
pub const SCHEMA: u32 = 3;

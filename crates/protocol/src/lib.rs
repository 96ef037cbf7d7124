//! What a harness and a worker say to each other, as types: a request in a file, events as lines of JSON.
//!
//! Must not know: how anything is done on either side.
//!
//! The worker has three verbs: `run FILE` does what a [`Request`] asks, `hello` says who it is ([`Hello`]), `devices` what it
//! could compute on ([`Device`]). Its first line is [`Event::Hello`], its last [`Event::Done`] or [`Event::Failed`]; what comes
//! without one of these has broken off. Lines of kinds that this version does not know are passed over; a request with a field
//! that it does not know is refused.

#![cfg_attr(not(test), deny(clippy::print_stderr, clippy::print_stdout))]

mod event;
mod hello;
mod job;
mod request;

pub use event::{Event, FileFacts};
pub use hello::{Device, Hello};
pub use job::{
    Answer, Answered, BenchPredict, BenchTrain, Encode, EncodeOutput, EncodePairs, Finetune, GeneratedSizes, Job,
    ModelFacts, Pretrain, Rounds, StoreFacts,
};
pub use request::Request;

/// The edition of everything here; another one is not understood. Edition 1 was spoken with a program in an image only.
pub const SCHEMA: u32 = 3;

//! The messages between harness and worker as types: a request in a file, and events as lines of JSON.
//!
//! Must not know: how either side does its work.
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

/// Edition of the protocol. Both sides refuse any other.
pub const SCHEMA: u32 = 3;

//! Published files: where they come from, how they are known to be right, and how they get here.
//!
//! Must not know: LXMERT, or what a file is for.
//!
//! - [`manifest`]: what there is to fetch, from where, with which sizes and checksums, and what is made from it;
//! - [`lock`]: what a person has pinned for files whose checksum nobody published;
//! - [`lock_file`]: how pins are kept, of whatever kind;
//! - [`place`]: where a file and everything about it lies in the workspace;
//! - [`plan`]: what is there and what is still to come;
//! - [`receipt`]: what is known of a file that is there;
//! - [`known`]: files that are known by a checksum, whatever they are called;
//! - [`adopt`]: takes files that a person downloaded by hand;
//! - [`pin`]: records what arrived, and compares it with a second source;
//! - [`claim`]: which process is at work on a file;
//! - [`disk`]: whether there is room;
//! - [`digest`]: hashes of files, beside the work that brings the bytes;
//! - [`download`]: brings one file from its sources;
//! - [`mod@fetch`]: brings all files of a plan, several at a time;
//! - [`mod@unpack_file`]: one member of an archive to its place;
//! - [`verify`]: whether files are still what they should be;
//! - [`list`]: what there is and what a fetch would do, for people and for scripts;
//! - [`rate`]: how fast files arrived so far;
//! - [`event`]: what those who fetch, verify and unpack tell whoever listens.

pub mod adopt;
pub mod claim;
pub mod digest;
pub mod disk;
pub mod download;
pub mod event;
pub mod fetch;
pub mod known;
pub mod list;
pub mod lock;
pub mod lock_file;
pub mod manifest;
pub mod pin;
pub mod place;
pub mod plan;
pub mod rate;
pub mod receipt;
pub mod unpack_file;
pub mod verify;

//! Published files: their sources, their checksums, and their way into the workspace. Knows nothing of LXMERT or of what a
//! file is for.
//!
//! - [`manifest`]: the files, with sources, sizes and checksums, and the files made from them;
//! - [`lock`]: pins of files without a published checksum;
//! - [`lock_file`]: lock files with any kind of pins;
//! - [`paths`]: paths of a file and its companions in the workspace;
//! - [`plan`]: the state of each file in the workspace, and what is missing;
//! - [`receipt`]: the record of a verified file;
//! - [`known_files`]: finds files by their checksum, whatever their name;
//! - [`adopt`]: takes over files that a user downloaded by hand;
//! - [`pin`]: pins fetched files, and compares them with a second source;
//! - [`claim`]: mutual exclusion of processes over one file;
//! - [`disk`]: free space;
//! - [`digest`]: hashes of files, also in the background;
//! - [`download`]: downloads one file from its sources;
//! - [`mod@fetch`]: downloads all files of a plan in parallel;
//! - [`mod@unpack_file`]: unpacks one member of an archive;
//! - [`verify`]: checks that files are unchanged;
//! - [`list`]: the pages of `repro fetch --list` and `--dry-run`, as text and JSON;
//! - [`rate`]: the measured download rate;
//! - [`event`]: events of fetching, verifying and unpacking.

pub mod adopt;
pub mod claim;
pub mod digest;
pub mod disk;
pub mod download;
pub mod event;
pub mod fetch;
pub mod known_files;
pub mod list;
pub mod lock;
pub mod lock_file;
pub mod manifest;
pub mod paths;
pub mod pin;
pub mod plan;
pub mod rate;
pub mod receipt;
pub mod unpack_file;
pub mod verify;

//! Writes, reads, locks and hashes files. A written file appears under its name complete or not at all.

mod bom;
mod kind;
pub mod lock;
pub mod part_file;
mod regular;
pub mod relay;
pub mod text;
mod write;

pub use self::kind::FileKind;
pub use self::regular::{append_own, create_own, not_a_file, open_nonblocking, open_own, open_regular};
pub use write::{
    ContentDigest, ContentHasher, Stat, check_writable, create_folder_of, folder_of, hex, read_bytes, read_text,
    remove_unfinished, rename_durably, sha256, sha256_bytes, temporary_in, write_atomically, write_bytes,
    write_together,
};

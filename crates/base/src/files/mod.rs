//! Writing and hashing files: what is written appears under its name whole or not at all.

mod kind;
pub mod locked;
mod mark;
pub mod part;
mod regular;
pub mod relay;
pub mod text;
mod writing;

pub use self::kind::FileKind;
pub use self::regular::{append_own, create_own, no_file, open_at_once, open_own, open_regular};
pub use writing::{
    ContentDigest, ContentHasher, Stat, create_folder_of, folder_of, hex, look_writable, read_bytes, read_text,
    remove_unfinished, rename_for_good, sha256, sha256_bytes, temporary_in, write_atomically, write_bytes,
    write_together,
};

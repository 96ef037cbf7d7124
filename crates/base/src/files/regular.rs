//! Opens regular files only: never waits for a named pipe, reads a device without end, or writes through a link.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{Error, Result};

/// Opens a file for reading without blocking: a pipe without a writer opens at once, and the caller sees that it is no file.
pub fn open_nonblocking(path: &Path) -> std::io::Result<File> {
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Opens a regular file for reading; links are followed.
///
/// # Errors
/// Data if it is anything else: reading a pipe or a device might never end. See [`Error::io`] if it cannot be opened.
pub fn open_regular(path: &Path) -> Result<File> {
    let failed = |e| Error::io("read", path, &e);
    // Also checked before it is opened: opening some devices has effects.
    check("read", path, &std::fs::metadata(path).map_err(failed)?)?;
    let file = open_nonblocking(path).map_err(failed)?;
    check("read", path, &file.metadata().map_err(failed)?)?;
    Ok(file)
}

/// Opens or creates a file of this program for reading and writing; its content is kept.
///
/// # Errors
/// Data if the path is anything but a regular file. A link is refused too: its target belongs to somebody else. See
/// [`Error::io`] if it cannot be opened.
pub fn open_own(path: &Path) -> Result<File> {
    own(path, File::options().read(true).write(true).create(true).truncate(false))
}

/// Like [`open_own`], for appending.
pub fn append_own(path: &Path) -> Result<File> {
    own(path, File::options().read(true).append(true).create(true))
}

fn own(path: &Path, options: &mut OpenOptions) -> Result<File> {
    let failed = |e| Error::io("open", path, &e);
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        there => check("write", path, &there.map_err(failed)?)?,
    }
    let file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).map_err(failed)?;
    check("write", path, &file.metadata().map_err(failed)?)?;
    Ok(file)
}

/// Creates a file of this program. An existing one is removed first, so that nothing is written through a link.
pub fn create_own(path: &Path) -> std::io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    File::options().write(true).create_new(true).open(path)
}

fn check(doing: &str, path: &Path, data: &Metadata) -> Result<()> {
    match data.is_file() {
        true => Ok(()),
        false => Err(not_a_file(doing, path, data)),
    }
}

/// Returns the error for a path that is not a regular file; `doing` is what was tried, such as "read".
pub fn not_a_file(doing: &str, path: &Path, data: &Metadata) -> Error {
    let (is, advice) = name(data.file_type());
    let error =
        Error::data(format!("cannot {doing} {}", path.display())).because(format!("it is {is}, not a regular file"));
    match doing {
        "read" => error.next(advice),
        _ => error.next("remove it, or name another folder"),
    }
}

/// Returns what the thing is, and what to name instead of it.
fn name(kind: FileType) -> (&'static str, &'static str) {
    let kinds = [
        (kind.is_symlink(), "a symbolic link", "name the file that it leads to"),
        (kind.is_dir(), "a folder", "name a file in it"),
        (kind.is_fifo(), "a named pipe", "write what comes through it to a file, and name that"),
        (kind.is_char_device() || kind.is_block_device(), "a device", "name a file"),
        (kind.is_socket(), "a socket", "name a file"),
    ];
    let found = kinds.into_iter().find(|(is, ..)| *is);
    found.map_or(("something else", "name a file"), |(_, is, advice)| (is, advice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::files::{read_bytes, sha256, write_bytes};

    #[test]
    fn opening_never_waits_for_what_is_no_regular_file() {
        let folder = tempfile::tempdir().unwrap();
        let [pipe, link, good, socket] = ["pipe", "link", "good", "socket"].map(|name| folder.path().join(name));
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        write_bytes(&good, b"good").unwrap();
        std::os::unix::fs::symlink(&good, &link).unwrap();
        let strange = [
            (&*pipe, "a named pipe"),
            (Path::new("/dev/zero"), "a device"),
            (folder.path(), "a folder"),
            (&*socket, "a socket"),
        ];
        for (path, is) in strange {
            for error in [sha256(path).unwrap_err(), read_bytes(path, 10).unwrap_err(), open_own(path).unwrap_err()] {
                assert_eq!(error.kind(), Kind::Data);
                assert!(error.to_string().contains(&format!("it is {is}, not a regular file")), "{error}");
            }
        }
        assert_eq!(read_bytes(&link, 10).unwrap(), b"good");
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let [link, dangling, good, absent] =
            ["link", "dangling", "good", "absent"].map(|name| folder.path().join(name));
        write_bytes(&good, b"good").unwrap();
        std::os::unix::fs::symlink(&good, &link).unwrap();
        std::os::unix::fs::symlink(&absent, &dangling).unwrap();
        for path in [&link, &dangling] {
            for error in [open_own(path).unwrap_err(), append_own(path).unwrap_err()] {
                assert_eq!(error.kind(), Kind::Data);
                assert!(error.to_string().contains("it is a symbolic link"), "{error}");
            }
            create_own(path).unwrap();
            assert!(!path.is_symlink(), "the link itself was replaced");
        }
        assert!(!absent.exists());
        assert_eq!(read_bytes(&good, 10).unwrap(), b"good");
        assert_eq!(append_own(&good).unwrap().metadata().unwrap().len(), 4, "what is there stays");
    }
}

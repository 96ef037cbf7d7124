//! What a build may use: a folder as a tar stream, without what is left out.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use bytes::Bytes;
use futures_util::Stream;
use globset::{GlobBuilder, GlobMatcher};
use tar::{Builder, EntryType, Header, HeaderMode};
use tokio::sync::mpsc;

use super::failure::{Cause, Failure};
use base::files;

/// Where a folder says what a build does not get, as for `docker build`.
const IGNORE_FILE: &str = ".dockerignore";
const IGNORE_LIMIT: u64 = 1 << 20;
/// Bytes that are sent at a time, and how many of them may wait.
const CHUNK: usize = 256 << 10;
const WAITING: usize = 8;

/// Patterns of paths that are left out, as in a `.dockerignore`: each is matched from the folder's root, `*` and `?` stop at
/// slashes, `**` does not, a folder takes along what is in it, and `!` takes something back; the last that matches decides.
#[derive(Debug)]
pub(super) struct Ignored(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    text: String,
    glob: GlobMatcher,
    /// It leaves out, and does not take back.
    out: bool,
}

impl Pattern {
    /// Whether it may match something below a folder.
    fn reaches_into(&self, folder: &Path) -> bool {
        let mut parts = self.text.split('/');
        for name in folder {
            match parts.next() {
                Some("**") => return true,
                Some(part) if part.contains(['*', '?', '[', '{', '\\']) => {}
                Some(part) if name == part => {}
                _ => return false,
            }
        }
        true
    }
}

impl Ignored {
    /// `first` come before those of the folder's own file.
    ///
    /// # Errors
    /// What is wrong with a pattern or the file.
    pub(crate) fn read(folder: &Path, first: &[String]) -> Result<Self, String> {
        let path = folder.join(IGNORE_FILE);
        let own = match path.try_exists() {
            Ok(false) => String::new(),
            _ => files::read_text(&path, IGNORE_LIMIT).map_err(|error| error.to_string())?,
        };
        let mut patterns = Vec::new();
        for line in first.iter().map(String::as_str).chain(own.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (pattern, back) = line.strip_prefix('!').map_or((line, false), |rest| (rest.trim(), true));
            let pattern = pattern.trim_start_matches("./").trim_matches('/');
            let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
            let glob = glob.map_err(|error| format!("{IGNORE_FILE}: the pattern `{line}` is wrong: {error}"))?;
            patterns.push(Pattern { text: pattern.to_owned(), glob: glob.compile_matcher(), out: !back });
        }
        Ok(Self(patterns))
    }

    /// Whether a path below the folder is left out.
    fn has(&self, path: &Path) -> bool {
        let last = self.0.iter().rev().find(|one| path.ancestors().any(|part| one.glob.is_match(part)));
        last.is_some_and(|one| one.out)
    }

    /// Whether anything below a folder that is left out may be taken back.
    fn takes_back_of(&self, folder: &Path) -> bool {
        self.0.iter().any(|one| !one.out && one.reaches_into(folder))
    }
}

/// A folder on its way to the engine.
pub(super) struct Context {
    /// Bytes that were taken from it by now.
    pub sent: Arc<AtomicU64>,
    writer: JoinHandle<io::Result<()>>,
}

impl Context {
    /// Begins to send a folder. `keep` is sent even where it is left out.
    pub(crate) fn send(
        folder: &Path,
        keep: &Path,
        ignored: Ignored,
    ) -> (Self, impl Stream<Item = io::Result<Bytes>> + Send + 'static) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let sent = Arc::new(AtomicU64::new(0));
        let channel = Channel { sender, sent: Arc::clone(&sent), buffer: Vec::with_capacity(CHUNK) };
        let walk = Walk { root: folder.to_owned(), keep: keep.to_owned(), ignored };
        let writer = std::thread::spawn(move || walk.write(channel));
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|chunk: io::Result<Bytes>| (chunk, receiver))
        });
        (Self { sent, writer }, stream)
    }

    /// What kept the folder from being read, once its stream has been dropped.
    pub(crate) fn fault(self, image: &str) -> Option<Failure> {
        let error = self.writer.join().ok()?.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)?;
        Some(Cause::BuildFailed { image: image.to_owned(), why: error.to_string() }.into())
    }
}

/// Sends what is written to it.
struct Channel {
    sender: mpsc::Sender<io::Result<Bytes>>,
    sent: Arc<AtomicU64>,
    buffer: Vec<u8>,
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK)));
        self.sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        self.sender.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

struct Walk {
    root: PathBuf,
    keep: PathBuf,
    ignored: Ignored,
}

impl Walk {
    fn write(&self, channel: Channel) -> io::Result<()> {
        let sender = channel.sender.clone();
        let mut tar = Builder::new(channel);
        let result = self.folder(Path::new(""), &mut tar).and_then(|()| tar.into_inner()?.flush());
        if let Err(error) = &result {
            // The request must fail too: the engine would build from half a folder.
            let _ = sender.blocking_send(Err(io::Error::other(error.to_string())));
        }
        result
    }

    /// What is in a folder, in the order of its names: the same files give the same bytes.
    fn folder(&self, folder: &Path, tar: &mut Builder<Channel>) -> io::Result<()> {
        let place = self.root.join(folder);
        let names = std::fs::read_dir(&place).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()
        });
        let mut names = names.map_err(|error| at(&place, error))?;
        names.sort();
        for name in names {
            let path = folder.join(name);
            let place = self.root.join(&path);
            let metadata = place.symlink_metadata().map_err(|error| at(&place, error))?;
            let out = self.ignored.has(&path) && path != self.keep;
            if metadata.is_dir() {
                if !out {
                    entry(&path, &metadata, EntryType::Directory, tar, io::empty())?;
                }
                if !out || self.ignored.takes_back_of(&path) || self.keep.starts_with(&path) {
                    self.folder(&path, tar)?;
                }
            } else if !out {
                self.file(&path, &place, &metadata, tar).map_err(|error| at(&place, error))?;
            }
        }
        Ok(())
    }

    fn file(&self, path: &Path, place: &Path, metadata: &Metadata, tar: &mut Builder<Channel>) -> io::Result<()> {
        let kind = metadata.file_type();
        if kind.is_symlink() {
            let mut header = header(metadata, EntryType::Symlink);
            header.set_size(0);
            return tar.append_link(&mut header, path, std::fs::read_link(place)?);
        }
        if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
            return Err(io::Error::other(format!("it is no file; leave it out with a line in {IGNORE_FILE}")));
        }
        let mut content = Exactly { file: base::files::open_nonblocking(place)?, left: metadata.len() };
        entry(path, metadata, EntryType::Regular, tar, &mut content)
    }
}

fn entry(
    path: &Path,
    metadata: &Metadata,
    kind: EntryType,
    tar: &mut Builder<Channel>,
    content: impl Read,
) -> io::Result<()> {
    let mut header = header(metadata, kind);
    header.set_size(if kind == EntryType::Regular { metadata.len() } else { 0 });
    tar.append_data(&mut header, path, content)
}

/// Mode and time of a file; its owner is root, as `docker build` has it.
fn header(metadata: &Metadata, kind: EntryType) -> Header {
    let mut header = Header::new_gnu();
    header.set_metadata_in_mode(metadata, HeaderMode::Complete);
    header.set_entry_type(kind);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn at(path: &Path, error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => error,
        kind => io::Error::new(kind, format!("cannot read {}: {error}", path.display())),
    }
}

/// A file as long as it was when it was looked at: the tar stream has said its size already.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let got = self.file.read(&mut buffer[..wanted])?;
        if got == 0 && wanted > 0 {
            return Err(io::Error::other("it became shorter while it was read"));
        }
        self.left -= got as u64;
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn names(folder: &Path, keep: &str, first: &[&str]) -> Vec<String> {
        let first: Vec<String> = first.iter().map(|text| (*text).to_owned()).collect();
        let ignored = Ignored::read(folder, &first).unwrap();
        let (context, stream) = Context::send(folder, Path::new(keep), ignored);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let chunks: Vec<_> = runtime.block_on(stream.collect());
        assert_eq!(context.fault("x"), None);
        let bytes: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.unwrap().to_vec()).collect();
        let mut tar = tar::Archive::new(bytes.as_slice());
        let entries = tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
        entries.map(|name| name.trim_end_matches('/').to_owned()).collect()
    }

    fn fill(folder: &Path, paths: &[&str]) {
        for path in paths {
            files::write_bytes(&folder.join(path), path.as_bytes()).unwrap();
        }
    }

    #[test]
    fn what_is_left_out_is_not_sent() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        fill(folder, &["a/b.o", "a/b.c", "target/x/y", "docs/a.md", "docs/keep.md", "b.o", "Dockerfile"]);
        std::os::unix::fs::symlink("b.o", folder.join("link")).unwrap();
        let all = names(folder, "Dockerfile", &[]);
        assert_eq!(all.len(), 12, "{all:?}");
        fill(folder, &[]);
        std::fs::write(folder.join(IGNORE_FILE), "# comment\n*.o\n/docs\n!docs/keep.md\nDockerfile\n").unwrap();
        let some = names(folder, "Dockerfile", &["target"]);
        assert_eq!(some, [".dockerignore", "Dockerfile", "a", "a/b.c", "a/b.o", "docs/keep.md", "link"]);
        std::fs::write(folder.join(IGNORE_FILE), "**/*.o\n!target\nx/**\n").unwrap();
        let some = names(folder, "Dockerfile", &["target"]);
        assert!(some.contains(&"target/x/y".to_owned()) && !some.iter().any(|name| name.ends_with(".o")), "{some:?}");
        std::fs::write(folder.join(IGNORE_FILE), "*\n!a\n!docs/keep.md\n").unwrap();
        let some = names(folder, "Dockerfile", &["target"]);
        assert_eq!(some, ["Dockerfile", "a", "a/b.c", "a/b.o", "docs/keep.md"]);
        let ignored = Ignored::read(folder, &["target".to_owned()]).unwrap();
        assert!(ignored.takes_back_of(Path::new("docs")) && !ignored.takes_back_of(Path::new("target")), "not walked");
        std::fs::write(folder.join(IGNORE_FILE), "a[\n").unwrap();
        assert!(Ignored::read(folder, &[]).unwrap_err().contains("`a[`"));
    }

    #[test]
    fn a_folder_that_cannot_be_read_whole_fails() {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let ignored = Ignored::read(place.path(), &[]).unwrap();
        let (context, stream) = Context::send(place.path(), Path::new("Dockerfile"), ignored);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let chunks: Vec<_> = runtime.block_on(stream.collect());
        assert!(chunks.last().is_some_and(Result::is_err));
        let fault = context.fault("x").unwrap().to_string();
        assert!(fault.contains("it is no file") && fault.contains(&socket.display().to_string()), "{fault}");
    }
}

//! The context of a build: a folder as a tar stream, without excluded files.

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

/// File of exclude patterns in the folder, as for `docker build`.
const IGNORE_FILE: &str = ".dockerignore";
const IGNORE_LIMIT: u64 = 1 << 20;
/// Size of a chunk in bytes.
const CHUNK: usize = 256 << 10;
/// Maximum number of chunks in the queue.
const QUEUED: usize = 8;

/// Patterns of excluded paths, as in a `.dockerignore`. Each is matched from the root of the folder; `*` and `?` stop at
/// slashes, `**` does not; a folder includes its content; `!` includes a path again. The last match decides.
#[derive(Debug)]
pub(super) struct IgnorePatterns(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    text: String,
    glob: GlobMatcher,
    /// Whether it excludes paths; `false` for a pattern with `!`.
    excludes: bool,
}

impl Pattern {
    /// Returns whether it may match a path below a folder.
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

impl IgnorePatterns {
    /// Reads the patterns: `first`, then those of the folder's own file.
    ///
    /// # Errors
    /// A message about an invalid pattern or an unreadable file.
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
            let (pattern, negated) = line.strip_prefix('!').map_or((line, false), |rest| (rest.trim(), true));
            let pattern = pattern.trim_start_matches("./").trim_matches('/');
            let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build();
            let glob = glob.map_err(|error| format!("{IGNORE_FILE}: invalid pattern `{line}`: {error}"))?;
            patterns.push(Pattern { text: pattern.to_owned(), glob: glob.compile_matcher(), excludes: !negated });
        }
        Ok(Self(patterns))
    }

    /// Returns whether a path below the folder is excluded.
    fn excludes(&self, path: &Path) -> bool {
        let last = self.0.iter().rev().find(|one| path.ancestors().any(|part| one.glob.is_match(part)));
        last.is_some_and(|one| one.excludes)
    }

    /// Returns whether a pattern with `!` may include a path below an excluded folder again.
    fn may_include_below(&self, folder: &Path) -> bool {
        self.0.iter().any(|one| !one.excludes && one.reaches_into(folder))
    }
}

/// A folder that is being sent to the engine.
pub(super) struct BuildContext {
    /// Number of bytes sent so far.
    pub sent: Arc<AtomicU64>,
    writer: JoinHandle<io::Result<()>>,
}

impl BuildContext {
    /// Starts to send a folder; returns the stream of its chunks. `keep` is sent even if it is excluded.
    pub(crate) fn send(
        folder: &Path,
        keep: &Path,
        ignored: IgnorePatterns,
    ) -> (Self, impl Stream<Item = io::Result<Bytes>> + Send + 'static) {
        let (sender, receiver) = mpsc::channel(QUEUED);
        let sent = Arc::new(AtomicU64::new(0));
        let channel = ChunkWriter { sender, sent: Arc::clone(&sent), buffer: Vec::with_capacity(CHUNK) };
        let walk = ContextWalker { root: folder.to_owned(), keep: keep.to_owned(), ignored };
        let writer = std::thread::spawn(move || walk.write(channel));
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|chunk: io::Result<Bytes>| (chunk, receiver))
        });
        (Self { sent, writer }, stream)
    }

    /// Returns why the folder could not be read; `None` if it could. Call it after the stream was dropped.
    pub(crate) fn read_error(self, image: &str) -> Option<Failure> {
        let error = self.writer.join().ok()?.err().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)?;
        Some(Cause::BuildFailed { image: image.to_owned(), why: error.to_string() }.into())
    }
}

/// A writer that sends its bytes in chunks.
struct ChunkWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
    sent: Arc<AtomicU64>,
    buffer: Vec<u8>,
}

impl Write for ChunkWriter {
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

struct ContextWalker {
    root: PathBuf,
    keep: PathBuf,
    ignored: IgnorePatterns,
}

impl ContextWalker {
    fn write(&self, channel: ChunkWriter) -> io::Result<()> {
        let sender = channel.sender.clone();
        let mut tar = Builder::new(channel);
        let result = self.folder(Path::new(""), &mut tar).and_then(|()| tar.into_inner()?.flush());
        if let Err(error) = &result {
            // The request must fail too, or the engine would build from a partial folder.
            let _ = sender.blocking_send(Err(io::Error::other(error.to_string())));
        }
        result
    }

    /// Writes the content of a folder, sorted by name so that the same files give the same bytes.
    fn folder(&self, folder: &Path, tar: &mut Builder<ChunkWriter>) -> io::Result<()> {
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
            let out = self.ignored.excludes(&path) && path != self.keep;
            if metadata.is_dir() {
                if !out {
                    entry(&path, &metadata, EntryType::Directory, tar, io::empty())?;
                }
                if !out || self.ignored.may_include_below(&path) || self.keep.starts_with(&path) {
                    self.folder(&path, tar)?;
                }
            } else if !out {
                self.file(&path, &place, &metadata, tar).map_err(|error| at(&place, error))?;
            }
        }
        Ok(())
    }

    fn file(&self, path: &Path, place: &Path, metadata: &Metadata, tar: &mut Builder<ChunkWriter>) -> io::Result<()> {
        let kind = metadata.file_type();
        if kind.is_symlink() {
            let mut header = header(metadata, EntryType::Symlink);
            header.set_size(0);
            return tar.append_link(&mut header, path, std::fs::read_link(place)?);
        }
        if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
            return Err(io::Error::other(format!("it is not a regular file; exclude it with a line in {IGNORE_FILE}")));
        }
        let mut content = ExactSizeReader { file: base::files::open_nonblocking(place)?, left: metadata.len() };
        entry(path, metadata, EntryType::Regular, tar, &mut content)
    }
}

fn entry(
    path: &Path,
    metadata: &Metadata,
    kind: EntryType,
    tar: &mut Builder<ChunkWriter>,
    content: impl Read,
) -> io::Result<()> {
    let mut header = header(metadata, kind);
    header.set_size(if kind == EntryType::Regular { metadata.len() } else { 0 });
    tar.append_data(&mut header, path, content)
}

/// Returns a header with the mode and time of a file; the owner is root, as with `docker build`.
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

/// Reads exactly the number of bytes that the header in the tar stream promises.
struct ExactSizeReader {
    file: File,
    left: u64,
}

impl Read for ExactSizeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let got = self.file.read(&mut buffer[..wanted])?;
        if got == 0 && wanted > 0 {
            return Err(io::Error::other("the file became shorter while it was read"));
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
        let ignored = IgnorePatterns::read(folder, &first).unwrap();
        let (context, stream) = BuildContext::send(folder, Path::new(keep), ignored);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let chunks: Vec<_> = runtime.block_on(stream.collect());
        assert_eq!(context.read_error("x"), None);
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
    fn excluded_files_are_not_sent() {
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
        let ignored = IgnorePatterns::read(folder, &["target".to_owned()]).unwrap();
        assert!(
            ignored.may_include_below(Path::new("docs")) && !ignored.may_include_below(Path::new("target")),
            "not walked"
        );
        std::fs::write(folder.join(IGNORE_FILE), "a[\n").unwrap();
        assert!(IgnorePatterns::read(folder, &[]).unwrap_err().contains("`a[`"));
    }

    #[test]
    fn a_folder_that_cannot_be_read_whole_fails() {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let ignored = IgnorePatterns::read(place.path(), &[]).unwrap();
        let (context, stream) = BuildContext::send(place.path(), Path::new("Dockerfile"), ignored);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let chunks: Vec<_> = runtime.block_on(stream.collect());
        assert!(chunks.last().is_some_and(Result::is_err));
        let fault = context.read_error("x").unwrap().to_string();
        assert!(fault.contains("it is not a regular file") && fault.contains(&socket.display().to_string()), "{fault}");
    }
}

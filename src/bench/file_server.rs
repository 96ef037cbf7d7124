//! A local web server for one file, to measure downloads. It uses `sendfile`, so that the server costs as little as possible.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use base::error::{Error, Result};

/// Maximum number of header lines that are read.
const MOST_LINES: usize = 100;
/// Number of bytes per call of `sendfile`.
const PIECE: usize = 16 << 20;

/// A server on a thread of this process; dropping it stops it.
pub(super) struct FileServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FileServer {
    /// Serves the file at every path, on a free port of the loopback interface.
    pub(crate) fn start(file: &Path) -> Result<Self> {
        let wrong = |error: std::io::Error| Error::infra("cannot serve a file on 127.0.0.1").because(error);
        let listener = TcpListener::bind("127.0.0.1:0").map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let (stop, file) = (Arc::new(AtomicBool::new(false)), file.to_owned());
        let stopped = stop.clone();
        let accept = move || {
            for connection in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let file = file.clone();
                // An error of a client that disconnects does not matter.
                std::thread::spawn(move || connection.and_then(|connection| answer(connection, &file)).ok());
            }
        };
        let thread = std::thread::Builder::new().name("server".into()).spawn(accept).map_err(wrong)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Returns the URL of the file.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/bench.bin", self.address)
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A connection wakes up the thread.
        if TcpStream::connect(self.address).is_ok()
            && let Some(thread) = self.thread.take()
        {
            thread.join().ok();
        }
    }
}

/// Answers one request with the file, or its part from the requested offset.
fn answer(mut connection: TcpStream, path: &PathBuf) -> std::io::Result<()> {
    let mut from = None;
    for line in BufReader::new((&connection).take(1 << 16)).lines().take(MOST_LINES) {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        let range = line.strip_prefix("range:").and_then(|range| range.trim().strip_prefix("bytes="));
        from = from.or_else(|| range?.strip_suffix('-')?.parse::<u64>().ok());
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let (from, status) = match from.filter(|from| *from < size) {
        Some(from) => (from, format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{size}", size - 1)),
        None => (0, "200 OK".to_owned()),
    };
    write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n\
         ETag: \"bench\"\r\nConnection: close\r\n\r\n",
        size - from
    )?;
    let mut at = from;
    while at < size {
        let piece = usize::try_from(size - at).unwrap_or(usize::MAX).min(PIECE);
        if rustix::fs::sendfile(&connection, &file, Some(&mut at), piece)? == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_file_and_its_end_are_served() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "hello world").unwrap();
        let server = FileServer::start(&path).unwrap();
        let get = |head: &str| {
            let mut connection = TcpStream::connect(server.address).unwrap();
            write!(connection, "GET /a HTTP/1.1\r\nHost: a\r\n{head}\r\n").unwrap();
            let mut text = String::new();
            connection.read_to_string(&mut text).unwrap();
            text
        };
        let all = get("");
        assert!(all.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n") && all.ends_with("\r\n\r\nhello world"));
        let rest = get("Range: bytes=6-\r\n");
        assert!(rest.starts_with("HTTP/1.1 206 ") && rest.contains("bytes 6-10/11") && rest.ends_with("\r\n\r\nworld"));
        assert!(server.url().starts_with("http://127.0.0.1:"));
    }
}

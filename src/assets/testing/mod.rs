//! A small HTTP/1.1 server for tests that misbehaves as told, and remembers what it was asked and what it sent.
//!
//! Used by unit tests and, by `#[path]`, by those in `tests/`: it knows nothing of the rest of the program.
#![allow(dead_code)]

mod answer;

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A file as it is served.
#[derive(Debug, Clone)]
pub struct Served {
    /// Its content.
    pub bytes: Arc<Vec<u8>>,
    /// With its quotation marks, and `W/` where it is weak.
    pub etag: Option<String>,
    /// An HTTP date.
    pub last_modified: Option<String>,
    /// `Content-Type`.
    pub kind: String,
    /// Whether `Range` is understood.
    pub ranges: bool,
    /// Whether `Content-Length` is said; without it the body is chunked.
    pub length: bool,
    /// Bytes a second.
    pub rate: Option<u64>,
}

/// How one request is answered.
#[derive(Debug, Clone)]
pub enum Fault {
    /// As it should be.
    None,
    /// The connection is closed after so many bytes of the body.
    Drop(u64),
    /// Nothing more comes after so many bytes of the body, but the connection stays.
    Stall(u64),
    /// The connection is closed without an answer.
    Hang,
    /// A chunked body that ends properly, so many bytes early.
    Few(u64),
    /// A chunked body with so many bytes too many.
    Many(u64),
    /// The byte at this offset of the file is another one.
    Corrupt(u64),
    /// A status with these further header lines and a short text.
    Status(u16, Vec<(&'static str, String)>),
    /// 302 to a path of this server or a URL.
    Redirect(String),
    /// 200 with a web page.
    Page,
    /// The whole file, whatever range is asked for.
    Whole,
    /// `Content-Range` begins so much later than was asked.
    Shifted(u64),
    /// `Content-Range` says this total.
    Total(u64),
    /// The range is given whatever `If-Range` says.
    Careless,
    /// `Content-Encoding` says this, the body is as ever.
    Encoded(&'static str),
    /// `Content-Length` says this, then comes what there is.
    Length(u64),
    /// From now on the file is another one; this request is answered with it.
    Changed(Box<Served>),
}

/// One request and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Path asked for.
    pub path: String,
    /// All header lines, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// First byte asked for, where a range was.
    pub from: Option<u64>,
    /// Status of the answer; 0 where none was given.
    pub status: u16,
    /// Bytes of the body that were handed to the system for sending.
    pub sent: u64,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Served>,
    faults: BTreeMap<String, VecDeque<Fault>>,
    records: Vec<Record>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    stop: AtomicBool,
}

/// A server on a free port of 127.0.0.1, until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Served {
    /// With a strong ETag that its content gives it, ranges and a length.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let sum =
            bytes.iter().fold(bytes.len() as u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        Self {
            bytes: Arc::new(bytes),
            etag: Some(format!("\"{sum:x}\"")),
            last_modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".into()),
            kind: "application/octet-stream".into(),
            ranges: true,
            length: true,
            rate: None,
        }
    }

    /// Without anything that tells versions apart.
    #[must_use]
    pub fn without_validators(self) -> Self {
        Self { etag: None, last_modified: None, ..self }
    }
}

impl Server {
    /// Starts it.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if theirs.stop.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&theirs)) else { continue };
                std::thread::spawn(move || connection(&stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// `http://127.0.0.1:PORT` and the path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Serves a file under a path; its URL.
    pub fn put(&self, path: &str, file: Served) -> String {
        self.state().files.insert(path.into(), file);
        self.url(path)
    }

    /// How the next requests of a path are answered, in this order; all others as they should be.
    pub fn faults(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.entry(path.into()).or_default().extend(faults);
    }

    /// Everything that was asked so far, in the order of asking.
    pub fn records(&self) -> Vec<Record> {
        self.state().records.clone()
    }

    /// First byte asked for by each request so far; 0 where no range was asked for.
    pub fn starts(&self) -> Vec<u64> {
        self.state().records.iter().map(|record| record.from.unwrap_or(0)).collect()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.state.lock().expect("no thread of the server panicked")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// One request, one answer, and the end of the connection. A client that goes away is no error.
fn connection(stream: &TcpStream, shared: &Shared) {
    let Some(mut record) = request(stream) else { return };
    let (index, fault, file) = {
        let mut state = shared.state.lock().expect("no thread of the server panicked");
        let fault = state.faults.get_mut(&record.path).and_then(VecDeque::pop_front).unwrap_or(Fault::None);
        if let Fault::Changed(file) = &fault {
            state.files.insert(record.path.clone(), (**file).clone());
        }
        let from = record.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        record.from = from.and_then(|from| from.parse().ok());
        state.records.push(record.clone());
        (state.records.len() - 1, fault, state.files.get(&record.path).cloned())
    };
    let note = |status: u16, sent: u64| {
        let mut state = shared.state.lock().expect("no thread of the server panicked");
        state.records[index].status = status;
        state.records[index].sent = sent;
    };
    let held = matches!(fault, Fault::Stall(_));
    let _ = answer::answer(stream, &record, file, &fault, &note);
    if held {
        hold(stream, shared);
    }
}

fn request(stream: &TcpStream) -> Option<Record> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut record = Record { path, ..Record::default() };
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        record.headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    Some(record)
}

/// Until the client goes or the server ends.
fn hold(mut stream: &TcpStream, shared: &Shared) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
    while !shared.stop.load(Ordering::SeqCst) {
        match stream.read(&mut [0; 1]) {
            Ok(count) if count > 0 => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => return,
        }
    }
}

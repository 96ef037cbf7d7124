//! A real registry for tests (Debian's docker-registry), small images for it, and a proxy that can cut the connection. Tests are
//! skipped visibly if the program is missing, unless `REPRO_TEST_REQUIRE` names `registry`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bollard::Docker;
use bollard::query_parameters::{PushImageOptionsBuilder, RemoveImageOptionsBuilder};
use futures_util::StreamExt;

use super::fetching::until;
use fixtures::required::{program, required};
use sandbox::{Build, Engine, Image};

pub(crate) struct Registry {
    child: Child,
    folder: tempfile::TempDir,
    /// `127.0.0.1:PORT`; engines speak plain HTTP with such.
    pub address: String,
}

impl Registry {
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program("docker-registry") else {
            assert!(!required("registry"), "docker-registry is required");
            eprintln!("skipped: no docker-registry (apt-get install docker-registry)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\nhttp: {{addr: \"{address}\"}}\n",
            folder.path().join("content").display()
        );
        std::fs::write(folder.path().join("config.yml"), config).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg(folder.path().join("config.yml")).stdout(Stdio::null()).stderr(log);
        let registry = Self { child: command.spawn().unwrap(), folder, address };
        until("the registry", || TcpStream::connect(&registry.address).is_ok());
        Some(registry)
    }

    /// Returns the full name of an image in it.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    /// Builds an image with these bytes, pushes it, and removes it from the engine. Returns its id.
    pub(crate) fn publish(&self, engine: &Engine, name: &str, content: &[u8]) -> String {
        built(engine, name, content);
        let (repository, tag) = name.rsplit_once(':').unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let docker = Docker::connect_with_host(engine.host()).unwrap();
            let options = PushImageOptionsBuilder::default().tag(tag).build();
            let mut answers = std::pin::pin!(docker.push_image(repository, Some(options), None));
            while let Some(answer) = answers.next().await {
                answer.unwrap();
            }
        });
        engine.untag_image(name).unwrap();
        engine.published_digest(name).unwrap().unwrap()
    }

    /// The files that hold layers and configurations, largest first.
    pub(crate) fn blobs(&self) -> Vec<PathBuf> {
        let mut blobs = Vec::new();
        collect(&self.folder.path().join("content"), &mut blobs);
        blobs.retain(|path| path.ends_with("data"));
        blobs.sort_by_key(|path| std::cmp::Reverse(path.metadata().unwrap().len()));
        blobs
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, into),
            false => into.push(path),
        }
    }
}

/// Builds an image with one file of these bytes.
pub(crate) fn built(engine: &Engine, name: &str, content: &[u8]) -> Image {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("content"), content).unwrap();
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\nCOPY content /content\n").unwrap();
    engine.build(&Build::new(folder.path(), "Dockerfile", name), &mut |_| ()).unwrap()
}

/// Removes images from the engine when dropped, by name, digest or id.
pub(crate) struct Images<'a> {
    engine: &'a Engine,
    pub names: Vec<String>,
}

impl<'a> Images<'a> {
    pub(crate) fn new(engine: &'a Engine, names: &[&str]) -> Self {
        Self { engine, names: names.iter().map(|name| (*name).to_owned()).collect() }
    }
}

impl Drop for Images<'_> {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let docker = Docker::connect_with_host(self.engine.host()).unwrap();
        for name in &self.names {
            let force = RemoveImageOptionsBuilder::default().force(true).build();
            let _ = runtime.block_on(docker.remove_image(name, Some(force), None));
        }
    }
}

/// A proxy to a server that cuts all connections for good after a number of bytes.
pub(crate) struct CuttableProxy {
    pub address: String,
    cut: Arc<AtomicBool>,
}

impl CuttableProxy {
    pub(crate) fn to(server: &str, answers: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (left, cut) = (Arc::new(AtomicU64::new(answers)), Arc::new(AtomicBool::new(false)));
        let (server, ended) = (server.to_owned(), Arc::clone(&cut));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (left, ended) = (Arc::clone(&left), Arc::clone(&ended));
                let server = TcpStream::connect(&server).unwrap();
                let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut up, &mut down));
                std::thread::spawn(move || relay(server, client, &left, &ended));
            }
        });
        Self { address, cut }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }
}

fn relay(mut server: TcpStream, mut client: TcpStream, left: &AtomicU64, cut: &AtomicBool) {
    let mut buffer = [0; 16 << 10];
    while let Ok(got @ 1..) = server.read(&mut buffer) {
        let before =
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(got as u64)));
        if before.unwrap() <= got as u64 {
            cut.store(true, Ordering::SeqCst);
        }
        if cut.load(Ordering::SeqCst) || client.write_all(&buffer[..got]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = server.shutdown(std::net::Shutdown::Both);
}

//! `repro fetch` from a real nginx server. Skipped if it is not installed, unless `REPRO_TEST_REQUIRE` names it.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fixtures::required::{program, required};

use crate::common::fetching::{FetchSetup, content, sha256, until};
use crate::common::{run, stderr};

/// A running nginx that serves a folder.
struct Nginx {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Nginx {
    /// Serves `files/` in its folder, with additional lines in the server block; `None` if nginx is not installed.
    fn start(more: &str) -> Option<Self> {
        let Some(program) = program("nginx") else {
            assert!(!required("nginx"), "nginx is required but not installed");
            eprintln!("skipped: nginx is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("files")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = CONFIG.replace("PORT", &port.to_string()).replace("MORE", more);
        std::fs::write(folder.path().join("nginx.conf"), text).unwrap();
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let nginx = Self { folder, port, child };
        until("nginx", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(nginx)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.folder.path().join("files").join(name), bytes).unwrap();
        self.url(name)
    }

    /// `STATUS RANGE` of each request so far.
    fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One process in the foreground, that writes nothing outside its folder.
const CONFIG: &str = "
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events { worker_connections 64; }
http {
  log_format short '$status $http_range';
  access_log access.log short;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  default_type application/octet-stream;
  server {
    listen 127.0.0.1:PORT;
    root files;
    MORE
  }
}
";
const SLOW: &str = "location /slow { alias files; limit_rate 4m; }";

#[track_caller]
fn came(setup: &FetchSetup, bytes: &[u8]) {
    assert!(std::fs::read(setup.file()).unwrap() == bytes, "another file");
    assert_eq!(setup.names(), ["a.bin"]);
}

/// Fetches until some bytes are here, and is killed; how many there are.
fn cut_short(setup: &FetchSetup) -> u64 {
    let mut child = setup.start();
    until("the first bytes", || setup.part() > 500_000);
    child.kill().unwrap();
    child.wait().unwrap();
    setup.part()
}

#[test]
fn a_file_comes_whole_and_goes_on_after_a_kill() {
    let Some(nginx) = Nginx::start(SLOW) else { return };
    let bytes = content(12_000_000);
    let plain = FetchSetup::new(&[&nginx.put("a.bin", &bytes)], &sha256(&bytes));
    run(&mut plain.fetch(), 0);
    came(&plain, &bytes);
    assert_eq!(nginx.log(), ["200 -"]);

    // Nothing is known of this one: nginx's own ETag must do.
    let slow = FetchSetup::new(&[&nginx.url("slow/a.bin")], "");
    let here = cut_short(&slow);
    assert!(here < 12_000_000);
    run(&mut slow.fetch(), 0);
    came(&slow, &bytes);
    until("the log", || nginx.log().len() == 3);
    assert!(nginx.log().contains(&format!("206 bytes={here}-")), "{:?}", nginx.log());
}

#[test]
fn a_file_that_changes_meanwhile_is_fetched_from_scratch() {
    let Some(nginx) = Nginx::start(SLOW) else { return };
    let (old, new) = (content(12_000_000), content(6_000_001).into_iter().rev().collect::<Vec<_>>());
    nginx.put("a.bin", &old);
    let setup = FetchSetup::new(&[&nginx.url("slow/a.bin")], "");
    let here = cut_short(&setup);
    nginx.put("a.bin", &new);
    run(&mut setup.fetch(), 0);
    came(&setup, &new);
    assert!(nginx.log().contains(&format!("200 bytes={here}-")), "{:?}", nginx.log());
}

#[test]
fn compression_is_not_asked_for() {
    let Some(nginx) = Nginx::start("gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;") else { return };
    let bytes = vec![b'a'; 1_000_000];
    let setup = FetchSetup::new(&[&nginx.put("a.bin", &bytes)], &sha256(&bytes));
    run(&mut setup.fetch(), 0);
    came(&setup, &bytes);
}

#[test]
fn a_server_that_is_down_is_left_for_the_next() {
    let down = "location /down { add_header Retry-After 0 always; return 503; } location /page { default_type text/html; return 200 x; }";
    let Some(nginx) = Nginx::start(down) else { return };
    let bytes = content(100_000);
    let good = nginx.put("a.bin", &bytes);
    let setup = FetchSetup::new(&[&nginx.url("down"), &nginx.url("page"), &nginx.url("none"), &good], &sha256(&bytes));
    run(setup.fetch().args(["--retries", "2"]), 0);
    came(&setup, &bytes);
    assert_eq!(nginx.log(), ["503 -", "503 -", "503 -", "200 -", "404 -", "200 -"]);

    let setup = FetchSetup::new(&[&nginx.url("down"), &nginx.url("page")], "");
    let error = stderr(&run(setup.fetch().args(["--retries", "0"]), 6));
    assert!(error.contains("503 Service Unavailable") && error.contains("answered with a web page"), "{error}");
    assert!(!Path::new(&setup.file()).exists());
}

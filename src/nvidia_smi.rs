//! Asks nvidia-smi which GPUs this machine has.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What nvidia-smi is asked for.
const FIELDS: &str = "index,driver_version,compute_cap,name";
const PATIENCE: Duration = Duration::from_secs(60);

/// A GPU that nvidia-smi lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGpu {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Version of the driver; `None` if nvidia-smi does not report it.
    pub driver: Option<String>,
    /// Compute capability; `None` if nvidia-smi does not report it.
    pub capability: Option<(u32, u32)>,
}

/// Returns the GPUs of this machine, or what nvidia-smi says instead; `None` if it is not installed.
pub fn here() -> Option<Result<Vec<ListedGpu>, String>> {
    match output(Path::new("nvidia-smi")) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        output => Some(listed(output)),
    }
}

/// Returns the GPUs that the program `smi` lists.
///
/// # Errors
/// What it printed first if it failed.
pub fn gpus(smi: &Path) -> Result<Vec<ListedGpu>, String> {
    listed(output(smi))
}

fn output(smi: &Path) -> io::Result<Output> {
    let mut command = Command::new(smi);
    command.args([format!("--query-gpu={FIELDS}").as_str(), "--format=csv,noheader"]).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let end = Instant::now() + PATIENCE;
    // A broken driver can make it hang. Its output fits into a pipe.
    while child.try_wait()?.is_none() {
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return Err(io::Error::other(format!("no answer within {} s", PATIENCE.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output()
}

fn listed(output: io::Result<Output>) -> Result<Vec<ListedGpu>, String> {
    let output = output.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        Ok(said.lines().filter_map(listed_gpu).collect())
    } else {
        Err(said.lines().next().unwrap_or("no output").trim().to_owned())
    }
}

/// Parses a line of nvidia-smi: number, driver, compute capability and name, which may hold a comma. What it does not know is
/// `[N/A]` or another text in brackets.
fn listed_gpu(line: &str) -> Option<ListedGpu> {
    let mut fields = line.splitn(4, ',').map(str::trim);
    let index = fields.next()?.parse().ok()?;
    let is_version = |text: &&str| text.starts_with(|first: char| first.is_ascii_digit());
    let driver = fields.next().filter(is_version).map(str::to_owned);
    let capability = fields.next().and_then(|text| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    let name = fields.next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
    Some(ListedGpu { index, name, driver, capability })
}

//! Helpers for comparisons with other programs: a temporary folder, generated files, and wall-clock and CPU times.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use assets::disk;
use base::cleanup::TemporaryFolder;
use base::error::{Error, Result};
use data::features::bench::median;
use measure::{part, rounded};
use serde_json::{Value, json};

/// Creates a temporary folder with space for `bytes` bytes.
pub(super) fn scratch(folder: Option<&Path>, bytes: u64) -> Result<TemporaryFolder> {
    let folder = folder.map_or_else(std::env::temp_dir, Path::to_owned);
    disk::require_space(&[(folder.clone(), bytes)])
        .map_err(|error| error.next("choose a folder with more space: --folder DIR"))?;
    TemporaryFolder::new(Some(&folder)).map_err(|error| Error::io("create a folder in", &folder, &error))
}

/// Writes an incompressible file of `bytes` bytes.
pub(super) fn generate(path: &Path, bytes: u64) -> Result<()> {
    const BLOCK: usize = 1 << 20;
    let block: Vec<u64> = (0..BLOCK / 8).map(|_| rand::random()).collect();
    let mut block: Vec<u8> = block.into_iter().flat_map(u64::to_le_bytes).collect();
    let wrong = |error: std::io::Error| Error::io("write", path, &error);
    let mut file = File::create(path).map_err(wrong)?;
    for start in (0..bytes).step_by(BLOCK) {
        block[..8].copy_from_slice(&start.to_le_bytes());
        let length = (bytes - start).min(BLOCK as u64) as usize;
        file.write_all(&block[..length]).map_err(wrong)?;
    }
    Ok(())
}

/// Wall-clock and CPU milliseconds of repeated work.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Series {
    /// Does the work once in this process and records its times.
    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let (wall, cpu) = (Instant::now(), cpu_seconds(libc::RUSAGE_SELF));
        let result = work()?;
        self.add(wall, cpu_seconds(libc::RUSAGE_SELF) - cpu);
        Ok(result)
    }

    /// Runs programs in parallel, discards their output, and records their times. Returns `false` if the first is not installed.
    ///
    /// # Errors
    /// Infra if one fails.
    pub(crate) fn run(&mut self, commands: &mut [Command]) -> Result<bool> {
        let (wall, cpu) = (Instant::now(), cpu_seconds(libc::RUSAGE_CHILDREN));
        let mut children = Vec::with_capacity(commands.len());
        for command in &mut *commands {
            match command.stdin(Stdio::null()).stdout(Stdio::null()).spawn() {
                Ok(child) => children.push(child),
                Err(error) if error.kind() == ErrorKind::NotFound && children.is_empty() => return Ok(false),
                Err(error) => return Err(Error::infra(format!("cannot run {command:?}")).because(error)),
            }
        }
        for (mut child, command) in children.into_iter().zip(&*commands) {
            match child.wait() {
                Ok(status) if status.success() => {}
                Ok(status) => return Err(Error::infra(format!("{command:?} failed")).because(status)),
                Err(error) => return Err(Error::infra(format!("cannot wait for {command:?}")).because(error)),
            }
        }
        self.add(wall, cpu_seconds(libc::RUSAGE_CHILDREN) - cpu);
        Ok(true)
    }

    fn add(&mut self, start: Instant, cpu_seconds: f64) {
        self.wall.push(start.elapsed().as_secs_f64() * 1e3);
        self.cpu.push(cpu_seconds * 1e3);
    }

    /// Returns the median wall-clock milliseconds; `None` if nothing was measured.
    pub(crate) fn median(&self) -> Option<f64> {
        (!self.wall.is_empty()).then(|| median(&self.wall))
    }

    fn median_cpu(&self) -> Option<f64> {
        (!self.cpu.is_empty()).then(|| median(&self.cpu))
    }

    /// Returns the ratios of the medians to those of `other`, for wall-clock and CPU time.
    pub(crate) fn times_of(&self, other: &Self) -> Value {
        let ratio = |a: Option<f64>, b: Option<f64>| Some(rounded(a? / b?.max(1e-6)));
        json!({ "wall": ratio(self.median(), other.median()), "cpu": ratio(self.median_cpu(), other.median_cpu()) })
    }

    /// Returns all times, and the rate for `bytes` bytes, as JSON; null if nothing was measured.
    pub(crate) fn json(&self, bytes: u64) -> Value {
        let Some(milliseconds) = self.median() else { return Value::Null };
        json!({
            "ms": self.milliseconds(),
            "cpu_ms": part(&self.cpu),
            "gb_per_s": rounded(bytes as f64 / milliseconds.max(1e-6) / 1e6),
        })
    }

    /// Returns `{"median", "best", "all"}` of the wall-clock times; null if nothing was measured.
    pub(crate) fn milliseconds(&self) -> Value {
        let mut summary = part(&self.wall);
        if summary.is_null() {
            return summary;
        }
        summary["all"] = self.wall.iter().map(|ms| rounded(*ms)).collect();
        summary
    }
}

/// Returns the CPU seconds so far of this process, or of its children that have ended.
fn cpu_seconds(who: libc::c_int) -> f64 {
    // SAFETY: all zeros is a valid value of this struct of numbers, and the call only writes it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(who, &raw mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_timed_and_missing_ones_are_not_an_error() {
        let mut series = Series::default();
        assert!(!series.run(&mut [Command::new("no-such-program-here")]).unwrap());
        assert_eq!((series.json(1), series.median()), (Value::Null, None));
        assert!(series.run(&mut [Command::new("true"), Command::new("true")]).unwrap());
        assert!(series.run(&mut [Command::new("false")]).is_err());
        let mut twice = Series { wall: vec![2.0, 8.0, 4.0], cpu: vec![6.0; 3] };
        let once = Series { wall: vec![2.0], cpu: vec![3.0] };
        assert_eq!(twice.times_of(&once), json!({ "wall": 2.0, "cpu": 2.0 }));
        assert_eq!(twice.times_of(&Series::default()), json!({ "wall": null, "cpu": null }));
        assert_eq!(twice.json(4_000_000)["gb_per_s"], 1.0);
        assert_eq!(twice.time(|| Ok(3)).unwrap(), 3);
        assert_eq!(twice.milliseconds()["all"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn generated_files_have_their_size_and_need_space() {
        let folder = scratch(None, 3_000_000).unwrap();
        let path = folder.path().join("a");
        generate(&path, 2_500_001).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 2_500_001);
        assert!(scratch(None, u64::MAX).unwrap_err().to_string().contains("--folder"));
    }
}

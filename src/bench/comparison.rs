//! What measurements against other programs share: a place for generated files, times and processor times, and the other program's run.

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

/// A folder with room for so many bytes, removed in the end.
pub(super) fn scratch(folder: Option<&Path>, bytes: u64) -> Result<TemporaryFolder> {
    let folder = folder.map_or_else(std::env::temp_dir, Path::to_owned);
    disk::demand(&[(folder.clone(), bytes)])
        .map_err(|error| error.next("choose a folder with more room: --folder DIR"))?;
    TemporaryFolder::new(Some(&folder)).map_err(|error| Error::io("create a folder in", &folder, &error))
}

/// Writes a file of `bytes` bytes that no compression makes smaller.
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

/// Wall-clock and processor milliseconds of repeated work.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Series {
    /// Does the work once in this process, on however many threads.
    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let (wall, cpu) = (Instant::now(), cpu_seconds(libc::RUSAGE_SELF));
        let result = work()?;
        self.add(wall, cpu_seconds(libc::RUSAGE_SELF) - cpu);
        Ok(result)
    }

    /// Runs programs at the same time, their output thrown away; `false` where the first is not installed.
    ///
    /// # Errors
    /// Infra where one fails.
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

    /// Median wall-clock milliseconds; `None` where nothing was measured.
    pub(crate) fn median(&self) -> Option<f64> {
        (!self.wall.is_empty()).then(|| median(&self.wall))
    }

    fn median_cpu(&self) -> Option<f64> {
        (!self.cpu.is_empty()).then(|| median(&self.cpu))
    }

    /// How many times as long as the other it took, by the medians: wall-clock and processor.
    pub(crate) fn times_of(&self, other: &Self) -> Value {
        let ratio = |a: Option<f64>, b: Option<f64>| Some(rounded(a? / b?.max(1e-6)));
        json!({ "wall": ratio(self.median(), other.median()), "cpu": ratio(self.median_cpu(), other.median_cpu()) })
    }

    /// All times and the rate at which `bytes` were done; null where nothing was measured.
    pub(crate) fn json(&self, bytes: u64) -> Value {
        let Some(milliseconds) = self.median() else { return Value::Null };
        json!({
            "ms": self.milliseconds(),
            "cpu_ms": part(&self.cpu),
            "gb_per_s": rounded(bytes as f64 / milliseconds.max(1e-6) / 1e6),
        })
    }

    /// `{"median", "best", "all"}` of the wall clock; null where nothing was measured.
    pub(crate) fn milliseconds(&self) -> Value {
        let mut summary = part(&self.wall);
        if summary.is_null() {
            return summary;
        }
        summary["all"] = self.wall.iter().map(|ms| rounded(*ms)).collect();
        summary
    }
}

/// Processor seconds so far, of this process or of its children that have ended.
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
    fn times_of_programs_are_taken_and_absent_ones_are_no_error() {
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
    fn generated_files_have_their_size_and_need_room() {
        let folder = scratch(None, 3_000_000).unwrap();
        let path = folder.path().join("a");
        generate(&path, 2_500_001).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 2_500_001);
        assert!(scratch(None, u64::MAX).unwrap_err().to_string().contains("--folder"));
    }
}

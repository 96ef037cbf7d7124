//! Measures fetching a file from a local server, compared with `curl`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::comparison::{Series, generate, scratch};
use super::file_server::FileServer;
use assets::digest::hash_file;
use assets::fetch::{FetchSettings, Network, Outcome, fetch};
use assets::lock::Lock;
use assets::manifest::{Checksums, Manifest};
use base::error::{Error, Result};
use base::progress::Silent;
use base::status;
use measure::{Repeats, rounded};

/// Fetches a generated file of `bytes` bytes alternately with the code of `repro fetch` (download, SHA-256, write, sync to disk,
/// rename) and with `curl -o`. `sync` is run and timed after curl, since curl does not wait for the disk.
pub fn measure(bytes: u64, repeats: Repeats, folder: Option<&Path>) -> Result<Value> {
    let Repeats { steps, .. } = repeats.check()?;
    if bytes == 0 {
        return Err(Error::usage("--bytes must be at least 1"));
    }
    let place = scratch(folder, bytes.saturating_mul(2))?;
    status!("writing {} MB into {}", bytes / 1_000_000, place.path().display());
    let (source, workspace) = (place.path().join("source"), place.path().join("workspace"));
    generate(&source, bytes)?;
    let sha256 = hash_file(&source, &Checksums::default(), &mut |_| {})?.sha256.unwrap_or_default();
    let server = FileServer::start(&source)?;
    let manifest = manifest(&server.url(), bytes, &sha256)?;
    let assets: Vec<_> = manifest.assets.iter().collect();
    let settings = FetchSettings { workspace: workspace.clone(), jobs: 1, network: Network::default(), also_needed: 0 };
    let copy = place.path().join("copy");
    let mut to_disk = Command::new("sync");
    to_disk.arg(&source);
    Series::default().run(&mut [to_disk])?;
    let (mut ours, mut curls, mut syncs) = (Series::default(), Series::default(), Series::default());
    for round in 0..repeats.total() {
        if round == repeats.warmup {
            (ours, curls, syncs) = Default::default();
        }
        let fetched = ours.time(|| fetch(&assets, &Lock::default(), &settings, &Silent))?;
        if !fetched.iter().all(|file| file.outcome == Outcome::Fetched && file.receipt.sha256() == sha256) {
            return Err(Error::bug("the generated file was not fetched"));
        }
        std::fs::remove_dir_all(&workspace).map_err(|error| Error::io("remove", &workspace, &error))?;
        let (mut curl, mut sync) = (Command::new("curl"), Command::new("sync"));
        curl.args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--output"]).arg(&copy).arg(server.url());
        if curls.run(&mut [curl])? {
            sync.arg(&copy);
            syncs.run(&mut [sync])?;
            std::fs::remove_file(&copy).map_err(|error| Error::io("remove", &copy, &error))?;
        }
        status!("round {}/{}: {:.0} ms", round + 1, repeats.total(), ours.median().unwrap_or(0.0));
    }
    let synced = curls.median().map(|curl| curl + syncs.median().unwrap_or(0.0));
    let against = |other: Option<f64>| Some(rounded(ours.median()? / other?));
    Ok(measure::report(
        json!({
            "bench": "fetch",
            "what": "downloading from a server on this machine (a thread of this process, sendfile), taking SHA-256, to disk, rename",
            "data": "generated",
            "sizes": { "bytes": bytes },
            "steps": steps,
            "ms_per_step": ours.milliseconds(),
            "gb_per_s": ours.median().map(|ms| rounded(bytes as f64 / ms / 1e6)),
            "curl": { "ms": curls.milliseconds(), "sync_afterwards_ms": syncs.milliseconds() },
            "times_of_curl": { "alone": against(curls.median()), "and_sync": against(synced), "goal": 1.2 },
        }),
        2,
    ))
}

fn manifest(url: &str, bytes: u64, sha256: &str) -> Result<Manifest> {
    let text = format!(
        "schema = 1\ngroup = [{{ name = \"g\", title = \"generated\" }}]\n[[asset]]\nname = \"bench\"\ntitle = \"bench\"\ngroups = [\"g\"]\n\
         path = \"bench.bin\"\nurls = [\"{url}\"]\nsize = {bytes}\nsha256 = \"{sha256}\"\n"
    );
    Manifest::parse(&text, "of the measurement")
}

//! Records the demo's golden values: one run per seed, all of them kept.

use std::path::Path;

use super::plan::run;
use super::settings::DemoSettings;
use crate::pipeline::journal::Event;
use base::error::{Error, Result};
use base::files;
use judge::evidence::run::{TaskEvidence, read};
use judge::grade::golden::GoldenFile;
use judge::verdict::golden::{GoldenRuns, RecordedRun};
use lxmert_spec::demo::DemoRecipe;

/// Runs the demo with each seed and writes `golden` to `file`, with the new accuracies in place of the recorded ones. The recipe is
/// written too if it differs from the built-in one. Rules, margins and reasons stay unchanged.
pub fn record(
    settings: &DemoSettings,
    golden: GoldenRuns,
    seeds: &[u64],
    workspace: &Path,
    file: &Path,
    display: &mut dyn FnMut(&Event),
) -> Result<GoldenRuns> {
    let mut recorded = golden;
    recorded.recipe = match settings.recipe == DemoRecipe::embedded()? {
        true => None,
        false => {
            let table = toml::Table::try_from(&settings.recipe);
            Some(table.map_err(|e| Error::bug("the recipe cannot be written").because(e))?)
        }
    };
    for task in &mut recorded.tasks {
        task.recorded.clear();
    }
    for &seed in seeds {
        let settings = DemoSettings { seed, ..settings.clone() };
        // Each run is judged by the runs before it.
        let golden = GoldenFile::parse(&file.display().to_string(), &text(&recorded, seeds, file)?)?;
        let (report, folder) = run(&settings, &golden, workspace, display)?;
        if let Some(failure) = report.failure {
            return Err(Error::infra(format!("the run with seed {seed} failed")).because(failure.message));
        }
        let evidence = read(&folder)?;
        for task in &mut recorded.tasks {
            let Some(Ok(TaskEvidence { record, .. })) = evidence.task(task.name.parse()?) else {
                return Err(Error::bug(format!("the run with seed {seed} has no result of {}", task.name)));
            };
            task.n = record.n;
            task.recorded.push(RecordedRun { seed, accuracy: record.accuracy });
        }
        files::write_bytes(file, text(&recorded, seeds, file)?.as_bytes())?;
    }
    Ok(recorded)
}

/// Formats the golden file.
fn text(recorded: &GoldenRuns, seeds: &[u64], file: &Path) -> Result<String> {
    let text = toml::to_string(recorded).map_err(|e| Error::bug("golden values cannot be written").because(e))?;
    Ok(format!("{}{text}", header(seeds, file)))
}

/// Formats the comment that tells where the file comes from.
fn header(seeds: &[u64], file: &Path) -> String {
    let (first, count) = (seeds.first().copied().unwrap_or_default(), seeds.len());
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "# Golden values of `repro all --profile demo`: recorded runs, from which the bands are computed (README.md).\n\
         # Written by: repro all --profile demo --seed {first} --seeds {count} --record {name}\n\n"
    )
}

//! Runs the stages of a plan one after the other until one fails, and writes the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use super::cache::{self, Cache, Record};
use super::fingerprint::FingerprintParts;
use super::journal::{Event, Journal, RunRecord};
use super::outcome::RunOutcome;
use super::plan::{Plan, Stage, StageContext};
use super::stage_state::{FinishedStages, InputHashes, find_result, parts};
use base::cleanup::{self, CleanupGuard};
use base::error::{Error, Result};
use base::{clock, signals};
use judge::report::{Failure, StageExecution, StageRow, StageState};

/// Writes events to the journal and shows them. Events are held back until the first work begins, so that a run in which no stage
/// has to run leaves its folder unchanged.
pub(crate) struct Emitter<'a> {
    folder: &'a Path,
    /// `run.json`, until it is written.
    record: Option<RunRecord>,
    journal: Option<Journal>,
    /// Events with their times, until the journal is open.
    kept_back: Vec<(String, Event)>,
    display: &'a mut dyn FnMut(&Event),
}

impl<'a> Emitter<'a> {
    /// Creates an emitter for a run folder. A new folder gets its `run.json` immediately.
    pub(crate) fn new(folder: &'a Path, record: RunRecord, display: &'a mut dyn FnMut(&Event)) -> Result<Self> {
        let (earlier, departures) = (RunRecord::read(folder), record.departures.clone());
        let mut emitter = Self { folder, record: Some(record), journal: None, kept_back: Vec::new(), display };
        match earlier {
            None => emitter.begin_work()?,
            // Deviations are not part of the plan, but the run is judged by them.
            Some(earlier) if earlier.departures != departures => RunRecord { departures, ..earlier }.write(folder)?,
            Some(_) => {}
        }
        Ok(emitter)
    }

    /// Writes and shows an event.
    pub(crate) fn emit(&mut self, event: &Event) -> Result<()> {
        match &mut self.journal {
            Some(journal) => journal.write(event)?,
            None => self.kept_back.push((clock::now(), event.clone())),
        }
        self.show(event);
        Ok(())
    }

    /// Shows an event without writing it.
    pub(crate) fn show(&mut self, event: &Event) {
        (self.display)(event);
    }

    /// Opens the journal for a stage that always runs: it may take hours, and may change nothing.
    pub(crate) fn begin_looking(&mut self) -> Result<()> {
        if self.journal.is_none() {
            let mut journal = Journal::open(self.folder)?;
            self.kept_back.drain(..).try_for_each(|(time, event)| journal.write_at(time, &event))?;
            self.journal = Some(journal);
        }
        Ok(())
    }

    /// Records in `run.json` that this run, not an earlier one, did the work.
    pub(crate) fn begin_work(&mut self) -> Result<()> {
        if let Some(record) = self.record.take() {
            record.write(self.folder)?;
        }
        self.begin_looking()
    }

    /// Writes the last event without showing it, if the journal is open.
    pub(crate) fn end_looking(&mut self, event: &Event) -> Result<()> {
        self.journal.as_mut().map_or(Ok(()), |journal| journal.write(event))
    }

    /// Arranges that the journal records a stage stopped by a signal, in case the signal ends the program immediately.
    fn note_sudden_end(&self, stage: &str) -> Result<Option<CleanupGuard>> {
        let Some(journal) = &self.journal else { return Ok(None) };
        let (mut journal, stage, clock) = (journal.twin()?, stage.to_owned(), Instant::now());
        Ok(Some(cleanup::on_abrupt_exit(move || {
            let failure = Failure::new(Some(&stage), &Error::interrupted("stopped on request"));
            // There is no one left to report an error to.
            let _ = journal.write(&Event::failed(&stage, &failure, clock.elapsed().as_secs_f64()));
        })))
    }
}

/// A run in progress.
pub(crate) struct Runner<'a, 'b> {
    pub plan: &'a Plan,
    /// Hashes of its input files.
    pub outside: &'a InputHashes,
    pub cache: Cache,
    /// The run's folder.
    pub folder: &'a Path,
    /// Where events go.
    pub emitter: &'a mut Emitter<'b>,
}

impl Runner<'_, '_> {
    /// Reuses or makes the result of every stage; the error of a stage becomes part of the outcome.
    pub(crate) fn all_stages(mut self) -> Result<RunOutcome> {
        let mut interrupted = BTreeSet::new();
        for (stage, fingerprint, leftover) in self.cache.leftovers()? {
            let resumes = self.plan.stages.iter().any(|s| s.name == stage && s.resumes && !fingerprint.is_empty());
            if !resumes {
                cache::remove(&leftover)?;
            }
            interrupted.insert((stage, fingerprint));
        }
        let mut outcome = RunOutcome {
            folder: self.folder.to_owned(),
            failure: None,
            done: BTreeMap::new(),
            rows: Vec::new(),
            worked: false,
        };
        for stage in &self.plan.stages {
            let row = if outcome.failure.is_some() {
                StageRow {
                    name: stage.name.clone(),
                    title: stage.title.clone(),
                    state: StageState::NotRun,
                    fingerprint: None,
                    this_time: None,
                }
            } else {
                self.one_stage(stage, &interrupted, &mut outcome)?
            };
            outcome.rows.push(row);
        }
        Ok(outcome)
    }

    /// Reuses or makes the result of a stage; its error becomes part of the outcome.
    fn one_stage(
        &mut self,
        stage: &Stage,
        interrupted: &BTreeSet<(String, String)>,
        outcome: &mut RunOutcome,
    ) -> Result<StageRow> {
        let name = &stage.name;
        let clock = Instant::now();
        let (mut fingerprint, mut reason) = (None, String::new());
        let mut worked = false;
        let mut attempt = || -> Result<(Record, bool)> {
            signals::check()?;
            let parts = parts(stage, self.outside, &outcome.done)?;
            let print = fingerprint.insert(parts.fingerprint()?).clone();
            let (record, why) = find_result(&self.cache, stage, &parts, &print, interrupted, true)?;
            reason = why.to_string();
            let (title, why) = (stage.title.clone(), reason.clone());
            if let Some(record) = record {
                self.emitter.emit(&Event::StageSkipped { stage: name.clone(), title, why })?;
                return Ok((record, true));
            }
            match stage.always {
                true => self.emitter.begin_looking()?,
                false => {
                    worked = true;
                    self.emitter.begin_work()?;
                    self.unlink_from(stage)?;
                }
            }
            self.emitter.emit(&Event::StageStarted { stage: name.clone(), title, why })?;
            let record = self.execute(stage, parts, &print, &outcome.done)?;
            self.emitter.emit(&Event::StageFinished { stage: name.clone(), seconds: record.seconds })?;
            Ok((record, false))
        };
        let result = attempt().and_then(|(record, reused)| {
            let target = Path::new("../../cache/stages").join(name).join(&record.fingerprint);
            link(&self.folder.join(name), &target)?;
            cache::remove(&self.folder.join("failed").join(name))?;
            Ok((record, reused))
        });
        outcome.worked |= worked || result.is_err();
        let (state, reused, seconds) = match result {
            Ok((record, reused)) => {
                let seconds = record.seconds;
                let folder = self.cache.folder(name, &record.fingerprint);
                outcome.done.insert(name.clone(), (folder, record));
                (StageState::Done, reused, seconds)
            }
            Err(error) => {
                let seconds = clock.elapsed().as_secs_f64();
                let failure = Failure::new(Some(name), &error);
                self.emitter.begin_work()?;
                self.unlink_from(stage)?;
                self.emitter.emit(&Event::failed(name, &failure, seconds))?;
                outcome.failure = Some(failure);
                (StageState::Failed, false, seconds)
            }
        };
        Ok(StageRow {
            name: name.clone(),
            title: stage.title.clone(),
            state,
            fingerprint,
            this_time: Some(StageExecution { reused, seconds, why: reason }),
        })
    }

    /// Removes the links to earlier results of a stage and of those after it, which are no longer evidence of this run.
    fn unlink_from(&self, first: &Stage) -> Result<()> {
        let stages = self.plan.stages.iter().skip_while(|stage| stage.name != first.name);
        for path in stages.map(|stage| self.folder.join(&stage.name)).filter(|path| path.is_symlink()) {
            std::fs::remove_file(&path).map_err(|e| Error::io("remove the link", &path, &e))?;
        }
        Ok(())
    }

    fn execute(
        &mut self,
        stage: &Stage,
        parts: FingerprintParts,
        fingerprint: &str,
        done: &FinishedStages,
    ) -> Result<Record> {
        let clock = Instant::now();
        let _noted = self.emitter.note_sudden_end(&stage.name)?;
        let filled = self.cache.begin(stage, fingerprint)?;
        let stage_folders = done.iter().map(|(name, (folder, _))| (name.clone(), folder.clone())).collect();
        let mut unwritten = None;
        let mut emit = |event: Event| {
            if let Err(error) = self.emitter.emit(&event) {
                unwritten.get_or_insert(error);
            }
        };
        let mut context = StageContext { stage, folder: &filled, stage_folders: &stage_folders, emit: &mut emit };
        let worked = catch_unwind(AssertUnwindSafe(|| (stage.work)(&mut context))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
            Err(Error::bug(format!("stage {} panicked", stage.name)).because(text.unwrap_or("without a message")))
        });
        let result = worked
            .and_then(|()| unwritten.map_or(Ok(()), Err))
            .and_then(|()| self.cache.finish(stage, parts, fingerprint, &filled, clock.elapsed().as_secs_f64()));
        result.map_err(|error| match stage.resumes || !filled.exists() {
            true => error,
            // The error of the stage matters more than a failure to keep its files.
            false => match self.keep_failed(&stage.name, &filled) {
                Ok(()) => error,
                Err(unkept) => error.because(format!("its files could not be kept either: {unkept}")),
            },
        })
    }

    /// Keeps the files of a failed stage, which may explain its error. They are moved into the run's folder; if that is on a different
    /// file system, they stay in the cache until the next try, behind a link.
    fn keep_failed(&self, stage: &str, filled: &Path) -> Result<()> {
        let kept_in = self.folder.join("failed");
        let kept = kept_in.join(stage);
        cache::remove(&kept)?;
        std::fs::create_dir_all(&kept_in).map_err(|e| Error::io("create the folder", &kept_in, &e))?;
        match std::fs::rename(filled, &kept) {
            Err(e) if e.kind() == std::io::ErrorKind::CrossesDevices => {
                let target = std::path::absolute(filled).map_err(|e| Error::io("find", filled, &e))?;
                link(&kept, &target)
            }
            moved => moved.map_err(|e| Error::io("rename", filled, &e)),
        }
    }
}

/// Creates or replaces a symbolic link atomically.
pub(crate) fn link(path: &Path, target: &Path) -> Result<()> {
    if std::fs::read_link(path).is_ok_and(|now| now == target) {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = path.with_file_name(format!(".link-{name}"));
    let _ = std::fs::remove_file(&temporary);
    std::os::unix::fs::symlink(target, &temporary).map_err(|e| Error::io("create the link", &temporary, &e))?;
    std::fs::rename(&temporary, path).map_err(|e| Error::io("create the link", path, &e))
}

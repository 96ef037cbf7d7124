//! A run at work: stage after stage, until one gives an error.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use super::cache::{self, Cache, Record};
use super::decide::{Done, Files, decide, parts};
use super::engine::Outcome;
use super::fingerprint::Parts;
use super::journal::{Event, Journal};
use super::plan::{Plan, Stage, StageContext};
use crate::error::{Error, Result};
use crate::report::{Failure, StageRow, StageState, ThisTime};

/// Writes every event down, then shows it.
pub struct Emitter<'a> {
    /// Where events are kept.
    pub journal: Journal,
    /// Who follows.
    pub display: &'a mut dyn FnMut(&Event),
}

impl Emitter<'_> {
    /// One event.
    pub fn emit(&mut self, event: &Event) -> Result<()> {
        self.journal.write(event)?;
        (self.display)(event);
        Ok(())
    }
}

/// A run at work.
pub struct Runner<'a, 'b> {
    /// What is run.
    pub plan: &'a Plan,
    /// Its files from outside.
    pub outside: &'a Files,
    /// Finished stages.
    pub cache: Cache,
    /// The run's folder.
    pub folder: &'a Path,
    /// Where events go.
    pub emitter: &'a mut Emitter<'b>,
}

impl Runner<'_, '_> {
    /// Takes or makes every result; the error of a stage is part of the outcome.
    pub fn all_stages(mut self) -> Result<Outcome> {
        let mut interrupted = BTreeSet::new();
        for (stage, fingerprint, leftover) in self.cache.leftovers()? {
            let resumes = self.plan.stages.iter().any(|s| s.name == stage && s.resumes && !fingerprint.is_empty());
            if !resumes {
                cache::remove(&leftover)?;
            }
            interrupted.insert((stage, fingerprint));
        }
        let mut outcome = Outcome { failure: None, done: BTreeMap::new(), rows: Vec::new() };
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

    /// Takes or makes the result of a stage; its error goes into the outcome.
    fn one_stage(
        &mut self,
        stage: &Stage,
        interrupted: &BTreeSet<(String, String)>,
        outcome: &mut Outcome,
    ) -> Result<StageRow> {
        let name = &stage.name;
        let clock = Instant::now();
        let (mut fingerprint, mut reason) = (None, String::new());
        let mut attempt = || -> Result<(Record, bool)> {
            let parts = parts(stage, self.outside, &outcome.done)?;
            let print = fingerprint.insert(parts.fingerprint()?).clone();
            let (record, why) = decide(&self.cache, stage, &parts, &print, interrupted, true)?;
            reason = why.to_string();
            let (title, why) = (stage.title.clone(), reason.clone());
            if let Some(record) = record {
                self.emitter.emit(&Event::StageSkipped { stage: name.clone(), title, why })?;
                return Ok((record, true));
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
                let (class, message) = (failure.class.clone(), failure.message.clone());
                self.emitter.emit(&Event::StageFailed { stage: name.clone(), class, message, seconds })?;
                outcome.failure = Some(failure);
                (StageState::Failed, false, seconds)
            }
        };
        Ok(StageRow {
            name: name.clone(),
            title: stage.title.clone(),
            state,
            fingerprint,
            this_time: Some(ThisTime { reused, seconds, why: reason }),
        })
    }

    fn execute(&mut self, stage: &Stage, parts: Parts, fingerprint: &str, done: &Done) -> Result<Record> {
        let clock = Instant::now();
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
            // The stage's own error says more than a failure to keep its files.
            false => match self.keep_failed(&stage.name, &filled) {
                Ok(()) => error,
                Err(unkept) => error.because(format!("besides, what it had written was not kept: {unkept}")),
            },
        })
    }

    /// Keeps what a failed stage had written, which may say more than its error does: moved into the run's folder, or left in the
    /// cache until the next try, behind a link, where the two lie on different file systems.
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

/// Lets a link point somewhere else, with no moment without it.
pub fn link(path: &Path, target: &Path) -> Result<()> {
    if std::fs::read_link(path).is_ok_and(|now| now == target) {
        return Ok(());
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = path.with_file_name(format!(".link-{name}"));
    let _ = std::fs::remove_file(&temporary);
    std::os::unix::fs::symlink(target, &temporary).map_err(|e| Error::io("create the link", &temporary, &e))?;
    std::fs::rename(&temporary, path).map_err(|e| Error::io("create the link", path, &e))
}

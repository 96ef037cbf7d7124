//! A container from creation to removal.

use bollard::errors::Error as Answer;
use bollard::query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder};

use super::ended::Ended;
use super::engine::Engine;
use super::failure::Failure;
use super::handover::{Handover, give_back_later};
use super::lost::Lost;
use super::output::{Line, Output};
use super::sandbox::Sandbox;
use super::user::User;
use super::watch::Watch;
use base::signals::ShutdownGuard;

impl Engine {
    /// Runs a sandbox to its end and removes its container; the command ended with exit code 0. `told` hears every line as it
    /// comes. May be called from several threads at once.
    ///
    /// Ctrl-C, SIGTERM and SIGHUP stop it; the first run of the process takes charge of these signals.
    ///
    /// # Errors
    /// See [`super::Cause`]; the container is removed in any case that this process and the engine survive, else at the next
    /// start ([`Engine::remove_leftovers`]).
    pub fn run(&self, sandbox: &Sandbox, told: &mut dyn FnMut(&Line)) -> Result<Ended, Failure> {
        let named = |failure: Failure| failure.of(&sandbox.task, sandbox.log.as_deref());
        let mut at_work = ShutdownGuard::begin().map_err(|refused| named(refused.into()))?;
        at_work.set_stop_message("stopping the container …");
        let mut output = Output::open(sandbox, told).map_err(named)?;
        let mut container =
            Container { engine: self, name: name(&sandbox.task), handover: Handover::default(), there: false };
        let result = self.block_on(container.lifecycle(sandbox, &mut output, &mut at_work));
        result.map_err(|failure| {
            let last_lines = output.last().map(str::to_owned).collect();
            let remains = container.there.then(|| container.name.clone());
            Failure { last_lines, remains, ..named(failure) }
        })
    }

    /// Removes a container, whatever it does; one that is not there counts as removed.
    pub(super) async fn remove(&self, container: &str) -> Result<(), Answer> {
        let force = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.docker().remove_container(container, Some(force)).await {
            // 404: there is none. 409: somebody else is removing it.
            Err(Answer::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            other => other,
        }
    }
}

/// A container of this process, which is removed when this is dropped, at the latest: `told` may panic.
struct Container<'a> {
    engine: &'a Engine,
    name: String,
    handover: Handover,
    /// Whether the engine has it, as far as known.
    there: bool,
}

impl Container<'_> {
    async fn lifecycle(
        &mut self,
        sandbox: &Sandbox,
        output: &mut Output<'_>,
        at_work: &mut ShutdownGuard,
    ) -> Result<Ended, Failure> {
        let engine = self.engine;
        engine.remove_lost().await?;
        let user = User::here(engine.facts());
        user.may_use(&sandbox.mounts)?;
        if user.handed_over {
            self.handover = Handover::of(&sandbox.mounts)?;
        }
        if !engine.facts().limits_hold() {
            output.note(
                "this engine does not hold containers to their limits: it is rootless, and without cgroup v2".into(),
            );
        }
        let body = engine.body(sandbox, &user, self.handover.folders());
        // Named by us: it can be removed even when the engine's answer is lost.
        let options = CreateContainerOptionsBuilder::default().name(&self.name).build();
        let created = engine.docker().create_container(Some(options), body).await;
        self.there = !matches!(created, Err(Answer::DockerResponseServerError { .. }));
        let result = match created {
            Err(error) => Err(engine.refused("create a container", sandbox, error)),
            // After the container is made: its label says what to hand back, should this process be killed.
            Ok(created) => match self.handover.over() {
                // Such as a limit that this kernel does not know.
                Ok(()) => {
                    created.warnings.iter().for_each(|warning| output.note(format!("the engine warns: {warning}")));
                    Watch::new(engine, &self.name, sandbox).finish(output, at_work).await
                }
                Err(failure) => Err(failure),
            },
        };
        let lost = Lost { container: self.name.clone(), folders: self.handover.folders().to_vec() };
        let back = self.handover.back();
        if self.there {
            match engine.remove(&self.name).await {
                Ok(()) => self.there = false,
                Err(_) => engine.remember_lost(lost),
            }
        }
        let ended = result?;
        back.map(|()| ended)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && self.there {
            let _ = self.engine.block_on(self.engine.remove(&self.name));
            self.handover.folders().iter().for_each(|folder| drop(give_back_later(folder)));
        }
    }
}

/// `lxmert-repro-TASK-RANDOM`, of letters that every engine takes.
fn name(task: &str) -> String {
    let slug: String =
        task.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<_> = slug.split('-').filter(|word| !word.is_empty()).collect();
    let slug: String = words.join("-").chars().take(40).collect();
    format!("lxmert-repro-{slug}-{:08x}", rand::random::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_for_engines() {
        let name = name("extract valid, part 2 (größer)");
        assert!(name.starts_with("lxmert-repro-extract-valid-part-2-gr-er-"), "{name}");
    }
}

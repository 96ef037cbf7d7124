//! A container from creation to removal.

use bollard::errors::Error as DockerError;
use bollard::query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder};

use super::engine::Engine;
use super::failure::Failure;
use super::monitor::Monitor;
use super::output::{Line, Output};
use super::ownership::{Ownership, restore_leftover};
use super::sandbox::Sandbox;
use super::unremoved::UnremovedContainer;
use super::usage::ResourceUsage;
use super::user::User;
use base::signals::ShutdownGuard;

impl Engine {
    /// Runs a sandbox until its command ends with exit code 0, and removes its container. `on_line` receives every line of
    /// output as it arrives. May be called from several threads at once.
    ///
    /// Ctrl-C, SIGTERM and SIGHUP stop it; the first run of the process installs the handlers of these signals.
    ///
    /// # Errors
    /// See [`super::Cause`]. The container is always removed: if this process or the engine dies, by the next call of
    /// [`Engine::remove_leftovers`].
    pub fn run(&self, sandbox: &Sandbox, on_line: &mut dyn FnMut(&Line)) -> Result<ResourceUsage, Failure> {
        let named = |failure: Failure| failure.with_task(&sandbox.task, sandbox.log.as_deref());
        let mut shutdown = ShutdownGuard::begin().map_err(|refused| named(refused.into()))?;
        shutdown.set_stop_message("stopping the container …");
        let mut output = Output::open(sandbox, on_line).map_err(named)?;
        let mut container =
            Container { engine: self, name: name(&sandbox.task), ownership: Ownership::default(), exists: false };
        let result = self.block_on(container.lifecycle(sandbox, &mut output, &mut shutdown));
        result.map_err(|failure| {
            let last_lines = output.last().map(str::to_owned).collect();
            let unremoved = container.exists.then(|| container.name.clone());
            Failure { last_lines, unremoved, ..named(failure) }
        })
    }

    /// Removes a container, running or not; a missing one counts as removed.
    pub(super) async fn remove(&self, container: &str) -> Result<(), DockerError> {
        let force = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.docker().remove_container(container, Some(force)).await {
            // 404: it does not exist. 409: another process is removing it.
            Err(DockerError::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            other => other,
        }
    }
}

/// A container of this process; removed when dropped during a panic, since `on_line` may panic.
struct Container<'a> {
    engine: &'a Engine,
    name: String,
    ownership: Ownership,
    /// Whether the engine has it, as far as this process knows.
    exists: bool,
}

impl Container<'_> {
    async fn lifecycle(
        &mut self,
        sandbox: &Sandbox,
        output: &mut Output<'_>,
        shutdown: &mut ShutdownGuard,
    ) -> Result<ResourceUsage, Failure> {
        let engine = self.engine;
        engine.remove_unremoved().await?;
        let user = User::current(engine.facts());
        user.check_mounts(&sandbox.mounts)?;
        if user.changes_ownership {
            self.ownership = Ownership::record(&sandbox.mounts)?;
        }
        if !engine.facts().enforces_limits() {
            output.note(
                "this engine does not enforce the limits of containers: it is rootless and has no cgroup v2".into(),
            );
        }
        let body = engine.body(sandbox, &user, self.ownership.folders());
        // With a name that this process chose, it can be removed even if the engine's answer is lost.
        let options = CreateContainerOptionsBuilder::default().name(&self.name).build();
        let created = engine.docker().create_container(Some(options), body).await;
        self.exists = !matches!(created, Err(DockerError::DockerResponseServerError { .. }));
        let result = match created {
            Err(error) => Err(engine.classify_error("create a container", sandbox, error)),
            // Only after the container exists: its label records the owners, in case this process is killed.
            Ok(created) => match self.ownership.take() {
                // Warnings are, for example, about a limit that this kernel does not support.
                Ok(()) => {
                    created.warnings.iter().for_each(|warning| output.note(format!("the engine warns: {warning}")));
                    Monitor::new(engine, &self.name, sandbox).finish(output, shutdown).await
                }
                Err(failure) => Err(failure),
            },
        };
        let unremoved = UnremovedContainer { container: self.name.clone(), folders: self.ownership.folders().to_vec() };
        let restored = self.ownership.restore();
        if self.exists {
            match engine.remove(&self.name).await {
                Ok(()) => self.exists = false,
                Err(_) => engine.remember_unremoved(unremoved),
            }
        }
        let used = result?;
        restored.map(|()| used)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && self.exists {
            let _ = self.engine.block_on(self.engine.remove(&self.name));
            self.ownership.folders().iter().for_each(|folder| drop(restore_leftover(folder)));
        }
    }
}

/// Returns a container name `lxmert-repro-TASK-RANDOM`, in characters that every engine accepts.
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
    fn names_have_only_characters_that_engines_accept() {
        let name = name("extract valid, part 2 (größer)");
        assert!(name.starts_with("lxmert-repro-extract-valid-part-2-gr-er-"), "{name}");
    }
}

//! The user of a container: never root of this machine, and chosen so that new files belong to the caller.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Access as Right, access};
use rustix::process::{getgid, getgroups, getuid};

use super::facts::EngineFacts;
use super::failure::{Cause, Failure};
use super::mount::{Access, Mount};

/// Uid and gid of containers that root starts; no system owns files under it.
pub(super) const SANDBOX_UID: u32 = 10001;

/// The user of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    /// Uid in the container.
    pub uid: u32,
    /// Gid in the container.
    pub gid: u32,
    /// Supplementary groups of the caller, for files that other users share with it.
    pub groups: Vec<u32>,
    /// User namespace mode; `None` for the engine's default.
    pub namespace: Option<&'static str>,
    /// Whether writable mounts must change their owner for the run, since the container's user is not the caller.
    pub changes_ownership: bool,
}

impl User {
    /// Returns the container user for this process on an engine.
    pub(crate) fn current(facts: &EngineFacts) -> Self {
        let groups = getgroups().unwrap_or_default().into_iter().map(|group| group.as_raw()).collect();
        Self::choose(facts, getuid().as_raw(), getgid().as_raw(), groups)
    }

    /// Chooses the container user:
    ///
    /// - Rootless engine: root in the container is the user who runs the engine, that is, the caller. Podman can map the
    ///   caller to its own uid instead (`keep-id`), so that the container does not even see root.
    /// - The machine's engine, called by a user: that user, with the user's groups.
    /// - The machine's engine, called by root: [`SANDBOX_UID`], which owns writable mounts during the run.
    ///
    /// The mapping of an engine with `userns-remap` is switched off: its users own no files on this machine.
    fn choose(facts: &EngineFacts, uid: u32, gid: u32, groups: Vec<u32>) -> Self {
        let plain = Self { uid, gid, groups: Vec::new(), namespace: None, changes_ownership: false };
        match (facts.rootless, facts.podman, uid) {
            (true, true, 1..) => Self { namespace: Some("keep-id"), ..plain },
            (true, ..) => Self { uid: 0, gid: 0, ..plain },
            (false, podman, 0) => Self {
                uid: SANDBOX_UID,
                gid: SANDBOX_UID,
                namespace: (!podman).then_some("host"),
                changes_ownership: true,
                ..plain
            },
            (false, podman, 1..) => Self { groups, namespace: (!podman).then_some("host"), ..plain },
        }
    }

    /// Checks that this user can use the mounts. Only the folders themselves are checked, not their content.
    ///
    /// # Errors
    /// [`Cause::MountMissing`]; [`Cause::MountUnusable`] if the user may not read or write one.
    pub(crate) fn check_mounts(&self, mounts: &[Mount]) -> Result<(), Failure> {
        mounts.iter().try_for_each(|mount| self.check_mount(mount))
    }

    fn check_mount(&self, mount: &Mount) -> Result<(), Failure> {
        let source = &mount.source;
        let unusable = |why: String| Failure::from(Cause::MountUnusable { source: source.clone(), why });
        let metadata = match source.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Cause::MountMissing { source: source.clone() }.into());
            }
            Err(error) => return Err(unusable(error.to_string())),
        };
        if self.changes_ownership {
            // It must be readable by all users: the owner cannot have given rights to the container's user.
            let needed = if metadata.is_dir() { 0o5 } else { 0o4 };
            let open = metadata.permissions().mode() & needed == needed || metadata.uid() == self.uid;
            if mount.access == Access::Read && !open {
                return Err(unusable(format!(
                    "only its owner may read it, and the container does not run as root (run `chmod -R o+rX {}`, or run this \
                     program as the owner instead of root)",
                    source.display()
                )));
            }
            return Ok(());
        }
        let right = if mount.access == Access::Write { Right::READ_OK | Right::WRITE_OK } else { Right::READ_OK };
        allowed(source, right).map_err(|error| unusable(error.to_string()))
    }
}

fn allowed(path: &Path, right: Right) -> Result<(), std::io::Error> {
    access(path, right).map_err(std::io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(podman: bool, rootless: bool) -> EngineFacts {
        EngineFacts { podman, rootless, ..EngineFacts::default() }
    }

    #[test]
    fn the_user_is_chosen_so_that_files_belong_to_the_caller() {
        let chosen = |podman, rootless, uid| {
            let user = User::choose(&facts(podman, rootless), uid, uid, vec![7]);
            (user.uid, user.namespace, user.changes_ownership, user.groups.len())
        };
        assert_eq!(chosen(false, false, 1000), (1000, Some("host"), false, 1));
        assert_eq!(chosen(false, false, 0), (10001, Some("host"), true, 0));
        assert_eq!(chosen(false, true, 1000), (0, None, false, 0));
        assert_eq!(chosen(true, true, 1000), (1000, Some("keep-id"), false, 0));
        assert_eq!(chosen(true, false, 1000), (1000, None, false, 1));
        assert_eq!(chosen(true, false, 0), (10001, None, true, 0));
    }
}

//! Who a container runs as: never root of this machine, and somebody whose files belong to whoever runs this program.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Access as Right, access};
use rustix::process::{getgid, getgroups, getuid};

use super::facts::Facts;
use super::failure::{Cause, Failure};
use super::mount::{Access, Mount};

/// User and group of containers that root starts. No system has files of its own under it.
pub(super) const NOBODY_ELSE: u32 = 10001;

/// Who a container runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    /// User and group in the container.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Further groups, by which the caller may read what others share with it.
    pub groups: Vec<u32>,
    /// How users in the container map to users of this machine, where the engine's default would give them another number.
    pub namespace: Option<&'static str>,
    /// Whether writable mounts must change hands for the run: it is not the caller that writes them.
    pub handed_over: bool,
}

impl User {
    /// For this process on an engine.
    pub(crate) fn here(facts: &Facts) -> Self {
        let groups = getgroups().unwrap_or_default().into_iter().map(|group| group.as_raw()).collect();
        Self::choose(facts, getuid().as_raw(), getgid().as_raw(), groups)
    }

    /// - Rootless engines: root in the container is whoever runs the engine, that is, the caller. Podman can give it its own
    ///   number instead (`keep-id`), so that not even the container sees root.
    /// - The machine's engine, asked by a person: that person, with that person's groups.
    /// - The machine's engine, asked by root: [`NOBODY_ELSE`], to whom writable mounts are handed over for the run.
    ///
    /// An engine that maps users (`userns-remap`) is told not to: its users own no file here.
    fn choose(facts: &Facts, uid: u32, gid: u32, groups: Vec<u32>) -> Self {
        let plain = Self { uid, gid, groups: Vec::new(), namespace: None, handed_over: false };
        match (facts.rootless, facts.podman, uid) {
            (true, true, 1..) => Self { namespace: Some("keep-id"), ..plain },
            (true, ..) => Self { uid: 0, gid: 0, ..plain },
            (false, podman, 0) => Self {
                uid: NOBODY_ELSE,
                gid: NOBODY_ELSE,
                namespace: (!podman).then_some("host"),
                handed_over: true,
                ..plain
            },
            (false, podman, 1..) => Self { groups, namespace: (!podman).then_some("host"), ..plain },
        }
    }

    /// Looks at mounts before a container is made for them.
    ///
    /// # Errors
    /// [`Cause::MountMissing`]; [`Cause::MountUnusable`] where the user may not read or write it. Only the folder itself is
    /// looked at, not what is in it.
    pub(crate) fn may_use(&self, mounts: &[Mount]) -> Result<(), Failure> {
        mounts.iter().try_for_each(|mount| self.may_use_one(mount))
    }

    fn may_use_one(&self, mount: &Mount) -> Result<(), Failure> {
        let source = &mount.source;
        let unusable = |why: String| Failure::from(Cause::MountUnusable { source: source.clone(), why });
        let metadata = match source.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Cause::MountMissing { source: source.clone() }.into());
            }
            Err(error) => return Err(unusable(error.to_string())),
        };
        if self.handed_over {
            // Readable by everybody, since the container's user is nobody whom the owner can have named.
            let needed = if metadata.is_dir() { 0o5 } else { 0o4 };
            let open = metadata.permissions().mode() & needed == needed || metadata.uid() == self.uid;
            if mount.access == Access::Read && !open {
                return Err(unusable(format!(
                    "only its owner may read it, but in the container another user than root does (`chmod -R o+rX {}` lets \
                     it, as does running as the owner instead of as root)",
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

    fn facts(podman: bool, rootless: bool) -> Facts {
        Facts { podman, rootless, ..Facts::default() }
    }

    #[test]
    fn files_always_belong_to_the_caller() {
        let chosen = |podman, rootless, uid| {
            let user = User::choose(&facts(podman, rootless), uid, uid, vec![7]);
            (user.uid, user.namespace, user.handed_over, user.groups.len())
        };
        assert_eq!(chosen(false, false, 1000), (1000, Some("host"), false, 1));
        assert_eq!(chosen(false, false, 0), (10001, Some("host"), true, 0));
        assert_eq!(chosen(false, true, 1000), (0, None, false, 0));
        assert_eq!(chosen(true, true, 1000), (1000, Some("keep-id"), false, 0));
        assert_eq!(chosen(true, false, 1000), (1000, None, false, 1));
        assert_eq!(chosen(true, false, 0), (10001, None, true, 0));
    }
}

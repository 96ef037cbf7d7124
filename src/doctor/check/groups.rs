//! All checks by group, in the order of the report.

use super::containers;
use super::cuda;
use super::extractor;
use super::gpu;
use super::host;
use super::training;

use super::super::finding::{COMPUTING_HERE, Finding, Purpose};
use super::super::machine::Machine;
use super::purposes::{COMPUTING, CONTAINERS, LARGE};

/// A check with the purposes that it matters for.
type Check = (&'static [Purpose], fn(&Machine) -> Finding);

/// All checks, by group.
pub(in crate::doctor) const GROUPS: [(&str, &[Check]); 3] = [
    (
        "machine",
        &[
            (&Purpose::ALL, host::processor),
            (&Purpose::ALL, host::memory),
            (&Purpose::ALL, host::disk),
            (&Purpose::ALL, host::locks),
            (CONTAINERS, host::shm),
            (LARGE, host::clock),
            (COMPUTING_HERE, host::worker),
            (&[Purpose::Train], training::training),
            (&[Purpose::Extract], extractor::extractor),
        ],
    ),
    (
        "containers",
        &[
            (CONTAINERS, containers::engine),
            (CONTAINERS, containers::disk),
            (&[Purpose::Extract], containers::extractor_image),
            (&[Purpose::Docker], containers::train_image),
        ],
    ),
    (
        "GPU",
        &[(LARGE, gpu::driver), (COMPUTING, cuda::cuda), (CONTAINERS, gpu::toolkit), (CONTAINERS, gpu::in_a_container)],
    ),
];

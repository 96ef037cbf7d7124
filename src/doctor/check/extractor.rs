//! The extractor that `repro extract` would choose, and the checks that matter for it.

use crate::doctor::finding::{Finding, Purpose};
use crate::doctor::machine::Machine;
use crate::extract::auto::{Extractor, choose};
use crate::extract::gpu_list::GpuChoice;

/// Groups of checks that matter for the original's image only.
const OF_CAFFE: [&str; 2] = ["containers", "GPU"];
/// The check that matters for the native detector only.
const OF_NATIVE: &str = "worker";

/// Returns the extractor that is chosen on a machine, and why; `None` if nvidia-smi fails, so that nothing can be chosen.
pub(in crate::doctor) fn chosen(machine: &Machine) -> Option<(Extractor, String)> {
    choose(machine.gpu.listed.clone(), &GpuChoice::All).ok()
}

/// Returns a finding of a group without a purpose that it stops only with the extractor that is not chosen.
pub(in crate::doctor) fn for_chosen(finding: Finding, group: &str, chosen: Option<&Extractor>) -> Finding {
    let matters = match chosen {
        Some(Extractor::Native) => !OF_CAFFE.contains(&group),
        _ => finding.name != OF_NATIVE,
    };
    if matters { finding } else { finding.not_stopping(Purpose::Extract) }
}

pub(super) fn extractor(machine: &Machine) -> Finding {
    match chosen(machine) {
        Some((extractor, why)) => Finding::fine("extractor", format!("{} {why}", extractor.name())),
        None => Finding::untried("extractor", "not chosen: nvidia-smi fails"),
    }
}

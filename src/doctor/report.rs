//! The report: all findings, and whether each purpose can work.

use super::check;
use super::{Finding, Problem, Purpose};

use super::machine::Machine;

/// Version of the JSON object.
const SCHEMA: u32 = 1;

/// All findings for the requested purposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorReport {
    /// Requested purposes.
    pub asked: Vec<Purpose>,
    /// Findings by group.
    pub groups: Vec<(&'static str, Vec<Finding>)>,
    /// The extractor that would be chosen, and why; `None` if none can be.
    pub extractor: Option<String>,
}

impl DoctorReport {
    /// Runs the checks that matter for the requested purposes.
    pub fn of(machine: &Machine, asked: &[Purpose]) -> Self {
        let wanted = |purposes: &[Purpose]| purposes.iter().any(|purpose| asked.contains(purpose));
        let chosen = check::chosen(machine);
        let extractor = chosen.as_ref().map(|(extractor, _)| extractor);
        let groups = check::GROUPS.iter().map(|(name, checks)| {
            let checks = checks.iter().filter(|(purposes, _)| wanted(purposes));
            let findings = checks.map(|(_, check)| check::for_chosen(check(machine), name, extractor));
            (*name, findings.collect::<Vec<Finding>>())
        });
        Self {
            asked: asked.to_vec(),
            groups: groups.filter(|(_, findings)| !findings.is_empty()).collect(),
            extractor: chosen.map(|(extractor, why)| format!("{} {why}", extractor.name())),
        }
    }

    /// Returns the names of the checks that stop a purpose; empty if it can work.
    pub fn stops(&self, purpose: Purpose) -> Vec<&'static str> {
        let findings = self.groups.iter().flat_map(|(_, findings)| findings);
        findings.filter(|finding| finding.stops().contains(&purpose)).map(|finding| finding.name).collect()
    }

    /// Whether all requested purposes can work.
    pub fn is_ready(&self) -> bool {
        self.asked.iter().all(|purpose| self.stops(*purpose).is_empty())
    }

    /// Returns the report as JSON: `schema`, `program`, `commit`, `ready` (whether each purpose can work, and the checks that stop
    /// it; for extract also the extractor) and `checks`, each with `group`, `name`, `state` and `found`, for a problem also `stops`, `hinders`, `advice` and
    /// `commands`, and `commands` for what was not checked and can be.
    pub fn json(&self) -> serde_json::Value {
        let checks = self.groups.iter().flat_map(|(group, findings)| {
            findings.iter().map(move |finding| {
                let mut check = serde_json::json!({
                    "group": group, "name": finding.name, "state": finding.state(&self.asked), "found": finding.found,
                });
                if let Some(Problem { stops, hinders, advice, .. }) = finding.matters(&self.asked) {
                    check["stops"] = serde_json::json!(stops);
                    check["hinders"] = serde_json::json!(hinders);
                    check["advice"] = serde_json::json!(advice);
                }
                let commands = finding.commands(&self.asked);
                if finding.matters(&self.asked).is_some() || !commands.is_empty() {
                    check["commands"] = serde_json::json!(commands);
                }
                check
            })
        });
        let ready = self.asked.iter().map(|purpose| {
            let stopped_by = self.stops(*purpose);
            let mut ready = serde_json::json!({ "ready": stopped_by.is_empty(), "stopped_by": stopped_by });
            if *purpose == Purpose::Extract {
                ready["by"] = serde_json::json!(self.extractor);
            }
            (purpose.name(), ready)
        });
        serde_json::json!({
            "schema": SCHEMA,
            "program": base::versions::PROGRAM,
            "commit": base::versions::commit(),
            "ready": ready.collect::<std::collections::BTreeMap<_, _>>(),
            "checks": checks.collect::<Vec<_>>(),
        })
    }
}

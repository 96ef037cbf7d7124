//! The report: findings, and what they mean for a purpose.

use super::check;
use super::{Finding, Purpose, Trouble};

use super::machine::Machine;

/// Version of the JSON object.
const SCHEMA: u32 = 1;

/// Everything that was found, for what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was asked.
    pub asked: Vec<Purpose>,
    /// Groups with their findings.
    pub groups: Vec<(&'static str, Vec<Finding>)>,
}

impl Report {
    /// The checks that matter for what is asked.
    pub fn of(machine: &Machine, asked: &[Purpose]) -> Self {
        let wanted = |purposes: &[Purpose]| purposes.iter().any(|purpose| asked.contains(purpose));
        let groups = check::GROUPS.iter().map(|(name, checks)| {
            let checks = checks.iter().filter(|(purposes, _)| wanted(purposes));
            (*name, checks.map(|(_, check)| check(machine)).collect::<Vec<Finding>>())
        });
        Self { asked: asked.to_vec(), groups: groups.filter(|(_, findings)| !findings.is_empty()).collect() }
    }

    /// Names of the checks by which something cannot work; empty where it can.
    pub fn stops(&self, purpose: Purpose) -> Vec<&'static str> {
        let findings = self.groups.iter().flat_map(|(_, findings)| findings);
        findings.filter(|finding| finding.stops().contains(&purpose)).map(|finding| finding.name).collect()
    }

    /// Whether everything that was asked for can work.
    pub fn is_ready(&self) -> bool {
        self.asked.iter().all(|purpose| self.stops(*purpose).is_empty())
    }

    /// For scripts: `schema`, `program`, `commit`, `ready` (per purpose whether, and the checks that stop it), and `checks`,
    /// each with `group`, `name`, `state`, `found`, and where something is not as it should be `stops`, `hinders`, `advice` and
    /// `commands`.
    pub fn json(&self) -> serde_json::Value {
        let checks = self.groups.iter().flat_map(|(group, findings)| {
            findings.iter().map(move |finding| {
                let mut check = serde_json::json!({
                    "group": group, "name": finding.name, "state": finding.state(&self.asked), "found": finding.found,
                });
                if let Some(Trouble { stops, hinders, advice, commands }) = finding.matters(&self.asked) {
                    check["stops"] = serde_json::json!(stops);
                    check["hinders"] = serde_json::json!(hinders);
                    check["advice"] = serde_json::json!(advice);
                    check["commands"] = serde_json::json!(commands);
                }
                check
            })
        });
        let ready = self.asked.iter().map(|purpose| {
            let stopped_by = self.stops(*purpose);
            (purpose.name(), serde_json::json!({ "ready": stopped_by.is_empty(), "stopped_by": stopped_by }))
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

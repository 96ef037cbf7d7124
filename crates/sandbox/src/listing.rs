//! Lists this program's containers on an engine. Does not use bollard, which rejects the whole list for one state that Docker
//! does not have, such as Podman's `stopped`.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::engine::{Engine, OWNER};
use super::failure::{Cause, Failure};

/// Time within which the engine must answer.
const ANSWER: Duration = Duration::from_secs(120);

/// A container on the engine.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ContainerSummary {
    /// Id.
    pub id: String,
    /// Names, each with a leading slash.
    #[serde(default)]
    pub names: Option<Vec<String>>,
    /// Labels.
    #[serde(default)]
    pub labels: Option<HashMap<String, String>>,
}

impl ContainerSummary {
    /// Returns the value of a label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// Returns its first name without the slash; its id if it has none.
    pub(crate) fn name(&self) -> &str {
        let first = self.names.as_ref().and_then(|names| names.first());
        first.map_or(&self.id, |name| name.trim_start_matches('/'))
    }
}

impl Engine {
    /// Lists all containers with this program's label, running or not.
    ///
    /// # Errors
    /// The engine does not answer, refuses, or sends something else.
    pub(super) async fn list_containers(&self) -> Result<Vec<ContainerSummary>, Failure> {
        let lost = |error: reqwest::Error| Failure::from(Cause::EngineLost { why: error.without_url().to_string() });
        let refused = |why: String| Failure::from(Cause::Engine { doing: "list the containers".into(), why });
        // No TLS is used, so a machine without certificates is no problem.
        let client = Client::builder().no_proxy().tls_certs_only([]).timeout(ANSWER);
        let (client, base) = match self.host().strip_prefix("unix://") {
            Some(socket) => (client.unix_socket(Path::new(socket)), "http://engine".to_owned()),
            None => (client, self.host().replacen("tcp://", "http://", 1)),
        };
        let filters = json!({ "label": [OWNER] }).to_string();
        let address = format!("{}/containers/json", base.trim_end_matches('/'));
        let address = Url::parse_with_params(&address, [("all", "true"), ("filters", &filters)])
            .map_err(|error| refused(error.to_string()))?;
        let answer = client.build().map_err(lost)?.get(address).send().await.map_err(lost)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(lost)?;
        if !status.is_success() {
            return Err(refused(String::from_utf8_lossy(&body).trim().to_owned()));
        }
        serde_json::from_slice(&body).map_err(|error| refused(format!("its answer cannot be parsed: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_may_have_any_state() {
        let text =
            r#"[{"Id": "a", "Names": ["/b"], "Labels": {"c": "d"}, "State": "stopped"}, {"Id": "e", "Labels": null}]"#;
        let all: Vec<ContainerSummary> = serde_json::from_str(text).unwrap();
        assert_eq!((all[0].name(), all[0].label("c"), all[1].name(), all[1].label("c")), ("b", Some("d"), "e", None));
    }
}

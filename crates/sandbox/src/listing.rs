//! The containers of this program that an engine has. Read more leniently than bollard does, which gives the whole list up for
//! one state that Docker does not have, such as Podman's `stopped`.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::engine::{Engine, OWNER};
use super::failure::{Cause, Failure};

/// How long the engine may take to answer.
const ANSWER: Duration = Duration::from_secs(120);

/// A container on the engine.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    /// Its id.
    pub id: String,
    /// Its names, each after a slash.
    #[serde(default)]
    pub names: Option<Vec<String>>,
    /// Its labels.
    #[serde(default)]
    pub labels: Option<HashMap<String, String>>,
}

impl Listed {
    /// A label's value.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// Its name for people.
    pub(crate) fn name(&self) -> &str {
        let first = self.names.as_ref().and_then(|names| names.first());
        first.map_or(&self.id, |name| name.trim_start_matches('/'))
    }
}

impl Engine {
    /// All containers that carry this program's label, running or not.
    ///
    /// # Errors
    /// Where the engine does not answer, or not with such a list.
    pub(super) async fn owned(&self) -> Result<Vec<Listed>, Failure> {
        let lost = |error: reqwest::Error| Failure::from(Cause::EngineLost { why: error.without_url().to_string() });
        let refused = |why: String| Failure::from(Cause::Engine { doing: "list the containers".into(), why });
        // Nothing is encrypted here: a machine without certificates must not keep it from working.
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
        serde_json::from_slice(&body).map_err(|error| refused(format!("its answer is not understood: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_state_will_do() {
        let text =
            r#"[{"Id": "a", "Names": ["/b"], "Labels": {"c": "d"}, "State": "stopped"}, {"Id": "e", "Labels": null}]"#;
        let all: Vec<Listed> = serde_json::from_str(text).unwrap();
        assert_eq!((all[0].name(), all[0].label("c"), all[1].name(), all[1].label("c")), ("b", Some("d"), "e", None));
    }
}

//! Classifies the errors of pulls by the texts of Docker, containerd and Podman, with a message and advice for each kind.

use base::cause::PullReason;
use base::error::Kind;

/// Texts of each kind, in lower case. The first kind that matches counts: missing ids may be why a layer cannot be stored.
const TEXTS: [(PullReason, &[&str]); 6] = [
    (PullReason::OldFormat, &["schema 1", "schema1", "manifest.v1+", "image format v1"]),
    (PullReason::RateLimit, &["toomanyrequests", "too many requests", "rate limit", "rate exceeded"]),
    (PullReason::Certificate, &["x509:", "failed to verify certificate", "unknown authority"]),
    (
        PullReason::UserNamespace,
        &["insufficient uids or gids", "lchown", "user namespace", "/etc/subuid", "newuidmap", "newgidmap"],
    ),
    (
        PullReason::Storage,
        &[
            "failed to register layer",
            "failed to extract layer",
            "mount callback failed",
            "failed to prepare extraction",
            "error creating overlay mount",
            "writing blob: adding layer",
        ],
    ),
    (
        PullReason::Unreachable,
        &[
            "client.timeout exceeded",
            "request canceled while waiting for connection",
            "context deadline exceeded",
            "proxyconnect",
            "proxy authentication required",
            "i/o timeout",
            "tls handshake timeout",
            "no such host",
            "server misbehaving",
            "temporary failure in name resolution",
            "network is unreachable",
            "no route to host",
            "connection refused",
        ],
    ),
];

/// Returns the reason that an engine's error text gives; `None` if it is of no known kind.
pub(super) fn find_reason(why: &str) -> Option<PullReason> {
    let why = why.to_lowercase();
    let fits = |texts: &[&str]| texts.iter().any(|text| why.contains(text));
    TEXTS.iter().find(|(_, texts)| fits(texts)).map(|(kind, _)| *kind)
}

/// Returns the message for `image`, without the engine's own error.
pub(super) fn sentence(reason: PullReason, image: &str) -> String {
    match reason {
        PullReason::BadName => format!("{image:?} is not the name of an image"),
        PullReason::Failed => format!("image {image} could not be pulled"),
        PullReason::Refused => format!("the registry refuses image {image}"),
        PullReason::OldFormat => format!(
            "this container engine is too new for image {image}: it no longer reads the image's old format (schema 1)"
        ),
        PullReason::RateLimit => {
            format!("the registry refuses image {image} for now: its pull limit is reached")
        }
        PullReason::Certificate => {
            format!("the container engine does not accept the certificate of the registry of {image}")
        }
        PullReason::Unreachable => format!("the container engine cannot reach the registry of image {image}"),
        PullReason::UserNamespace => format!(
            "the container engine cannot unpack image {image}: its user namespace has too few user and group ids"
        ),
        PullReason::Storage => format!("the container engine cannot store image {image}"),
    }
}

/// Returns the next step for the user, given the engine's error `why`; empty if the error says it.
pub(super) fn advice(reason: PullReason, image: &str, why: &str) -> String {
    match reason {
        PullReason::BadName => String::new(),
        PullReason::Failed => "check the network and the image's name, then run this again".to_owned(),
        PullReason::Refused => {
            "check the name; if the registry requires a login: docker login, docker pull, then `repro images pin`".to_owned()
        }
        PullReason::OldFormat => format!(
            "use an engine that reads it (Docker before 26, or Podman), or convert it: skopeo copy docker://{image} \
             docker-daemon:{image}, then `repro images pin`"
        ),
        PullReason::RateLimit => "log in (docker login) or wait some hours, then run this again".to_owned(),
        PullReason::Certificate if why.contains("expired or is not yet valid") => {
            "set the clock of the engine's machine (`repro doctor` checks it); if it is right, the registry's certificate \
             has expired"
                .to_owned()
        }
        PullReason::Certificate => format!(
            "add the certificate of the authority (CA) of the network or registry to the engine's machine: \
             /etc/docker/certs.d/{}/ca.crt, or the system's certificates, then restart the engine",
            host(image)
        ),
        PullReason::Unreachable => "the engine contacts the registry, not this program: behind a proxy, set HTTPS_PROXY for the \
                                    engine (systemctl edit docker) and restart it; otherwise check the network"
            .to_owned(),
        PullReason::UserNamespace => "give the user more ids: sudo usermod --add-subuids 100000-165535 --add-subgids \
                                      100000-165535 $USER, then `podman system migrate`, or restart rootless Docker"
            .to_owned(),
        PullReason::Storage => "run this again; if it fails again, read the engine's log, and check that its data is on a local \
                                disk (docker info shows the storage driver; overlay needs ext4 or xfs, not a network file system)"
            .to_owned(),
    }
}

/// Returns the kind of error: the request, the network or the engine's machine.
pub(super) fn kind(reason: PullReason) -> Kind {
    match reason {
        PullReason::BadName => Kind::Usage,
        PullReason::Failed
        | PullReason::Refused
        | PullReason::RateLimit
        | PullReason::Certificate
        | PullReason::Unreachable => Kind::Network,
        PullReason::OldFormat | PullReason::UserNamespace | PullReason::Storage => Kind::Infra,
    }
}

/// Returns the registry of an image's name.
fn host(image: &str) -> &str {
    let first = image.split('/').next().unwrap_or_default();
    if image.contains('/') && (first.contains(['.', ':']) || first == "localhost") { first } else { "docker.io" }
}

/// Returns whether a text says that a disk or a quota is full.
pub(super) fn says_full(text: &str) -> bool {
    let text = text.to_lowercase();
    ["no space left on device", "disk quota exceeded"].iter().any(|full| text.contains(full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_of_an_engine_has_its_kind() {
        use PullReason::{Certificate, OldFormat, RateLimit, Storage, Unreachable, UserNamespace};
        for (why, kind) in [
            (
                "media type \"application/vnd.docker.distribution.manifest.v1+prettyjws\" is no longer supported",
                OldFormat,
            ),
            ("support Docker Image manifest version 2, schema 1 has been removed", OldFormat),
            ("error pulling image: toomanyrequests: You have reached your pull rate limit", RateLimit),
            ("unexpected status from GET request: 429 Too Many Requests", RateLimit),
            ("Get \"https://r/v2/\": x509: certificate has expired or is not yet valid", Certificate),
            ("tls: failed to verify certificate: x509: certificate signed by unknown authority", Certificate),
            ("proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused", Unreachable),
            ("dial tcp: lookup registry-1.docker.io on 127.0.0.53:53: server misbehaving", Unreachable),
            ("failed to register layer: lchown /etc/gshadow: invalid argument", UserNamespace),
            (
                "writing blob: adding layer with blob \"sha256:0\": processing tar file(potentially insufficient UIDs or GIDs \
              available in user namespace for 0:42): lchown /etc/gshadow: invalid argument",
                UserNamespace,
            ),
            (
                "failed to register layer: error creating overlay mount to /var/lib/docker/overlay2/x: invalid argument",
                Storage,
            ),
            ("failed to extract layer sha256:0: mount callback failed on /tmp/x: unlinkat /x: no such file", Storage),
        ] {
            assert_eq!(find_reason(why), Some(kind), "{why}");
        }
        for other in
            ["manifest unknown", "pull access denied", "unexpected EOF", "no matching manifest for linux/arm64"]
        {
            assert_eq!(find_reason(other), None, "{other}");
        }
        assert!(
            says_full("write /x: Disk quota exceeded") && says_full("no space left on device") && !says_full("full")
        );
    }

    #[test]
    fn the_certificate_goes_where_the_registry_is() {
        let untrusted = |image| advice(PullReason::Certificate, image, "x509: certificate signed by unknown authority");
        assert!(untrusted("r.example.org:5000/a/b:1").contains("(CA)"));
        assert!(untrusted("r.example.org:5000/a/b:1").contains("certs.d/r.example.org:5000/ca.crt"));
        assert!(untrusted("airsplay/bottom-up-attention").contains("certs.d/docker.io/"));
        assert!(
            advice(PullReason::Certificate, "a", "x509: certificate has expired or is not yet valid").contains("clock")
        );
    }
}

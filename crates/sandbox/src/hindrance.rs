//! Why an image did not come although its registry has it: kinds that need different things done, by the texts of Docker, containerd
//! and Podman.

use base::cause::PullReason;
use base::error::Kind;

/// What keeps an image from coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// The image is stored in a format that newer engines no longer read.
    OldFormat,
    /// The registry gives no more for a while.
    RateLimit,
    /// The engine does not accept the registry's certificate.
    Certificate,
    /// The engine finds no way to the registry.
    Unreachable,
    /// The engine's user namespace has too few ids for the owners of the image's files.
    UserNamespace,
    /// The engine could not store a layer.
    Storage,
}

/// Texts of each kind, in lower case. The first kind that fits counts: a layer that cannot be stored may be so for lack of ids.
const TEXTS: [(Hindrance, &[&str]); 6] = [
    (Hindrance::OldFormat, &["schema 1", "schema1", "manifest.v1+", "image format v1"]),
    (Hindrance::RateLimit, &["toomanyrequests", "too many requests", "rate limit", "rate exceeded"]),
    (Hindrance::Certificate, &["x509:", "failed to verify certificate", "unknown authority"]),
    (
        Hindrance::UserNamespace,
        &["insufficient uids or gids", "lchown", "user namespace", "/etc/subuid", "newuidmap", "newgidmap"],
    ),
    (
        Hindrance::Storage,
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
        Hindrance::Unreachable,
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

impl Hindrance {
    /// The kind of what an engine says; `None` for any other trouble.
    pub(super) fn of(why: &str) -> Option<Self> {
        let why = why.to_lowercase();
        let fits = |texts: &[&str]| texts.iter().any(|text| why.contains(text));
        TEXTS.iter().find(|(_, texts)| fits(texts)).map(|(kind, _)| *kind)
    }

    /// What happened to `image`, before what the engine said.
    pub(super) fn sentence(self, image: &str) -> String {
        match self {
            Self::OldFormat => format!(
                "this container engine is too new for image {image}: it no longer reads the image's old format (schema 1)"
            ),
            Self::RateLimit => {
                format!("the registry does not give image {image} for now: its limit of pulls is reached")
            }
            Self::Certificate => {
                format!("the container engine does not accept the certificate of the registry of {image}")
            }
            Self::Unreachable => format!("the container engine does not reach the registry of image {image}"),
            Self::UserNamespace => format!(
                "the container engine cannot unpack image {image}: its user namespace has too few user and group ids"
            ),
            Self::Storage => format!("the container engine cannot store image {image}"),
        }
    }

    /// What the person can do about `image`, of which the engine said `why`.
    pub(super) fn advice(self, image: &str, why: &str) -> String {
        match self {
            Self::OldFormat => format!(
                "use an engine that reads it (Docker before 26, or Podman), or convert it: skopeo copy docker://{image} \
                 docker-daemon:{image}, then `repro images pin`"
            ),
            Self::RateLimit => "log in (docker login) or wait some hours, then run this again".to_owned(),
            Self::Certificate if why.contains("expired or is not yet valid") => {
                "set the clock of the engine's machine (`repro doctor` looks at it); if it is right, the registry's certificate \
                 has ended"
                    .to_owned()
            }
            Self::Certificate => format!(
                "add the certificate of the authority (CA) of the network or registry to the engine's machine: \
                 /etc/docker/certs.d/{}/ca.crt, or the system's certificates, then start the engine again",
                host(image)
            ),
            Self::Unreachable => "it is the engine that asks the registry, not this program: behind a proxy, set HTTPS_PROXY for \
                                  the engine (systemctl edit docker) and start it again; else check the network"
                .to_owned(),
            Self::UserNamespace => "give the user more ids: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \
                                    $USER, then `podman system migrate`, or start rootless Docker again"
                .to_owned(),
            Self::Storage => "run this again; if it stays so, see the engine's log, and that its data lies on a local disk (docker \
                              info shows the storage driver; overlay needs ext4 or xfs, not a network file system)"
                .to_owned(),
        }
    }

    /// Returns the reason as reports record it.
    pub(super) fn recorded(self) -> PullReason {
        match self {
            Self::OldFormat => PullReason::OldFormat,
            Self::RateLimit => PullReason::RateLimit,
            Self::Certificate => PullReason::Certificate,
            Self::Unreachable => PullReason::Unreachable,
            Self::UserNamespace => PullReason::UserNamespace,
            Self::Storage => PullReason::Storage,
        }
    }

    /// Whether the network or the engine's machine is in the way.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::RateLimit | Self::Certificate | Self::Unreachable => Kind::Network,
            Self::OldFormat | Self::UserNamespace | Self::Storage => Kind::Infra,
        }
    }
}

/// The registry of an image's name.
fn host(image: &str) -> &str {
    let first = image.split('/').next().unwrap_or_default();
    if image.contains('/') && (first.contains(['.', ':']) || first == "localhost") { first } else { "docker.io" }
}

/// Whether a text says that a disk or a quota is full.
pub(super) fn says_full(text: &str) -> bool {
    let text = text.to_lowercase();
    ["no space left on device", "disk quota exceeded"].iter().any(|full| text.contains(full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_engines_say_has_its_kind() {
        use Hindrance::{Certificate, OldFormat, RateLimit, Storage, Unreachable, UserNamespace};
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
            assert_eq!(Hindrance::of(why), Some(kind), "{why}");
        }
        for other in
            ["manifest unknown", "pull access denied", "unexpected EOF", "no matching manifest for linux/arm64"]
        {
            assert_eq!(Hindrance::of(other), None, "{other}");
        }
        assert!(
            says_full("write /x: Disk quota exceeded") && says_full("no space left on device") && !says_full("full")
        );
    }

    #[test]
    fn the_certificate_goes_where_the_registry_is() {
        let advice = |image| Hindrance::Certificate.advice(image, "x509: certificate signed by unknown authority");
        assert!(advice("r.example.org:5000/a/b:1").contains("(CA)"));
        assert!(advice("r.example.org:5000/a/b:1").contains("certs.d/r.example.org:5000/ca.crt"));
        assert!(advice("airsplay/bottom-up-attention").contains("certs.d/docker.io/"));
        assert!(
            Hindrance::Certificate.advice("a", "x509: certificate has expired or is not yet valid").contains("clock")
        );
    }
}

//! Full image names: the meaning of a short name depends on the engine.

use std::fmt;

use super::failure::{Cause, Failure};
use base::cause::PullReason;

/// Registry of a name without one.
const DEFAULT_REGISTRY: &str = "docker.io";

/// A full image name, such as `docker.io/airsplay/bottom-up-attention:latest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Registry and path, such as `docker.io/airsplay/bottom-up-attention`.
    pub repository: String,
    /// Tag; `latest` if the name has neither tag nor digest.
    pub tag: Option<String>,
    /// Digest: `sha256:…`.
    pub digest: Option<String>,
}

impl Reference {
    /// Parses `[REGISTRY/]PATH[:TAG][@DIGEST]`, as `docker pull` does.
    ///
    /// # Errors
    /// [`Cause::ImagePull`] with [`PullReason::BadName`].
    pub fn parse(name: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::from(Cause::ImagePull { image: name.to_owned(), reason: PullReason::BadName, why: why.to_owned() })
        };
        let (rest, digest) = match name.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (name, None),
        };
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(wrong("the part after @ must be sha256: and 64 hexadecimal digits"));
        }
        // A colon before the last slash belongs to the registry's port.
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong("the tag must have at most 128 letters, digits, `_`, `.` and `-`"));
        }
        let (registry, path) = match path.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
            _ => (DEFAULT_REGISTRY, path),
        };
        let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if !registry.chars().all(host) {
            return Err(wrong("the part before the first slash is not the address of a registry"));
        }
        let part = |part: &str| {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            part.starts_with(plain)
                && part.ends_with(plain)
                && part.chars().all(|c| plain(c) || matches!(c, '.' | '_' | '-'))
        };
        if !path.split('/').all(part) {
            return Err(wrong("each part must have lower-case letters and digits, with `.`, `_` or `-` between them"));
        }
        let library = if registry == DEFAULT_REGISTRY && !path.contains('/') { "library/" } else { "" };
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Self { repository: format!("{registry}/{library}{path}"), tag, digest: digest.map(str::to_owned) })
    }

    /// Returns the name of the same repository at a digest.
    #[must_use]
    pub fn at(&self, digest: &str) -> Self {
        Self { repository: self.repository.clone(), tag: None, digest: Some(digest.to_owned()) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// Returns whether a text is `sha256:` and 64 lower-case hexadecimal digits.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64 && is_hexadecimal(digits))
}

/// Returns whether a text is the id of an image, or at least its first 12 digits.
pub fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    (12..=64).contains(&digits.len()) && is_hexadecimal(digits)
}

fn is_hexadecimal(digits: &str) -> bool {
    digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_in_full() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (name, full) in [
            ("airsplay/bottom-up-attention", "docker.io/airsplay/bottom-up-attention:latest"),
            ("debian:12", "docker.io/library/debian:12"),
            ("docker.io/debian", "docker.io/library/debian:latest"),
            ("127.0.0.1:5000/a/b:1", "127.0.0.1:5000/a/b:1"),
            ("localhost/a", "localhost/a:latest"),
            ("localhost:5000/a", "localhost:5000/a:latest"),
            (&format!("a/b@{digest}"), &format!("docker.io/a/b@{digest}")),
            (&format!("a/b:1@{digest}"), &format!("docker.io/a/b:1@{digest}")),
        ] {
            assert_eq!(Reference::parse(name).unwrap().to_string(), full);
            assert_eq!(Reference::parse(full).unwrap().to_string(), full, "once more");
        }
        for name in
            ["", "A", "a b", "a/../b", "a?x=1", "a:", "a@sha256:12", "a//b", "é", "a_/b", "-x.y/a:b:c", "x y.z/a"]
        {
            let failure = Reference::parse(name).unwrap_err();
            assert!(matches!(*failure.cause, Cause::ImagePull { reason: PullReason::BadName, .. }), "{name}");
        }
        assert!(is_id("d72151011d20") && is_id(&digest) && !is_id("d72151011d2") && !is_id("lxmert-repro"));
    }
}

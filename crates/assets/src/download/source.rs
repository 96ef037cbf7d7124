//! Parses a URL of the manifest.

use std::path::PathBuf;

use url::Url;

/// A source of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// An http or https URL.
    Web(Url),
    /// A file on this machine.
    File(PathBuf),
}

impl Source {
    /// Parses an `http`, `https` or `file` URL.
    ///
    /// # Errors
    /// What is wrong with the URL; it follows the URL in messages.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Self::Web(url)),
            "file" => url.to_file_path().map(Self::File).map_err(|()| "is not a file on this machine".into()),
            other => Err(format!("has the unsupported scheme `{other}`")),
        }
    }

    /// Returns whether the file may be a web page.
    pub(crate) fn is_page(&self) -> bool {
        let path = match self {
            Self::Web(url) => url.path(),
            Self::File(_) => return true,
        };
        [".html", ".htm", ".xhtml"].iter().any(|suffix| path.ends_with(suffix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_parsed() {
        let web = Source::parse("https://x.org/a%20b.html?c=d").unwrap();
        assert!(matches!(&web, Source::Web(_)) && web.is_page());
        assert_eq!(Source::parse("file:///a%20b").unwrap(), Source::File("/a b".into()));
        assert!(Source::parse("ftp://x.org/a").unwrap_err().contains("ftp"));
        for wrong in ["a/b", "http:///", ""] {
            assert!(Source::parse(wrong).is_err(), "{wrong}");
        }
    }
}

//! What a URL of the manifest points to.

use std::path::PathBuf;

use url::Url;

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A server.
    Web(Url),
    /// A file of this machine.
    File(PathBuf),
}

impl Source {
    /// Understands an `http`, `https` or `file` URL; says what is wrong with another.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Self::Web(url)),
            "file" => url.to_file_path().map(Self::File).map_err(|()| "names no file of this machine".into()),
            other => Err(format!("`{other}` is no way of fetching that this program knows")),
        }
    }

    /// Whether what it names is meant to be a web page.
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
    fn urls_are_told_apart() {
        let web = Source::parse("https://x.org/a%20b.html?c=d").unwrap();
        assert!(matches!(&web, Source::Web(_)) && web.is_page());
        assert_eq!(Source::parse("file:///a%20b").unwrap(), Source::File("/a b".into()));
        assert!(Source::parse("ftp://x.org/a").unwrap_err().contains("ftp"));
        for wrong in ["a/b", "http:///", ""] {
            assert!(Source::parse(wrong).is_err(), "{wrong}");
        }
    }
}

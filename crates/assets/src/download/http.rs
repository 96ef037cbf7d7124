//! Sends one request, and checks that the response is the file from the requested byte on.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, IF_RANGE,
    LAST_MODIFIED, RANGE, RETRY_AFTER,
};
use reqwest::{Client, Response, StatusCode, Url, redirect};

use super::retry::{SourceError, retry_after};
use super::sidecar::Validator;
use base::error::{Error, Result};

const USER_AGENT: &str = concat!("lxmert-repro/", env!("CARGO_PKG_VERSION"));
const REDIRECTS: usize = 10;
const LONGEST_CONNECT: Duration = Duration::from_secs(20);

/// The part of a file that is present already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartialContent {
    /// Number of bytes; more than 0.
    pub length: u64,
    /// Its version; `None` if another source gave it or none was reported. Then the checksum must detect a change.
    pub validator: Option<Validator>,
    /// Size of the complete file in bytes, if known.
    pub total: Option<u64>,
}

/// A response with bytes of the file.
#[derive(Debug)]
pub(crate) struct HttpBody {
    /// The response; its body has not been read.
    pub response: Response,
    /// Position of the first byte in the file.
    pub from: u64,
    /// Size of the complete file in bytes, if known.
    pub total: Option<u64>,
    /// The version, if reported.
    pub validator: Option<Validator>,
}

/// Result of a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Bytes of the file.
    Bytes(Box<HttpBody>),
    /// The present part is already the complete file.
    Nothing,
}

/// Creates the client for all requests of one thread.
pub(crate) fn client(stall: Duration) -> Result<Client> {
    Client::builder()
        .user_agent(USER_AGENT)
        .http1_only()
        .redirect(redirect::Policy::limited(REDIRECTS))
        .connect_timeout(stall.min(LONGEST_CONNECT))
        .build()
        .map_err(|error| {
            Error::infra("cannot create the HTTP client")
                .because(reasons(&error))
                .next("check the system's certificates (package ca-certificates) and proxy settings")
        })
}

/// Requests the file, or its missing part. `page`: the file may be a web page.
pub(crate) async fn ask(
    client: &Client,
    url: &Url,
    held: Option<&PartialContent>,
    page: bool,
    stall: Duration,
) -> Result<Reply, SourceError> {
    let mut request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
    if let Some(held) = held {
        request = request.header(RANGE, format!("bytes={}-", held.length));
        if let Some(validator) = &held.validator {
            request = request.header(IF_RANGE, validator.text());
        }
    }
    let response = match tokio::time::timeout(stall, request.send()).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(failed(&error)),
        Err(_) => return Err(SourceError::retry(format!("no answer for {} s", stall.as_secs_f64()))),
    };
    let status = response.status();
    match status {
        StatusCode::OK => {
            fit(response.headers(), page)?;
            let (total, validator) = (response.content_length(), validator(response.headers()));
            Ok(Reply::Bytes(Box::new(HttpBody { response, from: 0, total, validator })))
        }
        StatusCode::PARTIAL_CONTENT => {
            let Some(held) = held else {
                return Err(SourceError::permanent(
                    "answered with a part of the file although the whole was requested",
                ));
            };
            fit(response.headers(), page)?;
            rest(response, held)
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            let (total, length) = (range(response.headers()), held.map(|held| held.length));
            match total {
                Some(Range { from: None, total: Some(total), .. }) if Some(total) == length => Ok(Reply::Nothing),
                Some(Range { total: Some(total), .. }) => {
                    Err(SourceError::Restart(format!("the server's file has {total} bytes, fewer than are present")))
                }
                _ => Err(SourceError::Restart("the server cannot resume".into())),
            }
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => Err(busy(&response)),
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => Err(refused(status)),
        _ if status.is_server_error() => Err(busy(&response)),
        _ => Err(refused(status)),
    }
}

/// Checks a 206 response: it must start at the requested byte, and be of the same version.
fn rest(response: Response, held: &PartialContent) -> Result<Reply, SourceError> {
    let range = range(response.headers());
    let Some(Range { from: Some(from), total, .. }) = range else {
        return Err(SourceError::Restart("the server does not say which part it sends".into()));
    };
    if from != held.length {
        return Err(SourceError::Restart(format!("the server sends bytes from {from} on, not from {}", held.length)));
    }
    if let (Some(now), Some(then)) = (total, held.total)
        && now != then
    {
        return Err(SourceError::Restart(format!("the server's file now has {now} bytes, not {then}")));
    }
    let now = validator(response.headers());
    if let (Some(now), Some(then)) = (&now, &held.validator)
        && std::mem::discriminant(now) == std::mem::discriminant(then)
        && now != then
    {
        return Err(SourceError::Restart(format!(
            "the file there has changed: {} now, not {}",
            now.text(),
            then.text()
        )));
    }
    let body_ends = response.content_length().and_then(|length| from.checked_add(length));
    if let (Some(ends), Some(total)) = (body_ends, total)
        && ends > total
    {
        return Err(SourceError::Restart("the server sends more than the rest of the file".into()));
    }
    Ok(Reply::Bytes(Box::new(HttpBody { response, from, total: total.or(held.total), validator: now })))
}

/// Checks that the body is the unencoded file and not a web page.
fn fit(headers: &HeaderMap, page: bool) -> Result<(), SourceError> {
    let encoding = text(headers, &CONTENT_ENCODING).unwrap_or("identity").trim();
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        return Err(SourceError::permanent(format!("answered with the encoding {encoding}, which was not requested")));
    }
    let kind = text(headers, &CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_page = ["text/html", "application/xhtml+xml"].iter().any(|html| kind.eq_ignore_ascii_case(html));
    match is_page && !page {
        true => Err(SourceError::permanent("answered with a web page instead of the file")),
        false => Ok(()),
    }
}

/// Returns a value that certainly identifies the version: a strong ETag, otherwise a modification time that no later change can
/// share.
fn validator(headers: &HeaderMap) -> Option<Validator> {
    let etag = text(headers, &ETAG).map(str::trim).filter(|etag| etag.starts_with('"') && etag.len() > 2);
    if let Some(etag) = etag {
        return Some(Validator::Etag(etag.to_owned()));
    }
    let modified = text(headers, &LAST_MODIFIED)?.trim();
    let changed = httpdate::parse_http_date(modified).ok()?;
    let answered = text(headers, &DATE).and_then(|date| httpdate::parse_http_date(date.trim()).ok());
    let settled = answered.is_none_or(|answered| changed + Duration::from_secs(1) <= answered);
    settled.then(|| Validator::Modified(modified.to_owned()))
}

/// The header `Content-Range`: `bytes FROM-TO/TOTAL`, where either side of the slash may be unknown.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    from: Option<u64>,
    total: Option<u64>,
}

fn range(headers: &HeaderMap) -> Option<Range> {
    let (part, total) = text(headers, &CONTENT_RANGE)?.trim().strip_prefix("bytes ")?.split_once('/')?;
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse::<u64>().ok()?),
    };
    if part.trim() == "*" {
        return Some(Range { from: None, total });
    }
    let (from, to) = part.split_once('-')?;
    let (from, to): (u64, u64) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    let proper = from <= to && total.is_none_or(|total| to < total);
    proper.then_some(Range { from: Some(from), total })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn busy(response: &Response) -> SourceError {
    let after = text(response.headers(), &RETRY_AFTER).and_then(|value| retry_after(value, SystemTime::now()));
    SourceError::Retry { why: format!("answered {}", response.status()), after }
}

fn refused(status: StatusCode) -> SourceError {
    SourceError::permanent(format!("answered {status}"))
}

/// Classifies the error of a request. Bad redirects and untrusted certificates are permanent, other errors may pass.
pub(crate) fn failed(error: &reqwest::Error) -> SourceError {
    let why = reasons(error);
    let mut source = error.source();
    let mut untrusted = false;
    while let Some(cause) = source {
        // The resolver's error has this text.
        if let Some((_, said)) = cause.to_string().split_once("failed to lookup address information: ") {
            return SourceError::UnresolvedHost(said.to_owned());
        }
        // The TLS layer reports its errors, and only those, as invalid data.
        untrusted |= error.is_connect()
            && cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::InvalidData);
        source = cause.source();
    }
    match error.is_redirect() || error.is_builder() || untrusted {
        true => SourceError::permanent(why),
        false => SourceError::retry(why),
    }
}

/// Returns an error with all its causes in one line, each only once.
fn reasons(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next: Option<&dyn std::error::Error> = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    match parts.is_empty() {
        true => error.to_string(),
        false => parts.join(": "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn content_ranges_are_parsed() {
        let read = |text: &'static str| range(&headers(&[(CONTENT_RANGE, text)]));
        assert_eq!(read("bytes 5-9/10"), Some(Range { from: Some(5), total: Some(10) }));
        assert_eq!(read("bytes 5-9/*"), Some(Range { from: Some(5), total: None }));
        assert_eq!(read("bytes */10"), Some(Range { from: None, total: Some(10) }));
        for wrong in ["bytes 5-10/10", "bytes 9-5/10", "lines 5-9/10", "bytes 5-9", "bytes 5-/10", "bytes a-b/c"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_values_that_identify_versions_for_certain_count() {
        let (old, next) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT");
        let modified = Some(Validator::Modified(old.into()));
        assert_eq!(
            validator(&headers(&[(ETAG, "\"a\""), (LAST_MODIFIED, old)])),
            Some(Validator::Etag("\"a\"".into()))
        );
        assert_eq!(validator(&headers(&[(ETAG, "W/\"a\""), (LAST_MODIFIED, old)])), modified, "weak");
        assert_eq!(validator(&headers(&[(LAST_MODIFIED, old), (DATE, next)])), modified);
        assert_eq!(
            validator(&headers(&[(LAST_MODIFIED, old), (DATE, old)])),
            None,
            "it may still change in this second"
        );
        assert_eq!(validator(&headers(&[(ETAG, "W/\"a\"")])), None);
        assert_eq!(validator(&headers(&[(LAST_MODIFIED, "yesterday")])), None);
    }

    #[test]
    fn pages_and_encoded_bodies_are_refused() {
        let bad = |pairs: &[(HeaderName, &'static str)], page| fit(&headers(pairs), page).is_err();
        assert!(bad(&[(CONTENT_TYPE, "Text/HTML; charset=utf-8")], false));
        assert!(!bad(&[(CONTENT_TYPE, "text/html")], true));
        assert!(bad(&[(CONTENT_ENCODING, "gzip")], false));
        assert!(!bad(&[(CONTENT_ENCODING, "identity"), (CONTENT_TYPE, "text/plain")], false));
        assert!(!bad(&[], false));
    }
}

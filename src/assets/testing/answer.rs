//! Writes one answer, right or wrong as told.

use std::borrow::Cow;
use std::io::{Result, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Fault, Record, Served};

const PIECE: usize = 64 << 10;

/// Answers; `note` hears the status and the bytes of the body sent so far.
pub fn answer(
    mut stream: &TcpStream,
    record: &Record,
    file: Option<Served>,
    fault: &Fault,
    note: &dyn Fn(u16, u64),
) -> Result<()> {
    let short = |status: u16, headers: &[(&str, String)], kind: &str, body: &str| {
        let mut stream = stream;
        note(status, body.len() as u64);
        head(stream, status, headers, kind, Some(body.len() as u64))?;
        stream.write_all(body.as_bytes())
    };
    match fault {
        Fault::Hang => return Ok(()),
        Fault::Status(status, headers) => return short(*status, headers, "text/plain", "as told\n"),
        Fault::Redirect(to) => return short(302, &[("Location", to.clone())], "text/plain", ""),
        Fault::Page => return short(200, &[], "text/html; charset=utf-8", "<html>Sorry</html>\n"),
        _ => {}
    }
    let Some(file) = file else { return short(404, &[], "text/plain", "no such file\n") };

    let size = file.bytes.len() as u64;
    let mut headers = Vec::new();
    headers.extend(file.etag.clone().map(|etag| ("ETag", etag)));
    headers.extend(file.last_modified.clone().map(|date| ("Last-Modified", date)));
    let fits = record.headers.get("if-range").is_none_or(|known| {
        let strong = file.etag.as_ref().filter(|etag| !etag.starts_with("W/"));
        matches!(fault, Fault::Careless) || Some(known) == strong || Some(known) == file.last_modified.as_ref()
    });
    let wanted = record.from.filter(|_| file.ranges && fits && !matches!(fault, Fault::Whole));
    if wanted.is_some_and(|from| from >= size) {
        return short(416, &[("Content-Range", format!("bytes */{size}"))], "text/plain", "");
    }
    let from = wanted.unwrap_or(0);
    if wanted.is_some() {
        let (shift, total) = match fault {
            Fault::Shifted(by) => (*by, size),
            Fault::Total(total) => (0, *total),
            _ => (0, size),
        };
        headers.push(("Content-Range", format!("bytes {}-{}/{total}", from + shift, size - 1)));
    }
    if let Fault::Encoded(how) = fault {
        headers.push(("Content-Encoding", (*how).into()));
    }

    let mut body = Cow::Borrowed(&file.bytes[from as usize..]);
    let mut length = file.length.then_some(body.len() as u64);
    match fault {
        Fault::Few(by) => (length, _) = (None, body = body[..body.len().saturating_sub(*by as usize)].to_vec().into()),
        Fault::Many(by) => (length, _) = (None, body.to_mut().extend(vec![b'x'; *by as usize])),
        Fault::Length(said) => length = Some(*said),
        Fault::Corrupt(at) if *at >= from => body.to_mut()[(*at - from) as usize] ^= 1,
        Fault::Drop(after) | Fault::Stall(after) => body = body[..body.len().min(*after as usize)].to_vec().into(),
        _ => {}
    }
    let status = if wanted.is_some() { 206 } else { 200 };
    note(status, 0);
    head(stream, status, &headers, &file.kind, length)?;
    let (start, mut sent) = (Instant::now(), 0);
    for piece in body.chunks(PIECE) {
        match length {
            Some(_) => stream.write_all(piece)?,
            None => {
                stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes())?;
                stream.write_all(piece)?;
                stream.write_all(b"\r\n")?;
            }
        }
        sent += piece.len() as u64;
        note(status, sent);
        if let Some(rate) = file.rate {
            let due = Duration::from_secs_f64(sent as f64 / rate as f64);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
    }
    if length.is_none() && !matches!(fault, Fault::Drop(_) | Fault::Stall(_)) {
        stream.write_all(b"0\r\n\r\n")?;
    }
    Ok(())
}

fn head(
    mut stream: &TcpStream,
    status: u16,
    headers: &[(&str, String)],
    kind: &str,
    length: Option<u64>,
) -> Result<()> {
    let mut text = format!("HTTP/1.1 {status} As Told\r\nConnection: close\r\nContent-Type: {kind}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &match length {
        Some(length) => format!("Content-Length: {length}\r\n\r\n"),
        None => "Transfer-Encoding: chunked\r\n\r\n".into(),
    };
    stream.write_all(text.as_bytes())
}

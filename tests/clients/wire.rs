//! Bytes out, bytes in: nothing is added to what a client sends, and nothing left out.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use http::{Method, Response};

use crate::support::{Answer, Service, document};

/// The answer to a request written byte by byte, on a connection of its own.
pub(super) fn exchange(
    service: &Service,
    method: &str,
    target: &str,
    headers: &[(&str, String)],
    body: &str,
) -> Answer {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", service.server.address);
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    request += "Connection: close\r\n\r\n";
    request += body;
    let mut stream = TcpStream::connect(service.server.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let answer = Answer::of(parsed(&bytes));
    let path = target.split('?').next().unwrap();
    document::holds(&method.parse::<Method>().unwrap(), path, &answer);
    answer
}

fn parsed(bytes: &[u8]) -> Response<Bytes> {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let (head, body) = (std::str::from_utf8(&bytes[..end]).unwrap(), &bytes[end + 4..]);
    let mut lines = head.lines();
    let status: u16 = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut response = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        response = response.header(name, value);
    }
    let response = response.body(Bytes::copy_from_slice(body)).unwrap();
    assert_eq!(response.headers()["content-length"], body.len().to_string(), "the body is whole");
    response
}

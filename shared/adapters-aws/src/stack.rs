//! The answer to CloudFormation: what a custom resource's function puts to the address that its event names.

use std::net::IpAddr;
use std::time::Duration;

use avain_domain::ports::Unavailable;
use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::Full;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

/// How long the address is waited for: S3, where CloudFormation is.
const WAIT: Duration = Duration::from_secs(10);

/// Puts an answer (JSON) to a pre-signed address, over TLS; over plain HTTP only to this machine, where emulators are. The
/// address lets whoever has it answer: it is in no error, and must be in no log.
pub async fn answer(address: &str, body: String) -> Result<(), Unavailable> {
    let address =
        address.parse::<Uri>().ok().filter(is_private).ok_or_else(|| unavailable("has no address over HTTPS"))?;
    // No Content-Type: CloudFormation signs the address for a request without one.
    let request = Request::builder().method(Method::PUT).uri(address).body(Full::new(Bytes::from(body)));
    let request = request.map_err(|_| unavailable("could not be made"))?;
    let connector = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let exchange = tokio::time::timeout(WAIT, client.request(request)).await;
    let status = match exchange {
        Ok(Ok(answer)) => answer.status(),
        Ok(Err(_)) => return Err(unavailable("did not arrive")),
        Err(_) => return Err(unavailable("was not taken in time")),
    };
    if status.is_success() {
        Ok(())
    } else {
        Err(unavailable(&format!("was not taken: HTTP status {}", status.as_u16())))
    }
}

/// Nobody on the way reads it.
fn is_private(address: &Uri) -> bool {
    let host = address.host().unwrap_or_default();
    let ip: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let loopback = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback());
    match address.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => loopback,
        _ => false,
    }
}

fn unavailable(what: &str) -> Unavailable {
    Unavailable(format!("the answer to CloudFormation {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (address, expected) in [
            ("https://cloudformation-custom-resource-response-eunorth1.s3.amazonaws.com/a?b=c", true),
            ("http://127.0.0.1:4566/a", true),
            ("http://127.1.2.3/a", true),
            ("http://[::1]:4566/a", true),
            ("http://localhost:4566/a", true),
            ("http://cloudformation-custom-resource-response-eunorth1.s3.amazonaws.com/a", false),
            ("http://localhost.example.com/a", false),
            ("http://127.0.0.1.example.com/a", false),
            ("http://10.0.0.1/a", false),
            ("ftp://localhost/a", false),
            ("/a", false),
        ] {
            assert_eq!(address.parse::<Uri>().is_ok_and(|it| is_private(&it)), expected, "{address}");
        }
    }
}

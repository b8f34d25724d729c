//! Who may ask: requests for another host (DNS rebinding) and requests that other sites make a
//! browser send are refused, on loopback too.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Method};

use super::problem::{Kind, Problem};
use crate::config;

/// Longer addresses than ours ever get, in bytes.
const URI_LIMIT: usize = 8 * 1024;

/// More header fields than browsers ever send, in bytes of names and values.
const HEAD_LIMIT: usize = 32 * 1024;

/// The names that the server is reached by.
#[derive(Clone, Debug)]
pub struct Gate {
    names: Arc<[String]>,
    bound: SocketAddr,
}

impl Gate {
    /// From the settings and the address that was bound in the end.
    pub fn new(http: &config::Http, bound: SocketAddr) -> Self {
        Self {
            names: http.allowed_hosts.clone().into(),
            bound,
        }
    }

    /// Whether the server answers to this name. Attackers can point names of their own to it, but
    /// not addresses: with a remote binding any address is its own.
    fn knows(&self, authority: &Authority) -> bool {
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_ascii_lowercase();
        if let Ok(address) = host.parse::<IpAddr>() {
            let everywhere = self.bound.ip().is_unspecified();
            return address.is_loopback() || address == self.bound.ip() || everywhere;
        }
        let with_port = authority.as_str().to_ascii_lowercase();
        host == "localhost"
            || self
                .names
                .iter()
                .any(|name| *name == host || *name == with_port)
    }

    fn check(&self, request: &Request) -> Result<(), Problem> {
        if request.uri().to_string().len() > URI_LIMIT {
            return Err(Problem::bare(Kind::UriTooLong));
        }
        let fields = request.headers().iter();
        if fields
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum::<usize>()
            > HEAD_LIMIT
        {
            return Err(Problem::bare(Kind::HeadTooLarge));
        }
        let host = host(request)?;
        if !self.knows(&host) {
            let detail =
                format!("The server does not answer to {host}. CCS_ALLOWED_HOSTS can name it.");
            return Err(Problem::new(Kind::ForeignHost, detail));
        }
        let safe = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        );
        // Server functions change things whatever their method says.
        if !safe || request.uri().path().starts_with("/sfn/") {
            same_site(request.headers(), &host)?;
        }
        Ok(())
    }
}

/// Lets through what is meant for this server and comes from its own pages or from a program.
pub async fn check(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match gate.check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn host(request: &Request) -> Result<Authority, Problem> {
    let malformed = || Problem::new(Kind::Malformed, "The request needs one valid Host header.");
    let mut hosts = request.headers().get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(malformed());
    }
    // An address with a host in it outranks the header.
    if let Some(authority) = request.uri().authority() {
        return Ok(authority.clone());
    }
    let host = first
        .and_then(|host| host.to_str().ok())
        .ok_or_else(malformed)?;
    let host: Authority = host.parse().map_err(|_| malformed())?;
    if host.as_str().contains('@') {
        return Err(malformed());
    }
    Ok(host)
}

/// Browsers say where a request comes from; other programs don't, and need not.
fn same_site(headers: &HeaderMap, host: &Authority) -> Result<(), Problem> {
    let foreign = || {
        Problem::new(
            Kind::ForeignOrigin,
            "Other sites may not send requests here.",
        )
    };
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return Err(foreign());
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
    let of_origin = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    if of_origin == Some(host.as_str().to_ascii_lowercase().as_str()) {
        Ok(())
    } else {
        Err(foreign())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn verdict(uri: &str, headers: &[(&str, &str)]) -> u16 {
        let settings = config::Http {
            allowed_hosts: vec!["ccs.example".into()],
            ..Default::default()
        };
        let gate = Gate::new(&settings, ([127, 0, 0, 1], 3000).into());
        let mut request = http::Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match gate.check(&request.body(Body::empty()).unwrap()) {
            Ok(()) => 200,
            Err(problem) => problem.status().as_u16(),
        }
    }

    #[test]
    fn only_its_own_names_reach_the_server() {
        for host in [
            "localhost",
            "localhost:3000",
            "LOCALHOST",
            "127.0.0.1:3000",
            "127.1.2.3",
            "[::1]:3000",
            "ccs.example",
        ] {
            assert_eq!(verdict("/api/tasks", &[("host", host)]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "192.168.0.1",
            "127.0.0.1.evil.example",
        ] {
            assert_eq!(verdict("/api/tasks", &[("host", host)]), 403, "{host}");
        }
        assert_eq!(verdict("/", &[]), 400);
        assert_eq!(
            verdict("/", &[("host", "localhost"), ("host", "evil.example")]),
            400
        );
        assert_eq!(verdict("/", &[("host", "localhost@evil.example")]), 400);
        assert_eq!(
            verdict("http://evil.example/", &[("host", "localhost")]),
            403
        );
    }

    #[test]
    fn other_sites_can_not_make_a_browser_act() {
        let post = |headers: &[(&str, &str)]| {
            let mut all = vec![("host", "localhost:3000")];
            all.extend(headers);
            verdict("/api/tasks", &all)
        };
        assert_eq!(post(&[]), 200);
        assert_eq!(post(&[("origin", "http://localhost:3000")]), 200);
        assert_eq!(post(&[("sec-fetch-site", "same-origin")]), 200);
        assert_eq!(post(&[("origin", "http://localhost:4000")]), 403);
        assert_eq!(post(&[("origin", "null")]), 403);
        assert_eq!(post(&[("sec-fetch-site", "cross-site")]), 403);
        assert_eq!(
            post(&[
                ("sec-fetch-site", "same-site"),
                ("origin", "http://localhost:3000")
            ]),
            403
        );
    }

    #[test]
    fn an_endless_address_is_refused() {
        let uri = format!("/{}", "x".repeat(9000));
        assert_eq!(verdict(&uri, &[("host", "localhost")]), 414);
    }
}

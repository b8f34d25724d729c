//! Which addresses messages go to. Whoever can subscribe chooses the address, and this server can reach what
//! they can't: so it has to be in the open internet, unless nobody but the server's owner can ask for it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{io, vec};

use http::Uri;
use hyper_util::client::legacy::connect::dns::Name;

/// The longest address.
const LONGEST: usize = 2_048;

/// Where messages may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// By HTTPS, to public addresses.
    Public,
    /// Also to this machine, without encryption: for tests.
    Loopback,
    /// Wherever the server gets, encrypted or not.
    Anywhere,
}

/// An address that nothing is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("is not an address")]
    Syntax,
    #[error("must begin with https://")]
    Scheme,
    #[error("must begin with https:// or http://")]
    NotWeb,
    #[error("must lead to a public host")]
    Host,
}

impl Reach {
    /// The address, if messages may go there as far as it tells.
    pub fn check(self, text: &str) -> Result<Uri, AddressError> {
        if text.len() > LONGEST {
            return Err(AddressError::Syntax);
        }
        let address: Uri = text.parse().map_err(|_| AddressError::Syntax)?;
        let authority = address.authority().ok_or(AddressError::Syntax)?;
        if authority.as_str().contains('@') {
            return Err(AddressError::Syntax);
        }
        let host = authority.host();
        if self == Self::Anywhere {
            let is_web = matches!(address.scheme_str(), Some("http" | "https"));
            return match host {
                "" => Err(AddressError::Syntax),
                _ if is_web => Ok(address),
                _ => Err(AddressError::NotWeb),
            };
        }
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        let is_here = self == Self::Loopback && literal.is_some_and(|ip| ip.is_loopback());
        match address.scheme_str() {
            Some("https") => {}
            Some("http") if is_here => return Ok(address),
            _ => return Err(AddressError::Scheme),
        }
        match literal {
            Some(ip) if self.admits(ip) => Ok(address),
            // A name without a dot is one of the local network; the others are looked up later.
            None if host.contains('.') && !host.ends_with('.') => Ok(address),
            _ => Err(AddressError::Host),
        }
    }

    fn admits(self, ip: IpAddr) -> bool {
        match self {
            Self::Public => is_public(ip),
            Self::Loopback => is_public(ip) || ip.is_loopback(),
            Self::Anywhere => true,
        }
    }
}

/// Whether an address is one of the open internet.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_public_v4(ip),
            None => is_public_v6(ip),
        },
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [first, second, third, _] = ip.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_of_protocols = first == 192 && second == 0 && third == 0;
    let is_of_benchmarks = first == 198 && (second == 18 || second == 19);
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || is_shared
        || is_of_protocols
        || is_of_benchmarks
        || first == 0
        || first >= 224)
}

/// Of the block that is given out, without what leads to IPv4 addresses by another name.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    let is_given_out = (0x2000..0x4000).contains(&first);
    let is_documentation = first == 0x2001 && second == 0xdb8;
    let is_tunnel = first == 0x2002 || (first == 0x2001 && second < 0x200);
    is_given_out && !is_documentation && !is_tunnel
}

/// Looks names up, and finds public addresses alone: what a name meant a moment ago says nothing.
#[derive(Clone, Debug)]
pub struct Resolver {
    reach: Reach,
}

impl Resolver {
    pub const fn new(reach: Reach) -> Self {
        Self { reach }
    }
}

impl tower::Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.reach;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let admitted: Vec<_> = found.filter(|found| reach.admits(found.ip())).collect();
            if admitted.is_empty() {
                return Err(io::Error::other("the host has no public address"));
            }
            Ok(admitted.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_of_the_open_internet_are_admitted() {
        for good in [
            "https://fcm.googleapis.com/fcm/send/abc:def",
            "https://updates.push.services.mozilla.com:443/wpush/v2/x",
            "https://8.8.8.8/x",
            "https://[2606:4700::1111]/x",
        ] {
            assert!(Reach::Public.check(good).is_ok(), "{good}");
        }
        for (bad, error) in [
            ("", AddressError::Syntax),
            ("/path", AddressError::Syntax),
            ("https://user@host.example.net/", AddressError::Syntax),
            ("http://fcm.googleapis.com/x", AddressError::Scheme),
            ("ftp://host.example.net/", AddressError::Scheme),
            ("http://127.0.0.1:1/", AddressError::Scheme),
            ("https://localhost/", AddressError::Host),
            ("https://metadata/", AddressError::Host),
            ("https://localhost./", AddressError::Host),
            ("https://127.0.0.1/", AddressError::Host),
            ("https://10.0.0.1/", AddressError::Host),
            ("https://172.31.0.1/", AddressError::Host),
            ("https://192.168.1.1/", AddressError::Host),
            ("https://169.254.169.254/latest", AddressError::Host),
            ("https://100.64.0.1/", AddressError::Host),
            ("https://0.0.0.0/", AddressError::Host),
            ("https://255.255.255.255/", AddressError::Host),
            ("https://[::1]/", AddressError::Host),
            ("https://[::]/", AddressError::Host),
            ("https://[fd00::1]/", AddressError::Host),
            ("https://[fe80::1]/", AddressError::Host),
            ("https://[::ffff:10.0.0.1]/", AddressError::Host),
            ("https://[64:ff9b::a00:1]/", AddressError::Host),
            ("https://[2002:a00:1::]/", AddressError::Host),
        ] {
            assert_eq!(Reach::Public.check(bad), Err(error), "{bad}");
        }
        assert!(Reach::Loopback.check("http://127.0.0.1:1/").is_ok());
        assert!(Reach::Loopback.check("http://10.0.0.1:1/").is_err());
        for good in [
            "http://10.0.0.1:1/",
            "http://localhost/x",
            "https://metadata/",
        ] {
            assert!(Reach::Anywhere.check(good).is_ok(), "{good}");
        }
        for bad in [
            "ftp://localhost/",
            "/path",
            "http://me@localhost/",
            "http:///x",
        ] {
            assert!(Reach::Anywhere.check(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_not_found() {
        use tower::Service as _;
        let name = || "localhost".parse::<Name>().unwrap();
        assert!(Resolver::new(Reach::Public).call(name()).await.is_err());
        assert!(Resolver::new(Reach::Loopback).call(name()).await.is_ok());
    }
}

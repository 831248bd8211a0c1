//! The client's address behind proxies that are trusted.

use crate::refusal::Refusal;
use http::HeaderMap;
use std::net::IpAddr;
use strongroom_core::Remote;
use strongroom_core::cidr::Block;

/// Whose `X-Forwarded-For` is taken, and what becomes of requests without a credible one.
#[derive(Debug, Clone)]
pub struct Forwarded {
    /// The proxies.
    pub authorized: Vec<Block>,
    /// How many proxies stand between the one that connects and the client's entry.
    pub hop_skips: usize,
    /// Refuse requests without the header.
    pub reject_not_present: bool,
    /// Refuse requests that come from elsewhere with the header.
    pub reject_not_authorized: bool,
}

impl Forwarded {
    /// The client behind `peer`.
    pub(crate) fn client(&self, headers: &HeaderMap, peer: Remote) -> Result<Remote, Refusal> {
        let mut values = headers.get_all("x-forwarded-for").iter().peekable();
        if values.peek().is_none() {
            return if self.reject_not_present {
                Err(Refusal::invalid("X-Forwarded-For is missing, and this listener wants it"))
            } else {
                Ok(peer)
            };
        }
        if !self.authorized.iter().any(|block| block.contains(peer.address)) {
            return if self.reject_not_authorized {
                Err(Refusal::invalid("X-Forwarded-For is not taken from this address"))
            } else {
                Ok(peer)
            };
        }
        let hops: Vec<&str> =
            values.filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).map(str::trim).collect();
        let hop = hops.len().checked_sub(self.hop_skips + 1).and_then(|at| hops.get(at));
        let hop =
            hop.ok_or_else(|| Refusal::invalid("X-Forwarded-For has fewer hops than are to be skipped"))?;
        let address =
            address(hop).ok_or_else(|| Refusal::invalid("X-Forwarded-For has no address at its place"))?;
        Ok(Remote { address, port: 0 })
    }
}

fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use strongroom_core::cidr;

    fn client(rules: &Forwarded, peer: &str, values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
        }
        let peer = Remote { address: peer.parse().unwrap(), port: 9 };
        rules.client(&headers, peer).ok().map(|r| format!("{}:{}", r.address, r.port))
    }

    #[test]
    fn believes_only_trusted_proxies() {
        let mut rules = Forwarded {
            authorized: vec![cidr::parse("10.0.0.0/8").unwrap()],
            hop_skips: 0,
            reject_not_present: true,
            reject_not_authorized: true,
        };
        assert_eq!(client(&rules, "10.1.1.1", &["1.1.1.1, 2.2.2.2"]).as_deref(), Some("2.2.2.2:0"));
        assert_eq!(client(&rules, "10.1.1.1", &["1.1.1.1", "3.3.3.3"]).as_deref(), Some("3.3.3.3:0"));
        assert_eq!(client(&rules, "10.1.1.1", &["2001:db8::1"]).as_deref(), Some("2001:db8::1:0"));
        assert_eq!(client(&rules, "::ffff:10.1.1.1", &["1.1.1.1"]).as_deref(), Some("1.1.1.1:0"));
        assert_eq!(client(&rules, "10.1.1.1", &["nonsense"]), None);
        assert_eq!(client(&rules, "10.1.1.1", &[]), None);
        assert_eq!(client(&rules, "9.9.9.9", &["1.1.1.1"]), None);
        rules.hop_skips = 1;
        assert_eq!(client(&rules, "10.1.1.1", &["1.1.1.1, 2.2.2.2"]).as_deref(), Some("1.1.1.1:0"));
        assert_eq!(client(&rules, "10.1.1.1", &["1.1.1.1"]), None);
        rules.reject_not_present = false;
        rules.reject_not_authorized = false;
        assert_eq!(client(&rules, "10.1.1.1", &[]).as_deref(), Some("10.1.1.1:9"));
        assert_eq!(client(&rules, "9.9.9.9", &["1.1.1.1"]).as_deref(), Some("9.9.9.9:9"));
    }
}

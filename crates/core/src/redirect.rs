//! Where a browser may be sent back to with what nobody else may see.

/// Whether `given` is one of `allowed`, letter by letter. Programs that listen on this machine for the
/// answer cannot choose their port before, so there, and only there, the port may be another
/// (RFC 8252, section 7.3).
pub fn is_allowed(given: &str, allowed: &[String]) -> bool {
    if allowed.iter().any(|a| a == given) {
        return true;
    }
    let Some(given) = without_port(given) else { return false };
    allowed.iter().any(|a| without_port(a).as_ref() == Some(&given))
}

const HERE: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Scheme, host and what follows the port, of an address on this machine.
fn without_port(address: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = address.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end)?;
    let host = HERE.into_iter().find(|host| {
        authority.strip_prefix(host).is_some_and(|port| {
            let digits = port.strip_prefix(':').unwrap_or(if port.is_empty() { "0" } else { "x" });
            digits.parse::<u16>().is_ok() && digits.bytes().all(|b| b.is_ascii_digit())
        })
    })?;
    Some((scheme, host, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_port_on_this_machine_may_differ() {
        let allowed: Vec<String> = [
            "https://app.example/cb",
            "http://127.0.0.1/cb",
            "http://localhost:8250/oidc/callback",
            "http://[::1]/cb?x=1",
        ]
        .map(str::to_owned)
        .to_vec();
        for good in [
            "https://app.example/cb",
            "http://127.0.0.1/cb",
            "http://127.0.0.1:4000/cb",
            "http://localhost/oidc/callback",
            "http://localhost:1/oidc/callback",
            "http://[::1]:99/cb?x=1",
        ] {
            assert!(is_allowed(good, &allowed), "{good}");
        }
        for bad in [
            "",
            "https://app.example/cb/",
            "https://app.example/CB",
            "https://app.example:443/cb",
            "https://app.example/cb?x=1",
            "https://app.example.evil/cb",
            "http://app.example/cb",
            "https://127.0.0.1/cb",
            "http://127.0.0.1:4000/cb/../x",
            "http://127.0.0.1:4000@evil/cb",
            "http://127.0.0.1.evil/cb",
            "http://127.0.0.1:+80/cb",
            "http://127.0.0.1:80:80/cb",
            "http://127.0.0.1:/cb",
            "http://localhost.evil:8250/oidc/callback",
            "http://localhost:8250/oidc/callback#x",
            "http://user@localhost:8250/oidc/callback",
            "http://[::1]/cb",
            "http://127.0.0.1\\@evil/cb",
        ] {
            assert!(!is_allowed(bad, &allowed), "{bad}");
        }
    }
}

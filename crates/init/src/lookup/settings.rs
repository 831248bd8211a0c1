//! /etc/hosts and /etc/resolv.conf.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What /etc/resolv.conf says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) servers: Vec<SocketAddr>,
    pub(super) search: Vec<String>,
    /// Names with so many dots are taken as they are first.
    pub(super) dots: usize,
    pub(super) attempts: u32,
    pub(super) patience: Duration,
}

impl Settings {
    pub(super) fn read(text: &str) -> Self {
        let mut settings = Self {
            servers: Vec::new(),
            search: Vec::new(),
            dots: 1,
            attempts: 2,
            patience: Duration::from_secs(2),
        };
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    settings.servers.extend(address.map(|address| SocketAddr::new(address, DNS_PORT)));
                }
                Some("search" | "domain") => settings.search = words.map(str::to_owned).collect(),
                Some("options") => words.for_each(|word| settings.set(word)),
                _ => {}
            }
        }
        settings.servers.truncate(MOST_SERVERS);
        if settings.servers.is_empty() {
            settings.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DNS_PORT));
        }
        settings
    }

    fn set(&mut self, option: &str) {
        match option.split_once(':').map(|(name, number)| (name, number.parse::<u32>())) {
            Some(("ndots", Ok(number))) => self.dots = number.min(15) as usize,
            Some(("attempts", Ok(number))) => self.attempts = number.clamp(1, 5),
            Some(("timeout", Ok(number))) => self.patience = Duration::from_secs(number.clamp(1, 5).into()),
            _ => {}
        }
    }

    /// The names that a host may stand for, in the order in which they are asked for.
    pub(super) fn candidates(&self, host: &str) -> Vec<String> {
        if let Some(whole) = host.strip_suffix('.') {
            return vec![whole.to_owned()];
        }
        let mut names: Vec<String> =
            self.search.iter().map(|domain| format!("{host}.{}", domain.trim_matches('.'))).collect();
        let at = if host.matches('.').count() >= self.dots { 0 } else { names.len() };
        names.insert(at, host.to_owned());
        names
    }
}

/// The addresses that /etc/hosts gives a host; IPv4 first.
pub(super) fn listed(hosts: &str, host: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in hosts.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        if let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>)
            && words.any(|name| name.eq_ignore_ascii_case(host))
        {
            found.push(address);
        }
    }
    found.sort_by_key(IpAddr::is_ipv6);
    found
}

const DNS_PORT: u16 = 53;
const MOST_SERVERS: usize = 3;

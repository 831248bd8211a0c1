//! Address blocks that tokens and roles are bound to.

use std::net::IpAddr;

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    address: IpAddr,
    bits: u8,
}

/// Reads `10.0.0.0/8`, `::1/128` or a single address.
pub fn parse(text: &str) -> Option<Block> {
    let (address, bits) = match text.trim().split_once('/') {
        Some((address, bits)) => (address.parse::<IpAddr>().ok()?, bits.parse().ok()?),
        None => {
            let address: IpAddr = text.trim().parse().ok()?;
            (address, width(address))
        }
    };
    (bits <= width(address)).then_some(Block { address, bits })
}

impl Block {
    /// Whether an address lies in it. IPv4 in IPv6's mapped form counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(self.address) == width(address) && high(self.address, self.bits) == high(address, self.bits)
    }

    /// Whether all of another block lies in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.bits <= other.bits && self.contains(other.address)
    }

    /// Whether it is a single address.
    pub fn is_single(&self) -> bool {
        self.bits == width(self.address)
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Whether an address lies in one of the blocks; no blocks allow every address. A block that cannot
/// be read allows nothing.
pub fn allows(blocks: &[String], address: IpAddr) -> bool {
    blocks.is_empty() || blocks.iter().filter_map(|b| parse(b)).any(|b| b.contains(address))
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first `bits` bits of an address.
fn high(address: IpAddr, bits: u8) -> u128 {
    let (value, width) = match address {
        IpAddr::V4(a) => (u128::from(a.to_bits()), 32_u32),
        IpAddr::V6(a) => (a.to_bits(), 128),
    };
    value.checked_shr(width.saturating_sub(u32::from(bits))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_and_covers() {
        let ip = |s: &str| s.parse::<IpAddr>().unwrap();
        let block = parse("10.0.0.0/8").unwrap();
        assert!(
            block.contains(ip("10.255.1.2")) && !block.contains(ip("11.0.0.1")) && !block.contains(ip("::1"))
        );
        assert!(block.contains(ip("::ffff:10.0.0.1")));
        assert!(parse("0.0.0.0/0").unwrap().contains(ip("1.2.3.4")));
        assert!(parse("::/0").unwrap().contains(ip("fe80::1")));
        assert!(parse("127.0.0.1").unwrap().is_single());
        assert!(
            block.covers(&parse("10.1.0.0/16").unwrap()) && !parse("10.1.0.0/16").unwrap().covers(&block)
        );
        for bad in ["10.0.0.0/33", "10.0.0/8", "x", "", "10.0.0.0/-1", "::/129"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert!(allows(&[], ip("1.1.1.1")));
        assert!(!allows(&["junk".into()], ip("1.1.1.1")));
    }
}

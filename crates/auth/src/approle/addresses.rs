//! Lists of addresses and blocks that logins may come from.

use strongroom_core::{Fault, cidr};

/// Checks a list; it is kept as given.
pub(super) fn check(field: &str, given: &[String]) -> Result<Vec<String>, Fault> {
    strongroom_core::token_params::addresses(field, given)?;
    Ok(given.iter().map(|text| text.trim().to_owned()).collect())
}

/// Whether every block of `inner` lies in one of `outer`; no outer blocks contain everything.
pub(super) fn within(inner: &[String], outer: &[String]) -> bool {
    let outer_blocks: Vec<_> = outer.iter().filter_map(|b| cidr::parse(b)).collect();
    outer.is_empty()
        || inner
            .iter()
            .all(|text| cidr::parse(text).is_some_and(|block| outer_blocks.iter().any(|o| o.covers(&block))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_blocks_stay_within_outer_ones() {
        let list = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let outer = list(&["10.0.0.0/8", "192.0.2.1"]);
        assert!(within(&list(&["10.1.0.0/16", "192.0.2.1/32"]), &outer));
        assert!(!within(&list(&["10.1.0.0/16", "192.0.2.0/24"]), &outer));
        assert!(!within(&list(&["0.0.0.0/0"]), &outer));
        assert!(within(&list(&["0.0.0.0/0"]), &[]));
        assert!(within(&[], &outer));
        assert!(!within(&list(&["10.0.0.0/8"]), &list(&["junk"])));
    }
}

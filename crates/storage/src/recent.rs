//! Which keys the latest commits touched: how a store notices that a listed range has changed.
//! Versions of entries alone would miss deletions.

use crate::store::{RangeRead, Revision};
use bytes::Bytes;
use std::collections::VecDeque;

/// How many keys are remembered. A transaction lives for milliseconds, so this is minutes at a
/// gentle pace and seconds under the heaviest load; a key costs about 100 bytes.
const KEPT_KEYS: usize = 65_536;

/// The keys of the latest commits, oldest first.
#[derive(Debug)]
pub(crate) struct Recent {
    commits: VecDeque<Touched>,
    kept: usize,
    /// Every commit after this revision is remembered.
    floor: Revision,
}

/// What one commit wrote or deleted.
#[derive(Debug)]
pub(crate) struct Touched {
    /// The commit's revision.
    pub(crate) revision: Revision,
    /// Its keys.
    pub(crate) keys: Vec<Bytes>,
}

impl Recent {
    /// Knows nothing of the commits up to `floor`.
    pub(crate) fn after(floor: Revision) -> Self {
        Self { commits: VecDeque::new(), kept: 0, floor }
    }

    /// Remembers a commit; forgets the oldest ones beyond the bound.
    pub(crate) fn remember(&mut self, touched: Touched) {
        self.kept += touched.keys.len();
        self.commits.push_back(touched);
        while self.kept > KEPT_KEYS
            && let Some(oldest) = self.commits.pop_front()
        {
            self.kept -= oldest.keys.len();
            self.floor = oldest.revision;
        }
    }

    /// Whether a key of the range was, or may have been, touched after the revision it was seen at.
    pub(crate) fn changed(&self, range: &RangeRead) -> bool {
        if range.revision < self.floor {
            return true;
        }
        let newer = self.commits.partition_point(|touched| touched.revision <= range.revision);
        self.commits.range(newer..).any(|touched| touches(touched, range))
    }
}

/// Whether the commit touched a key of the range after the revision it was seen at.
pub(crate) fn touches(touched: &Touched, range: &RangeRead) -> bool {
    let inside = |key: &Bytes| *key >= range.start && range.end.as_ref().is_none_or(|end| key < end);
    touched.revision > range.revision && touched.keys.iter().any(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(revision: Revision) -> RangeRead {
        RangeRead { start: "b".into(), end: Some("c".into()), revision }
    }

    #[test]
    fn only_later_commits_inside_the_range_count() {
        let mut recent = Recent::after(4);
        recent.remember(Touched { revision: 5, keys: vec!["b1".into()] });
        recent.remember(Touched { revision: 6, keys: vec!["a".into(), "c".into()] });
        assert!(recent.changed(&seen(4)));
        assert!(!recent.changed(&seen(5)));
        assert!(!recent.changed(&seen(6)));
        assert!(recent.changed(&RangeRead { end: None, ..seen(5) }));
        assert!(recent.changed(&seen(3)), "older than what is remembered");
    }

    #[test]
    fn forgetting_raises_the_floor() {
        let mut recent = Recent::after(0);
        for revision in 1..=3 {
            recent.remember(Touched { revision, keys: vec!["z".into(); KEPT_KEYS / 2] });
        }
        assert!(recent.changed(&seen(0)));
        assert!(!recent.changed(&seen(1)));
    }
}

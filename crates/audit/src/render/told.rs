//! What the entry of a request said of the caller and the request, for the entry of its answer to say again.
//! The two mostly follow each other on one thread, and this is the larger part of both.

use crate::hasher::Id;
use crate::{Entry, Phase};

/// What was said last.
#[derive(Default)]
pub(crate) struct Told {
    device: Option<Id>,
    request_id: String,
    allowed: Option<bool>,
    pub(super) auth: Vec<u8>,
    pub(super) request: Vec<u8>,
}

impl Told {
    /// Whether an entry says the same again; otherwise it is what is told from now on.
    pub(super) fn repeats(&mut self, device: Id, entry: &Entry<'_>) -> bool {
        let allowed = allowed(entry);
        let answers = entry.phase == Phase::Response
            && self.device == Some(device)
            && self.request_id == entry.request.id
            && self.allowed == allowed
            && self.auth.is_empty() == entry.auth.is_none();
        if !answers {
            self.device = None;
            self.auth.clear();
            self.request.clear();
        }
        answers
    }

    /// Keeps what was said of a request whose answer will say the same. What changes something may turn
    /// from a creation into an update meanwhile.
    pub(super) fn keep(&mut self, device: Id, entry: &Entry<'_>) {
        if entry.phase == Phase::Request && matches!(entry.request.operation, "read" | "list") {
            self.device = Some(device);
            entry.request.id.clone_into(&mut self.request_id);
            self.allowed = allowed(entry);
        }
    }
}

/// Writes what is kept, or what `write` writes, which is kept then.
pub(super) fn say(
    out: &mut Vec<u8>,
    again: bool,
    kept: Option<&mut Vec<u8>>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    match kept {
        Some(kept) if again => out.extend_from_slice(kept),
        Some(kept) => {
            let start = out.len();
            write(out);
            kept.extend_from_slice(out.get(start..).unwrap_or_default());
        }
        None => write(out),
    }
}

fn allowed(entry: &Entry<'_>) -> Option<bool> {
    entry.auth.as_ref().and_then(|auth| auth.policy_results.as_ref()).map(|(allowed, _)| *allowed)
}

//! Trying again: what is worth it, how long to wait, and when to give up.

use crate::report::say;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use strongroom_client::Error;
use strongroom_plan::Plan;
use tokio::time::Instant;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The server is down, sealed or busy: it passes.
    Passing,
    /// The server refuses: final, unless nobody will start this container again.
    Denied,
    /// There is nothing at the path.
    Missing,
    /// No repetition can help.
    Fatal,
}

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// How long the server asks to wait.
    pub(crate) wait: Option<Duration>,
}

impl Fault {
    pub(crate) fn new(kind: Kind, text: String) -> Self {
        Self { kind, text, wait: None }
    }

    /// A failed request: `what` says what it was for.
    pub(crate) fn of(what: &str, error: &Error) -> Self {
        let kind = match error {
            Error::Api(e) => kind_of_status(e.status),
            Error::Connect { .. }
            | Error::Timeout { .. }
            | Error::Transport { .. }
            | Error::Answer { .. } => Kind::Passing,
            // rustls's own errors are about certificates and versions; others come from the connection.
            Error::Tls { reason, .. } if reason.kind() == std::io::ErrorKind::InvalidData => Kind::Denied,
            Error::Tls { .. } => Kind::Passing,
            Error::Config(_) | Error::Preview(_) => Kind::Fatal,
        };
        Self::new(kind, format!("{what}: {}", described(error)))
    }
}

/// One line about an error; the server's messages never carry values.
fn described(error: &Error) -> String {
    let Error::Api(e) = error else { return error.to_string() };
    let text: String = e.errors.join("; ").chars().take(500).collect();
    let text = if text.is_empty() { "no reason given" } else { &text };
    format!("{} {}: {} {text}", e.method, e.url, e.status)
}

fn kind_of_status(status: u16) -> Kind {
    match status {
        404 => Kind::Missing,
        412 | 429 | 472 | 473 | 500.. => Kind::Passing,
        _ => Kind::Denied,
    }
}

/// How long to go on trying.
pub(crate) struct Patience {
    deadline: Instant,
    seconds: u64,
    exit_is_final: bool,
}

impl Patience {
    /// What a plan says, from now on.
    pub(crate) fn of(plan: &Plan) -> Self {
        let seconds = plan.deadline_seconds.min(MAX_DEADLINE);
        let deadline = Instant::now() + Duration::from_secs(seconds);
        Self { deadline, seconds, exit_is_final: plan.exit_is_final }
    }

    /// Tries until it works, cannot work, or the deadline has come. Each failure is one line on standard error.
    /// `what` is what an attempt is for.
    pub(crate) async fn hold<T>(
        &self,
        what: &str,
        mut attempt: impl AsyncFnMut() -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut failures = 0;
        loop {
            let fault = match tokio::time::timeout_at(self.deadline, attempt()).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(fault)) => fault,
                Err(_) => Fault::new(Kind::Passing, format!("{what}: no answer before the deadline")),
            };
            let again = match fault.kind {
                Kind::Passing => true,
                Kind::Denied => self.exit_is_final,
                Kind::Missing | Kind::Fatal => false,
            };
            if !again {
                return Err(fault);
            }
            let wait = backoff(failures).max(fault.wait.unwrap_or_default());
            failures += 1;
            if Instant::now() + wait >= self.deadline {
                let text =
                    format!("{} (given up after {} seconds, {failures} attempts)", fault.text, self.seconds);
                return Err(Fault { text, ..fault });
            }
            say(&format!("{}; trying again in {:.1} s", fault.text, wait.as_secs_f64()));
            tokio::time::sleep(wait).await;
        }
    }
}

/// How long to wait after so many failures: twice as long each time, with chance in it, so that Pods that
/// failed together do not come back together.
pub(crate) fn backoff(failures: u32) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << failures.min(10)).min(LONGEST_WAIT);
    let chance = RandomState::new().hash_one(failures) % 500;
    longest.mul_f64(0.5 + f64::from(u32::try_from(chance).unwrap_or(0)) / 1000.0)
}

const FIRST_WAIT: Duration = Duration::from_millis(400);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A day: a clock cannot be added to for ever.
const MAX_DEADLINE: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_within_their_bounds() {
        for failures in 0..100 {
            let longest = FIRST_WAIT.saturating_mul(1 << failures.min(10)).min(LONGEST_WAIT);
            let wait = backoff(failures);
            assert!(wait >= longest / 2 && wait <= longest, "{failures}: {wait:?}");
        }
    }

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        for status in [412, 429, 472, 473, 500, 502, 503] {
            assert_eq!(kind_of_status(status), Kind::Passing, "{status}");
        }
        for status in [400, 401, 403, 405] {
            assert_eq!(kind_of_status(status), Kind::Denied, "{status}");
        }
        assert_eq!(kind_of_status(404), Kind::Missing);
    }

    fn patience(exit_is_final: bool) -> Patience {
        Patience { deadline: Instant::now() + Duration::from_secs(300), seconds: 300, exit_is_final }
    }

    async fn attempts(patience: &Patience, kind: Kind) -> u32 {
        let mut count = 0;
        let failed: Result<(), Fault> = patience
            .hold("x", async || {
                count += 1;
                Err(Fault::new(kind, "x".to_owned()))
            })
            .await;
        assert!(failed.is_err());
        count
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_deadline_ends_it() {
        tokio::time::pause();
        let many = attempts(&patience(false), Kind::Passing).await;
        assert!((30..80).contains(&many), "{many}");
        assert!(attempts(&patience(true), Kind::Denied).await > 30);
        assert_eq!(attempts(&patience(false), Kind::Denied).await, 1);
        assert_eq!(attempts(&patience(true), Kind::Missing).await, 1);
        let hangs = patience(false)
            .hold("secret/x", async || std::future::pending::<Result<(), Fault>>().await)
            .await;
        assert!(hangs.unwrap_err().text.starts_with("secret/x: no answer before the deadline"));
    }
}

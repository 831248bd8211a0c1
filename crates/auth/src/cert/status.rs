//! Questions to OCSP responders during logins.

use super::find::Scope;
use super::revocation::Refusal;
use super::role::Ocsp;
use crate::x509::ocsp::{Answer, Status, answer, question};
use crate::x509::{self, Certificate, Chain};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;
use strongroom_core::outbound::{OutError, OutRequest};

/// Asks who issued the client's certificate, by the role's rules.
pub(super) async fn check(scope: &Scope<'_>, ocsp: &Ocsp, chain: &Chain) -> Result<(), Refusal> {
    let unclear = match ask(scope, ocsp, chain).await {
        Ok(Status::Good) => return Ok(()),
        Ok(Status::Revoked) => return Err(Refusal::Revoked),
        Ok(Status::Unknown) => "no responder knows the certificate".to_owned(),
        Err(why) => why,
    };
    if ocsp.fail_open {
        tracing::warn!(why = unclear, "a certificate's status is not known; it is taken (ocsp_fail_open)");
        return Ok(());
    }
    Err(Refusal::Unclear(unclear))
}

/// How far clocks may differ, in seconds.
const CLOCK_SKEW: u64 = 300;
/// How old an answer may be that does not say until when it holds, in seconds.
const USUAL_AGE: u64 = 3600;
/// How often a responder is asked again that does not answer, unless the role says so.
const USUAL_RETRIES: u8 = 4;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long all questions of a login may take.
const LIMIT: Duration = Duration::from_secs(15);
const MAX_BYTES: usize = 64 * 1024;

/// What a login asks.
struct Inquiry<'a> {
    scope: &'a Scope<'a>,
    ocsp: &'a Ocsp,
    certificate: &'a Certificate,
    issuer: Certificate,
    trusted: Vec<Certificate>,
    question: Vec<u8>,
}

async fn ask(scope: &Scope<'_>, ocsp: &Ocsp, chain: &Chain) -> Result<Status, String> {
    let trusted = x509::certificates(&ocsp.ca_certificates).unwrap_or_default();
    let certificate = chain.0.first().ok_or("there is no certificate")?;
    let issuer = match chain.0.get(1) {
        Some(issuer) => issuer.clone(),
        // Pinned without its issuer: those that the operator names are tried. What the client shows is not.
        None => trusted.iter().find(|c| certificate.is_issued_by(c)).cloned().ok_or(NO_ISSUER)?,
    };
    let servers = match ocsp.servers_override.as_deref() {
        Some(servers @ [_, ..]) => servers,
        _ => certificate.ocsp_servers.as_slice(),
    };
    if servers.is_empty() {
        return Err("neither the certificate nor the role names a responder".to_owned());
    }
    let question = question(certificate, &issuer);
    let inquiry = Inquiry { scope, ocsp, certificate, issuer, trusted, question };
    tokio::time::timeout(LIMIT, inquiry.all(servers))
        .await
        .unwrap_or_else(|_| Err("it took too long".to_owned()))
}

const NO_ISSUER: &str =
    "the certificate's issuer is not known; add it to 'certificate' or 'ocsp_ca_certificates'";

impl Inquiry<'_> {
    /// The first answer that says something, or what all say. One that says revoked is always believed.
    async fn all(&self, servers: &[String]) -> Result<Status, String> {
        let mut good = 0;
        let mut last = Ok(Status::Unknown);
        for server in servers {
            match self.one(server).await {
                Ok(Status::Revoked) => return Ok(Status::Revoked),
                Ok(Status::Good) if !self.ocsp.query_all_servers => return Ok(Status::Good),
                Ok(Status::Good) => good += 1,
                Ok(Status::Unknown) => last = Ok(Status::Unknown),
                Err(why) => last = Err(format!("{server}: {why}")),
            }
        }
        if good == servers.len() { Ok(Status::Good) } else { last }
    }

    async fn one(&self, server: &str) -> Result<Status, String> {
        let key = (server.to_owned(), self.question.clone(), self.ocsp.ca_certificates.clone());
        if let Some(known) = self.remembered(&key).filter(|answer| self.holds(answer).is_ok()) {
            return Ok(known.status);
        }
        let body = self.send(server).await.map_err(|why| why.to_string())?;
        let now = self.scope.core.clock.now().as_second();
        let answer = answer(&body, self.certificate, &self.issuer, &self.trusted, now)
            .map_err(|why| why.to_string())?;
        self.holds(&answer)?;
        self.remember(key, answer);
        Ok(answer.status)
    }

    async fn send(&self, server: &str) -> Result<bytes::Bytes, OutError> {
        let mut left = self.ocsp.max_retries.unwrap_or(USUAL_RETRIES);
        loop {
            let request = OutRequest {
                method: http::Method::POST,
                headers: vec![(http::header::CONTENT_TYPE, "application/ocsp-request".to_owned())],
                body: self.question.clone().into(),
                timeout: PATIENCE,
                max_bytes: MAX_BYTES,
                ..OutRequest::get(server, None)
            };
            match self.scope.core.outbound.send(request).await {
                Ok(answer) if answer.status == 200 => return Ok(answer.body),
                Ok(answer) if left == 0 => {
                    return Err(OutError::Exchange(format!("the answer has status {}", answer.status)));
                }
                Err(why) if left == 0 => return Err(why),
                _ => left -= 1,
            }
        }
    }

    /// Whether the times of an answer are right now.
    fn holds(&self, answer: &Answer) -> Result<(), String> {
        let now = u64::try_from(self.scope.core.clock.now().as_second()).unwrap_or_default();
        if answer.this_update > now + CLOCK_SKEW {
            return Err("the answer is from the future".to_owned());
        }
        let age = now.saturating_sub(answer.this_update);
        let max_age = self.ocsp.this_update_max_age;
        if answer.next_update.is_some_and(|at| at + CLOCK_SKEW < now)
            || (max_age > 0 && age > max_age)
            || (max_age == 0 && answer.next_update.is_none() && age > USUAL_AGE)
        {
            return Err("the answer is outdated".to_owned());
        }
        Ok(())
    }

    fn remembered(&self, key: &Key) -> Option<Answer> {
        let all = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&self.scope.mount.id).and_then(|answers| answers.get(key)).copied()
    }

    /// Remembers what an answer says, in place of the oldest if there are too many.
    fn remember(&self, key: Key, answer: Answer) {
        if answer.status == Status::Unknown {
            return;
        }
        let mut all = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = all.entry(self.scope.mount.id.clone()).or_default();
        while answers.len() >= self.scope.config.ocsp_cache_size() {
            let oldest =
                answers.iter().min_by_key(|(_, answer)| answer.this_update).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            answers.remove(&oldest);
        }
        answers.insert(key, answer);
    }
}

/// Who was asked what, and whose answers were trusted.
type Key = (String, Vec<u8>, String);

/// Answers by mount. What they say is public, and signed by whom the key names: nothing is lost or given
/// away when it is forgotten or kept.
static REMEMBERED: LazyLock<Mutex<HashMap<String, HashMap<Key, Answer>>>> = LazyLock::new(Mutex::default);

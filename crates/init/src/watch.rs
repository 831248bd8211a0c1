//! Keeping values up to date: leases and tokens are renewed before they end, what has changed is written anew.

mod agenda;

use crate::command::{termination, unless_stopped};
use crate::patience::{Fault, Kind, Patience};
use crate::place::Placed;
use crate::report::{Ending, say};
use crate::sessions::Sessions;
use crate::source::{Found, Lease, Login, Reading, Secrets, Source};
use crate::{compose, gather, place, process};
use agenda::{Agenda, Item};
use std::collections::BTreeSet;
use std::time::Duration;
use strongroom_plan::Plan;
use tokio::time::Instant;

/// Does init's work, then watches until SIGTERM.
pub(crate) async fn run(plan: Plan) -> Result<(), Ending> {
    let mut stop = termination()?;
    let mut sessions = Sessions::new(&plan)?;
    let begun = async {
        let secrets = gather::all(&plan, &mut sessions, &Patience::of(&plan)).await?;
        let placed = place::all(compose::files(&plan, &secrets))?;
        Ok((secrets, placed))
    };
    let (secrets, placed) = match unless_stopped(&mut stop, begun).await {
        Ok(begun) => begun,
        Err(ending) => {
            sessions.end().await;
            // A sidecar that is told to end has done nothing wrong.
            return if ending == Ending::stopped() { Ok(()) } else { Err(ending) };
        }
    };
    process::show_watching();
    let mut watch = Watch::new(plan, sessions, secrets);
    if placed == Placed::Replaced {
        // What an earlier watch wrote has been read.
        watch.notify();
    }
    tokio::select! {
        never = watch.forever() => match never {},
        _ = stop.recv() => {}
    }
    watch.sessions.end().await;
    Ok(())
}

struct Watch {
    plan: Plan,
    sessions: Sessions,
    secrets: Secrets,
    agenda: Agenda,
    /// Leased secrets whose lease is not worth renewing.
    outlived: BTreeSet<Source>,
}

impl Watch {
    fn new(plan: Plan, sessions: Sessions, secrets: Secrets) -> Self {
        let mut watch =
            Self { plan, sessions, secrets, agenda: Agenda::default(), outlived: BTreeSet::new() };
        watch.agenda.put(Item::Poll, watch.pause());
        let sources: Vec<Source> = watch.secrets.keys().cloned().collect();
        for source in &sources {
            watch.plan_lease(source);
        }
        watch
    }

    async fn forever(&mut self) -> std::convert::Infallible {
        loop {
            self.plan_tokens().await;
            let (item, due) = self.agenda.next().unwrap_or((Item::Poll, Instant::now() + self.pause()));
            tokio::time::sleep_until(due).await;
            let done = match &item {
                Item::Poll => self.poll().await,
                Item::Token(login) => self.keep_token(login).await,
                Item::Lease(source) => self.keep_lease(source).await,
            };
            match done {
                Ok(again) => self.agenda.done(item, again),
                Err(fault) => {
                    let wait = self.agenda.failed(item, fault.wait);
                    say(&format!("{}; trying again in {:.1} s", fault.text, wait.as_secs_f64()));
                }
            }
        }
    }

    fn pause(&self) -> Duration {
        Duration::from_secs(self.plan.on_change.as_ref().map_or(USUAL_POLL, |change| change.poll_seconds))
    }

    /// Tokens that are new get their place on the agenda.
    async fn plan_tokens(&mut self) {
        for login in self.sessions.logins() {
            let item = Item::Token(login);
            let Item::Token(login) = &item else { continue };
            if !self.agenda.has(&item)
                && let Ok(session) = self.sessions.session(login).await
                && session.seconds > 0
            {
                let wait = early(session.seconds);
                self.agenda.put(item, wait);
            }
        }
    }

    fn plan_lease(&mut self, source: &Source) {
        if let Some(lease) = self.lease(source).filter(|lease| lease.seconds > 0) {
            let wait = early(lease.seconds);
            self.agenda.put(Item::Lease(source.clone()), wait);
        }
    }

    /// Reads everything that may change by itself.
    async fn poll(&mut self) -> Result<Option<Duration>, Fault> {
        let mut first_fault = None;
        let mut is_new = false;
        for source in self.unleased() {
            match self.reread(&source).await {
                Ok(changed) => is_new |= changed,
                Err(fault) => first_fault = first_fault.or(Some(fault)),
            }
        }
        if is_new {
            self.write();
        }
        first_fault.map_or_else(|| Ok(Some(self.pause())), Err)
    }

    /// Reads a secret again; true if it is other than before. What is gone stays as it was: its file is in use.
    async fn reread(&mut self, source: &Source) -> Result<bool, Fault> {
        match self.sessions.read(source).await {
            Ok(found) => {
                let was = self.secrets.get(source);
                let same = matches!(was, Some(Reading::Found(old)) if old.fields == found.fields && old.lease == found.lease);
                self.secrets.insert(source.clone(), Reading::Found(found));
                self.outlived.remove(source);
                self.plan_lease(source);
                Ok(!same)
            }
            Err(fault) => {
                let was_there = matches!(self.secrets.get(source), Some(Reading::Found(_)));
                match fault.kind {
                    Kind::Missing if !was_there => Ok(false),
                    // The token may have ended while the server was away.
                    Kind::Denied if !self.sessions.holds(&source.login).await? => {
                        self.end_login(&source.login);
                        Err(fault)
                    }
                    _ => Err(fault),
                }
            }
        }
    }

    async fn keep_token(&mut self, login: &Login) -> Result<Option<Duration>, Fault> {
        let (before, renewable) = {
            let session = self.sessions.session(login).await?;
            (session.seconds, session.renewable)
        };
        if renewable {
            match self.sessions.renew_token(login).await {
                Ok(seconds) if seconds > before / 2 => return Ok(Some(early(seconds))),
                // It comes to the end of what it may live.
                Ok(_) => {}
                Err(fault) if fault.kind == Kind::Passing => return Err(fault),
                Err(fault) => say(&format!("{}; logging in anew", fault.text)),
            }
        }
        self.replace_token(login).await
    }

    /// Logs in anew. The old token is left to end by itself: its credentials are in use until everyone has read
    /// the new ones.
    async fn replace_token(&mut self, login: &Login) -> Result<Option<Duration>, Fault> {
        let seconds = self.sessions.replace(login).await?;
        self.read_leased_anew(login);
        Ok((seconds > 0).then(|| early(seconds)))
    }

    /// The token has ended.
    fn end_login(&mut self, login: &Login) {
        self.sessions.forget(login);
        self.agenda.drop(&Item::Token(login.clone()));
        self.read_leased_anew(login);
    }

    /// Leases end with the token that they were granted to, whoever renews them.
    fn read_leased_anew(&mut self, login: &Login) {
        for source in self.leased(login) {
            self.agenda.put(Item::Lease(source.clone()), Duration::ZERO);
            self.outlived.insert(source);
        }
    }

    async fn keep_lease(&mut self, source: &Source) -> Result<Option<Duration>, Fault> {
        let Some(lease) = self.lease(source).cloned() else { return Ok(None) };
        if lease.renewable && !self.outlived.contains(source) {
            match self.sessions.renew_lease(source, &lease).await {
                Ok(seconds) if seconds > lease.seconds / 2 => return Ok(Some(early(seconds))),
                Ok(_) => {}
                Err(fault) if fault.kind == Kind::Passing => return Err(fault),
                Err(fault) => say(&format!("{}; reading it anew", fault.text)),
            }
        }
        if self.reread(source).await? {
            self.write();
        }
        Ok(self.lease(source).filter(|lease| lease.seconds > 0).map(|lease| early(lease.seconds)))
    }

    /// Writes what has changed. A value that a file cannot carry leaves the file as it was.
    fn write(&self) {
        let mut most = Placed::Same;
        for file in compose::files(&self.plan, &self.secrets) {
            match file.and_then(|file| place::put_if_changed(&file).map_err(|why| vec![why])) {
                Ok(placed) => most = most.max(placed),
                Err(problems) => problems.iter().for_each(|why| say(&format!("file left as it was: {why}"))),
            }
        }
        if most > Placed::Same {
            say("values have changed, files are written");
            self.notify();
        }
    }

    /// Sends the signal that the plan asks for.
    fn notify(&self) {
        let change = self.plan.on_change.as_ref();
        if let Some((signal, name)) = change.and_then(|c| Some((c.signal.as_ref()?, c.process.as_ref()?))) {
            process::notify(name, signal);
        }
    }

    fn lease(&self, source: &Source) -> Option<&Lease> {
        match self.secrets.get(source) {
            Some(Reading::Found(Found { lease: Some(lease), .. })) => Some(lease),
            _ => None,
        }
    }

    fn leased(&self, login: &Login) -> Vec<Source> {
        let mine = self.secrets.keys().filter(|source| source.login == *login);
        mine.filter(|source| self.lease(source).is_some()).cloned().collect()
    }

    /// What was written once and may be written again. A version stays what it is.
    fn unleased(&self) -> Vec<Source> {
        let free = self.secrets.keys().filter(|s| s.version.is_none() && self.lease(s).is_none());
        free.cloned().collect()
    }
}

/// When to renew what lasts so long: late enough to be rare, early enough for some failures.
fn early(seconds: u64) -> Duration {
    Duration::from_millis(seconds.saturating_mul(1000) / 3 * 2).min(LONGEST_WAIT)
}

/// Seconds between looks if the plan says nothing.
const USUAL_POLL: u64 = 5;
/// A timer cannot wait for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 86_400);

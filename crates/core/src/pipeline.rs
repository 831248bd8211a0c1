//! The way of a request, step by step: routed, authorised, audited, carried out in one commit,
//! audited again, answered.

use crate::engine::Backend;
use crate::identity::standing::Rights;
use crate::mount::{Class, Mounted};
use crate::pattern::Captures;
use crate::response::{Answered, Sent};
use crate::route::{Access, Op, Route};
use crate::token::{Kind, Token};
use crate::{
    Answer, Authorized, Call, Core, ExistsCall, Fault, Map, Operation, Path, Remote, Request, Response, Txn,
};
use jiff::Timestamp;
use std::sync::Arc;
use strongroom_audit::{AuditFailed, Pending};
use strongroom_policy::Ask;
use strongroom_wire::field::Args;

/// A request on its way, with what is known of it so far.
pub(crate) struct Case {
    pub(crate) request: Request,
    pub(crate) started: Timestamp,
    pub(crate) routed: Option<Routed>,
    pub(crate) operation: Operation,
    pub(crate) token: Option<Token>,
    /// RFC 3339; for the audit trail.
    pub(crate) token_issued: String,
    pub(crate) allowed: bool,
    /// What the token may do; known once it was asked, never on open routes.
    pub(crate) rights: Option<Rights>,
    /// What told a creation from an update, for the first try to begin with.
    looked: Option<Txn>,
    sudo: bool,
    /// The request's own entry, where it is waited for together with the answer's.
    asked: Option<Pending>,
    /// Which unsealing the request began under.
    era: u64,
}

/// Where a request goes.
pub(crate) struct Routed {
    pub(crate) mounted: Arc<Mounted>,
    /// Place of the route in the mount's table; none where no route matches.
    route: Option<(usize, Captures)>,
}

impl Routed {
    fn route(&self) -> Option<&Route> {
        self.route.as_ref().and_then(|(at, _)| self.mounted.table.routes().get(*at))
    }

    /// The full path with folded fields in lower case; none if that changes nothing.
    pub(crate) fn fold(&self, path: &str) -> Option<String> {
        let route = self.route()?;
        let is_folded = |name: &str| route.fields.iter().any(|f| f.folded && f.name == name);
        if !route.fields.iter().any(|f| f.folded) {
            return None;
        }
        let local = path.get(self.mounted.full_path.len()..).unwrap_or("");
        let local = route.pattern.fold(local, is_folded)?;
        Some(format!("{}{local}", self.mounted.full_path))
    }
}

/// How a listener reads the body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyForm {
    /// As JSON or a form, within the limits for those.
    Fields,
    /// As bytes, within the limit for uploads.
    Raw,
}

/// A handler whose commits lose every race is given up after this many tries.
const MAX_TRIES: usize = 32;
/// What a good token is told where its policies do not reach; without one it is the bare words.
const DENIED_BY_POLICY: &str = "1 error occurred:\n\t* permission denied\n\n";
/// Commits of background jobs that a request waits for.
const SLICES_PER_REQUEST: usize = 64;

impl Core {
    /// Asks the rate limits, before a body is read.
    pub fn admit(&self, path: &Path, remote: Remote) -> Result<(), Fault> {
        let admitted = self.quotas.admit(path.as_str(), remote.address, self.clock.now());
        if admitted.is_err() {
            self.metrics.rate_limited.add();
        }
        admitted
    }

    /// How the body of a request to this path is to be read.
    pub fn body_form(&self, path: &Path) -> BodyForm {
        let raw = self.find_route(path.as_str()).and_then(|r| r.route().map(|r| r.raw_body));
        if raw == Some(true) { BodyForm::Raw } else { BodyForm::Fields }
    }

    /// Answers a request. What may change something runs to its end even if the client goes away.
    pub async fn handle(self: &Arc<Self>, request: Request) -> Answer {
        let case = self.open_case(request);
        if matches!(case.operation, Operation::Read | Operation::List | Operation::Help)
            && !case.wants_wrapping()
        {
            // On the heap once, instead of moved about inside the listener's own future.
            return Box::pin(self.clone().run(case)).await;
        }
        let core = self.clone();
        match tokio::spawn(async move { core.run(case).await }).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(%error, "a request ended in a panic");
                crate::render::fault(&Fault::Internal("internal error".to_owned()))
            }
        }
    }

    fn open_case(&self, mut request: Request) -> Case {
        let operation = request.operation;
        if operation == Operation::List {
            request.path = request.path.into_folder();
        }
        let routed = self.find_route(request.path.as_str());
        Case {
            started: self.clock.now(),
            request,
            routed,
            operation,
            token: None,
            token_issued: String::new(),
            allowed: false,
            rights: None,
            looked: None,
            sudo: false,
            asked: None,
            era: self.era(),
        }
    }

    async fn run(self: Arc<Self>, mut case: Case) -> Answer {
        let _entered = self.in_flight.enter(case.seen());
        let outcome = match self.authorise(&mut case).await {
            Ok(()) => self.carry_out(&mut case).await,
            Err(fault) => self.refuse(&case, fault).await,
        };
        let answer = self.close(&mut case, outcome).await;
        self.tally(&case, &answer);
        answer
    }

    pub(crate) fn find_route(&self, path: &str) -> Option<Routed> {
        let mounts = self.mounts();
        let mounted = mounts.resolve(path)?.clone();
        let local = path.get(mounted.full_path.len()..).unwrap_or("");
        let route = mounted.table.find(local);
        Some(Routed { route, mounted })
    }

    /// Token, existence check, policy.
    async fn authorise(self: &Arc<Self>, case: &mut Case) -> Result<(), Fault> {
        if self.is_sealed() && !case.route().is_some_and(|r| r.works_sealed) {
            return Err(Fault::Sealed);
        }
        if case.operation.writes() && case.request.path.is_folder() {
            return Err(Fault::invalid("cannot write to a path ending in '/'"));
        }
        let open = case.is_open();
        self.identify(case, open).await?;
        if open {
            case.allowed = true;
            return self.check_lockout(case).await;
        }
        if case.operation == Operation::Update {
            let (is_there, looked) = self.exists(case).await?;
            case.looked = looked;
            if !is_there {
                case.operation = Operation::Create;
            }
        }
        self.ask_policy(case).await?;
        match case.op() {
            Some(_) => Ok(()),
            // Help is answered from the route itself.
            None if case.operation == Operation::Help && case.route().is_some() => Ok(()),
            None => Err(case.unroutable()),
        }
    }

    /// Finds out whose token it is and what it may do. On open routes a bad token is as good as none.
    async fn identify(self: &Arc<Self>, case: &mut Case, open: bool) -> Result<(), Fault> {
        let Some(token) = case.request.token.clone() else {
            return if open { Ok(()) } else { Err(Fault::Denied) };
        };
        let mut rights = None;
        let found = if !open {
            let found = self.present(&token, case.request.remote).await?;
            found.map(|(token, may)| {
                rights = Some(may);
                token
            })
        } else if self.is_sealed() {
            None
        } else {
            let entry = self.find_token(token.expose()).await?;
            entry
                .filter(|e| crate::cidr::allows(&e.bound_cidrs, case.request.remote.address))
                .map(|entry| Token { id: token, entry })
        };
        if let Some(token) = &found
            && !self.audit.is_idle()
        {
            case.token_issued = strongroom_wire::time::rfc3339(token.entry.issued);
        }
        case.token = found;
        case.rights = rights.transpose()?;
        if open || case.token.is_some() { Ok(()) } else { Err(Fault::Denied) }
    }

    async fn check_lockout(&self, case: &Case) -> Result<(), Fault> {
        let Some((mounted, name)) = case.lockout_name() else { return Ok(()) };
        if self.is_locked_out(&mounted.entry, &name).await? { Err(Fault::Denied) } else { Ok(()) }
    }

    /// Whether what a write names is there, and what was read to tell; routes without a check always
    /// update.
    async fn exists(self: &Arc<Self>, case: &Case) -> Result<(bool, Option<Txn>), Fault> {
        let (Some(routed), Some(route)) = (&case.routed, case.route()) else { return Ok((true, None)) };
        let (Some(check), Some((_, captures))) = (route.exists, &routed.route) else {
            return Ok((true, None));
        };
        let args = Args::decode(route.fields, captures, &Map::new())?;
        let mut txn = self.txn();
        let call = ExistsCall {
            core: self,
            mounted: &routed.mounted,
            token: case.token.as_ref(),
            args: &args,
            txn: &mut txn,
        };
        let is_there = check(call).await?;
        Ok((is_there, Some(txn)))
    }

    /// The transaction of one try. It holds what told a creation from an update, so that its commit loses
    /// if that has changed; the next try then looks, and asks policy, again.
    async fn begin(self: &Arc<Self>, case: &mut Case) -> Result<Txn, Fault> {
        if let Some(looked) = case.looked.take() {
            return Ok(looked);
        }
        let may_differ = matches!(case.operation, Operation::Create | Operation::Update);
        if !may_differ || case.rights.is_none() {
            return Ok(self.txn());
        }
        let (is_there, looked) = self.exists(case).await?;
        let operation = if is_there { Operation::Update } else { Operation::Create };
        if operation != case.operation {
            case.operation = operation;
            self.ask_policy(case).await?;
        }
        Ok(looked.unwrap_or_else(|| self.txn()))
    }

    async fn ask_policy(&self, case: &mut Case) -> Result<(), Fault> {
        let Some(acl) = case.rights.as_ref().map(|r| &r.acl) else { return Err(Fault::Denied) };
        let written = case.request.path.as_str();
        let folded = case.folded_path();
        let ask = Ask {
            operation: case.operation,
            path: folded.as_deref().unwrap_or(written),
            written: folded.is_some().then_some(written),
            params: &case.request.body,
            wrap_ttl: case.request.wrap_ttl.filter(|t| *t > 0),
            needs_sudo: case.op().is_some_and(|op| op.access == Access::Sudo),
        };
        let decision = acl.decide(&ask);
        // Handlers take `x/` for `x` here and there, so what is denied by the one name is denied by both.
        let plain = ask.path.strip_suffix('/').filter(|_| case.operation != Operation::List);
        let allowed =
            decision.allowed && (plain.is_none() || acl.decide(&Ask { written: plain, ..ask }).allowed);
        case.allowed = allowed;
        case.sudo = decision.sudo;
        if allowed { Ok(()) } else { Err(Fault::Refused(DENIED_BY_POLICY.to_owned())) }
    }

    /// Refuses a request that has outlived the unsealing it began under: sealing switches the audit
    /// devices off, and what no device hears of must not leave.
    fn still_the_same(&self, case: &Case) -> Result<(), Fault> {
        let works_sealed = case.route().is_some_and(|r| r.works_sealed);
        if works_sealed || case.era == self.era() { Ok(()) } else { Err(Fault::Sealed) }
    }

    /// A request that goes no further still leaves its entry.
    async fn refuse(&self, case: &Case, fault: Fault) -> Result<Sent, Fault> {
        self.written(self.audit_request(case, &fault.messages().join("; "))).await?;
        Err(fault)
    }

    async fn written(&self, pending: Option<Pending>) -> Result<(), Fault> {
        let Some(pending) = pending else { return Ok(()) };
        pending.written().await.map_err(|error| {
            self.metrics.audit_request_failures.add();
            tracing::error!(%error, "a request was refused");
            Fault::Internal("internal error: the audit trail cannot be written".to_owned())
        })
    }

    /// Runs the handler until its commit wins.
    async fn carry_out(self: &Arc<Self>, case: &mut Case) -> Result<Sent, Fault> {
        let mut pending = self.audit_request(case, "");
        if pending.is_none() {
            self.still_the_same(case)?;
        }
        // A read has no effect before its answer leaves, so its entry is written while it is read and
        // waited for together with the answer's. Everything else waits here.
        if !matches!(case.operation, Operation::Read | Operation::List | Operation::Help) {
            self.written(pending.take()).await?;
        }
        for _ in 0..MAX_TRIES {
            let mut txn = self.begin(case).await?;
            let attempt = self.attempt(case, &mut txn);
            let outcome = match &mut pending {
                Some(pending) => pending.meanwhile(attempt).await,
                None => attempt.await,
            };
            let (txn, outcome) = match outcome {
                Err(Fault::Conflict) => {
                    self.metrics.conflicts.add();
                    continue;
                }
                Err(fault) => (txn.into_kept(), Err(fault)),
                Ok(sent) => (Some(txn), Ok(sent)),
            };
            let Some(txn) = txn.filter(|t| !t.is_read_only()) else {
                case.asked = pending;
                return outcome;
            };
            self.written(pending.take()).await?;
            let leaves_jobs = txn.leaves_jobs();
            match self.commit(txn).await {
                Err(Fault::Conflict) => self.metrics.conflicts.add(),
                Err(fault) => {
                    // It may have happened all the same, and an error grants nothing.
                    if let Ok(sent) = &outcome {
                        self.take_back(sent).await;
                    }
                    return Err(fault);
                }
                Ok(()) => {
                    if leaves_jobs && let Err(fault) = self.work_off(SLICES_PER_REQUEST).await {
                        tracing::warn!(%fault, "clean-up goes on in the background");
                    }
                    return outcome;
                }
            }
        }
        Err(Fault::Conflict)
    }

    async fn attempt(self: &Arc<Self>, case: &Case, txn: &mut Txn) -> Result<Sent, Fault> {
        let (Some(routed), Some(route)) = (&case.routed, case.route()) else { return Err(case.unroutable()) };
        if case.operation == Operation::Help {
            return Ok(Sent::plain(crate::help::describe(routed, route)));
        }
        let op = case.op().ok_or(Fault::Unsupported)?;
        let captures = routed.route.as_ref().map_or(&[][..], |(_, c)| c);
        let args = Args::decode(route.fields, captures, &case.request.body)?;
        let req = Authorized {
            request: &case.request,
            operation: case.operation,
            token: case.token.as_ref(),
            sudo: case.sudo,
            mounted: &routed.mounted,
            local: case.local(),
        };
        let handler = op.handler;
        let mut response = handler(Call { core: self, req: &req, args: &args, txn }).await?;
        if matches!(case.operation, Operation::Read | Operation::List)
            && !response.has_body()
            && response.status.is_none()
        {
            return Err(Fault::NotFound);
        }
        if !route.free_form && response.has_body() && !response.bare {
            warn_of_strays(&mut response, route, captures, &case.request.body);
        }
        self.complete(case, txn, response).await
    }

    /// Adds what the core keeps: the token, the lease, the wrapping.
    async fn complete(&self, case: &Case, txn: &mut Txn, mut response: Response) -> Result<Sent, Fault> {
        let Some(routed) = &case.routed else {
            return Err(Fault::Internal("an answer without a route".to_owned()));
        };
        let mount = &routed.mounted.entry;
        let path = case.request.path.as_str();
        let mut sent = Sent::default();
        if let Some(grant) = response.grant.take() {
            // Of many tries at once, those that end after the lock has come are refused like those that
            // begin after it.
            self.check_lockout(case).await?;
            let mut grant = *grant;
            if mount.class == Class::Auth && mount.kind != "token" {
                grant.display_name = display_name(&mount.path, &grant.display_name);
                // Whatever a method's configuration says, a login never gives root.
                if grant.policies.iter().any(|p| p.trim().eq_ignore_ascii_case("root")) {
                    return Err(Fault::invalid("auth methods cannot create root tokens"));
                }
            }
            if !grant.alias.is_empty() {
                grant.entity = self.sign_in(txn, mount, &grant).await?;
            }
            let made = self.make_token(txn, mount, path, grant).await?;
            response.warnings.splice(0..0, made.warnings);
            let ttl = made.entry.granted_ttl;
            let identity_policies = self.identity_policies(txn, &made.entry.entity).await?;
            sent.auth =
                Some(Answered { token: made.token, entry: made.entry, ttl, identity_policies, fresh: true });
        }
        if let Some(renewed) = response.renewed.take() {
            let token = strongroom_crypto::Secret::new(renewed.token);
            let (entry, ttl) = (renewed.entry, renewed.ttl);
            let identity_policies = self.identity_policies(txn, &entry.entity).await?;
            sent.auth = Some(Answered { token, entry, ttl, identity_policies, fresh: false });
        }
        if let Some(lease) = response.lease.take() {
            let entry = self.make_lease(txn, mount, path, case.token.as_ref(), *lease).await?;
            response.lease_duration = entry.granted_ttl;
            sent.renewable = entry.renewable;
            sent.lease_id = entry.id;
            sent.fresh_lease = true;
        }
        if let Some((id, seconds, renewable)) = response.renewed_lease.take() {
            (sent.lease_id, response.lease_duration, sent.renewable) = (id, seconds, renewable);
        }
        sent.mount_type.clone_from(&mount.kind);
        sent.top_level = case.route().is_some_and(|r| r.top_level);
        sent.response = response;
        if case.wants_wrapping() && sent.can_be_wrapped() && !case.route().is_some_and(|r| r.never_wrapped) {
            self.wrap_answer(case, txn, &mut sent).await?;
        }
        Ok(sent)
    }

    async fn wrap_answer(&self, case: &Case, txn: &mut Txn, sent: &mut Sent) -> Result<(), Fault> {
        let seconds = case.request.wrap_ttl.unwrap_or(0);
        let rendered = String::from_utf8(crate::render::body(sent, &case.request.id))
            .map_err(|_| Fault::invalid("an answer that is not text cannot be wrapped"))?;
        let accessor = sent.auth.as_ref().map_or_else(String::new, |a| a.entry.accessor.clone());
        let info = self.wrap(txn, case.request.path.as_str(), seconds, rendered, accessor).await?;
        let inner = sent.auth.take().filter(|a| a.fresh).map(|a| a.entry.accessor);
        *sent = Sent {
            response: Response { wrap_info: Some(info), ..Response::default() },
            inner_token: inner,
            inner_lease: sent.fresh_lease.then(|| std::mem::take(&mut sent.lease_id)),
            ..Sent::default()
        };
        Ok(())
    }

    /// Audits the outcome and renders it. If the entry cannot be written, the value is withheld and
    /// what was granted is taken back.
    async fn close(self: &Arc<Self>, case: &mut Case, outcome: Result<Sent, Fault>) -> Answer {
        let asked = case.asked.take();
        self.count_login(case, &outcome).await;
        let pending = self.audit_response(case, outcome.as_ref());
        let outcome = match outcome {
            Ok(sent) if pending.is_none() && sent.has_body() => self.still_the_same(case).map(|()| sent),
            other => other,
        };
        let written = both_written(asked, pending).await;
        if case.token.as_ref().is_some_and(|t| t.entry.num_uses == -1)
            && let Some(token) = &case.token
        {
            self.revoke_now(&token.entry.accessor).await;
        }
        if let Err(error) = written {
            self.metrics.audit_response_failures.add();
            tracing::error!(%error, "an answer was withheld");
            if let Ok(sent) = &outcome {
                self.take_back(sent).await;
            }
            return crate::render::fault(&Fault::Internal(
                "internal error: the audit trail cannot be written".to_owned(),
            ));
        }
        match outcome {
            Ok(sent) => crate::render::answer(&sent, &case.request.id),
            Err(Fault::Answer(status, response)) => {
                let sent = Sent { top_level: false, ..Sent::plain(response.with_status(status)) };
                crate::render::answer(&sent, &case.request.id)
            }
            Err(fault) => {
                if let Fault::Internal(why) = &fault {
                    tracing::error!(path = case.request.path.as_str(), why, "a request failed");
                }
                if matches!(fault, Fault::Unsupported) && case.route().is_some_and(|r| r.works_sealed) {
                    return crate::render::bare_status(405);
                }
                crate::render::fault(&fault)
            }
        }
    }

    async fn count_login(self: &Arc<Self>, case: &Case, outcome: &Result<Sent, Fault>) {
        let Some((mounted, name)) = case.lockout_name() else { return };
        let counted = match outcome {
            Err(Fault::BadCredentials(_)) => self.count_failure(&mounted.entry, &name).await,
            Ok(_) => self.forget_failures(&mounted.entry, &name).await,
            Err(_) => Ok(()),
        };
        if let Err(fault) = counted {
            tracing::error!(%fault, "failed logins could not be counted");
        }
    }

    async fn take_back(self: &Arc<Self>, sent: &Sent) {
        let fresh = sent.auth.as_ref().filter(|a| a.fresh).map(|a| &a.entry.accessor);
        let wrapping = sent.response.wrap_info.as_ref().map(|w| &w.accessor);
        let made = sent.response.made_token.as_ref();
        for accessor in [fresh, wrapping, made, sent.inner_token.as_ref()].into_iter().flatten() {
            self.revoke_now(accessor).await;
        }
        for lease in sent.inner_lease.iter().chain(sent.fresh_lease.then_some(&sent.lease_id)) {
            let mut txn = self.txn();
            let revoked = self.revoke_lease(&mut txn, lease, false).await;
            if let Err(fault) = match revoked {
                Ok(()) => self.commit(txn).await,
                Err(fault) => self.postpone_revocation(lease, &fault.to_string()).await,
            } {
                tracing::error!(%fault, "a lease whose answer was withheld is still there");
            }
        }
    }

    /// Revokes a token in a commit of its own.
    pub async fn revoke_now(self: &Arc<Self>, accessor: &str) {
        for _ in 0..MAX_TRIES {
            let mut txn = self.txn();
            let revoked = match self.revoke_token(&mut txn, accessor).await {
                Ok(()) => self.commit(txn).await,
                Err(fault) => Err(fault),
            };
            match revoked {
                Ok(()) => {
                    let _ = self.work_off(SLICES_PER_REQUEST).await;
                    return;
                }
                Err(Fault::Conflict) => {}
                Err(fault) => {
                    tracing::error!(%fault, "a token could not be revoked");
                    return;
                }
            }
        }
    }

    fn tally(&self, case: &Case, answer: &Answer) {
        let took = self.clock.now().duration_since(case.started);
        let took = std::time::Duration::try_from(took).unwrap_or_default();
        let login = case.is_login();
        if login {
            self.metrics.logins.add(took)
        } else {
            self.metrics.requests.add(took)
        }
        match answer.status {
            403 => self.metrics.denied.add(),
            500.. => self.metrics.errors.add(),
            _ => {}
        }
    }
}

impl Case {
    fn route(&self) -> Option<&Route> {
        self.routed.as_ref().and_then(Routed::route)
    }

    fn op(&self) -> Option<&Op> {
        self.route().and_then(|r| r.operation(self.operation))
    }

    /// Whether anybody may ask; also for operations that a route has not got, if it has only open ones.
    fn is_open(&self) -> bool {
        let is_open = |op: &Op| op.access == Access::Open;
        match self.op() {
            Some(op) => is_open(op),
            None if self.operation == Operation::Help => false,
            None => {
                self.route().is_some_and(|r| !r.operations.is_empty() && r.operations.iter().all(is_open))
            }
        }
    }

    fn local(&self) -> &str {
        let skip = self.routed.as_ref().map_or(0, |r| r.mounted.full_path.len());
        self.request.path.as_str().get(skip..).unwrap_or("")
    }

    fn wants_wrapping(&self) -> bool {
        self.request.wrap_ttl.is_some_and(|t| t > 0)
    }

    fn is_login(&self) -> bool {
        self.routed.as_ref().is_some_and(|r| r.mounted.entry.class == Class::Auth)
            && self.local().starts_with("login")
    }

    /// Why a request that policy allows cannot be served.
    fn unroutable(&self) -> Fault {
        match self.route() {
            Some(_) if self.operation == Operation::Help => Fault::NotFound,
            // Only patterns that take the rest of the path can be listed; the others do not know the folder.
            Some(route)
                if self.operation == Operation::List
                    && !route.works_sealed
                    && !route.pattern.takes_rest() =>
            {
                Fault::NoRoute(self.request.path.to_string())
            }
            Some(_) => Fault::Unsupported,
            None => Fault::NoRoute(self.request.path.to_string()),
        }
    }

    fn folded_path(&self) -> Option<String> {
        self.routed.as_ref()?.fold(self.request.path.as_str())
    }

    fn lockout_name(&self) -> Option<(&Arc<Mounted>, String)> {
        let mounted = &self.routed.as_ref()?.mounted;
        let Backend::Auth(method) = &mounted.backend else { return None };
        if self.op()?.access != Access::Open || !self.operation.writes() {
            return None;
        }
        Some((mounted, method.lockout_name(self.local(), &self.request.body)?))
    }

    fn seen(&self) -> Option<crate::in_flight::Seen> {
        self.operation.writes().then(|| crate::in_flight::Seen {
            id: self.request.id.clone(),
            started: self.started,
            operation: self.operation,
            path: self.request.path.to_string(),
            remote: self.request.remote.address,
        })
    }
}

/// Waits for the request's entry, where that was left open, and for the answer's.
async fn both_written(asked: Option<Pending>, answered: Option<Pending>) -> Result<(), AuditFailed> {
    for pending in [asked, answered].into_iter().flatten() {
        pending.written().await?;
    }
    Ok(())
}

/// Says which fields of the body meant nothing.
fn warn_of_strays(response: &mut Response, route: &Route, captures: &[(&'static str, String)], body: &Map) {
    let known = |name: &str| route.fields.iter().any(|f| f.name == name);
    let strays: Vec<&str> = body.keys().map(String::as_str).filter(|k| !known(k)).collect();
    if !strays.is_empty() {
        let list = strays.join(" ");
        response.warnings.push(format!("Endpoint ignored these unrecognized parameters: [{list}]"));
    }
    let replaced: Vec<&str> = captures.iter().map(|(n, _)| *n).filter(|n| body.contains_key(*n)).collect();
    if !replaced.is_empty() {
        response.warnings.push(format!(
            "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [{}]",
            replaced.join(" ")
        ));
    }
}

/// `userpass-bob`
fn display_name(mount_path: &str, name: &str) -> String {
    let mount = mount_path.trim_end_matches('/').replace('/', "-");
    if name.is_empty() { mount } else { format!("{mount}-{name}") }
}

/// The kind of token a login gives: the role's wish, unless the mount's tuning overrules it.
pub fn token_kind(mount: &crate::Mount, role: &str) -> Kind {
    let chosen = match mount.config.token_type.as_str() {
        "service" | "batch" => mount.config.token_type.as_str(),
        tuned if matches!(role, "" | "default" | "default-service" | "default-batch") => {
            if role == "default-batch" || (tuned == "default-batch" && role != "default-service") {
                "batch"
            } else {
                "service"
            }
        }
        _ => role,
    };
    if chosen == "batch" { Kind::Batch } else { Kind::Service }
}

//! The way of a request, step by step: routed, authorised, audited, carried out in one commit,
//! audited again, answered.

mod advice;
mod authorise;
mod case;
mod close;
mod complete;

pub(crate) use case::Case;
pub use complete::token_kind;

use crate::mount::{MountTable, Mounted};
use crate::pattern::Captures;
use crate::response::Sent;
use crate::route::Route;
use crate::{Answer, Authorized, Call, Core, Fault, Operation, Path, Remote, Request, Txn};
use std::sync::Arc;
use strongroom_audit::Pending;
use strongroom_wire::field::Args;

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

    /// Who may call an operation; none where there is no such route.
    pub(crate) fn access(&self, operation: Operation) -> Option<crate::Access> {
        self.route()?.operation(operation).map(|op| op.access)
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
/// Commits of background jobs that a request waits for.
const SLICES_PER_REQUEST: usize = 64;

impl Core {
    /// Asks the rate limits, before a body is read.
    pub fn admit(&self, namespace: &str, path: &Path, remote: Remote) -> Result<(), Fault> {
        let now = || self.clock.now();
        let admitted = self.quotas.admit(&self.realm(), namespace, path.as_str(), remote.address, now);
        if admitted.is_err() {
            self.metrics.rate_limited.add();
        }
        admitted
    }

    /// How the body of a request to this path is to be read.
    pub fn body_form(&self, namespace: &str, path: &Path) -> BodyForm {
        let realm = self.realm();
        let found = realm.find(namespace, path.as_str());
        let routed = found.and_then(|(t, skip)| find_route(t, path.as_str().get(skip..)?));
        let raw = routed.and_then(|r| r.route().map(|r| r.raw_body));
        if raw == Some(true) { BodyForm::Raw } else { BodyForm::Fields }
    }

    /// Answers a request. What may change something runs to its end even if the client goes away.
    pub async fn handle(self: &Arc<Self>, request: Request) -> Answer {
        let case = self.open_case(request);
        if matches!(case.operation, Operation::Read | Operation::List | Operation::Help)
            && !case.wants_wrapping()
        {
            // On the heap once, instead of moved about inside the listener's own future.
            return Box::pin(self.run(case)).await;
        }
        let core = self.clone();
        // The same: a task that is large itself is dear to make.
        match tokio::spawn(Box::pin(async move { core.run(case).await })).await {
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
        let realm = self.realm();
        let found = realm.find(&request.namespace, request.path.as_str());
        let lost = found.is_none();
        let (space, skip) = found.map_or_else(|| (realm.root().clone(), 0), |(t, skip)| (t.clone(), skip));
        if skip > 0 {
            request.path = request.path.below(skip);
        }
        let routed = if lost { None } else { find_route(&space, request.path.as_str()) };
        let certificate_serial = request.certificate_serial().unwrap_or_default();
        Case {
            space,
            lost,
            reach: 0,
            started: self.clock.now(),
            request,
            routed,
            operation,
            token: None,
            under_way: None,
            token_issued: String::new(),
            certificate_serial,
            allowed: false,
            rights: None,
            looked: None,
            sudo: false,
            asked: None,
            era: self.era(),
        }
    }

    async fn run(self: &Arc<Self>, mut case: Case) -> Answer {
        let _entered = self.in_flight.enter(case.seen());
        let outcome = match self.authorise(&mut case).await {
            Ok(()) => self.carry_out(&mut case).await,
            Err(fault) => self.refuse(&case, fault).await,
        };
        let answer = self.close(&mut case, outcome).await;
        self.tally(&case, &answer);
        answer
    }

    /// The transaction of one try. It holds what told a creation from an update, so that its commit loses
    /// if that has changed; the next try then looks, and asks policy, again.
    async fn begin(self: &Arc<Self>, case: &mut Case) -> Result<Txn, Fault> {
        if let Some(looked) = case.looked.take() {
            return Ok(looked);
        }
        let may_differ = matches!(case.operation, Operation::Create | Operation::Update);
        if !may_differ || case.rights.is_none() {
            return Ok(self.txn_in(&case.space.namespace));
        }
        let (is_there, looked) = Box::pin(self.exists(case)).await?;
        let operation = if is_there { Operation::Update } else { Operation::Create };
        if operation != case.operation {
            case.operation = operation;
            self.ask_policy(case).await?;
        }
        Ok(looked.unwrap_or_else(|| self.txn_in(&case.space.namespace)))
    }

    /// Refuses a request that has outlived the unsealing it began under: sealing switches the audit
    /// devices off, and what no device hears of must not leave.
    fn still_the_same(&self, case: &Case) -> Result<(), Fault> {
        if case.works_sealed() || case.era == self.era() { Ok(()) } else { Err(Fault::Sealed) }
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
            match Box::pin(self.commit(txn)).await {
                Err(Fault::Conflict) => self.metrics.conflicts.add(),
                Err(fault) => {
                    // It may have happened all the same, and an error grants nothing.
                    if let Ok(sent) = &outcome {
                        Box::pin(self.take_back(sent)).await;
                    }
                    return Err(fault);
                }
                Ok(()) => {
                    if leaves_jobs && let Err(fault) = Box::pin(self.work_off(SLICES_PER_REQUEST)).await {
                        tracing::warn!(%fault, "clean-up goes on in the background");
                    }
                    return outcome;
                }
            }
        }
        Err(Fault::Conflict)
    }

    async fn attempt(self: &Arc<Self>, case: &Case, txn: &mut Txn) -> Result<Sent, Fault> {
        if case.operation == Operation::Help
            && let Some(routed) = case.routed.as_ref().filter(|_| case.is_mount())
        {
            return Ok(Sent::plain(crate::help::describe_mount(routed)));
        }
        let (Some(routed), Some(route)) = (&case.routed, case.route()) else { return Err(case.unroutable()) };
        if case.operation == Operation::Help {
            return Ok(Sent::plain(crate::help::describe(routed, route, self.settings.version)));
        }
        let op = case.op().ok_or(Fault::Unsupported)?;
        let is_scan = case.request.is_scan();
        if is_scan && !route.scans {
            return Err(Fault::Unsupported);
        }
        let captures = routed.route.as_ref().map_or(&[][..], |(_, c)| c);
        let args = Args::decode(route.fields, captures, &case.request.body)?;
        let req = Authorized {
            request: &case.request,
            operation: case.operation,
            token: case.token.as_ref(),
            sudo: case.sudo,
            space: &case.space,
            from_token: case.between(),
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
        if !route.free_form && !is_scan && response.has_body() && !response.bare {
            complete::warn_of_strays(&mut response, route, captures, &case.request.body);
        }
        if case.is_plain(&response) {
            return Ok(case.plainly(response));
        }
        Box::pin(self.complete(case, txn, response)).await
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

/// The mount and the route of a path below a namespace.
pub(crate) fn find_route(mounts: &MountTable, path: &str) -> Option<Routed> {
    let mounted = mounts.resolve(path)?.clone();
    let local = path.get(mounted.full_path.len()..).unwrap_or("");
    let route = mounted.table.find(local);
    Some(Routed { route, mounted })
}

//! Routes are data: dispatch, help, audit hashing, OpenAPI and the list of unauthenticated endpoints
//! all derive from these tables.

use crate::pattern::{Captures, Pattern};
use crate::{BoxFuture, Call, ExistsCall, Fault, Response};
use std::collections::HashMap;
use strongroom_wire::Operation;
use strongroom_wire::field::Field;

/// What answers an operation.
pub type Handler = for<'a> fn(Call<'a>) -> BoxFuture<'a, Result<Response, Fault>>;
/// Tells `create` from `update` before policy is asked.
pub type Exists = for<'a> fn(ExistsCall<'a>) -> BoxFuture<'a, Result<bool, Fault>>;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A valid token whose policies allow it.
    Token,
    /// The same, with the `sudo` capability.
    Sudo,
    /// A valid token whose policies allow something and do not deny the path. The handler asks them about what it touches.
    Holder,
    /// Anybody, as logins and health checks are.
    Open,
}

/// What the body of an answer that is no error looks like, where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// The envelope, with what was asked for in `data`.
    Envelope,
    /// An object without the envelope.
    Plain,
    /// Whatever its content type says.
    Bytes,
}

/// One operation of a route.
#[derive(Clone)]
pub struct Op {
    /// The operation; `Update` also answers `Create`.
    pub operation: Operation,
    /// Who may call it.
    pub access: Access,
    /// What answers it.
    pub handler: Handler,
}

/// One route of an engine or auth method.
#[derive(Clone)]
pub struct Route {
    /// The path below the mount.
    pub pattern: Pattern,
    /// One line for help and OpenAPI.
    pub summary: &'static str,
    /// The fields it declares, path captures included.
    pub fields: &'static [Field],
    /// Those of them that reading, listing and deleting take from the query; none for all, where nothing
    /// is written here, and no field otherwise.
    pub asked: Option<&'static [Field]>,
    /// Its operations.
    pub operations: Vec<Op>,
    /// What answers look like.
    pub answers: Answers,
    /// What an update begins goes on after the answer, which is 202.
    pub goes_on: bool,
    /// Only there to say what would be right instead, so help and OpenAPI leave it out.
    pub refuses: bool,
    /// Present where create and update differ.
    pub exists: Option<Exists>,
    /// Works while the server is sealed or not initialised.
    pub works_sealed: bool,
    /// Answers anybody, sealed or not, at listeners that open the metrics.
    pub opened_with_metrics: bool,
    /// The answer's data also stands at top level, as older `sys` endpoints have it.
    pub top_level: bool,
    /// Body keys beyond the declared fields are the payload (kv version 1, cubbyhole).
    pub free_form: bool,
    /// Takes the body as bytes.
    pub raw_body: bool,
    /// The answer is never wrapped, whatever the client asks (wrapping look-up, health).
    pub never_wrapped: bool,
    /// There in the root namespace only.
    pub root_only: bool,
    /// Answers in a locked namespace too.
    pub unlocks: bool,
    /// LIST can go through all levels (`scan=true`).
    pub scans: bool,
}

impl Route {
    /// A route without operations yet.
    pub fn new(pattern: &'static str, summary: &'static str, fields: &'static [Field]) -> Self {
        Self {
            pattern: Pattern::new(pattern),
            summary,
            fields,
            asked: None,
            operations: Vec::new(),
            answers: Answers::Envelope,
            goes_on: false,
            refuses: false,
            exists: None,
            works_sealed: false,
            opened_with_metrics: false,
            top_level: false,
            free_form: false,
            raw_body: false,
            never_wrapped: false,
            root_only: false,
            unlocks: false,
            scans: false,
        }
    }

    /// Answers `operation` for a token whose policies allow it.
    #[must_use]
    pub fn on(self, operation: Operation, handler: Handler) -> Self {
        self.with(operation, Access::Token, handler)
    }

    /// Answers `operation` for a token with `sudo`.
    #[must_use]
    pub fn sudo(self, operation: Operation, handler: Handler) -> Self {
        self.with(operation, Access::Sudo, handler)
    }

    /// Answers `operation` for a token whose policies do not deny the path.
    #[must_use]
    pub fn holder(self, operation: Operation, handler: Handler) -> Self {
        self.with(operation, Access::Holder, handler)
    }

    /// Answers `operation` for anybody.
    #[must_use]
    pub fn open(self, operation: Operation, handler: Handler) -> Self {
        self.with(operation, Access::Open, handler)
    }

    /// Sets the existence check.
    #[must_use]
    pub fn exists(mut self, check: Exists) -> Self {
        self.exists = Some(check);
        self
    }

    /// Takes these of its fields from the query when it is read, listed or deleted.
    #[must_use]
    pub fn asked(mut self, fields: &'static [Field]) -> Self {
        self.asked = Some(fields);
        self
    }

    /// Answers objects without the envelope.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.answers = Answers::Plain;
        self
    }

    /// Answers with other things than JSON.
    #[must_use]
    pub fn bytes(mut self) -> Self {
        self.answers = Answers::Bytes;
        self
    }

    /// Answers 202 to updates, and goes on.
    #[must_use]
    pub fn goes_on(mut self) -> Self {
        self.goes_on = true;
        self
    }

    /// Says what would be right, and does nothing.
    #[must_use]
    pub fn refuses(mut self) -> Self {
        self.refuses = true;
        self
    }

    /// Works while sealed.
    #[must_use]
    pub fn works_sealed(mut self) -> Self {
        self.works_sealed = true;
        self
    }

    /// Answers anybody, sealed or not, at listeners that open the metrics.
    #[must_use]
    pub fn opened_with_metrics(mut self) -> Self {
        self.opened_with_metrics = true;
        self
    }

    /// Repeats the data at top level.
    #[must_use]
    pub fn top_level(mut self) -> Self {
        self.top_level = true;
        self
    }

    /// Takes any body keys.
    #[must_use]
    pub fn free_form(mut self) -> Self {
        self.free_form = true;
        self
    }

    /// Takes bytes.
    #[must_use]
    pub fn raw_body(mut self) -> Self {
        self.raw_body = true;
        self
    }

    /// Never wrapped.
    #[must_use]
    pub fn never_wrapped(mut self) -> Self {
        self.never_wrapped = true;
        self
    }

    /// In the root namespace only: it runs the server, not what is in it.
    #[must_use]
    pub fn root_only(mut self) -> Self {
        self.root_only = true;
        self
    }

    /// In a locked namespace too.
    #[must_use]
    pub fn unlocks(mut self) -> Self {
        self.unlocks = true;
        self
    }

    /// Lists all levels too.
    #[must_use]
    pub fn scans(mut self) -> Self {
        self.scans = true;
        self
    }

    /// The operation's entry.
    pub fn operation(&self, operation: Operation) -> Option<&Op> {
        let wanted = if operation == Operation::Create { Operation::Update } else { operation };
        self.operations.iter().find(|op| op.operation == wanted)
    }

    /// The fields that the path does not capture and the operation takes.
    pub fn taken(&self, operation: Operation) -> Vec<&'static Field> {
        let is_written = self.operations.iter().any(|op| op.operation.writes());
        let all = match (operation.writes(), self.asked) {
            (false, Some(asked)) => asked,
            (false, None) if is_written => &[],
            _ => self.fields,
        };
        all.iter().filter(|field| !self.pattern.captures(field.name)).collect()
    }

    fn with(mut self, operation: Operation, access: Access, handler: Handler) -> Self {
        self.operations.push(Op { operation, access, handler });
        self
    }
}

/// The routes of one engine or auth method, tried in order.
#[derive(Clone, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
    /// Places of the routes that begin with a literal, by that; `sys/` has more than a hundred.
    by_head: HashMap<&'static str, Vec<usize>>,
    /// Places of the others.
    others: Vec<usize>,
}

impl RouteTable {
    /// A table of these routes.
    pub fn new(routes: Vec<Route>) -> Self {
        let mut by_head: HashMap<&'static str, Vec<usize>> = HashMap::new();
        let mut others = Vec::new();
        for (at, route) in routes.iter().enumerate() {
            match route.pattern.head() {
                Some(head) => by_head.entry(head).or_default().push(at),
                None => others.push(at),
            }
        }
        Self { routes, by_head, others }
    }

    /// All routes.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The first route that matches a path below the mount, by its place in the table.
    pub fn find(&self, path: &str) -> Option<(usize, Captures)> {
        let head = path.split('/').next().unwrap_or("");
        let first = |places: &[usize]| {
            places.iter().find_map(|at| Some((*at, self.routes.get(*at)?.pattern.matches(path)?)))
        };
        let named = self.by_head.get(head).and_then(|places| first(places));
        match (named, first(&self.others)) {
            (Some(named), Some(other)) => Some(if named.0 < other.0 { named } else { other }),
            (named, other) => named.or(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_in_order() {
        let table = RouteTable::new(vec![
            Route::new("a/{x}", "", &[]),
            Route::new("{any}", "", &[]),
            Route::new("a", "", &[]),
            Route::new("b/{rest:rest}", "", &[]),
            Route::new("", "", &[]),
        ]);
        let place = |path: &str| table.find(path).map(|(at, _)| at);
        assert_eq!(place("a/1"), Some(0));
        assert_eq!(place("a"), Some(1));
        assert_eq!(place("b/1/2"), Some(3));
        assert_eq!(place("b"), Some(1));
        assert_eq!(place(""), Some(4));
        assert_eq!(place("c/d"), None);
    }
}

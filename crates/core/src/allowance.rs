//! What the caller of a handler may do beyond the request at hand.

use crate::{Call, Fault, Map, Operation};
use std::borrow::Cow;
use std::sync::Arc;
use strongroom_policy::{Acl, Ask};

/// The caller's policies, to be asked about paths below the request's namespace.
pub struct Allowance {
    acl: Arc<Acl>,
    /// The way from the token's namespace to the request's.
    between: String,
}

impl Call<'_> {
    /// What the caller's policies say of other paths.
    pub async fn allowance(&self) -> Result<Allowance, Fault> {
        let token = self.req.token.ok_or(Fault::Denied)?;
        let acl = self.core.rights(&token.entry).await?.acl;
        Ok(Allowance { acl, between: self.req.from_token.to_owned() })
    }
}

impl Allowance {
    /// Whether the policies allow an operation at a path, with this body. LIST asks with a path that ends
    /// in `/`. What policies want to be wrapped is not allowed.
    pub fn allows(&self, operation: Operation, path: &str, params: &Map) -> bool {
        let path: Cow<'_, str> = match self.between.as_str() {
            "" => path.into(),
            between => format!("{between}{path}").into(),
        };
        let ask = Ask { operation, path: &path, written: None, params, wrap_ttl: None, needs_sudo: false };
        self.acl.decide(&ask).allowed
    }
}

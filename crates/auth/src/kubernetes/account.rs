//! The service account that a token says it is for.

use crate::web_token::WebToken;
use strongroom_core::Value;

/// A service account, and what the token is bound to beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) uid: String,
    /// The Secret that holds a token of the oldest kind.
    pub(super) secret_name: String,
    /// Name and uid of the Pod that the token is bound to.
    pub(super) pod: Option<(String, String)>,
}

impl Account {
    /// Reads the claims of bound tokens, or those of the oldest kind; none if they are neither.
    pub(super) fn of(token: &WebToken) -> Option<Self> {
        let account = match token.claim(BOUND) {
            Some(bound) => Self::bound(bound)?,
            None => Self {
                namespace: token.text("kubernetes.io/serviceaccount/namespace").to_owned(),
                name: token.text("kubernetes.io/serviceaccount/service-account.name").to_owned(),
                uid: token.text("kubernetes.io/serviceaccount/service-account.uid").to_owned(),
                secret_name: token.text("kubernetes.io/serviceaccount/secret.name").to_owned(),
                pod: None,
            },
        };
        let whole = is_name(&account.namespace) && is_name(&account.name) && !account.uid.is_empty();
        (whole && token.text("sub") == account.user_name()).then_some(account)
    }

    /// The user name that Kubernetes knows it by.
    pub(super) fn user_name(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    fn bound(claim: &Value) -> Option<Self> {
        let text = |pointer| claim.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let pod = claim.get("pod").map(|_| (text("/pod/name"), text("/pod/uid")));
        if pod.as_ref().is_some_and(|(name, uid)| name.is_empty() || uid.is_empty()) {
            return None;
        }
        Some(Self {
            namespace: text("/namespace"),
            name: text("/serviceaccount/name"),
            uid: text("/serviceaccount/uid"),
            secret_name: text("/secret/name"),
            pod,
        })
    }
}

const BOUND: &str = "kubernetes.io";

/// Whether Kubernetes would take it as a name. Upper case is let through: it is refused for what it is
/// not, which says more.
fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(fits) && !text.starts_with('.')
}

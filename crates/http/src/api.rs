//! What a listener needs of the server behind it.

use std::future::Future;
use std::sync::Arc;
use strongroom_core::cors::CorsConfig;
use strongroom_core::{Answer, BodyForm, Core, Fault, Path, Remote, Request};
use strongroom_crypto::random;

/// The server behind a listener: the core, or something else in tests.
pub trait Api: Send + Sync + 'static {
    /// Asks the rate limits, before a body is read.
    /// `namespace` is as the client names it beside the path.
    fn admit(&self, namespace: &str, path: &Path, from: Remote) -> Result<(), Fault>;

    /// How the body of a request to this path is to be read.
    fn body_form(&self, namespace: &str, path: &Path) -> BodyForm;

    /// Which web pages may call.
    fn cors(&self) -> Arc<CorsConfig>;

    /// A fresh UUID.
    fn request_id(&self) -> String;

    /// Answers a request.
    fn handle(self: Arc<Self>, request: Request) -> impl Future<Output = Answer> + Send;
}

impl Api for Core {
    fn admit(&self, namespace: &str, path: &Path, from: Remote) -> Result<(), Fault> {
        Self::admit(self, namespace, path, from)
    }

    fn body_form(&self, namespace: &str, path: &Path) -> BodyForm {
        Self::body_form(self, namespace, path)
    }

    fn cors(&self) -> Arc<CorsConfig> {
        Arc::clone(&Self::cors(self))
    }

    fn request_id(&self) -> String {
        random::uuid(self.random.as_ref())
    }

    async fn handle(self: Arc<Self>, request: Request) -> Answer {
        Self::handle(&self, request).await
    }
}

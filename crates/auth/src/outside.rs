//! Other servers, as tests want them.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Mutex;
use strongroom_core::BoxFuture;
use strongroom_core::outbound::{OutError, OutRequest, OutResponse, Outbound};

/// Answers by address; what is not set cannot be reached. Notes what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    answers: Mutex<BTreeMap<String, (u16, Value)>>,
    pub(crate) asked: Mutex<Vec<OutRequest>>,
}

impl Outside {
    /// Answers this address so from now on.
    pub(crate) fn set(&self, url: &str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(url.to_owned(), (status, body));
    }

    /// Makes an address unreachable.
    pub(crate) fn cut(&self, url: &str) {
        self.answers.lock().unwrap().remove(url);
    }

    /// How often it was asked.
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Outbound for Outside {
    fn send(&self, request: OutRequest) -> BoxFuture<'_, Result<OutResponse, OutError>> {
        let answer = self.answers.lock().unwrap().get(&request.url).cloned();
        self.asked.lock().unwrap().push(request);
        Box::pin(async move {
            let (status, body) = answer.ok_or_else(|| OutError::Connect("refused".to_owned()))?;
            Ok(OutResponse { status, body: body.to_string().into() })
        })
    }
}

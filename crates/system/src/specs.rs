//! `sys/internal/specs`: the interface itself, for programs.

use crate::{Answering, internal_ui};
use strongroom_core::openapi::{self, Naming};
use strongroom_core::{Call, Class, Fault, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    let summary = "The OpenAPI document of the mounts that everybody or the caller may see.";
    vec![Route::new("internal/specs/openapi", summary, FIELDS).open(Operation::Read, document).plain()]
}

const FIELDS: &[Field] = &[Field::new(
    "generic_mount_paths",
    Kind::Bool,
    "Whether a parameter stands for each type of mount in place of the paths of mounts.",
)];

fn document(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let acl = internal_ui::acl(&call).await?;
        let naming = match call.args.bool("generic_mount_paths") {
            Some(true) => Naming::Parameters,
            _ => Naming::Paths,
        };
        let of = |class| internal_ui::visible(&call, acl.as_deref(), class);
        let mounts = of(Class::Secret).into_iter().chain(of(Class::Auth)).map(AsRef::as_ref);
        let document = openapi::document(mounts, naming, call.core.settings.version);
        let body = serde_json::to_vec(&document)
            .map_err(|e| Fault::Internal(format!("the document cannot be written: {e}")))?;
        Ok(Response { raw: Some(("application/json".to_owned(), body.into())), ..Response::none() })
    })
}

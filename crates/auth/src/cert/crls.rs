//! The endpoints of lists of revoked certificates.

use super::crl::{Crl, FOLDER, key};
use crate::x509::{RevocationList, first_block};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use strongroom_core::outbound::check_url;
use strongroom_core::{BoxFuture, Call, Fault, Map, Response, Value};
use strongroom_crypto::number::to_decimal;

pub(super) fn list(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move { Response::keys(call.txn.names(&call.req.mounted.entry.key(FOLDER)).await?) })
}

/// The serial numbers of a list, in decimal, and where it comes from.
pub(super) fn read(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let crl = find(call).await?;
        let serials = crl.list().into_iter().flat_map(|list| &list.serials);
        let serials: Map = serials.map(|serial| (to_decimal(serial).to_string(), json!({}))).collect();
        let mut data = Map::from_iter([("serials".to_owned(), Value::Object(serials))]);
        if let Some(source) = &crl.source {
            let valid_until = jiff::Timestamp::from_second(source.next_fetch).map(|at| at.to_string());
            let shown = json!({"url": source.url, "valid_until": valid_until.unwrap_or_default()});
            data.insert("cdp".to_owned(), shown);
        }
        Ok(Response::data(data))
    })
}

pub(super) fn delete(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let key = key(&call.req.mounted.entry, call.args.text_or_empty("name"));
        if !call.txn.exists(&key).await? {
            return Err(missing(call.args.text_or_empty("name")));
        }
        call.txn.delete(&key);
        Ok(Response::none())
    })
}

/// Sets a list, as given or from where it is published.
pub(super) fn write(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let (crl, url) = (call.args.text_or_empty("crl"), call.args.text_or_empty("url"));
        let record = match (crl.trim(), url.trim()) {
            ("", "") => return Err(Fault::invalid("one of 'crl' and 'url' must be given")),
            ("", url) => {
                check_url("url", url)?;
                Crl::fetch(call.core, url).await?
            }
            (text, "") => Crl::written(&given(text)?),
            _ => return Err(Fault::invalid("'crl' and 'url' exclude each other: give one of them")),
        };
        call.txn.put(&key(&call.req.mounted.entry, call.args.text_or_empty("name")), &record)?;
        Ok(Response::none())
    })
}

async fn find(call: Call<'_>) -> Result<std::sync::Arc<Crl>, Fault> {
    let name = call.args.text_or_empty("name");
    let found = Crl::find(call.txn, &call.req.mounted.entry, name).await?;
    found.ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Fault {
    Fault::invalid(format!("no such CRL {name}"))
}

/// The DER of a list in PEM or in base64.
fn given(text: &str) -> Result<Vec<u8>, Fault> {
    let der = match first_block(text, "X509 CRL") {
        Some(der) => der,
        None => {
            let lines: String = text.split_ascii_whitespace().collect();
            BASE64_STANDARD
                .decode(lines)
                .map_err(|_| Fault::invalid("'crl' is no list; required type: PEM, or DER in base64"))?
        }
    };
    RevocationList::parse(&der).map_err(|why| Fault::invalid(format!("'crl': {why}")))?;
    Ok(der)
}

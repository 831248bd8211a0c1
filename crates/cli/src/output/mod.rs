//! How answers are printed: tables as Vault's users know them, JSON and YAML.

mod go;
mod table;
mod yaml;

pub(crate) use go::go;
pub(crate) use table::{aligned, centred, list_rows, map_rows, secret_rows, table, titled, wrapped};

use crate::failure::Failure;
use serde::Serialize;
use serde_json::Value;
use strongroom_client::Secret;

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Columns for people.
    Table,
    /// JSON, indented.
    Json,
    /// YAML.
    Yaml,
    /// The body of the answer as it came.
    Raw,
}

impl Format {
    /// Reads the value of `-format`.
    pub(crate) fn parse(name: &str) -> Result<Self, Failure> {
        match name.to_ascii_lowercase().as_str() {
            "table" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            "yaml" | "yml" => Ok(Self::Yaml),
            "raw" => Ok(Self::Raw),
            _ => Err(Failure::local(format!("Invalid output format: {name}. Use table, json, yaml or raw."))),
        }
    }

    /// A value in this format, without a line end.
    pub(crate) fn value(self, value: &Value) -> Result<String, Failure> {
        match self {
            Self::Json => Ok(json(value)),
            Self::Yaml => Ok(yaml::yaml(value).trim_end().to_owned()),
            Self::Table => Ok(go(value)),
            Self::Raw => Err(Failure::local("-format=raw works with \"read\" only; use json")),
        }
    }
}

/// Indented by two.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The value that `-field=name` asks for.
pub(crate) fn field(secret: &Secret, name: &str) -> Option<Value> {
    let from_data = || secret.get(name).cloned();
    if let Some(auth) = &secret.auth {
        return match name {
            "token" => Some(auth.client_token.clone().into()),
            "token_accessor" => Some(auth.accessor.clone().into()),
            "token_duration" => Some(auth.lease_duration.into()),
            "token_renewable" => Some(auth.renewable.into()),
            "token_policies" => Some(auth.token_policies.clone().into()),
            "identity_policies" => Some(auth.identity_policies.clone().into()),
            "policies" => Some(auth.policies.clone().into()),
            _ => from_data(),
        };
    }
    if let Some(wrap) = &secret.wrap_info {
        return match name {
            "wrapping_token" => Some(wrap.token.clone().into()),
            "wrapping_accessor" => Some(wrap.accessor.clone().into()),
            "wrapping_token_ttl" => Some(wrap.ttl.into()),
            "wrapping_token_creation_time" => Some(wrap.creation_time.clone().into()),
            "wrapping_token_creation_path" => Some(wrap.creation_path.clone().into()),
            "wrapped_accessor" => Some(wrap.wrapped_accessor.clone().into()),
            _ => from_data(),
        };
    }
    match name {
        "refresh_interval" => from_data().or_else(|| Some(secret.lease_duration.into())),
        "lease_id" if !secret.lease_id.is_empty() => Some(secret.lease_id.clone().into()),
        "data" => from_data().or_else(|| secret.data.clone().map(Value::Object)),
        _ => from_data(),
    }
}

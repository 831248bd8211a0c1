//! The `token_*` fields that the users and roles of every auth method share: what the tokens of their
//! logins are like.
//!
//! Some of these fields once had shorter names. A value written under its old name is shown under
//! both, until it is written under the new one.

use crate::engine::Times;
use crate::token::Kind as TokenKind;
use crate::tokens::clean_policies;
use crate::{Fault, Grant, Map, Mount, cidr};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use strongroom_wire::field::{Args, Field, Kind};

/// `token_bound_cidrs`.
pub const BOUND_CIDRS: Field =
    Field::new("token_bound_cidrs", Kind::CommaList, "Addresses or blocks that tokens may be used from.");
/// `token_explicit_max_ttl`.
pub const EXPLICIT_MAX_TTL: Field =
    Field::new("token_explicit_max_ttl", Kind::Seconds, "Longest life of a token, fixed when it is made.");
/// `token_max_ttl`.
pub const MAX_TTL: Field =
    Field::new("token_max_ttl", Kind::Seconds, "Longest life of a token, renewals included.");
/// `token_no_default_policy`.
pub const NO_DEFAULT_POLICY: Field =
    Field::new("token_no_default_policy", Kind::Bool, "Leave the policy \"default\" out of tokens.");
/// `token_num_uses`.
pub const NUM_USES: Field =
    Field::new("token_num_uses", Kind::Int, "Requests a token is good for; 0 for no limit.");
/// `token_period`.
pub const PERIOD: Field =
    Field::new("token_period", Kind::Seconds, "Life of a periodic token, which renewals extend without end.");
/// `token_policies`.
pub const POLICIES: Field = Field::new("token_policies", Kind::CommaList, "Policies of tokens.");
/// `token_ttl`.
pub const TTL: Field = Field::new("token_ttl", Kind::Seconds, "Life of a token until it is renewed.");
/// `token_type`.
pub const TYPE: Field = Field::new("token_type", Kind::Text, "Kind of tokens: default, service or batch.");

/// A list of declared fields with all `token_*` fields after them.
#[macro_export]
macro_rules! with_token_fields {
    ($($own:expr),* $(,)?) => {
        &[
            $($own,)*
            $crate::token_params::BOUND_CIDRS,
            $crate::token_params::EXPLICIT_MAX_TTL,
            $crate::token_params::MAX_TTL,
            $crate::token_params::NO_DEFAULT_POLICY,
            $crate::token_params::NUM_USES,
            $crate::token_params::PERIOD,
            $crate::token_params::POLICIES,
            $crate::token_params::TTL,
            $crate::token_params::TYPE,
        ]
    };
}

/// The kind of token that a role wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenType {
    /// What the mount makes.
    #[default]
    Default,
    /// Service, unless the mount makes batch tokens only.
    Service,
    /// Batch, unless the mount makes service tokens only.
    Batch,
}

impl TokenType {
    /// As clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Service => "service",
            Self::Batch => "batch",
        }
    }

    /// The kind that a mount makes of it.
    pub fn at(self, mount: &Mount) -> TokenKind {
        match (mount.config.token_type.as_str(), self) {
            ("batch", _) | ("default-batch", Self::Default | Self::Batch) => TokenKind::Batch,
            ("service", _) | ("default-batch", Self::Service) => TokenKind::Service,
            (_, Self::Batch) => TokenKind::Batch,
            (_, Self::Default | Self::Service) => TokenKind::Service,
        }
    }

    /// Reads a value as given; the forms that mean something on mounts only are taken with a warning.
    fn parse(text: &str, warnings: &mut Vec<String>) -> Result<Self, Fault> {
        Ok(match text {
            "" | "default" => Self::Default,
            "service" => Self::Service,
            "batch" => Self::Batch,
            "default-service" => {
                warnings.push("default-service has no useful meaning; adjusting to service".to_owned());
                Self::Service
            }
            "default-batch" => {
                warnings.push("default-batch has no useful meaning; adjusting to batch".to_owned());
                Self::Batch
            }
            _ => {
                return Err(Fault::invalid(
                    "invalid 'token_type': use \"default\", \"service\" or \"batch\"",
                ));
            }
        })
    }
}

/// What the tokens of a user or role are like. Times in seconds, 0 for what the mount says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenParams {
    /// Addresses or blocks that tokens may be used from; none when never written.
    pub bound_cidrs: Option<Vec<String>>,
    /// Longest life, fixed in the token.
    pub explicit_max_ttl: u64,
    /// Longest life, renewals included.
    pub max_ttl: u64,
    /// Leave `default` out.
    pub no_default_policy: bool,
    /// Uses; 0 for no limit.
    pub num_uses: u64,
    /// Life of periodic tokens.
    pub period: u64,
    /// Policies, as given.
    pub policies: Vec<String>,
    /// The kind of token.
    pub token_type: TokenType,
    /// Life until renewal.
    pub ttl: u64,
    /// Old names that values were written under last.
    pub old_names: BTreeSet<String>,
}

/// Fields that are also taken without `token_` where a route declares them so.
const OLD_NAMES: [&str; 6] = ["bound_cidrs", "max_ttl", "num_uses", "period", "policies", "ttl"];

impl TokenParams {
    /// Takes over the fields that were given and checks the whole; gives what the client should know.
    pub fn apply(&mut self, args: &Args) -> Result<Vec<String>, Fault> {
        let mut warnings = Vec::new();
        if let Some(given) = args.list("token_bound_cidrs") {
            self.bound_cidrs = Some(addresses("token_bound_cidrs", given)?);
        }
        if let Some(given) = args.list("token_policies") {
            self.policies = given.to_vec();
        }
        for (name, value) in [
            ("token_explicit_max_ttl", &mut self.explicit_max_ttl),
            ("token_max_ttl", &mut self.max_ttl),
            ("token_period", &mut self.period),
            ("token_ttl", &mut self.ttl),
        ] {
            *value = args.seconds(name).unwrap_or(*value);
        }
        self.no_default_policy = args.bool("token_no_default_policy").unwrap_or(self.no_default_policy);
        self.num_uses = uses("token_num_uses", args)?.unwrap_or(self.num_uses);
        if let Some(given) = args.text("token_type") {
            self.token_type = TokenType::parse(given, &mut warnings)?;
        }
        self.apply_old_names(args)?;
        self.check()?;
        Ok(warnings)
    }

    /// Adds the fields to an answer, and again under the old names they were written with.
    pub fn show(&self, data: &mut Map) {
        let shown = json!({
            "token_bound_cidrs": self.bound_cidrs.as_deref().unwrap_or_default(),
            "token_explicit_max_ttl": self.explicit_max_ttl,
            "token_max_ttl": self.max_ttl,
            "token_no_default_policy": self.no_default_policy,
            "token_num_uses": self.num_uses,
            "token_period": self.period,
            "token_policies": self.policies,
            "token_ttl": self.ttl,
            "token_type": self.token_type.as_str(),
        });
        let Value::Object(shown) = shown else { return };
        for name in &self.old_names {
            if let Some(value) = shown.get(&format!("token_{name}")).filter(|v| !is_zero(v)) {
                data.insert(name.clone(), value.clone());
            }
        }
        data.extend(shown);
    }

    /// The token of a login at a mount; the method adds who logged in. No login gives root, however
    /// it is written: a root token comes from root tokens and from the unseal keys alone.
    pub fn grant(&self, mount: &Mount) -> Result<Grant, Fault> {
        if clean_policies(self.policies.clone(), true).iter().any(|p| p == "root") {
            return Err(Fault::invalid("auth methods cannot create root tokens"));
        }
        let kind = self.token_type.at(mount);
        let mut grant = Grant {
            kind,
            policies: self.policies.clone(),
            no_default_policy: self.no_default_policy,
            ttl: self.ttl,
            max_ttl: self.max_ttl,
            explicit_max_ttl: self.explicit_max_ttl,
            period: self.period,
            num_uses: self.num_uses,
            bound_cidrs: self.bound_cidrs.clone().unwrap_or_default(),
            renewable: true,
            ..Grant::default()
        };
        // The mount may make batch tokens of a role that was written for service tokens: nothing is
        // kept of them that could be counted or renewed.
        if kind == TokenKind::Batch {
            grant.ttl = if grant.period > 0 { grant.period } else { grant.ttl };
            (grant.period, grant.num_uses) = (0, 0);
        }
        Ok(grant)
    }

    /// The times for a renewal.
    pub fn times(&self) -> Times {
        Times { ttl: self.ttl, max_ttl: self.max_ttl, period: self.period }
    }

    /// Whether a token with these policies still has what a login would give it now. `default` does
    /// not count.
    pub fn gives(&self, policies: &[String]) -> bool {
        let without_default = |p: Vec<String>| {
            let mut clean = clean_policies(p, true);
            clean.retain(|p| p != "default");
            clean
        };
        without_default(self.policies.clone()) == without_default(policies.to_vec())
    }

    fn apply_old_names(&mut self, args: &Args) -> Result<(), Fault> {
        for name in OLD_NAMES {
            let (old, new) = (args.get(name).is_some(), args.get(&format!("token_{name}")).is_some());
            if old && !new {
                self.set_by_old_name(name, args)?;
            }
            if old {
                self.old_names.insert(name.to_owned());
            } else if new {
                self.old_names.remove(name);
            }
        }
        Ok(())
    }

    fn set_by_old_name(&mut self, name: &str, args: &Args) -> Result<(), Fault> {
        let seconds = args.seconds(name).unwrap_or(0);
        let list = args.list(name).unwrap_or_default();
        match name {
            "bound_cidrs" => self.bound_cidrs = Some(addresses(name, list)?),
            "max_ttl" => self.max_ttl = seconds,
            "num_uses" => self.num_uses = uses(name, args)?.unwrap_or(self.num_uses),
            "period" => self.period = seconds,
            "policies" => self.policies = clean_policies(list.to_vec(), true),
            _ => self.ttl = seconds,
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Fault> {
        if self.ttl > 0 && self.max_ttl > 0 && self.ttl > self.max_ttl {
            return Err(Fault::invalid("'token_ttl' cannot be greater than 'token_max_ttl'"));
        }
        if self.token_type == TokenType::Batch && self.period > 0 {
            return Err(Fault::invalid("'token_type' cannot be \"batch\" together with 'token_period'"));
        }
        if self.token_type == TokenType::Batch && self.num_uses > 0 {
            return Err(Fault::invalid("'token_type' cannot be \"batch\" together with 'token_num_uses'"));
        }
        Ok(())
    }
}

/// Checks addresses and blocks and writes single addresses without their width.
pub fn addresses(field: &str, given: &[String]) -> Result<Vec<String>, Fault> {
    given
        .iter()
        .map(|text| match cidr::parse(text) {
            Some(block) if block.is_single() => Ok(text.split('/').next().unwrap_or(text).trim().to_owned()),
            Some(_) => Ok(text.trim().to_owned()),
            None => Err(Fault::invalid(format!(
                "'{field}': {:?} is no address or block; use a form such as \"10.0.0.0/8\" or \"192.0.2.1\"",
                text.chars().take(64).collect::<String>()
            ))),
        })
        .collect()
}

fn uses(name: &str, args: &Args) -> Result<Option<u64>, Fault> {
    let given = args.int(name).map(u64::try_from).transpose();
    given.map_err(|_| Fault::invalid(format!("'{name}' cannot be negative")))
}

fn is_zero(value: &Value) -> bool {
    value.as_u64() == Some(0) || value.as_array().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mount::MountConfig;
    use strongroom_wire::field::Args;

    const FIELDS: &[Field] = with_token_fields![
        Field::new("policies", Kind::CommaList, ""),
        Field::new("ttl", Kind::Seconds, ""),
        Field::new("bound_cidrs", Kind::CommaList, ""),
        Field::new("num_uses", Kind::Int, ""),
    ];

    fn args(body: Value) -> Args {
        Args::decode(FIELDS, &[], body.as_object().unwrap()).unwrap()
    }

    fn shown(params: &TokenParams) -> Value {
        let mut data = Map::new();
        params.show(&mut data);
        Value::Object(data)
    }

    fn mount(token_type: &str) -> Mount {
        let config = MountConfig { token_type: token_type.to_owned(), ..MountConfig::default() };
        let mount = json!({"id": "", "namespace": "", "class": "auth", "path": "", "kind": "", "uuid": "", "accessor": ""});
        Mount { config, ..serde_json::from_value(mount).unwrap() }
    }

    #[test]
    fn old_names_are_echoed_until_the_new_one_is_written() {
        let mut params = TokenParams::default();
        params.apply(&args(json!({"policies": "z,Y", "ttl": 30}))).unwrap();
        assert_eq!(shown(&params)["policies"], json!(["y", "z"]));
        assert_eq!(shown(&params)["token_policies"], json!(["y", "z"]));
        assert_eq!(shown(&params)["ttl"], json!(30));
        params.apply(&args(json!({"token_policies": "n"}))).unwrap();
        assert_eq!(shown(&params).get("policies"), None);
        assert_eq!(shown(&params)["token_policies"], json!(["n"]));
        assert_eq!(shown(&params)["ttl"], json!(30));
        params.apply(&args(json!({"num_uses": 3}))).unwrap();
        assert_eq!((&shown(&params)["num_uses"], &shown(&params)["token_num_uses"]), (&json!(3), &json!(3)));
        params.apply(&args(json!({"ttl": 9, "token_ttl": 8}))).unwrap();
        assert_eq!((&shown(&params)["ttl"], &shown(&params)["token_ttl"]), (&json!(8), &json!(8)));
    }

    #[test]
    fn writes_merge_and_keep_policies_as_given() {
        let mut params = TokenParams::default();
        params
            .apply(&args(json!({"token_policies": "b, a,b", "token_ttl": "20m", "token_num_uses": "3"})))
            .unwrap();
        params.apply(&args(json!({"token_max_ttl": 3600}))).unwrap();
        assert_eq!(params.policies, ["b", "a", "b"]);
        assert_eq!((params.ttl, params.max_ttl, params.num_uses), (1200, 3600, 3));
        params.apply(&args(json!({"token_bound_cidrs": ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]}))).unwrap();
        assert_eq!(params.bound_cidrs.as_deref().unwrap(), ["127.0.0.1", "10.0.0.0/8", "::1"]);
    }

    #[test]
    fn refuses_what_contradicts_itself() {
        for bad in [
            json!({"token_ttl": 300, "token_max_ttl": 200}),
            json!({"ttl": 300, "token_max_ttl": 200}),
            json!({"token_type": "batch", "token_num_uses": 2}),
            json!({"token_type": "batch", "token_period": 2}),
            json!({"token_type": "default-batch", "token_period": 2}),
            json!({"token_type": "odd"}),
            json!({"token_num_uses": -1}),
            json!({"num_uses": -1}),
            json!({"token_bound_cidrs": "x"}),
            json!({"bound_cidrs": "10.0.0.0/40"}),
        ] {
            assert_eq!(TokenParams::default().apply(&args(bad.clone())).unwrap_err().status(), 400, "{bad}");
        }
        let mut params = TokenParams::default();
        let warnings = params.apply(&args(json!({"token_type": "default-service"}))).unwrap();
        assert_eq!((params.token_type, warnings.len()), (TokenType::Service, 1));
    }

    #[test]
    fn mount_and_role_agree_on_a_kind() {
        use TokenKind::{Batch, Service};
        for (tuned, default, service, batch) in [
            ("", Service, Service, Batch),
            ("default-service", Service, Service, Batch),
            ("default-batch", Batch, Service, Batch),
            ("service", Service, Service, Service),
            ("batch", Batch, Batch, Batch),
        ] {
            let kinds =
                [TokenType::Default, TokenType::Service, TokenType::Batch].map(|t| t.at(&mount(tuned)));
            assert_eq!(kinds, [default, service, batch], "{tuned:?}");
        }
        let params = TokenParams { num_uses: 3, period: 60, ttl: 5, ..TokenParams::default() };
        let grant = params.grant(&mount("batch")).unwrap();
        assert_eq!((grant.num_uses, grant.period, grant.ttl), (0, 0, 60));
    }

    /// CVE-2025-5999: `ROOT` is root.
    #[test]
    fn no_login_gives_root() {
        for policies in [vec!["root"], vec!["a", "ROOT"], vec![" Root "]] {
            let policies = policies.into_iter().map(str::to_owned).collect();
            let params = TokenParams { policies, ..TokenParams::default() };
            assert_eq!(params.grant(&mount("")).unwrap_err().status(), 400, "{:?}", params.policies);
        }
    }

    #[test]
    fn compares_policies_without_default() {
        let params = TokenParams { policies: vec!["B".into(), "a".into()], ..TokenParams::default() };
        assert!(params.gives(&["a".into(), "b".into(), "default".into()]));
        assert!(!params.gives(&["a".into(), "default".into()]));
        assert!(TokenParams::default().gives(&["default".into()]));
    }
}

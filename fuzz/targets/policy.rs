//! The text of a policy and questions to it. The first line is the path that is asked about.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_policy::{Acl, Ask, parse};
use strongroom_wire::{Map, Operation, Value};

const OPERATIONS: [Operation; 6] = [
    Operation::Create,
    Operation::Read,
    Operation::Update,
    Operation::Patch,
    Operation::Delete,
    Operation::List,
];

fuzz_target!(|text: &str| {
    let (path, text) = text.split_once('\n').unwrap_or(("secret/data/a", text));
    let Ok(policy) = parse("fuzzed", text) else { return };
    let acl = Acl::new([&policy]);
    let twice = Acl::new([&policy, &policy]);
    let params: Map = [("zip".to_owned(), Value::from("one"))].into_iter().collect();
    for operation in OPERATIONS {
        for wrap_ttl in [None, Some(60)] {
            let ask = Ask {
                operation,
                path,
                written: None,
                params: &params,
                wrap_ttl,
                needs_sudo: wrap_ttl.is_some(),
            };
            let decision = acl.decide(&ask);
            assert_eq!(decision, acl.explain(&ask).decision, "the explanation tells another story");
            assert_eq!(decision, twice.decide(&ask), "naming a policy twice changes it");
            if policy.rules.is_empty() {
                assert!(!decision.allowed, "a policy without rules allows something");
            }
        }
    }
    assert!(!acl.capabilities(path).is_empty());
});

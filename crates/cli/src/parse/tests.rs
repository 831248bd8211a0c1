use super::*;
use crate::command::{Run, Shared};
use crate::failure::Exit;
use proptest::prelude::*;

const COMMAND: Command = Command {
    name: "try",
    about: "",
    usage: "",
    details: "",
    examples: &[],
    flags: &[
        Flag::switch("force", "").or(&["f"]),
        Flag::text("mount", "PATH", ""),
        Flag::list("policy", "NAME", ""),
        Flag::duration("ttl", ""),
        Flag::number("cas", ""),
    ],
    shared: Shared::ServerField,
    args: (0, 9),
    run: Run::Plain(|_| Ok(Exit::OK)),
};

fn read(line: &str) -> Result<Parsed, String> {
    parse(&COMMAND, &words(line))
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn every_way_to_write_a_flag() {
    for (line, name, values, args) in [
        ("-mount=a x", "mount", &["a"][..], &["x"][..]),
        ("--mount a x", "mount", &["a"], &["x"]),
        ("-mount=a -mount=b", "mount", &["a", "b"], &[]),
        ("-mount=a=b", "mount", &["a=b"], &[]),
        ("-mount=", "mount", &[""], &[]),
        ("-mount -x", "mount", &["-x"], &[]),
        ("-policy a -policy=b", "policy", &["a", "b"], &[]),
        ("-f x", "force", &["true"], &["x"]),
        ("-force=F x", "force", &["F"], &["x"]),
        ("x -force", "force", &["true"], &["x"]),
        ("x -unknown=1 -cas=-1", "cas", &["-1"], &["x", "-unknown=1"]),
        ("x -- -force", "force", &[], &["x", "-force"]),
        ("x - -5", "force", &[], &["x", "-", "-5"]),
        ("-ns=team", "namespace", &["team"], &[]),
        ("-ttl=90m x", "ttl", &["90m"], &["x"]),
    ] {
        let parsed = read(line).map_err(|e| format!("{line}: {e}")).ok().unwrap();
        assert_eq!(parsed.values(name), values, "{line}");
        assert_eq!(parsed.args, args, "{line}");
    }
    assert!(read("x -help").ok().unwrap().help);
}

#[test]
fn mistakes_are_named() {
    for (line, text) in [
        ("-mout=a", "Did you mean -mount?"),
        ("-zzzzzzzz", "not defined: -zzzzzzzz"),
        ("-mount", "needs an argument: -mount"),
        ("-force=x", "-force: use true or false"),
        ("-cas=x", "-cas: use a whole number"),
        ("-ttl=x", "-ttl: cannot read"),
    ] {
        let message = read(line).err().unwrap();
        assert!(message.contains(text), "{line}: {message}");
    }
}

#[test]
fn shared_flags_may_stand_in_front() {
    for (line, count) in [
        ("-address=x kv get", 1),
        ("-address x -tls-skip-verify kv", 3),
        ("kv -field=x", 0),
        ("-force kv", 0),
        ("-field", 1),
    ] {
        assert_eq!(leading_flags(&words(line)), count, "{line}");
    }
}

proptest! {
    #[test]
    fn no_command_line_panics(args in proptest::collection::vec("(-{0,2})(force|mount|ttl|h|x)?(=.{0,3})?", 0..6)) {
        let _ = parse(&COMMAND, &args);
        prop_assert!(leading_flags(&args) <= args.len());
        let _ = nearest(args.first().map_or("", String::as_str), ["mount", "ttl"].into_iter());
    }
}

//! `strongroom-init` as a container's entrypoint.

use super::apply::{container_mut, env_names, named_keys, put_first_in, take_env_from};
use super::collect::Consumer;
use super::inject::Injection;
use super::refusal::Problem;
use super::{Entrypoint, Lowering, names};
use serde_json::{Map, Value, json};
use strongroom_plan::{Part, Variable};

/// Lets a container start through the shim, which has its references in a plan.
pub(super) fn apply(
    lowering: &Lowering<'_>,
    spec: &mut Value,
    consumer: &Consumer,
    injection: &mut Injection<'_>,
) -> Result<(), Vec<Problem>> {
    let path = consumer.path();
    let Some(container) = container_mut(spec, consumer) else { return Ok(()) };
    let mut variables: Vec<Variable> = Vec::new();
    for one in consumer.env_from.iter().filter(|one| one.keys.is_none()) {
        variables.push(Variable { name: one.prefix.clone(), parts: vec![Part::All(one.secret.clone())] });
    }
    let takes_all = !variables.is_empty();
    for (name, reference) in named_keys(container, consumer) {
        variables.push(Variable { name, parts: vec![Part::Secret(reference)] });
    }
    take_env_from(container, consumer);
    move_env(container, consumer, takes_all, &mut variables);
    let kept = if takes_all { env_names(container) } else { Vec::new() };
    let mut problems = Vec::new();
    let known = Known { takes_all, variables: &variables };
    let expand = command(lowering, &path, container, injection, &known);
    problems.extend(taken_paths(&path, container));
    let expand = match expand {
        Ok(expand) if problems.is_empty() => expand,
        Ok(_) => return Err(problems),
        Err(problem) => {
            problems.push(problem);
            return Err(problems);
        }
    };
    let plan = injection.shim_plan(variables, kept, expand).map_err(|problem| vec![problem])?;
    put_first_in(container, "env", vec![plan]);
    let mounts = injection.shim_mounts();
    put_first_in(container, "volumeMounts", mounts);
    Ok(())
}

/// The variables that the shim sets.
struct Known<'v> {
    /// Whether there are some whose names nobody knows yet.
    takes_all: bool,
    variables: &'v [Variable],
}

impl Known<'_> {
    /// Whether a text needs a variable that the kubelet does not have.
    fn depends(&self, parts: &[Part]) -> bool {
        let is_ours = |name: &str| self.takes_all || self.variables.iter().any(|one| one.name == name);
        parts.iter().any(|part| matches!(part, Part::Variable(name) if is_ours(name)))
    }
}

/// Takes what the shim sets out of `env`: the references, and the values that are made of them.
fn move_env(
    container: &mut Map<String, Value>,
    consumer: &Consumer,
    takes_all: bool,
    variables: &mut Vec<Variable>,
) {
    let Some(env) = container.get_mut("env").and_then(Value::as_array_mut) else { return };
    let mut rest = Vec::new();
    for (index, entry) in std::mem::take(env).into_iter().enumerate() {
        if let Some(one) = consumer.env.iter().find(|one| one.index == index) {
            variables.push(Variable { name: one.name.clone(), parts: one.parts.clone() });
            continue;
        }
        let name = entry.get("name").and_then(Value::as_str).unwrap_or_default();
        let parts = expansion(entry.get("value").and_then(Value::as_str).unwrap_or_default());
        if (Known { takes_all, variables }).depends(&parts) {
            variables.push(Variable { name: name.to_owned(), parts });
        } else {
            rest.push(entry);
        }
    }
    *env = rest;
    if env.is_empty() {
        container.remove("env");
    }
}

/// A value the way the kubelet reads it: `$(NAME)` is a variable, `$$` a dollar sign.
pub(crate) fn expansion(value: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        let after = after.strip_prefix('$').unwrap_or(after);
        let name = after.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        if let Some(more) = after.strip_prefix('$') {
            text.push('$');
            rest = more;
        } else if let Some((name, more)) = name {
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = more;
        } else {
            text.push('$');
            rest = after;
        }
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

/// Puts the shim before the command, which must be known. Returns the words in which the shim is to expand
/// variables.
fn command(
    lowering: &Lowering<'_>,
    path: &str,
    container: &mut Map<String, Value>,
    injection: &Injection<'_>,
    known: &Known<'_>,
) -> Result<Vec<usize>, Problem> {
    let words = |container: &Map<String, Value>, list: &str| {
        container.get(list).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let mut command = words(container, "command");
    let mut args = words(container, "args");
    let mut expand = Vec::new();
    let is_explicit = !command.is_empty();
    if !is_explicit {
        let image = entrypoint(lowering, path, container, injection)?;
        let literal =
            |words: Vec<String>| words.into_iter().map(|word| json!(word.replace('$', "$$"))).collect();
        command = literal(image.entrypoint);
        if args.is_empty() {
            args = literal(image.command);
        } else {
            hand_over(&mut args, command.len(), known, &mut expand);
        }
        if command.is_empty() && args.is_empty() {
            return Err(Problem::new(path, "the image starts nothing by itself", "set command"));
        }
    } else {
        hand_over(&mut command, 0, known, &mut expand);
        hand_over(&mut args, command.len(), known, &mut expand);
    }
    let shim = [names::PROGRAM_FILE, "exec", "--"].map(|word| json!(word));
    container.insert("command".to_owned(), Value::Array(shim.into_iter().chain(command).collect()));
    if !args.is_empty() {
        container.insert("args".to_owned(), Value::Array(args));
    }
    Ok(expand)
}

/// Leaves words that need the shim's variables to the shim: the kubelet takes `$$` for `$`.
fn hand_over(words: &mut [Value], first: usize, known: &Known<'_>, expand: &mut Vec<usize>) {
    for (index, word) in words.iter_mut().enumerate() {
        let Some(text) = word.as_str() else { continue };
        if known.depends(&expansion(text)) {
            *word = json!(text.replace('$', "$$"));
            expand.push(first + index);
        }
    }
}

/// What the image starts.
fn entrypoint(
    lowering: &Lowering<'_>,
    path: &str,
    container: &Map<String, Value>,
    injection: &Injection<'_>,
) -> Result<Entrypoint, Problem> {
    let read = lowering.entrypoints.ok_or_else(|| {
        let why = &injection.why_shim;
        Problem::new(
            path,
            format!("the shim ({why}) needs to know what the container starts, and command is not set"),
            "set command (and args) as the image has them, or use the target fileKeyRef where every kubelet is v1.35 or \
             later with EnvFiles on (annotation strongroom.io/target, flag --target, or the record of nodes)",
        )
    })?;
    read(&Value::Object(container.clone()))
        .map_err(|why| Problem::new(path, why, "set command (and args) as the image has them"))
}

/// Our places in the container must be free.
fn taken_paths(path: &str, container: &Map<String, Value>) -> Option<Problem> {
    let mounts = container.get("volumeMounts").and_then(Value::as_array)?;
    mounts.iter().enumerate().find_map(|(index, mount)| {
        let place = mount.get("mountPath").and_then(Value::as_str)?.trim_end_matches('/');
        let is_ours = [names::DIRECTORY, names::TOKEN_DIRECTORY]
            .into_iter()
            .any(|ours| place == ours || place.strip_prefix(ours).is_some_and(|rest| rest.starts_with('/')));
        is_ours.then(|| {
            Problem::new(
                &format!("{path}.volumeMounts[{index}].mountPath"),
                format!("{place} is where the shim stands"),
                "mount it elsewhere, or use the target fileKeyRef",
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Part {
        Part::Variable(name.to_owned())
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    #[test]
    fn values_are_read_as_the_kubelet_expands_them() {
        for (value, parts) in [
            ("", vec![]),
            ("plain $HOME", vec![text("plain $HOME")]),
            (
                "a://$(USER):$(PASS)@b",
                vec![text("a://"), variable("USER"), text(":"), variable("PASS"), text("@b")],
            ),
            ("$$(USER) $(A)$(B)", vec![text("$(USER) "), variable("A"), variable("B")]),
            ("$(open", vec![text("$(open")]),
            ("$$$(A)$", vec![text("$"), variable("A"), text("$")]),
        ] {
            assert_eq!(expansion(value), parts, "{value}");
        }
    }
}

//! Manifests as text: read with the place of every node, changed by splicing, so that comments, order,
//! quoting and whatever else is not lowered stay byte for byte.

mod emit;
mod node;
mod patch;
mod read;
mod scalar;

pub(crate) use node::Node;
pub(crate) use patch::patch;
pub(crate) use read::read;

/// Texts as one stream: one alone as it is, several as documents of one YAML stream.
pub fn join(texts: &[String]) -> String {
    if let [one] = texts {
        return one.clone();
    }
    let mut out = String::new();
    for text in texts {
        let pieces = read::json_values(text).unwrap_or_else(|| vec![(0, text)]);
        for (_, piece) in pieces.into_iter().filter(|(_, piece)| !piece.trim().is_empty()) {
            let is_begun = piece.trim_start().starts_with("---");
            out.push_str(if is_begun { "" } else { "---\n" });
            out.push_str(piece.strip_prefix('\u{feff}').unwrap_or(piece));
            if !out.ends_with('\n') {
                out.push('\n');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;

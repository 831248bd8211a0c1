//! Names of images.

/// A name, taken apart as containerd does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) host: String,
    pub(super) repository: String,
    /// A tag, or a digest where there is one.
    pub(super) reference: String,
}

impl Name {
    pub(super) fn parse(image: &str) -> Result<Self, String> {
        let (rest, digest) = match image.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (image, None),
        };
        let (host, path) = match rest.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, path.to_owned())
            }
            Some(_) => ("docker.io", rest.to_owned()),
            None => ("docker.io", format!("library/{rest}")),
        };
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository.to_owned(), Some(tag)),
            None => (path, None),
        };
        let reference = digest.or(tag).unwrap_or("latest").to_owned();
        let fits = |text: &str, more: &[u8]| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        let is_path = repository.split('/').all(|part| fits(part, b"._-") && !part.starts_with('.'));
        if !is_path || !fits(&reference, b"._-:") || !fits(host, b".-:") {
            return Err("it is no name of an image".to_owned());
        }
        Ok(Self { host: host.to_owned(), repository, reference })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_as_containerd_does() {
        for (image, host, repository, reference) in [
            ("nginx", "docker.io", "library/nginx", "latest"),
            ("team/web:2", "docker.io", "team/web", "2"),
            ("localhost/busybox:1", "localhost", "busybox", "1"),
            ("registry.example:5000/a/b", "registry.example:5000", "a/b", "latest"),
            ("ghcr.io/a/b:v1@sha256:0f", "ghcr.io", "a/b", "sha256:0f"),
        ] {
            let name = Name::parse(image).unwrap();
            let got = (name.host.as_str(), name.repository.as_str(), name.reference.as_str());
            assert_eq!(got, (host, repository, reference), "{image}");
        }
        for image in ["", "a b", "x.io/../y", "x.io/a?b", "x.io/a:", "x.io//a"] {
            assert!(Name::parse(image).is_err(), "{image}");
        }
    }
}

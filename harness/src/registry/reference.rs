//! The one name of the registry and of the images in it, on every host and in every guest.

/// The registry's one name, on every host and in every guest.
pub const REGISTRY_NAME: &str = "registry.bootproof.test";

/// The namespace of the images under test.
pub const NAMESPACE: &str = "demolab";

/// An image's one name, without tag.
#[must_use]
pub fn reference(namespace: &str, name: &str) -> String {
    format!("{REGISTRY_NAME}/{namespace}/{name}")
}

/// A reference without its tag and digest.
#[must_use]
pub fn untagged(reference: &str) -> &str {
    let name = reference
        .split_once('@')
        .map_or(reference, |(name, _)| name);
    match name.rsplit_once(':') {
        // A colon before a slash is a port's.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_or_digest_is_no_part_of_the_name() {
        assert_eq!(untagged("127.0.0.1:5000/a/b"), "127.0.0.1:5000/a/b");
        assert_eq!(untagged("127.0.0.1:5000/a/b:1"), "127.0.0.1:5000/a/b");
        assert_eq!(untagged("r/a@sha256:00"), "r/a");
    }
}

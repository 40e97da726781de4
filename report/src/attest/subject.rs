//! The name under which others find an image that was tested.

/// The name that every registry goes by in a record.
const REGISTRY_NAME: &str = "registry.bootproof.test";

/// The namespace of the images under test in a record.
const NAMESPACE: &str = "demolab";

/// An image's name in the user's own registry (`HOST/ORG`); without one, its name in the record. In an organisation the
/// namespace under test is the organisation itself, and others lie below it.
pub fn subject_name(reference: &str, registry: Option<&str>) -> String {
    let Some(registry) = registry.filter(|name| name.contains('/')) else {
        return reference.to_owned();
    };
    let below = reference
        .strip_prefix(REGISTRY_NAME)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|path| path.split_once('/'));
    match below {
        Some((NAMESPACE, name)) => format!("{registry}/{name}"),
        Some((namespace, name)) => format!("{registry}/{namespace}/{name}"),
        None => reference.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_named_as_in_the_users_own_registry() {
        let reference = "registry.bootproof.test/demolab/homepage";
        assert_eq!(
            subject_name(reference, Some("quay.io/acme")),
            "quay.io/acme/homepage"
        );
        assert_eq!(subject_name(reference, None), reference);
    }
}

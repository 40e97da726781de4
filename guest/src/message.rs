//! The lines a person or a harness reads.

use crate::imgref::ImageRef;

/// What an image is recognised by in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The manifest's digest.
    pub digest: String,
    /// The version label.
    pub version: Option<String>,
}

/// How much of an image is here already. Nothing when all of it is.
///
/// `sizes` has one element per layer: whether it is present, and its compressed size in bytes.
pub fn layers(sizes: impl IntoIterator<Item = (bool, u64)>) -> Option<String> {
    let (mut present, mut needed, mut bytes) = (0_u32, 0_u32, 0_u64);
    for (is_present, size) in sizes {
        if is_present {
            present += 1;
        } else {
            needed += 1;
            bytes += size;
        }
    }
    (needed > 0).then(|| {
        format!(
            "layers already present: {present}; layers needed: {needed} ({})",
            size(bytes)
        )
    })
}

/// Bytes for people, in powers of a thousand.
pub fn size(bytes: u64) -> String {
    const UNITS: &[&str] = &["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// What a switch or an upgrade ends with.
pub fn queued(image: &ImageRef, found: &Found) -> String {
    format!("Queued for next boot: {image}\n{}", facts(found))
}

/// What `upgrade --check` says of a newer image.
pub fn available(image: &ImageRef, found: &Found) -> String {
    format!("Update available for: {image}\n{}", facts(found))
}

/// What an upgrade says when the registry has nothing new.
pub fn no_changes(image: &ImageRef, found: &Found) -> String {
    format!("No changes in: {image}\n{}", facts(found))
}

/// What an upgrade says when the registry's image is staged already.
pub fn already_staged(image: &ImageRef, found: &Found) -> String {
    format!("Already queued for next boot: {image}\n{}", facts(found))
}

/// What an installation ends with.
pub fn installed(image: &ImageRef, found: &Found) -> String {
    format!("Installed: {image}\n{}", facts(found))
}

fn facts(found: &Found) -> String {
    let digest = format!("  Digest: {}", found.digest);
    match &found.version {
        Some(version) => format!("  Version: {version}\n{digest}"),
        None => digest,
    }
}

/// An error and all its causes on one line, whatever a child process wrote into them.
///
/// Causes are often repeated by what wraps them; once is enough.
pub fn one_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let mut parts: Vec<&str> = line.split(": ").collect();
        parts.dedup();
        lines.push(parts.join(": "));
    }
    lines.dedup();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_counted_like_bootc_does() {
        assert_eq!(
            layers([(true, 9), (false, 186_700)]).as_deref(),
            Some("layers already present: 1; layers needed: 1 (186.7 kB)")
        );
        assert_eq!(layers([(true, 9)]), None);
    }

    #[test]
    fn sizes_are_rounded_in_their_unit() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1000), "1.0 kB");
        assert_eq!(size(999_949), "999.9 kB");
        assert_eq!(size(999_950), "1.0 MB");
        assert_eq!(size(279_400_000), "279.4 MB");
        assert_eq!(size(u64::MAX), "18.4 EB");
    }

    #[test]
    fn an_image_without_a_version_has_no_version_line() {
        let image: ImageRef = "quay.io/a/b:c".parse().unwrap();
        let mut found = Found {
            digest: "sha256:00".into(),
            version: Some("13.1".into()),
        };
        assert_eq!(
            queued(&image, &found),
            "Queued for next boot: quay.io/a/b:c\n  Version: 13.1\n  Digest: sha256:00"
        );
        found.version = None;
        assert_eq!(
            queued(&image, &found),
            "Queued for next boot: quay.io/a/b:c\n  Digest: sha256:00"
        );
    }

    #[test]
    fn an_error_is_one_line_with_its_whole_chain() {
        let error = anyhow::anyhow!("manifest unknown\n\n  for x\n  for x\n").context("pulling x");
        assert_eq!(one_line(&error), "pulling x: manifest unknown; for x");
        let error = anyhow::anyhow!("calling A: calling A: no: no").context("pulling x");
        assert_eq!(one_line(&error), "pulling x: calling A: no");
    }
}

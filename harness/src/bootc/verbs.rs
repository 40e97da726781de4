//! The verbs: what is asked as argv, what is answered as values.

/// Whether userspace alone may be restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoftReboot {
    /// A deployment that cannot be started so is an error.
    Required,
}

/// `bootc switch`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switch {
    /// The image's name.
    pub target: String,
    /// Whether to reboot into it at once.
    pub apply: bool,
    /// Whether userspace alone may be restarted.
    pub soft_reboot: Option<SoftReboot>,
}

/// `bootc upgrade`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// Whether only to look for an update.
    pub check: bool,
    /// Whether to reboot into it at once.
    pub apply: bool,
    /// Whether to keep still about progress.
    pub quiet: bool,
    /// Whether userspace alone may be restarted.
    pub soft_reboot: Option<SoftReboot>,
}

/// A verb of bootc's command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// `bootc status --json`.
    Status,
    /// `bootc --version`.
    Version,
    /// `bootc switch`.
    Switch(Switch),
    /// `bootc upgrade`.
    Upgrade(Upgrade),
    /// `bootc rollback`.
    Rollback {
        /// Whether to reboot into it at once.
        apply: bool,
    },
}

impl Verb {
    /// A switch with nothing but a target.
    pub fn switch(target: impl Into<String>) -> Self {
        Self::Switch(Switch {
            target: target.into(),
            ..Switch::default()
        })
    }

    /// The command, as a list.
    #[must_use]
    pub fn argv(&self) -> Vec<String> {
        let mut argv = vec!["bootc".to_owned()];
        let mut add = |words: &[&str]| argv.extend(words.iter().map(|w| (*w).to_owned()));
        match self {
            Self::Status => add(&["status", "--json"]),
            Self::Version => add(&["--version"]),
            Self::Rollback { apply } => {
                add(&["rollback"]);
                flag(&mut add, "--apply", *apply);
            }
            Self::Switch(switch) => {
                add(&["switch"]);
                flag(&mut add, "--apply", switch.apply);
                soft(&mut add, switch.soft_reboot);
                add(&[&switch.target]);
            }
            Self::Upgrade(upgrade) => {
                add(&["upgrade"]);
                flag(&mut add, "--check", upgrade.check);
                flag(&mut add, "--apply", upgrade.apply);
                flag(&mut add, "--quiet", upgrade.quiet);
                soft(&mut add, upgrade.soft_reboot);
            }
        }
        argv
    }
}

fn flag(add: &mut impl FnMut(&[&str]), name: &str, set: bool) {
    if set {
        add(&[name]);
    }
}

fn soft(add: &mut impl FnMut(&[&str]), soft_reboot: Option<SoftReboot>) {
    match soft_reboot {
        Some(SoftReboot::Required) => add(&["--soft-reboot=required"]),
        None => {}
    }
}

/// What a fetch had to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layers {
    /// Layers that were there.
    pub present: u32,
    /// Layers that were fetched.
    pub needed: u32,
    /// Their size, in the client's words.
    pub size: Option<String>,
}

/// What a verb printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queued {
    /// Nothing was to be done: the image is followed already, or there is no update.
    pub unchanged: bool,
    /// What a fetch had to move.
    pub layers: Option<Layers>,
    /// The image that boots next.
    pub image: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its manifest digest.
    pub digest: Option<String>,
    /// An update was found, not fetched.
    pub available: bool,
}

/// How clients say that nothing was to be done.
const UNCHANGED: [&str; 4] = [
    "Image specification is unchanged.",
    "No changes in",
    "No update available",
    "Staged update present, not changed",
];

impl Queued {
    /// Reads what a verb printed. What it did is decided by `bootc status`, never by this text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut queued = Self::default();
        for line in text.lines().map(str::trim) {
            let after = |prefix| line.strip_prefix(prefix).map(|v: &str| v.trim().to_owned());
            queued.unchanged |= UNCHANGED.iter().any(|u| line.starts_with(u));
            if let Some(rest) = line.strip_prefix("layers already present:") {
                queued.layers = layers(rest);
            } else if let Some(image) = after("Queued for next boot:") {
                queued.image = Some(image);
            } else if let Some(image) = after("Update available for:") {
                queued.available = true;
                queued.image = Some(image);
            } else if let Some(version) = after("Version:") {
                queued.version = Some(version);
            } else if let Some(digest) = after("Digest:") {
                queued.digest = Some(digest);
            }
        }
        queued
    }
}

/// Reads `1; layers needed: 1 (186.7 kB)`.
fn layers(rest: &str) -> Option<Layers> {
    let (present, needed) = rest.split_once("; layers needed:")?;
    let (needed, size) = match needed.trim().split_once(' ') {
        Some((count, size)) => (count, Some(size.trim_matches(['(', ')']).to_owned())),
        None => (needed.trim(), None),
    };
    Some(Layers {
        present: present.trim().parse().ok()?,
        needed: needed.parse().ok()?,
        size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_become_the_commands_people_type() {
        let line = |verb: Verb| verb.argv().join(" ");
        assert_eq!(line(Verb::Status), "bootc status --json");
        assert_eq!(line(Verb::switch("a/b:1")), "bootc switch a/b:1");
        assert_eq!(
            line(Verb::Switch(Switch {
                target: "dir".into(),
                apply: true,
                soft_reboot: Some(SoftReboot::Required),
            })),
            "bootc switch --apply --soft-reboot=required dir"
        );
        assert_eq!(
            line(Verb::Upgrade(Upgrade {
                check: true,
                ..Upgrade::default()
            })),
            "bootc upgrade --check"
        );
        let rollback = Verb::Rollback { apply: true };
        assert_eq!(line(rollback), "bootc rollback --apply");
    }

    #[test]
    fn a_switch_says_what_it_fetched_and_queued() {
        let queued = Queued::parse(
            "layers already present: 1; layers needed: 1 (186.7 kB)\n\
             Queued for next boot: 10.0.2.2:5055/debian13:v2\n  Version: 13.v2\n  Digest: sha256:6edf\n",
        );
        assert_eq!(
            queued.layers,
            Some(Layers {
                present: 1,
                needed: 1,
                size: Some("186.7 kB".into())
            })
        );
        assert_eq!(queued.image.as_deref(), Some("10.0.2.2:5055/debian13:v2"));
        assert_eq!(queued.version.as_deref(), Some("13.v2"));
        assert_eq!(queued.digest.as_deref(), Some("sha256:6edf"));
        assert!(!queued.unchanged);
    }

    #[test]
    fn the_same_image_is_unchanged() {
        assert!(Queued::parse("Image specification is unchanged.\n").unchanged);
        assert!(Queued::parse("No update available.").unchanged);
        assert!(!Queued::parse("").unchanged);
    }

    #[test]
    fn a_count_without_a_size_is_read_and_nonsense_is_not() {
        assert_eq!(layers(" 3; layers needed: 0").unwrap().needed, 0);
        assert_eq!(layers(" three; layers needed: 0"), None);
    }
}

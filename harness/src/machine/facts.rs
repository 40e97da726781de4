//! What a machine says of itself after a boot, asked in one go.

use std::collections::BTreeMap;

/// Where the markers lie that a machine promises to keep.
pub(super) const VAR_MARKER: &str = "/var/lib/bootproof-marker";
pub(super) const ETC_MARKER: &str = "/etc/bootproof-marker";

/// Asks for everything that needs no client. Each line of the answer is `KEY=VALUE`.
pub(super) const SCRIPT: &str = r#"
echo "boot_id=$(cat /proc/sys/kernel/random/boot_id)"
echo "kernel=$(uname -r)"
echo "soft=$(systemctl show --property=SoftRebootsCount --value 2>/dev/null)"
if test -w /usr; then echo usr=writable; else echo usr=read-only; fi
echo "var=$(cat /var/lib/bootproof-marker 2>/dev/null)"
echo "etc=$(cat /etc/bootproof-marker 2>/dev/null)"
failed=$(systemctl list-units --failed --plain --no-legend --no-pager) || exit 1
printf '%s\n' "$failed" | sed -n 's/^\([^ ]*\) .*/failed=\1/p'
sed -n '/^[A-Z]/s/^/os=/p' /etc/os-release
echo end=1
"#;

/// The answers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub boot_id: String,
    pub kernel: String,
    /// systemd before 254 knows none.
    pub soft_reboots: u32,
    pub usr_writable: bool,
    pub var_marker: String,
    pub etc_marker: String,
    pub failed_units: Vec<String>,
    pub os_release: BTreeMap<String, String>,
}

impl Facts {
    /// Reads the answers; an error names what is missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut facts = Self::default();
        let mut whole = false;
        for line in text.lines() {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let owned = || value.to_owned();
            match key {
                "boot_id" => facts.boot_id = owned(),
                "kernel" => facts.kernel = owned(),
                "soft" => facts.soft_reboots = value.parse().unwrap_or(0),
                "usr" => facts.usr_writable = value == "writable",
                "var" => facts.var_marker = owned(),
                "etc" => facts.etc_marker = owned(),
                "failed" => facts.failed_units.push(owned()),
                "os" => {
                    if let Some((key, value)) = value.split_once('=') {
                        facts.os_release.insert(key.to_owned(), unquote(value));
                    }
                }
                "end" => whole = true,
                _ => {}
            }
        }
        let missing = [
            (!whole, "the end of its answers"),
            (facts.boot_id.is_empty(), "its boot id"),
            (facts.kernel.is_empty(), "its kernel"),
            (facts.os_release.is_empty(), "its os-release"),
        ];
        match missing.iter().find(|(is, _)| *is) {
            Some((_, what)) => Err(format!("{what} is missing")),
            None => Ok(facts),
        }
    }
}

/// A value of os-release(5): shell quoting, of which only the plain forms are in use.
fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = ['"', '\'']
        .iter()
        .find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
    match inner {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\$", "$"),
        None => value.to_owned(),
    }
}

/// Reads `ostree admin config-diff`: `M    machine-id`, and leaves out what is allowed to differ.
///
/// An entry of `allowed` stands for itself, for all below it, and for folders that were added only to hold it.
pub(super) fn drift(text: &str, allowed: &[String]) -> Vec<String> {
    let entry = |line: &str| {
        let (kind, path) = line.split_once(char::is_whitespace)?;
        let known = matches!(kind, "A" | "M" | "D");
        known.then(|| (kind == "A", format!("/etc/{}", path.trim())))
    };
    let below = |path: &str, folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let may_differ = |added: bool, path: &str| {
        allowed.iter().any(|allowed| {
            // A profile may name them as ostree does, below /etc.
            let allowed = match allowed.starts_with('/') {
                true => allowed.clone(),
                false => format!("/etc/{allowed}"),
            };
            below(path, &allowed) || (added && below(&allowed, path))
        })
    };
    let entries = text.lines().filter_map(entry);
    let mut paths: Vec<String> = entries
        .filter(|(added, path)| !may_differ(*added, path))
        .map(|(_, path)| path)
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "boot_id=0af1\nkernel=6.1.0-37-cloud-amd64\nusr=read-only\nvar=abc\netc=\n\
        failed=a.service\nfailed=b@c.service\nos=ID=debian\nos=PRETTY_NAME=\"Debian GNU/Linux 12\"\n\
        os=HOME_URL='https://x/?a=b'\nend=1\n";

    #[test]
    fn answers_are_read() {
        let facts = Facts::parse(ANSWER).unwrap();
        assert_eq!(facts.boot_id, "0af1");
        assert_eq!(facts.failed_units, ["a.service", "b@c.service"]);
        assert_eq!(facts.os_release["PRETTY_NAME"], "Debian GNU/Linux 12");
        assert_eq!(facts.os_release["HOME_URL"], "https://x/?a=b");
        assert!(!facts.usr_writable);
        assert_eq!(
            (facts.var_marker.as_str(), facts.etc_marker.as_str()),
            ("abc", "")
        );
    }

    #[test]
    fn an_answer_cut_short_is_no_answer() {
        let error = Facts::parse(&ANSWER[..ANSWER.len() / 2]).unwrap_err();
        assert_eq!(error, "the end of its answers is missing");
        assert!(Facts::parse("end=1").is_err());
    }

    #[test]
    fn drift_is_what_nobody_put_there() {
        let text = "M    machine-id\nA    ssh/bootproof_keys\nA    ssh/bootproof_keys/root\nD    motd\n\
            A    containers/certs.d\nA    containers/certs.d/10.0.2.2:5000/ca.crt\nM    ssh\nnoise\n";
        let allowed = [
            "/etc/ssh/bootproof_keys".to_owned(),
            "/etc/containers/certs.d/10.0.2.2:5000".to_owned(),
            "motd".to_owned(),
        ];
        assert_eq!(drift(text, &allowed), ["/etc/machine-id", "/etc/ssh"]);
    }
}

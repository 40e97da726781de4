//! What enters a machine from outside its image: the login keys, the host key, the registry's trust and secret.
//!
//! All of it is one systemd credential, `tmpfiles.extra`, in an SMBIOS string of type 11 that QEMU reads
//! from a file. systemd-tmpfiles writes it anew at each boot, before sshd starts; nothing edits a file of
//! the image. See systemd-tmpfiles(8), systemd.system-credentials(7) and smbios in qemu(1).

use std::fmt::Write as _;

use bootproof_record::secret::Secret;

use crate::registry::GuestAccess;
use crate::ssh::{KeyPair, PublicKey};

/// Where the keys that may log in lie, one file per user.
const KEYS: &str = "/etc/ssh/bootproof_keys";
const HOST_KEY: &str = "/etc/ssh/bootproof_host_ed25519_key";
const SSHD: &str = "/etc/ssh/sshd_config.d/10-bootproof.conf";
const REGISTRIES: &str = "/etc/containers/registries.conf.d/50-bootproof.conf";
const CERTS: &str = "/etc/containers/certs.d";
const AUTH: &str = "/run/bootproof/auth.json";
/// Where the client looks for the pull secret. Not `/run/ostree`: an initramfs of systemd 257 applies the
/// credential too, and `ostree-prepare-root` then stops because it wants to make that folder itself.
const AUTH_LINK: &str = "/etc/ostree/auth.json";

/// How long the SMBIOS string may be, in bytes. systemd 252 (RHEL 9, Debian 12) reads one page of the structure it is in, and
/// without a word of what is behind that.
pub(super) const ROOM: usize = 4000;

/// What enters a machine from outside its image.
#[derive(Debug, Clone)]
pub struct Credentials {
    host_key: KeyPair,
    login_key: PublicKey,
    users: Vec<String>,
    registry: Option<GuestAccess>,
}

struct File {
    path: String,
    mode: u32,
    content: String,
}

impl Credentials {
    /// A host key, and a login key for root.
    #[must_use]
    pub fn new(host_key: KeyPair, login_key: PublicKey) -> Self {
        Self {
            host_key,
            login_key,
            users: vec!["root".to_owned()],
            registry: None,
        }
    }

    /// Lets another user log in with the same key. The user need not exist yet.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        let user = user.into();
        if !self.users.contains(&user) {
            self.users.push(user);
        }
        self
    }

    /// The same, with the keys of another machine: one that is restored knows no others.
    #[must_use]
    pub(super) fn with_keys_of(self, other: &Self) -> Self {
        Self {
            host_key: other.host_key.clone(),
            login_key: other.login_key.clone(),
            ..self
        }
    }

    /// Has the machine trust the registry.
    #[must_use]
    pub fn registry(mut self, access: GuestAccess) -> Self {
        self.registry = Some(access);
        self
    }

    /// The host key the machine will show.
    #[must_use]
    pub fn host_key(&self) -> &PublicKey {
        self.host_key.public()
    }

    /// The text of the SMBIOS string. It is a secret as a whole.
    #[must_use]
    pub fn smbios(&self) -> Secret {
        // Not in base64: there is little room, and text is allowed.
        Secret::new(format!(
            "io.systemd.credential:tmpfiles.extra={}",
            self.tmpfiles()
        ))
    }

    /// What it puts under `/etc`, folders of its own as such: no drift of the machine's.
    #[must_use]
    pub fn etc_paths(&self) -> Vec<String> {
        let mut paths = vec![KEYS.to_owned()];
        let files = self.files().into_iter().map(|file| file.path);
        paths.extend(files.filter(|p| p.starts_with("/etc/") && !p.starts_with(KEYS)));
        let certs = self
            .registry
            .as_ref()
            .and_then(|r| r.cert_dir_name.as_ref());
        paths.extend(certs.map(|name| format!("{CERTS}/{name}")));
        if self.has_pull_secret() {
            paths.push(AUTH_LINK.to_owned());
        }
        paths.sort();
        paths
    }

    fn has_pull_secret(&self) -> bool {
        let registry = self.registry.as_ref();
        registry.is_some_and(|registry| registry.auth_json.is_some())
    }

    fn files(&self) -> Vec<File> {
        let file = |path: &str, mode, content: &str| File {
            path: path.to_owned(),
            mode,
            content: content.to_owned(),
        };
        let mut files = vec![
            file(SSHD, 0o644, &sshd_config()),
            file(HOST_KEY, 0o600, self.host_key.private().expose()),
        ];
        for user in &self.users {
            let line = format!("{}\n", self.login_key.line());
            files.push(file(&format!("{KEYS}/{user}"), 0o644, &line));
        }
        if let Some(registry) = &self.registry {
            files.push(file(REGISTRIES, 0o644, &registry.registries_conf));
            if let (Some(ca), Some(name)) = (&registry.ca_pem, &registry.cert_dir_name) {
                files.push(file(&format!("{CERTS}/{name}/ca.crt"), 0o644, ca));
            }
            if let Some(auth) = &registry.auth_json {
                files.push(file(AUTH, 0o600, auth.expose()));
            }
        }
        files
    }

    /// How long the files are that the user decides on, for when there is no room for them: the name and the bytes.
    pub(super) fn long_files(&self) -> Vec<(&'static str, usize)> {
        let registry = self.registry.as_ref();
        let ca = registry.and_then(|r| r.ca_pem.as_ref()).map(String::len);
        let auth = registry.and_then(|r| r.auth_json.as_ref());
        let files = [
            ("the registry's certificate authority", ca),
            ("the pull secret", auth.map(|auth| auth.expose().len())),
        ];
        files
            .into_iter()
            .filter_map(|(name, size)| Some((name, size?)))
            .collect()
    }

    /// Lines of tmpfiles.d(5): `f+` writes a file anew at each boot.
    pub(super) fn tmpfiles(&self) -> String {
        let mut text = String::new();
        let mut folders: Vec<String> = Vec::new();
        for file in self.files() {
            let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !folders.iter().any(|f| f == folder) {
                folders.push(folder.to_owned());
                let _ = writeln!(text, "d {folder} 0755 root root - -");
            }
            let content = argument(&file.content);
            let File { path, mode, .. } = file;
            let _ = writeln!(text, "f+ {path} {mode:04o} root root - {content}");
        }
        if self.has_pull_secret() {
            let folder = AUTH_LINK.rsplit_once('/').map_or("", |(folder, _)| folder);
            let _ = writeln!(text, "d {folder} 0755 root root - -");
            let _ = writeln!(text, "L+ {AUTH_LINK} - - - - {AUTH}");
        }
        text
    }
}

/// A file's content as an argument of tmpfiles.d(5), where backslashes and percent liveness have a meaning and a line ends it.
fn argument(content: &str) -> String {
    let mut text = String::with_capacity(content.len() + 16);
    for (place, c) in content.char_indices() {
        match c {
            '\\' => text.push_str("\\\\"),
            '%' => text.push_str("%%"),
            '\n' => text.push_str("\\n"),
            c if c.is_ascii_control() || (c == ' ' && place == 0) => {
                let _ = write!(text, "\\x{:02x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text
}

fn sshd_config() -> String {
    format!(
        "# Written at each boot by bootproof, for the run's own way in.\n\
         HostKey {HOST_KEY}\n\
         AuthorizedKeysFile {KEYS}/%u .ssh/authorized_keys\n\
         PermitRootLogin prohibit-password\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        let host = KeyPair::generate("host").unwrap();
        let login = KeyPair::generate("login").unwrap();
        Credentials::new(host, login.public().clone())
            .user("bootc-user")
            .registry(GuestAccess {
                cert_dir_name: Some("10.0.2.2:5001".into()),
                registries_conf: "[[registry]]\nprefix = \"x\"\n".into(),
                ca_pem: Some("-----BEGIN CERTIFICATE-----\nAAAA\n".into()),
                auth_json: Some(Secret::new("{\"auths\":{\"10.0.2.2:5001\":{}}}")),
            })
    }

    #[test]
    fn every_file_is_a_line_that_is_written_at_each_boot() {
        let credentials = credentials();
        let text = credentials.tmpfiles();
        for wanted in [
            "d /etc/ssh/bootproof_keys 0755 root root - -",
            "f+ /etc/ssh/bootproof_keys/bootc-user 0644 root root - ",
            "f+ /etc/ssh/bootproof_host_ed25519_key 0600 root root - ",
            "f+ /etc/containers/certs.d/10.0.2.2:5001/ca.crt 0644 root root - ",
            "f+ /run/bootproof/auth.json 0600 root root - ",
            "L+ /etc/ostree/auth.json - - - - /run/bootproof/auth.json",
        ] {
            assert!(text.contains(wanted), "{wanted} in {text}");
        }
        let key = argument(credentials.host_key.private().expose());
        assert!(text.contains(&key) && !key.contains('\n'));
    }

    #[test]
    fn a_files_content_is_one_argument() {
        assert_eq!(argument(" 50% of\ta\\b\n"), r"\x2050%% of\x09a\\b\n");
    }

    /// What the run's own registry needs leaves room for an authority with a key of 4096 bits instead of the run's.
    #[test]
    fn there_is_room_for_an_authority_of_the_users() {
        let mut credentials = credentials();
        if let Some(registry) = &mut credentials.registry {
            registry.ca_pem = Some("M".repeat(2000));
            registry.auth_json = Some(Secret::new("a".repeat(300)));
        }
        let length = credentials.smbios().expose().len();
        assert!(length < ROOM, "{length}");
    }

    #[test]
    fn what_is_put_under_etc_is_known_by_name() {
        assert_eq!(
            credentials().etc_paths(),
            [
                "/etc/containers/certs.d/10.0.2.2:5001",
                "/etc/containers/certs.d/10.0.2.2:5001/ca.crt",
                "/etc/containers/registries.conf.d/50-bootproof.conf",
                "/etc/ostree/auth.json",
                "/etc/ssh/bootproof_host_ed25519_key",
                "/etc/ssh/bootproof_keys",
                "/etc/ssh/sshd_config.d/10-bootproof.conf",
            ]
        );
    }

    #[test]
    fn the_string_is_a_secret_line_by_line() {
        let smbios = credentials().smbios();
        let text = smbios.expose();
        assert!(text.starts_with("io.systemd.credential:tmpfiles.extra="));
        for line in text.lines() {
            assert!(!bootproof_record::secret::redact(line).contains("PRIVATE"));
        }
    }
}

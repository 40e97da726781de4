//! A registry that bootproof did not start: its certificate is by an authority nobody knows, and it wants a password.

#![allow(dead_code, reason = "each test needs another part of it")]

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use bootproof_harness::exec::{Cmd, Daemon};
use bootproof_harness::registry::Remote;
use bootproof_harness::wait::{self, Poll};
use camino::{Utf8Path, Utf8PathBuf};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair,
};

pub const USER: &str = "acme+robot";
pub const PASSWORD: &str = "a-robot-has-a-long-password-0123456789";

/// Somebody else's registry, as they run it.
pub struct Theirs {
    _dir: tempfile::TempDir,
    folder: Utf8PathBuf,
    port: u16,
    program: &'static str,
    pub daemon: Daemon,
}

impl Theirs {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let port = port.unwrap().local_addr().unwrap().port();
        let (ca, certificate, key) = certificates();
        write("ca.crt", &ca);
        write("server.crt", &certificate);
        write("server.key", &key);
        let hash = bcrypt::hash(PASSWORD, 4).unwrap();
        write("htpasswd", &format!("{USER}:{hash}\n"));
        configure(&folder, port, false);
        let installed = |program: &&str| {
            let path = std::env::var_os("PATH").unwrap();
            std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
        };
        let program = ["docker-registry", "registry"].into_iter().find(installed);
        let program = program.expect("docker-registry or registry is installed");
        let daemon = serve(program, &folder, port).await;
        Self {
            _dir: dir,
            folder,
            port,
            program,
            daemon,
        }
    }

    /// The same registry, which from now on takes nothing.
    pub async fn takes_nothing_more(self) -> Self {
        self.daemon.stop(Duration::from_secs(5)).await;
        configure(&self.folder, self.port, true);
        let daemon = serve(self.program, &self.folder, self.port).await;
        Self { daemon, ..self }
    }

    pub fn name(&self) -> String {
        format!("127.0.0.1:{}/acme", self.port)
    }

    /// The authority its certificate is by.
    pub fn ca(&self) -> Utf8PathBuf {
        self.folder.join("ca.crt")
    }

    /// What `podman login` would have written.
    pub fn authfile(&self, password: &str) -> Utf8PathBuf {
        let pair = format!("{USER}:{password}");
        let auth = base64::engine::general_purpose::STANDARD.encode(pair);
        let host = format!("127.0.0.1:{}", self.port);
        let json = serde_json::json!({ "auths": { host: { "auth": auth } } });
        let path = self.folder.join(format!("auth-{}.json", password.len()));
        std::fs::write(&path, json.to_string()).unwrap();
        path
    }

    pub fn remote(&self, password: &str) -> Remote {
        let (authfile, ca) = (self.authfile(password), self.ca());
        Remote::read(&self.name(), Some(&authfile), Some(&ca)).unwrap()
    }

    pub fn requests(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap()
    }
}

fn configure(folder: &Utf8Path, port: u16, readonly: bool) {
    let path = |name: &str| folder.join(name).into_string();
    let settings = serde_json::json!({
        "version": "0.1",
        "storage": {
            "filesystem": { "rootdirectory": path("storage") },
            "maintenance": { "readonly": { "enabled": readonly } },
        },
        "http": {
            "addr": format!("127.0.0.1:{port}"),
            "tls": { "certificate": path("server.crt"), "key": path("server.key") },
        },
        "auth": { "htpasswd": { "realm": "acme", "path": path("htpasswd") } },
    });
    std::fs::write(folder.join("registry.yml"), settings.to_string()).unwrap();
}

async fn serve(program: &str, folder: &Utf8Path, port: u16) -> Daemon {
    let mut options = File::options();
    let log = options.append(true).create(true);
    let log = log.open(folder.join("log")).unwrap();
    let cmd = Cmd::new(program).args(["serve", folder.join("registry.yml").as_str()]);
    let daemon = cmd.spawn(&log).unwrap();
    wait::until("their registry", Duration::from_secs(300), || async move {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => Poll::Ready(()),
            Err(error) => Poll::Pending(error.to_string()),
        }
    })
    .await
    .unwrap();
    daemon
}

/// The authority is as long as one with a key of 4096 bits: the room for what enters a machine is small.
fn certificates() -> (String, String, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let padding = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5; 1000]);
    authority.custom_extensions.push(padding);
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, "Acme root");
    authority.distinguished_name = named;
    let authority_key = KeyPair::generate().unwrap();
    let ca = authority.self_signed(&authority_key).unwrap().pem();
    assert!(ca.len() > 1900, "{}", ca.len());
    let names = ["127.0.0.1", "10.0.2.2"].map(str::to_owned);
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let certificate = CertificateParams::new(names).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap().pem();
    (ca, certificate, key.serialize_pem())
}

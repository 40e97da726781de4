//! What is asked of a disk, and the key it is cached under.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::podman::Access;
use crate::registry::Registry;

/// How the client in the installing container reads the image.
#[derive(Debug, Clone, Default)]
pub struct DiskAccess {
    /// `registries.conf`, with the mapping of the one name to the registry's real address.
    pub registries_conf: Option<Utf8PathBuf>,
    /// `auth.json`.
    pub authfile: Option<Utf8PathBuf>,
    /// The registry's real address, and a `certs.d`-style folder for it.
    pub certs: Option<(String, Utf8PathBuf)>,
}

impl DiskAccess {
    /// The same for podman; `None` where nothing is known of a registry.
    pub(super) fn into_access(self) -> Option<Access> {
        Some(Access {
            registries_conf: self.registries_conf?,
            authfile: self.authfile,
            cert_dir: self.certs.map(|(_, folder)| folder),
        })
    }
}

impl From<&Registry> for DiskAccess {
    fn from(registry: &Registry) -> Self {
        let access = registry.access().clone();
        let host = registry.location().host.clone();
        Self {
            registries_conf: Some(access.registries_conf),
            authfile: access.authfile,
            certs: access.cert_dir.map(|folder| (host, folder)),
        }
    }
}

/// What is asked of a disk. Everything that is serialized is part of the key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DiskRequest {
    /// The image's name, for the record.
    #[serde(skip)]
    pub image_reference: String,
    /// What podman runs: the image's id or name in bootproof's own storage.
    #[serde(skip)]
    pub local_image: String,
    /// The image's manifest digest.
    pub digest: String,
    /// Where the client reads the image from, `registry:NAME@DIGEST`.
    #[serde(skip)]
    pub source_imgref: String,
    /// What the machine will follow.
    pub target_imgref: String,
    /// The disk's size, in bytes.
    pub size_bytes: u64,
    /// About what the unpacked image takes, in bytes, when it is known.
    #[serde(skip)]
    pub image_bytes: Option<u64>,
    /// The root file system.
    pub filesystem: String,
    /// The root file system's size, in the client's words.
    pub root_size: Option<String>,
    /// Kernel arguments.
    pub kargs: Vec<String>,
    /// Further arguments of `bootc install to-disk`.
    pub client_args: Vec<String>,
    /// The version of whatever makes disks: a new one makes them anew.
    pub builder_version: String,
    /// Whether the container shares the host's process ids, as the real bootc wants it.
    pub pid_host: bool,
    /// How the client reads the image.
    #[serde(skip)]
    pub access: DiskAccess,
}

impl DiskRequest {
    /// The cache key: SHA-256 over the digest, every parameter and the builder's version.
    #[must_use]
    pub fn key(&self) -> String {
        // The structure has no maps and no floats: its JSON is one text for one request.
        let text = serde_json::to_string(self).unwrap_or_else(|_| format!("{self:?}"));
        bootproof_record::hex(&Sha256::digest(text.as_bytes()))
    }

    /// The space the cache needs for it, in bytes: the tree, the layers it was fetched in, and some air.
    #[must_use]
    pub fn space(&self) -> u64 {
        const AIR: u64 = 1 << 30;
        let unpacked = self.image_bytes.unwrap_or(AIR);
        (unpacked * 2 + AIR).min(self.size_bytes)
    }

    /// The arguments of `podman`.
    pub(super) fn podman_args(
        &self,
        image: &str,
        container: &str,
        output: &Utf8Path,
    ) -> Vec<String> {
        let mut args: Vec<String> = [
            "run",
            "--rm",
            "--pull=never",
            "--name",
            container,
            "--privileged",
            "--network=host",
            "--security-opt",
            "label=type:unconfined_t",
            "-v",
            "/dev:/dev",
        ]
        .map(str::to_owned)
        .to_vec();
        if self.pid_host {
            args.push("--pid=host".to_owned());
        }
        let mut bind = |from: &Utf8Path, to: &str, rest: &str| {
            // Not -v: a registry's address has a colon in it.
            args.push("--mount".to_owned());
            args.push(format!("type=bind,src={from},dst={to}{rest}"));
        };
        bind(output, "/output", "");
        if let Some(conf) = &self.access.registries_conf {
            bind(
                conf,
                "/etc/containers/registries.conf.d/50-bootproof.conf",
                ",ro=true",
            );
        }
        if let Some(authfile) = &self.access.authfile {
            bind(authfile, "/run/ostree/auth.json", ",ro=true");
        }
        if let Some((address, folder)) = &self.access.certs {
            bind(
                folder,
                &format!("/etc/containers/certs.d/{address}"),
                ",ro=true",
            );
        }
        args.push(image.to_owned());
        args.extend(self.client_command());
        args
    }

    fn client_command(&self) -> Vec<String> {
        let mut args: Vec<String> = [
            "bootc",
            "install",
            "to-disk",
            "--via-loopback",
            "--generic-image",
            "--filesystem",
            &self.filesystem,
        ]
        .map(str::to_owned)
        .to_vec();
        let mut option = |name: &str, value: &str| args.extend([name.to_owned(), value.to_owned()]);
        if let Some(size) = &self.root_size {
            option("--root-size", size);
        }
        for karg in &self.kargs {
            option("--karg", karg);
        }
        option("--source-imgref", &self.source_imgref);
        option("--target-imgref", &self.target_imgref);
        args.extend(self.client_args.iter().cloned());
        args.push("/output/disk.raw".to_owned());
        args
    }
}

#[cfg(test)]
pub(super) fn example() -> DiskRequest {
    DiskRequest {
        image_reference: "registry.bootproof.test/demolab/homepage:latest".into(),
        local_image: "sha256:11".into(),
        digest: "sha256:22".into(),
        source_imgref: "registry:registry.bootproof.test/demolab/homepage@sha256:22".into(),
        target_imgref: "registry.bootproof.test/demolab/homepage:latest".into(),
        size_bytes: 8 << 30,
        image_bytes: Some(500 << 20),
        filesystem: "ext4".into(),
        root_size: None,
        kargs: vec!["console=ttyS0,115200".into()],
        client_args: vec![],
        builder_version: "1".into(),
        pid_host: false,
        access: DiskAccess {
            registries_conf: Some("/s/registries.conf".into()),
            authfile: Some("/s/auth.json".into()),
            certs: Some(("127.0.0.1:5000".into(), "/s/certs".into())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_makes_another_key() {
        let base = example();
        let key = base.key();
        assert_eq!(key.len(), 64);
        let change = |f: &dyn Fn(&mut DiskRequest)| {
            let mut other = base.clone();
            f(&mut other);
            other.key()
        };
        let others = [
            change(&|r| r.digest = "sha256:23".into()),
            change(&|r| r.target_imgref.push('x')),
            change(&|r| r.size_bytes += 1),
            change(&|r| r.filesystem = "xfs".into()),
            change(&|r| r.root_size = Some("4G".into())),
            change(&|r| r.kargs.push("quiet".into())),
            change(&|r| r.client_args.push("--x".into())),
            change(&|r| r.builder_version = "2".into()),
            change(&|r| r.pid_host = true),
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(*other, key, "change {at}");
        }
    }

    #[test]
    fn where_the_registry_happens_to_listen_is_no_part_of_the_key() {
        let mut other = example();
        other.access = DiskAccess::default();
        other.source_imgref = "registry:127.0.0.1:1/x@sha256:22".into();
        assert_eq!(other.key(), example().key());
    }

    #[test]
    fn the_client_is_called_as_the_real_one_is() {
        let args = example()
            .podman_args("sha256:11", "c", "/cache/x".into())
            .join(" ");
        insta::assert_snapshot!(args);
    }
}

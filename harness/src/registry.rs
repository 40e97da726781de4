//! Where images are pushed and machines pull: a registry the run starts on loopback, or the user's own.
//!
//! Images have one name everywhere (`registry.bootproof.test/demolab/NAME`). For reading, `registries.conf`
//! maps it to the registry's real address, on the host and in each guest. Pushes, certificates and
//! credentials go by the real address.

mod attach;
mod error;
mod location;
mod log;
mod ping;
mod query;
mod reference;
mod remote;
mod repository;
mod serve;
mod tls;

use std::sync::Arc;

use bootproof_record::secret::Secret;
use camino::{Utf8Path, Utf8PathBuf};

pub use attach::{Attachable, DSSE};
pub use error::RegistryError;
pub use location::RegistryLocation;
pub use log::LogMark;
pub use reference::{NAMESPACE, REGISTRY_NAME, reference, untagged};
pub use remote::Remote;

use crate::podman::{Access, Podman};
use crate::run::Run;

/// The host as a guest in QEMU's user network sees it.
pub const HOST_IN_GUEST: &str = "10.0.2.2";

/// The name the run's registry knows its one user by.
const USER: &str = "bootproof";

/// What a machine needs to read images from the registry.
#[derive(Debug, Clone)]
pub struct GuestAccess {
    /// A `registries.conf.d` file: the mapping of the one name.
    pub registries_conf: String,
    /// The certificate authority to trust, in PEM; `None` when the system's are enough.
    pub ca_pem: Option<String>,
    /// The folder below `/etc/containers/certs.d` that `ca.crt` goes into.
    pub cert_dir_name: Option<String>,
    /// The pull secret; `None` when the registry is open to all.
    pub auth_json: Option<Secret>,
}

/// A registry that answers.
#[derive(Debug)]
pub struct Registry {
    podman: Podman,
    location: RegistryLocation,
    access: Access,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Where the host pushes and pulls, and where guests pull: another server over the same images for each division.
    Served {
        host: Arc<serve::Server>,
        guests: Arc<serve::Server>,
    },
    Remote(Box<Remote>),
}

impl Registry {
    /// Starts a registry of the run's own on 127.0.0.1, with TLS and a password made for the run.
    ///
    /// # Errors
    /// When its files cannot be made, or it does not start or answer.
    pub async fn start(run: &Run, podman: &Podman) -> Result<Self, RegistryError> {
        let server = Arc::new(serve::Server::start(run).await?);
        let location = RegistryLocation::served(server.port());
        let folder = server.folder();
        let access = write_access(
            folder,
            &location,
            Some(&location::auth_json(
                &location.host,
                USER,
                server.password(),
            )),
            Some(server.cert_dir().to_owned()),
        )?;
        Ok(Self {
            podman: podman.with_access(access.clone()),
            location,
            access,
            kind: Kind::Served {
                host: server.clone(),
                guests: server,
            },
        })
    }

    /// A second server over the same images, which lie below a namespace of their own: each storyline moves its own tags, and
    /// takes its server down for its guests alone. `shared` images are the same for all. `None` for the user's own registry:
    /// many know no repositories below an organisation's.
    ///
    /// # Errors
    /// When its files cannot be made, or its server does not start.
    pub async fn with_namespace(
        &self,
        organisation: &str,
        shared: &[String],
    ) -> Result<Option<Self>, RegistryError> {
        let Kind::Served { host: server, .. } = &self.kind else {
            return Ok(None);
        };
        let guests = Arc::new(server.beside().await?);
        let location = RegistryLocation::served(server.port()).with_namespace(organisation, shared);
        let folder = guests.folder().join("host");
        serve::make_private(&folder)?;
        let auth = location::auth_json(&location.host, USER, server.password());
        let certs = Some(server.cert_dir());
        let access = write_access(&folder, &location, Some(&auth), certs)?;
        Ok(Some(Self {
            podman: self.podman.with_access(access.clone()),
            location,
            access,
            kind: Kind::Served {
                host: server.clone(),
                guests,
            },
        }))
    }

    /// The same registry, its commands at a low priority.
    #[must_use]
    pub fn low_priority(self) -> Self {
        Self {
            podman: self.podman.low_priority(),
            ..self
        }
    }

    /// The user's own registry. Nothing is started; it must answer.
    ///
    /// # Errors
    /// When nothing that is a registry answers, or its certificate is by no authority that is trusted.
    pub async fn remote(
        run: &Run,
        podman: &Podman,
        remote: &Remote,
    ) -> Result<Self, RegistryError> {
        remote::ping(run, remote).await?;
        let folder = serve::make_folder(run)?;
        let location = remote.location.clone();
        let cert_dir = match &remote.ca {
            Some(ca) => Some(serve::write_authority(&folder, ca)?),
            None => None,
        };
        let auth = remote.auth.as_ref().map(|auth| auth.json(&location));
        let access = write_access(&folder, &location, auth.as_ref(), cert_dir)?;
        Ok(Self {
            podman: podman.with_access(access.clone()),
            location,
            access,
            kind: Kind::Remote(Box::new(remote.clone())),
        })
    }

    /// podman and skopeo set up to read and push through this registry.
    #[must_use]
    pub fn podman(&self) -> &Podman {
        &self.podman
    }

    /// How the host reads and pushes.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Where the registry really is, as the host sees it.
    #[must_use]
    pub fn location(&self) -> &RegistryLocation {
        &self.location
    }

    /// The real address to push an image to: `127.0.0.1:PORT/demolab/NAME:TAG`.
    #[must_use]
    pub fn push_target(&self, namespace: &str, name: &str, tag: &str) -> String {
        format!("{}:{tag}", self.location.repository(namespace, name))
    }

    /// The real address of a reference under the one name; other references stay as they are.
    #[must_use]
    pub fn real(&self, reference: &str) -> String {
        self.location.real(reference)
    }

    /// What a machine needs to read from it.
    #[must_use]
    pub fn guest(&self) -> GuestAccess {
        let location = self.location.to_guests();
        match &self.kind {
            Kind::Served { guests: server, .. } => {
                let location = RegistryLocation {
                    // No machine follows what others are built from, and the way in has little room.
                    shared: Vec::new(),
                    ..self.location.clone().at_port(server.port()).to_guests()
                };
                GuestAccess {
                    registries_conf: location.registries_conf(),
                    ca_pem: Some(server.ca_pem().to_owned()),
                    auth_json: Some(location::auth_json(&location.host, USER, server.password())),
                    cert_dir_name: Some(location.host),
                }
            }
            Kind::Remote(remote) => GuestAccess {
                registries_conf: location.registries_conf(),
                ca_pem: remote.ca.clone(),
                auth_json: remote.auth.as_ref().map(|auth| auth.json(&location)),
                cert_dir_name: remote.ca.is_some().then_some(location.host),
            },
        }
    }

    /// The log of the run's own registry, with every request that it got from guests; `None` for the user's own.
    #[must_use]
    pub fn access_log(&self) -> Option<&Utf8Path> {
        match &self.kind {
            Kind::Served { guests: server, .. } => Some(server.log()),
            Kind::Remote(_) => None,
        }
    }

    /// Whether the run serves it, and so can take it down.
    #[must_use]
    pub fn is_own(&self) -> bool {
        matches!(self.kind, Kind::Served { .. })
    }

    /// Takes the run's own registry down for guests, with all it stores kept; the user's own is left alone.
    ///
    /// # Errors
    /// When the ledger cannot be kept.
    pub async fn stop(&self) -> Result<(), RegistryError> {
        match &self.kind {
            Kind::Served { guests: server, .. } => server.stop().await,
            Kind::Remote(_) => Ok(()),
        }
    }

    /// Checks that machines can still read from it. One that was taken down on purpose is as it should be.
    ///
    /// # Errors
    /// When it has ended, or does not answer.
    pub async fn answers(&self, run: &Run) -> Result<(), RegistryError> {
        match &self.kind {
            Kind::Served { guests: server, .. } => server.still_answers().await,
            Kind::Remote(remote) => remote::ping(run, remote).await,
        }
    }

    /// Brings a registry that was stopped up again, on the same port and with the same images.
    ///
    /// # Errors
    /// When it does not start or answer, or its port was taken meanwhile.
    pub async fn resume(&self) -> Result<(), RegistryError> {
        match &self.kind {
            Kind::Served { guests: server, .. } => server.resume().await,
            Kind::Remote(_) => Ok(()),
        }
    }
}

/// Writes the settings the host reads and pushes by.
fn write_access(
    folder: &Utf8Path,
    location: &RegistryLocation,
    auth: Option<&Secret>,
    cert_dir: Option<Utf8PathBuf>,
) -> Result<Access, RegistryError> {
    let registries_conf = folder.join("registries.conf");
    serve::write_private(&registries_conf, &location.registries_conf())?;
    let authfile = folder.join("auth.json");
    let auth = auth.map_or("{\"auths\":{}}", Secret::expose);
    serve::write_private(&authfile, auth)?;
    Ok(Access {
        registries_conf,
        authfile: Some(authfile),
        cert_dir,
    })
}

//! Image references as bootc's command line takes them.

use std::fmt;
use std::str::FromStr;

use ostree_ext::container::{
    ImageReference as StoreReference, OstreeImageReference, SignatureSource, Transport,
};
use serde::Serialize;

/// An image and the transport it comes by, as `bootc status` shows it.
///
/// The fields are in the order in which they are printed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ImageRef {
    /// The name, for a registry with its tag or digest.
    pub image: String,
    /// The transport's name: `registry`, `oci`, `oci-archive`, `docker-archive`, `containers-storage` or `dir`.
    pub transport: String,
}

/// Why a text is not an image reference.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImageRefError {
    /// Nothing was given.
    #[error("empty image reference")]
    Empty,
    /// A name with blanks or control characters in it.
    #[error("invalid image reference {0:?}: blanks are not allowed")]
    Blank(String),
    /// A transport that cannot be pulled from.
    #[error(
        "unknown transport {0:?} (known: registry, oci, oci-archive, docker-archive, containers-storage, dir)"
    )]
    Transport(String),
}

const TRANSPORTS: &[&str] = &[
    "registry",
    "oci",
    "oci-archive",
    "docker-archive",
    "containers-storage",
    "dir",
];

impl ImageRef {
    /// Makes a reference from a transport's name and an image's.
    ///
    /// # Errors
    /// When the transport is unknown or the name is empty or has blanks in it.
    pub fn new(transport: &str, image: &str) -> Result<Self, ImageRefError> {
        let transport = match transport {
            "docker" => "registry",
            known if TRANSPORTS.contains(&known) => known,
            unknown => return Err(ImageRefError::Transport(unknown.to_owned())),
        };
        if image.is_empty() {
            return Err(ImageRefError::Empty);
        }
        if image.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(ImageRefError::Blank(image.to_owned()));
        }
        Ok(Self {
            image: image.to_owned(),
            transport: transport.to_owned(),
        })
    }

    /// The reference in the form the pulling library takes and a deployment's origin file holds.
    ///
    /// # Errors
    /// When the library does not know the transport.
    pub fn to_ostree(&self) -> anyhow::Result<OstreeImageReference> {
        Ok(OstreeImageReference {
            sigverify: SignatureSource::ContainerPolicyAllowInsecure,
            imgref: StoreReference {
                transport: Transport::try_from(self.transport.as_str())?,
                name: self.image.clone(),
            },
        })
    }
}

impl From<&OstreeImageReference> for ImageRef {
    fn from(value: &OstreeImageReference) -> Self {
        Self {
            image: value.imgref.name.clone(),
            transport: value.imgref.transport.serializable_name().to_owned(),
        }
    }
}

/// A registry's images are shown by name alone, all others with their transport.
impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.transport == "registry" {
            f.write_str(&self.image)
        } else {
            write!(f, "{}:{}", self.transport, self.image)
        }
    }
}

/// Reads `docker://NAME`, `TRANSPORT:NAME`, an origin file's `ostree-unverified-…:…`, or a bare registry name.
impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(name) = text.strip_prefix("docker://") {
            return Self::new("registry", name);
        }
        if let Some(name) = text.strip_prefix("ostree-unverified-registry:") {
            return Self::new("registry", name);
        }
        if let Some(rest) = text.strip_prefix("ostree-unverified-image:") {
            return rest.parse();
        }
        match text.split_once(':') {
            Some((transport, name)) if TRANSPORTS.contains(&transport) => {
                Self::new(transport, name)
            }
            _ => Self::new("registry", text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String) {
        let r: ImageRef = text.parse().unwrap();
        (r.transport, r.image)
    }

    #[test]
    fn every_way_of_naming_a_registry_image_is_the_same_image() {
        let plain = read("registry.bootproof.test:5000/demolab/homepage:rhel9");
        assert_eq!(plain.0, "registry");
        assert_eq!(
            plain.1,
            "registry.bootproof.test:5000/demolab/homepage:rhel9"
        );
        for prefix in [
            "docker://",
            "registry:",
            "ostree-unverified-registry:",
            "ostree-unverified-image:docker://",
        ] {
            assert_eq!(read(&format!("{prefix}{}", plain.1)), plain, "{prefix}");
        }
    }

    #[test]
    fn local_transports_keep_their_path() {
        assert_eq!(
            read("oci:/var/tmp/image:tag"),
            ("oci".into(), "/var/tmp/image:tag".into())
        );
        assert_eq!(
            "oci:/var/tmp/image"
                .parse::<ImageRef>()
                .unwrap()
                .to_string(),
            "oci:/var/tmp/image"
        );
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        assert_eq!("".parse::<ImageRef>(), Err(ImageRefError::Empty));
        assert_eq!("docker://".parse::<ImageRef>(), Err(ImageRefError::Empty));
        assert_eq!(
            "a b".parse::<ImageRef>(),
            Err(ImageRefError::Blank("a b".into()))
        );
        assert_eq!(
            ImageRef::new("ftp", "x"),
            Err(ImageRefError::Transport("ftp".into()))
        );
    }

    #[test]
    fn the_origin_file_holds_what_can_be_read_back() {
        for text in ["quay.io/a/b:c", "oci:/srv/x"] {
            let r: ImageRef = text.parse().unwrap();
            let stored = r.to_ostree().unwrap().to_string();
            assert_eq!(stored.parse::<ImageRef>().unwrap(), r);
            let library: OstreeImageReference = stored.as_str().try_into().unwrap();
            assert_eq!(ImageRef::from(&library), r);
        }
    }
}

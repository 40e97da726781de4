//! The guest client, compiled once for each state of its source.

use bootproof_record::Work;
use camino::{Utf8Path, Utf8PathBuf};

use super::Maker;
use crate::image::{ImageError, cache, file_error};

/// Where hosts keep the certificates they trust.
const CA_BUNDLES: [&str; 2] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// What the lab's client is compiled from: what cargo reads, and neither its tests nor its description. By name, with the
/// path.
pub fn client_inputs(guest: &Utf8Path) -> impl Iterator<Item = (&'static str, Utf8PathBuf)> {
    ["src", "Cargo.toml", "Cargo.lock", "build.rs"]
        .into_iter()
        .map(|name| (name, guest.join(name)))
        .filter(|(_, path)| path.exists())
}

impl Maker<'_> {
    /// The folder of the guest client, when it was compiled before.
    pub(super) fn finished_client(&self, builder: &str) -> Result<Option<Utf8PathBuf>, ImageError> {
        let folder = self.cache().join("clients").join(self.client_key(builder)?);
        Ok(folder.join("bootc").exists().then_some(folder))
    }

    /// The folder with the guest client.
    pub(super) async fn client(&self, builder: &str) -> Result<Utf8PathBuf, ImageError> {
        let key = self.client_key(builder)?;
        // cargo's folders are shared by all builds of the client, so one lock is for all.
        let _lock = self.lock("client").await?;
        let finished = self.cache().join("clients").join(&key);
        cache::sweep_partial(&finished)?;
        if finished.join("bootc").exists() {
            return Ok(finished);
        }
        let span = self
            .recorder
            .span(Work::ImageBuild, "make the guest client");
        let builder = self.builder(builder).await?;
        let out = cache::partial(&finished, self.images.run().id.as_str());
        let guest = &self.images.0.guest_source;
        let mut mounts = vec![
            format!("{}:/recipe:ro", self.recipe.recipe),
            format!("{guest}:/src:ro"),
            format!("{out}:/client"),
        ];
        for name in ["cargo", "target"] {
            let folder = self.cache().join("client-build").join(name);
            std::fs::create_dir_all(&folder).map_err(file_error(&folder))?;
            mounts.push(format!("{folder}:/{name}"));
        }
        std::fs::create_dir_all(&out).map_err(file_error(&out))?;
        if let Some(bundle) = ca_bundle() {
            mounts.push(format!("{bundle}:{}:ro", CA_BUNDLES[0]));
        }
        let script = ["/recipe/client.sh", "/src", "/client/bootc"];
        self.in_builder("the client", &builder, &mounts, &script)
            .await?;
        std::fs::rename(&out, &finished).map_err(file_error(&finished))?;
        span.done();
        Ok(finished)
    }
}

/// The bundle of certificates this host trusts; a proxy may have an authority of its own in it.
fn ca_bundle() -> Option<String> {
    std::env::var("SSL_CERT_FILE")
        .into_iter()
        .chain(CA_BUNDLES.map(str::to_owned))
        .find(|path| Utf8Path::new(path).is_file())
}

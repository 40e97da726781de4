//! A certificate authority for one run, and the registry's certificate by it.

use std::net::{IpAddr, Ipv4Addr};

use bootproof_record::RunId;
use bootproof_record::secret::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use super::reference::REGISTRY_NAME;

/// What the registry shows and what others check it by.
pub(super) struct Certificates {
    /// The authority's certificate, in PEM. Its key is gone once the registry's certificate is made.
    pub ca: String,
    /// The registry's certificate, in PEM.
    pub certificate: String,
    /// The registry's key, in PEM.
    pub key: Secret,
}

pub(super) fn make(run: &RunId) -> Result<Certificates, rcgen::Error> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, format!("bootproof run {run}"));
    let authority_key = KeyPair::generate()?;
    let ca = authority.self_signed(&authority_key)?.pem();

    let mut registry =
        CertificateParams::new(vec![REGISTRY_NAME.to_owned(), "localhost".to_owned()])?;
    let addresses = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(10, 0, 2, 2)];
    registry.subject_alt_names.extend(
        addresses
            .into_iter()
            .map(|address| SanType::IpAddress(IpAddr::V4(address))),
    );
    registry
        .distinguished_name
        .push(DnType::CommonName, REGISTRY_NAME);
    registry.use_authority_key_identifier_extension = true;
    registry.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    registry.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = registry
        .signed_by(&key, &Issuer::new(authority, authority_key))?
        .pem();
    Ok(Certificates {
        ca,
        certificate,
        key: Secret::new(key.serialize_pem()),
    })
}

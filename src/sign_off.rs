//! Signing off a release, as far as it needs the host: what is checked before a run, and signing and attaching at its
//! end. What is signed is computed from the record alone, by `attest`.

#[cfg(test)]
mod cosign_proof;
pub(crate) mod prepare;
pub(crate) mod signing;
pub(crate) mod source;

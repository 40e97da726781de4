//! What a release is signed off on.

use std::collections::BTreeMap;

use toml::Spanned;

use super::super::{ImageSpec, SignOffSpec, named, raw};
use super::Resolver;

impl Resolver<'_> {
    pub(super) fn sign_off(
        &mut self,
        raw: raw::SignOff,
        images: &BTreeMap<String, ImageSpec>,
    ) -> SignOffSpec {
        for candidate in &raw.candidates {
            let (name, tag) = named(candidate.get_ref());
            if !images.contains_key(name) {
                let message = format!("there is no image {name}");
                let known = images.keys().map(String::as_str);
                self.unknown(name, candidate.span(), message, known);
            }
            if tag.is_some_and(str::is_empty) {
                self.wrong(candidate.span(), "its tag is empty".to_owned());
            }
        }
        for text in &raw.allow_skips {
            if text.get_ref().trim().is_empty() {
                self.wrong_with(
                    text.span(),
                    "an empty text would allow every skip".to_owned(),
                    "say a part of the reason that is allowed",
                );
            }
        }
        let plain = |list: Vec<Spanned<String>>| list.into_iter().map(Spanned::into_inner);
        SignOffSpec {
            candidates: plain(raw.candidates).collect(),
            allow_skips: plain(raw.allow_skips).collect(),
        }
    }
}

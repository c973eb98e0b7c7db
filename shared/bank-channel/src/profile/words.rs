//! Words of a profile for things of `avain-xml-security`.

use avain_xml_security::encryption::Cipher;
use avain_xml_security::{C14n, Hash};
use serde::{Deserialize, Deserializer, de::Error};
use time::Date;
use time::macros::format_description;

pub(super) fn hash<'de, D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
    word(from, hash_named)
}

pub(super) fn hashes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Hash>, D::Error> {
    words(from, hash_named)
}

pub(super) fn c14n<'de, D: Deserializer<'de>>(from: D) -> Result<C14n, D::Error> {
    word(from, c14n_named)
}

pub(super) fn optional_c14n<'de, D: Deserializer<'de>>(from: D) -> Result<Option<C14n>, D::Error> {
    word(from, c14n_named).map(Some)
}

pub(super) fn cipher<'de, D: Deserializer<'de>>(from: D) -> Result<Cipher, D::Error> {
    word(from, cipher_named)
}

pub(super) fn ciphers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Cipher>, D::Error> {
    words(from, cipher_named)
}

pub(super) fn optional_day<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Date>, D::Error> {
    word(from, |text| Date::parse(text, format_description!("[year]-[month]-[day]")).ok()).map(Some)
}

fn hash_named(word: &str) -> Option<Hash> {
    match word {
        "sha1" => Some(Hash::Sha1),
        "sha256" => Some(Hash::Sha256),
        _ => None,
    }
}

fn c14n_named(word: &str) -> Option<C14n> {
    match word {
        "inclusive" => Some(C14n::Inclusive),
        "inclusive-with-comments" => Some(C14n::InclusiveWithComments),
        "exclusive" => Some(C14n::Exclusive),
        "exclusive-with-comments" => Some(C14n::ExclusiveWithComments),
        _ => None,
    }
}

fn cipher_named(word: &str) -> Option<Cipher> {
    match word {
        "aes256-cbc" => Some(Cipher::Aes256Cbc),
        "tripledes-cbc" => Some(Cipher::TripleDesCbc),
        _ => None,
    }
}

fn word<'de, T, D: Deserializer<'de>>(from: D, named: fn(&str) -> Option<T>) -> Result<T, D::Error> {
    let word = String::deserialize(from)?;
    named(&word).ok_or_else(|| unknown(&word))
}

fn words<'de, T, D: Deserializer<'de>>(from: D, named: fn(&str) -> Option<T>) -> Result<Vec<T>, D::Error> {
    Vec::<String>::deserialize(from)?.iter().map(|word| named(word).ok_or_else(|| unknown(word))).collect()
}

fn unknown<E: Error>(word: &str) -> E {
    E::custom(format!("{word} is not known"))
}

//! Chains that were found, so that a bank's signer, which signs for years, is not chained anew for every answer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use time::OffsetDateTime;

use super::chain::{Use, find};
use super::{Chain, Parsed, Roots};
use crate::{Error, Policy};

/// Chains at most; then the cache begins anew. A service sees a handful of signers.
const MOST: usize = 64;

/// Remembers chains that were found, never refusals. What is asked is what is remembered: certificate, intermediates,
/// roots, policy and use; and a chain counts only while each certificate of it is valid.
#[derive(Debug, Default)]
pub struct ChainCache {
    known: Mutex<HashMap<Question, Known>>,
}

/// SHA-256 of everything that a chain depends on but the time.
type Question = [u8; 32];

#[derive(Debug)]
struct Known {
    chain: Chain,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl ChainCache {
    /// As [`super::verify_chain`].
    pub fn verify_chain(
        &self,
        leaf: &[u8],
        intermediates: &[Vec<u8>],
        roots: &Roots,
        at: OffsetDateTime,
        policy: &Policy,
    ) -> Result<Chain, Error> {
        self.verify(leaf, intermediates, roots, at, policy, Use::Signing)
    }

    /// As [`super::verify_encryption_chain`].
    pub fn verify_encryption_chain(
        &self,
        leaf: &[u8],
        intermediates: &[Vec<u8>],
        roots: &Roots,
        at: OffsetDateTime,
        policy: &Policy,
    ) -> Result<Chain, Error> {
        self.verify(leaf, intermediates, roots, at, policy, Use::Encryption)
    }

    fn verify(
        &self,
        leaf: &[u8],
        intermediates: &[Vec<u8>],
        roots: &Roots,
        at: OffsetDateTime,
        policy: &Policy,
        purpose: Use,
    ) -> Result<Chain, Error> {
        let question = question(leaf, intermediates, roots, policy, purpose);
        // A thread that panicked here has left whole entries or none.
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let second = at.truncate_to_second();
        if let Some(known) = known().get(&question)
            && (known.not_before..=known.not_after).contains(&second)
        {
            return Ok(known.chain.clone());
        }
        let chain = find(leaf, intermediates, roots, at, policy, purpose)?;
        let (not_before, not_after) = validity(leaf, &chain)?;
        let mut known = known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(question, Known { chain: chain.clone(), not_before, not_after });
        Ok(chain)
    }
}

/// Each part goes in with its length, so that no two questions are the same bytes.
fn question(leaf: &[u8], intermediates: &[Vec<u8>], roots: &Roots, policy: &Policy, purpose: Use) -> Question {
    let mut context = Context::new(&SHA256);
    let mut part = |bytes: &[u8]| {
        context.update(&bytes.len().to_le_bytes());
        context.update(bytes);
    };
    part(format!("{purpose:?} {policy:?}").as_bytes());
    part(leaf);
    for certificates in [intermediates, &roots.certificates] {
        part(&certificates.len().to_le_bytes());
        for certificate in certificates {
            part(certificate);
        }
    }
    let mut question = Question::default();
    question.copy_from_slice(context.finish().as_ref());
    question
}

/// When all certificates of the chain are valid.
fn validity(leaf: &[u8], chain: &Chain) -> Result<(OffsetDateTime, OffsetDateTime), Error> {
    let (mut not_before, mut not_after) = Parsed::read(leaf)?.dates()?;
    for certificate in chain.issuers.iter().chain([&chain.anchor]) {
        let (from, to) = Parsed::read(certificate)?.dates()?;
        (not_before, not_after) = (not_before.max(from), not_after.min(to));
    }
    Ok((not_before, not_after))
}

//! Chains that were found, so that a bank's signer, which signs for years, is not chained anew for every answer.

use std::sync::{Mutex, PoisonError};

use time::OffsetDateTime;

use super::chain::{Question, Use};
use super::{Chain, Parsed, Roots};
use crate::{Error, Policy};

/// Chains at most; then the cache begins anew. A service sees a handful of signers.
const MOST: usize = 64;

/// Remembers chains that were found, never refusals. What is asked is what is remembered: certificate, intermediates,
/// roots, policy and use; and a chain counts only while each certificate of it is valid.
#[derive(Debug, Default)]
pub struct ChainCache {
    known: Mutex<Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    leaf: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
    roots: Roots,
    policy: Policy,
    purpose: Use,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    chain: Chain,
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
        self.answer(&Question { leaf, intermediates, roots, at, policy, purpose: Use::Signing })
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
        self.answer(&Question { leaf, intermediates, roots, at, policy, purpose: Use::Encryption })
    }

    fn answer(&self, question: &Question<'_>) -> Result<Chain, Error> {
        // A thread that panicked here has left whole entries or none.
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().iter().find(|known| known.answers(question)) {
            return Ok(known.chain.clone());
        }
        let chain = question.find_chain()?;
        let new = Known::new(question, chain.clone())?;
        let mut known = known();
        // Another thread may have found it meanwhile.
        if !known.iter().any(|known| known.answers(question)) {
            if known.len() >= MOST {
                known.clear();
            }
            known.push(new);
        }
        Ok(chain)
    }
}

impl Known {
    fn new(question: &Question<'_>, chain: Chain) -> Result<Self, Error> {
        let (mut not_before, mut not_after) = Parsed::read(question.leaf)?.dates()?;
        for certificate in chain.issuers.iter().chain([&chain.anchor]) {
            let (from, to) = Parsed::read(certificate)?.dates()?;
            (not_before, not_after) = (not_before.max(from), not_after.min(to));
        }
        Ok(Self {
            leaf: question.leaf.to_vec(),
            intermediates: question.intermediates.to_vec(),
            roots: question.roots.clone(),
            policy: *question.policy,
            purpose: question.purpose,
            not_before,
            not_after,
            chain,
        })
    }

    fn answers(&self, question: &Question<'_>) -> bool {
        self.leaf == question.leaf
            && self.intermediates == question.intermediates
            && self.roots == *question.roots
            && self.policy == *question.policy
            && self.purpose == question.purpose
            && (self.not_before..=self.not_after).contains(&question.at.truncate_to_second())
    }
}

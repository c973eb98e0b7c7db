//! Hashes of the chain: a Merkle tree over each batch (RFC 6962, 2.1), so that what is signed names every event.

use sha2::{Digest, Sha256};

/// Hash of an event's line: `SHA-256(0x00 || line)`.
#[must_use]
pub fn leaf(line: &str) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(line).finalize().into()
}

/// Merkle tree hash of leaves: two subtrees, the left one as large a power of two as there is, under
/// `SHA-256(0x01 || left || right)`; of none, `SHA-256("")`.
#[must_use]
pub fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Sha256::new().chain_update([1]).chain_update(root(left)).chain_update(root(right)).finalize().into()
        }
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that RFC 6962's own implementation is tested with (certificate-transparency, merkletree).
    #[test]
    fn roots_are_those_of_the_rfcs_test_vectors() {
        assert_eq!(hex(&root(&[])), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex(&leaf("")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }

    #[test]
    fn every_leaf_and_its_place_count() {
        let leaves: Vec<[u8; 32]> = (0..33_u8).map(|it| leaf(&it.to_string())).collect();
        let whole: std::collections::HashSet<_> = (0..=33).map(|most| root(&leaves[..most])).collect();
        assert_eq!(whole.len(), 34);
        for at in 1..33 {
            let mut swapped = leaves.clone();
            swapped.swap(at - 1, at);
            assert_ne!(root(&swapped), root(&leaves));
        }
        // Two leaves are no leaf that holds their hashes.
        assert_ne!(root(&leaves[..2]), Sha256::digest([leaves[0], leaves[1]].concat()).as_slice());
    }
}

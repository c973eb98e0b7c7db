//! What any `Vault` must do, as functions over the port.

use std::collections::HashSet;

use avain_domain::names::OrganisationId;
use avain_domain::ports::{KeyContext, Vault};
use avain_domain::records::KeyKind;

pub(crate) fn context(kind: KeyKind, organisation: &str) -> KeyContext {
    KeyContext { kind, organisation: OrganisationId(organisation.to_owned()) }
}

/// A data key has 32 bytes and opens again, in another process too: `restarted` is one, on the same root key.
pub(crate) async fn a_data_key_opens_again(vault: &dyn Vault, restarted: &dyn Vault) {
    let bank = context(KeyKind::Bank, "org-1");
    let key = vault.generate(&bank).await.unwrap();
    assert_eq!(key.plaintext.expose().len(), 32);
    for vault in [vault, restarted] {
        assert_eq!(vault.open(&bank, &key.wrapped).await.unwrap().expose(), key.plaintext.expose());
    }
    assert!(!key.wrapped.windows(32).any(|part| part == key.plaintext.expose()), "wrapped is not in clear");
}

/// R27: swapped contexts.
pub(crate) async fn a_data_key_opens_in_no_other_context(vault: &dyn Vault) {
    let contexts = [
        context(KeyKind::Bank, "org-1"),
        context(KeyKind::Bank, "org-2"),
        context(KeyKind::File, "org-1"),
        context(KeyKind::Service, "org-1"),
        context(KeyKind::Bank, "org-1\norganisation=org-2"),
    ];
    for own in &contexts {
        let key = vault.generate(own).await.unwrap();
        for other in &contexts {
            assert_eq!(vault.open(other, &key.wrapped).await.is_ok(), own == other, "{own:?} in {other:?}");
        }
    }
}

/// R30.
pub(crate) async fn data_keys_never_repeat(vault: &dyn Vault, rounds: usize) {
    let bank = context(KeyKind::Bank, "org-1");
    let (mut plain, mut wrapped) = (HashSet::new(), HashSet::new());
    for _ in 0..rounds {
        let key = vault.generate(&bank).await.unwrap();
        assert!(plain.insert(key.plaintext.expose().to_vec()));
        assert!(wrapped.insert(key.wrapped));
    }
}

/// What this vault never wrapped does not open.
pub(crate) async fn bytes_that_nobody_wrapped_do_not_open(vault: &dyn Vault) {
    let bank = context(KeyKind::Bank, "org-1");
    for bytes in [Vec::new(), vec![0], vec![1; 69], b"nobody wrapped this".to_vec(), vec![0xFF; 6000]] {
        assert!(vault.open(&bank, &bytes).await.is_err(), "{} bytes", bytes.len());
    }
}

/// No changed bit and no shorter wrapped key opens. Where `unauthenticated` says of an emulator that it does not
/// authenticate what it wraps, nothing is proven, and that is printed.
pub(crate) async fn no_changed_or_cut_wrapped_key_opens(vault: &dyn Vault, unauthenticated: Option<&str>) {
    if let Some(emulator) = unauthenticated {
        eprintln!("NOT PROVEN on {emulator}, which does not authenticate: no_changed_or_cut_wrapped_key_opens");
        return;
    }
    let bank = context(KeyKind::Bank, "org-1");
    let wrapped = vault.generate(&bank).await.unwrap().wrapped;
    for at in 0..wrapped.len() {
        for bit in 0..8 {
            let mut changed = wrapped.clone();
            changed[at] ^= 1 << bit;
            assert!(vault.open(&bank, &changed).await.is_err(), "byte {at}, bit {bit}");
        }
        assert!(vault.open(&bank, &wrapped[..at]).await.is_err(), "cut to {at} bytes");
    }
}

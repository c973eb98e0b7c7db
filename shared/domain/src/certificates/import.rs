//! Taking over a certificate that was issued elsewhere.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use rsa::RsaPublicKey;
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use time::OffsetDateTime;

use super::{EXISTS, check_company, key_id, put, replaceable, share};
use crate::ports::{BankChannel, CommitError, Store};
use crate::records::{BankCertificate, CertificateState, EncryptionPair, Record, SealedKey, Write};
use crate::seal::Sealer;
use crate::secret::Secret;
use crate::session::Caller;
use crate::{Context, Failure, audit, pem};

/// Bits of the smallest RSA modulus.
const MIN_RSA_BITS: usize = 2048;

/// What the caller gives.
pub struct ImportRequest<'a> {
    /// The bank's name.
    pub bank: &'a str,
    /// Web Services user id.
    pub user_id: &'a str,
    /// Company name, as in the agreement with the bank.
    pub company: &'a str,
    /// The pair that requests are signed with.
    pub signing: PemPair<'a>,
    /// The pair for encryption, at banks that have one.
    pub encryption: Option<PemPair<'a>>,
}

/// A certificate and its private key, PEM.
pub struct PemPair<'a> {
    /// X.509.
    pub certificate: &'a str,
    /// PKCS#8 or PKCS#1, not encrypted: a secret.
    pub key: &'a str,
}

/// Takes a certificate over as the account's own, its private key sealed at once. Gives warnings for people: nothing of
/// them is an error.
pub async fn import(
    context: Context<'_>,
    store: &dyn Store,
    sealer: &Sealer,
    banks: &dyn BankChannel,
    caller: &Caller,
    request: ImportRequest<'_>,
) -> Result<Vec<String>, Failure> {
    let bank = caller.bank(banks, request.bank)?;
    if !banks.user_id_fits(bank, request.user_id) {
        return Err(Failure::Invalid("WsUserId".to_owned()));
    }
    check_company(caller, bank, request.company)?;
    let second = match (bank.encrypts(), &request.encryption) {
        (true, None) => return Err(Failure::Missing),
        (false, Some(_)) => return Err(Failure::Invalid("EncCertificate (for danskebank only)".to_owned())),
        (_, second) => second.as_ref(),
    };
    let before = replaceable(context, caller, bank)?;
    let signing = read(banks, &SIGNING, &request.signing, context.now())?;
    let encryption = second.map(|pair| read(banks, &ENCRYPTION, pair, context.now())).transpose()?;

    let mut warnings = Vec::new();
    for (words, pair) in [(SIGNING, Some(&signing)), (ENCRYPTION, encryption.as_ref())] {
        if pair.is_some_and(|pair| !banks.knows_issuer(bank, &pair.certificate)) {
            warnings.push(format!("{}: its issuer is not known here as the bank's", words.certificate));
        }
    }

    let mut writes = Vec::new();
    let mut keep = async |key: &Secret| -> Result<_, Failure> {
        let id = key_id(context, caller, bank);
        let kept = SealedKey { id: id.clone(), sealed: sealer.seal(&id, key.expose()).await? };
        writes.push(Write::Insert(Record::SealedKey(kept)));
        Ok(id)
    };
    let key = keep(&signing.key).await?;
    // The pair is of use while both are.
    let expires = encryption.iter().map(|pair| pair.expires).fold(signing.expires, OffsetDateTime::min);
    let encryption = match encryption {
        Some(Pair { certificate, key, .. }) => Some(EncryptionPair { certificate, key: keep(&key).await? }),
        None => None,
    };
    let record = Record::Certificate(BankCertificate {
        email: caller.login.email.clone(),
        bank,
        company: request.company.to_owned(),
        user_id: request.user_id.to_owned(),
        key,
        state: CertificateState::Active { certificate: signing.certificate, expires, target_ids: Vec::new() },
        encryption,
        renewal: None,
        shared_to: Vec::new(),
        started: context.now(),
    });
    writes.insert(0, put(record, before));
    writes.push(audit::completed(context, caller.organisation(), &caller.login, "certificate.import", bank.as_str()));
    writes.push(caller.unchanged());
    match share::commit_own(store, caller, bank, writes).await {
        Err(CommitError::Conflict { index: 0, .. }) => Err(Failure::Exists(EXISTS)),
        outcome => Ok(outcome.map(|()| warnings)?),
    }
}

/// What the parts of a pair are called in answers.
struct Words {
    certificate: &'static str,
    key: &'static str,
    malformed: &'static str,
}

const SIGNING: Words =
    Words { certificate: "Certificate", key: "RSA Key", malformed: "Certificate PEM format validation failed!" };
const ENCRYPTION: Words = Words {
    certificate: "EncCertificate",
    key: "RSA Enc.Key",
    malformed: "EncCertificate PEM format validation failed!",
};

/// A pair that was checked.
struct Pair {
    /// X.509, DER.
    certificate: Vec<u8>,
    /// End of its validity.
    expires: OffsetDateTime,
    /// PKCS#8, DER.
    key: Secret,
}

fn read(banks: &dyn BankChannel, words: &Words, given: &PemPair<'_>, now: OffsetDateTime) -> Result<Pair, Failure> {
    let unusable = |text: String| Failure::Unusable(text);
    let malformed = || unusable(words.malformed.to_owned());
    let block = pem::decode(given.certificate).filter(|it| it.label == "CERTIFICATE").ok_or_else(malformed)?;
    let summary = banks.summary(block.der.expose()).map_err(|_| malformed())?;
    let public = RsaPublicKey::from_public_key_der(&summary.public_key).ok();
    let public = public.filter(|key| key.n().bits() >= MIN_RSA_BITS).ok_or_else(|| {
        unusable(format!("{} is not for an RSA key of {MIN_RSA_BITS} to 4096 bits!", words.certificate))
    })?;
    if now < summary.begins {
        return Err(unusable(format!("{} is not valid yet!", words.certificate)));
    }
    if now > summary.expires {
        return Err(unusable(format!("{} has expired!", words.certificate)));
    }

    let key = private_key(words, given.key)?;
    let of_certificate = public.to_pkcs1_der().map_err(|_| malformed())?;
    if key.public_key().as_ref() != of_certificate.as_bytes() {
        return Err(unusable(format!("{} is not the key of {}!", words.key, words.certificate)));
    }
    let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(|_| Failure::Internal("a key cannot be written".to_owned()))?;
    Ok(Pair {
        certificate: block.der.expose().to_vec(),
        expires: summary.expires,
        key: Secret::new(pkcs8.as_ref().to_vec()),
    })
}

/// The RSA private key in a PEM text; that its parts fit each other is checked.
fn private_key(words: &Words, text: &str) -> Result<KeyPair, Failure> {
    if pem::is_encrypted(text) {
        return Err(Failure::Unusable(format!("{} is encrypted: send it without a passphrase!", words.key)));
    }
    let block = pem::decode(text);
    let key = block.and_then(|block| match block.label {
        "PRIVATE KEY" => KeyPair::from_pkcs8(block.der.expose()).ok(),
        "RSA PRIVATE KEY" => KeyPair::from_der(block.der.expose()).ok(),
        _ => None,
    });
    key.ok_or_else(|| Failure::Unusable(format!("{} is not private key!", words.key)))
}

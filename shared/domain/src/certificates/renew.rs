//! Renewal: before a certificate ends, the bank is asked for another one, for a new key, by a request that the old key signs.

use time::{Duration, OffsetDateTime};

use super::{NewKey, encryption_key_id, ends, new_key_id, open_key, sealed_keys};
use crate::names::Bank;
use crate::ports::{BankChannel, BankError, BankUser, CommitError, Expiring, Issued, RenewalRequest, Store};
use crate::records::{
    Agreement, BankCertificate, CertificateState, EncryptionPair, Key, KeyId, Record, Renewal, Stored, Write,
};
use crate::seal::Sealer;
use crate::secret::Secret;
use crate::{Context, Failure, audit};

/// So long before its end a certificate is renewed, where the bank does not say another time: half of what the watch tells of.
const BEFORE: Duration = Duration::days(30);
/// A bank is asked again for a certificate after this time, not before: a refusal may be one that people have to end.
const AGAIN: Duration = Duration::hours(20);
/// How often a change of the record is tried that met another one.
const TRIES: usize = 8;

/// What became of a certificate whose time for renewal has come.
#[derive(Debug)]
pub struct Renewed {
    /// Which.
    pub certificate: Expiring,
    /// How it went.
    pub outcome: Result<(), Failure>,
}

/// Renews the certificates that end soon and that the bank has not been asked for lately, the first to end first, and begins none
/// after `within`. Each is an enterprise of its own: the failure of one is told, and the next one follows.
///
/// The new key is kept before the bank is asked. Where the bank's answer is not known, the next time asks with that same key: banks
/// answer a key that they know with the certificate that they have issued for it.
pub async fn renew_due(
    context: Context<'_>,
    store: &dyn Store,
    sealer: &Sealer,
    banks: &dyn BankChannel,
    within: Duration,
) -> Result<Vec<Renewed>, Failure> {
    let now = context.now();
    let mut due = store.expiring(now, now + BEFORE).await?;
    due.retain(|it| banks.renews(it.bank));
    due.sort_by_key(|it| it.expires);
    let mut told = Vec::new();
    for certificate in due {
        if context.now() - now > within {
            break;
        }
        let work = Work { context, store, sealer, banks };
        match work.renew(&certificate).await {
            Ok(Some(())) => told.push(Renewed { certificate, outcome: Ok(()) }),
            // Not now.
            Ok(None) => {}
            Err(failure) => told.push(Renewed { certificate, outcome: Err(failure) }),
        }
    }
    Ok(told)
}

/// The ports of a renewal.
#[derive(Clone, Copy)]
struct Work<'a> {
    context: Context<'a>,
    store: &'a dyn Store,
    sealer: &'a Sealer,
    banks: &'a dyn BankChannel,
}

/// The keys of a certificate: the one that signs, and the one that decrypts where the bank encrypts.
struct Keys {
    signing: Secret,
    decryption: Option<Secret>,
}

impl Work<'_> {
    /// None where there is nothing to do now.
    async fn renew(self, due: &Expiring) -> Result<Option<()>, Failure> {
        let Some(before) = self.read(due).await? else { return Ok(None) };
        let old = self.open(&before.record.key, before.record.encryption.as_ref().map(|it| &it.key)).await?;
        let (id, new, begun) = self.begin(due, &before).await?;
        let certificate = &begun.record;
        let user = BankUser {
            bank: due.bank,
            user_id: &certificate.user_id,
            certificate: certificate.issued().ok_or(Failure::NoCertificate)?,
            key: &old.signing,
            decryption_key: old.decryption.as_ref(),
            target_id: None,
        };
        let request = RenewalRequest {
            user,
            company: &certificate.company,
            key: &new.signing,
            encryption_key: new.decryption.as_ref(),
        };
        match self.banks.renew(request).await {
            Ok(issued) => self.complete(due, begun, &id, issued).await.map(Some),
            Err(error) => {
                if error.nothing_done() {
                    let of_before = before.record.renewal.as_ref().is_some_and(|it| it.key.is_some());
                    self.give_up(due, begun, (&id, of_before), &error).await?;
                }
                Err(error.into())
            }
        }
    }

    /// The certificate, if it is still the one that ends, its organisation may use the bank, and the bank was not asked lately.
    async fn read(self, due: &Expiring) -> Result<Option<Stored<BankCertificate>>, Failure> {
        let names = [Key::Account(due.account.clone()), Key::Certificate(due.account.clone(), due.bank)];
        let (mut allowed, mut certificate) = (false, None);
        for Stored { record, version } in self.store.get(&names).await? {
            match record {
                Record::Account(account) => {
                    let test = account.agreement == Agreement::Test && due.bank == Bank::SIMULATOR;
                    allowed = test || account.agreement == Agreement::Active;
                }
                Record::Certificate(record) => certificate = Some(Stored { record, version }),
                _ => {}
            }
        }
        let now = self.context.now();
        Ok(certificate.filter(|it| {
            let lately = it.record.renewal.as_ref().is_some_and(|renewal| now - renewal.tried < AGAIN);
            let ends = matches!(it.record.state, CertificateState::Active { expires, .. } if expires == due.expires);
            allowed && ends && !lately
        }))
    }

    /// Keeps the new keys, unless they were kept before, and says that the bank is about to be asked.
    async fn begin(
        self,
        due: &Expiring,
        before: &Stored<BankCertificate>,
    ) -> Result<(KeyId, Keys, Stored<BankCertificate>), Failure> {
        let certificate = &before.record;
        let encrypts = certificate.encryption.is_some();
        let kept = certificate.renewal.as_ref().and_then(|it| it.key.clone());
        let (id, keys, mut writes) = if let Some(id) = kept {
            let second = encrypts.then(|| encryption_key_id(&id));
            let keys = self.open(&id, second.as_ref()).await?;
            (id, keys, Vec::new())
        } else {
            let id = new_key_id(self.context, &certificate.key.organisation, &due.account, due.bank);
            let signing = NewKey::make(self.banks, self.sealer, due.bank, id.clone()).await?;
            let mut writes = vec![Write::Insert(signing.record)];
            let mut decryption = None;
            if encrypts {
                let second = NewKey::make(self.banks, self.sealer, due.bank, encryption_key_id(&id)).await?;
                writes.push(Write::Insert(second.record));
                decryption = Some(second.key);
            }
            (id, Keys { signing: signing.key, decryption }, writes)
        };
        let renewal = Some(Renewal { tried: self.context.now(), key: Some(id.clone()) });
        let begun = BankCertificate { renewal, ..certificate.clone() };
        writes.push(Write::Replace(Record::Certificate(begun.clone()), before.version));
        writes.push(self.tell(due, "started", None));
        self.store.commit(writes).await?;
        Ok((id, keys, Stored { record: begun, version: before.version + 1 }))
    }

    /// Puts the new certificate in the old one's place. What a bank has issued is not lost for a change of the record meanwhile.
    async fn complete(
        self,
        due: &Expiring,
        begun: Stored<BankCertificate>,
        id: &KeyId,
        issued: Issued,
    ) -> Result<(), Failure> {
        let now = self.context.now();
        let expires = issued.encryption.iter().map(|it| ends(self.banks, it, now));
        let expires = expires.fold(ends(self.banks, &issued.certificate, now), OffsetDateTime::min);
        let event = self.tell(due, "completed", Some(("00", "")));
        let replaced = self.change(begun, |before| {
            let target_ids = match &before.state {
                CertificateState::Active { target_ids, .. } => target_ids.clone(),
                CertificateState::Pending => Vec::new(),
            };
            let second = issued.encryption.as_ref();
            let renewed = BankCertificate {
                key: id.clone(),
                state: CertificateState::Active { certificate: issued.certificate.clone(), expires, target_ids },
                encryption: second.map(|it| EncryptionPair { certificate: it.clone(), key: encryption_key_id(id) }),
                renewal: None,
                ..before.clone()
            };
            let keys = [Some(&before.key), before.encryption.as_ref().map(|it| &it.key)];
            let forgotten = keys.into_iter().flatten().map(|key| Write::Forget(Key::SealedKey(key.clone())));
            (renewed, forgotten.chain([event.clone()]).collect())
        });
        replaced.await
    }

    /// Nothing was issued now: the new keys go, and the bank is asked again another day. Keys of a time before stay: this answer says
    /// nothing of what the bank did then.
    async fn give_up(
        self,
        due: &Expiring,
        begun: Stored<BankCertificate>,
        (id, of_before): (&KeyId, bool),
        error: &BankError,
    ) -> Result<(), Failure> {
        let event = match error {
            BankError::Refused { code, text } => self.tell(due, "rejected", Some((code, text))),
            _ => self.tell(due, "failed", None),
        };
        let replaced = self.change(begun, |before| {
            let renewal = Some(Renewal { tried: self.context.now(), key: of_before.then(|| id.clone()) });
            let second = before.encryption.as_ref().map(|_| encryption_key_id(id));
            let keys = [Some(id.clone()), second].into_iter().flatten().filter(|_| !of_before);
            let forgotten = keys.map(|key| Write::Forget(Key::SealedKey(key)));
            (BankCertificate { renewal, ..before.clone() }, forgotten.chain([event.clone()]).collect())
        });
        replaced.await
    }

    /// Replaces the record by what is made of it as it is now, in one transaction with what goes with that. A record that was
    /// changed meanwhile is looked at anew: shares come and go.
    async fn change(
        self,
        mut before: Stored<BankCertificate>,
        make: impl Fn(&BankCertificate) -> (BankCertificate, Vec<Write>),
    ) -> Result<(), Failure> {
        for _ in 0..TRIES {
            let (record, others) = make(&before.record);
            let mut writes = vec![Write::Replace(Record::Certificate(record), before.version)];
            writes.extend(others);
            match self.store.commit(writes).await {
                Err(CommitError::Conflict { index: 0, current }) => match current.map(|it| *it) {
                    Some(Stored { record: Record::Certificate(now), version }) if now.key == before.record.key => {
                        before = Stored { record: now, version };
                    }
                    // Retired meanwhile: there is nothing to renew.
                    _ => return Err(Failure::NoCertificate),
                },
                outcome => return Ok(outcome?),
            }
        }
        Err(Failure::Unavailable("the certificate's record changes all the time".to_owned()))
    }

    async fn open(self, signing: &KeyId, decryption: Option<&KeyId>) -> Result<Keys, Failure> {
        let names: Vec<Key> = [Some(signing), decryption].into_iter().flatten().cloned().map(Key::SealedKey).collect();
        let at_rest = sealed_keys(self.store, &names).await?;
        let decryption = match decryption {
            Some(id) => Some(open_key(self.sealer, id, &at_rest).await?),
            None => None,
        };
        Ok(Keys { signing: open_key(self.sealer, signing, &at_rest).await?, decryption })
    }

    fn tell(self, due: &Expiring, outcome: &str, bank_said: Option<(&str, &str)>) -> Write {
        let object = format!("{} {}", due.account, due.bank.as_str());
        audit::by_itself(self.context, &due.organisation, "certificate.renew", outcome, &object, bank_said)
    }
}

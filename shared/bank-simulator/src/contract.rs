//! Contracts: who may enrol with which secret, and what a customer has from the start.

use zeroize::Zeroizing;

use crate::BankKey;

/// A customer's contract with a bank.
#[derive(Clone, Default)]
pub struct Contract {
    /// WS user id: `SenderId`.
    pub user_id: String,
    /// `CustomerId` in application requests, where it is another.
    pub customer_id: Option<String>,
    /// The name in the agreement: at Nordea the request's common name must be this one.
    pub name: Option<String>,
    /// Activation code, transfer key or PIN; without it nobody enrols.
    pub secret: Option<Zeroizing<String>>,
    /// Certificates in force from the start, DER. Danske Bank's come in pairs: signing and encryption.
    pub certificates: Vec<Vec<u8>>,
    /// Targets, the first being the customer's own; empty for what the bank would give.
    pub target_ids: Vec<String>,
    /// Files that are there from the start.
    pub files: Vec<ReadyFile>,
}

/// A file that is there from the start.
#[derive(Clone)]
pub struct ReadyFile {
    /// File type.
    pub file_type: String,
    /// Reference; none for one of the bank's making.
    pub reference: Option<String>,
    /// The bytes.
    pub content: Vec<u8>,
    /// NEW, or fetched already; at a bank that lists uploads also WFP and FWD.
    pub status: Option<String>,
}

/// Which contracts a bank has.
#[derive(Clone)]
pub(crate) enum Contracts {
    /// Any user id and secret of the right shape (isecure brief 2.9).
    Any,
    /// These.
    Listed(Vec<Contract>),
    /// Whoever has a certificate of the customers' authority, by the user id that its subject names; a secret, where one
    /// is given, is everybody's.
    Open(Option<Zeroizing<String>>),
}

/// The secret that proves a new customer.
pub(crate) enum Secret<'a> {
    /// Nobody knows such a contract, or it has none.
    None,
    Is(&'a str),
    /// Any of the right shape.
    Any,
}

impl Contracts {
    pub(crate) fn of(bank: BankKey) -> Self {
        let listed = |contracts: &[(&str, &str)]| {
            Self::Listed(
                contracts
                    .iter()
                    .map(|(user_id, secret)| Contract {
                        user_id: (*user_id).to_owned(),
                        secret: Some(Zeroizing::new((*secret).to_owned())),
                        ..Contract::default()
                    })
                    .collect(),
            )
        };
        match bank {
            BankKey::Simulator => Self::Any,
            BankKey::Nordea => listed(&[("11111111", "1234567890")]),
            BankKey::Osuuspankki => listed(&[
                ("1000000000", "2251401483958635"),
                ("1000000001", "3141592653589796"),
                ("1000000002", "2718281828459045"),
            ]),
            BankKey::Danskebank => listed(&[("360817", "1234"), ("360818", "2345"), ("360819", "3456")]),
            _ => listed(&[
                ("12345678", "1234567812345670"),
                ("12345679", "3141592653589796"),
                ("12345680", "2718281828459045"),
            ]),
        }
    }

    pub(crate) fn find(&self, user_id: &str) -> Option<&Contract> {
        match self {
            Self::Listed(contracts) => contracts.iter().find(|contract| contract.user_id == user_id),
            Self::Any | Self::Open(_) => None,
        }
    }

    /// Whether somebody may have this user id.
    pub(crate) fn knows(&self, user_id: &str) -> bool {
        match self {
            Self::Any => (1..=16).contains(&user_id.len()) && user_id.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            Self::Listed(_) => self.find(user_id).is_some(),
            Self::Open(_) => true,
        }
    }

    pub(crate) fn secret(&self, user_id: &str) -> Secret<'_> {
        match self {
            Self::Any | Self::Open(None) => Secret::Any,
            Self::Open(Some(secret)) => Secret::Is(secret),
            Self::Listed(_) => match self.find(user_id).and_then(|contract| contract.secret.as_deref()) {
                Some(secret) => Secret::Is(secret),
                None => Secret::None,
            },
        }
    }

    /// `CustomerId` of a user's application requests.
    pub(crate) fn customer_id<'a>(&'a self, user_id: &'a str) -> &'a str {
        self.find(user_id).and_then(|contract| contract.customer_id.as_deref()).unwrap_or(user_id)
    }
}

/// Sixteen digits of which the last is the check digit (modulus 10 by Luhn, brief 4).
pub(crate) fn is_transfer_key(text: &str) -> bool {
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let digits: Option<Vec<u32>> = text.chars().rev().map(|character| character.to_digit(10)).collect();
    digits.is_some_and(|digits| {
        let sum: u32 =
            digits.iter().enumerate().map(|(at, digit)| if at % 2 == 1 { doubled(*digit) } else { *digit }).sum();
        digits.len() == 16 && sum.is_multiple_of(10)
    })
}

#[cfg(test)]
mod tests {
    use super::is_transfer_key;

    #[test]
    fn a_transfer_key_has_sixteen_digits_and_a_check_digit() {
        for key in ["2251401483958635", "1234567812345670", "3141592653589796", "2718281828459045"] {
            assert!(is_transfer_key(key), "{key}");
        }
        for key in
            ["2251401483958636", "2251401483956835", "225140148395863", "02251401483958635", "225140148395863a", ""]
        {
            assert!(!is_transfer_key(key), "{key}");
        }
    }
}

//! The banks by name, and the family whose protocol each speaks (brief 1).

/// A bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BankKey {
    /// Any user id and any activation code of the right shape enrols (isecure brief 2.9).
    Simulator,
    /// User id 11111111, activation code 1234567890, `TargetId` 11111111A1.
    Nordea,
    /// OP.
    Osuuspankki,
    /// Danske Bank: encrypted files and the PKI Factory.
    Danskebank,
    /// Samlink family.
    Aktia,
    /// Samlink family: Säästöpankki.
    Sp,
    /// Samlink family: POP Pankki.
    Pop,
    /// Samlink family: Handelsbanken.
    Shb,
    /// Samlink family: Oma Säästöpankki.
    Omasp,
    /// Nothing is known of its protocol; an assumption stands in (see `docs/bank-simulator.md`).
    Spankki,
    /// Nothing is known of its protocol; an assumption stands in.
    Alandsbanken,
    /// Nothing is known of its protocol; an assumption stands in.
    Seb,
    /// A bank of any other name, which exists by configuration only.
    Configured,
}

/// Whose protocol a bank speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    Nordea,
    Op,
    Danske,
    Samlink,
    /// The joint specification with the certificate service that OP and Samlink have: an assumption.
    Common,
}

impl BankKey {
    /// Every bank that has a name of its own.
    pub const ALL: [Self; 12] = [
        Self::Simulator,
        Self::Nordea,
        Self::Osuuspankki,
        Self::Danskebank,
        Self::Aktia,
        Self::Sp,
        Self::Pop,
        Self::Shb,
        Self::Omasp,
        Self::Spankki,
        Self::Alandsbanken,
        Self::Seb,
    ];

    /// The name in addresses and folder names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::Nordea => "nordea",
            Self::Osuuspankki => "osuuspankki",
            Self::Danskebank => "danskebank",
            Self::Aktia => "aktia",
            Self::Sp => "sp",
            Self::Pop => "pop",
            Self::Shb => "shb",
            Self::Omasp => "omasp",
            Self::Spankki => "spankki",
            Self::Alandsbanken => "alandsbanken",
            Self::Seb => "SEB",
            Self::Configured => "configured",
        }
    }

    /// The bank with this name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|bank| bank.as_str() == name)
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Self::Simulator | Self::Nordea => Family::Nordea,
            Self::Osuuspankki => Family::Op,
            Self::Danskebank => Family::Danske,
            Self::Aktia | Self::Sp | Self::Pop | Self::Shb | Self::Omasp => Family::Samlink,
            Self::Spankki | Self::Alandsbanken | Self::Seb | Self::Configured => Family::Common,
        }
    }

    /// Whose keys the bank answers with: the Samlink banks have one server and one customer authority for all.
    pub(crate) fn key_folder(self) -> &'static str {
        match self.family() {
            Family::Samlink => "samlink",
            _ => self.as_str(),
        }
    }
}

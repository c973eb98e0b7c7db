//! Nordea (brief 3), and the simulator bank, which speaks Nordea's protocol.

use super::{
    Characters::{Alphanumeric, Digits, Printable, PrintableWithoutSpace},
    Endpoints, Enrolment, Profile, Proof, Shape, StatusWords, SubjectPart, TargetIdRule,
};

/// Nordea: SHA-256 addresses, `TargetId` in every request on files, code 24 for an empty list, activation by HMAC.
pub const NORDEA: Profile = Profile {
    bank: "nordea",
    receiver_id: "NDEAFIHH",
    endpoints: Some(Endpoints {
        files: "https://filetransfer.nordea.com/services/CorporateFileService/sha2",
        certificates: "https://filetransfer.nordea.com/services/CertificateService/sha2",
    }),
    // Nordea Corporate Server CA 03, 2021-08-04 to 2036-08-04, as in the bank's own answers. Self-signed with SHA-1, which says
    // nothing about what it signs: a root is trusted by its key.
    pinned_root: Some(include_str!("nordea_corporate_server_ca_03.pem")),
    status_words: StatusWords { new: "NEW", downloaded: "DOWNLOADED", all: "ALL" },
    target_id: TargetIdRule::Required,
    empty_list_code: Some("24"),
    enrolment: Enrolment {
        user_id: Shape { length: 1..=16, characters: Alphanumeric },
        code: Shape { length: 10..=10, characters: Digits },
        proof: Proof::Hmac,
        namespace: "http://filetransfer.nordea.com/xmldata/",
        service: "service",
        subject: &[SubjectPart::Country("FI"), SubjectPart::CompanyAsCommonName, SubjectPart::UserIdAsSerialNumber],
    },
};

/// The simulator: Nordea's protocol at an address of its own, with the enrolment rule of the API's simulator bank.
///
/// There any code of the right shape is good, so the bank has nothing to compare an HMAC with. Therefore the code goes
/// along in `TransferKey`, an element that the schema has for this, and the bank can check the rule and the HMAC.
pub const SIMULATOR: Profile = Profile {
    bank: "simulator",
    endpoints: None,
    pinned_root: None,
    enrolment: Enrolment {
        user_id: Shape { length: 1..=16, characters: Printable },
        code: Shape { length: 16..=32, characters: PrintableWithoutSpace },
        proof: Proof::HmacAndTransferKey,
        ..NORDEA.enrolment
    },
    ..NORDEA
};

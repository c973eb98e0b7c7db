//! The file types that contracts allow, by family (brief 3 to 6).

/// A file type that a contract allows.
#[derive(Debug)]
pub(crate) struct FileType {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) upload: bool,
}

const fn upload(name: &'static str, description: &'static str) -> FileType {
    FileType { name, description, upload: true }
}

const fn download(name: &'static str, description: &'static str) -> FileType {
    FileType { name, description, upload: false }
}

/// By their ISO 20022 names.
pub(crate) const ISO: &[FileType] = &[
    upload("pain.001.001.03", "Payments, version 3"),
    upload("pain.001.001.09", "Payments, version 9"),
    download("pain.002.001.03", "Payment status"),
    download("camt.053.001.02", "Account statement"),
    download("camt.054.001.02", "Debit notification"),
];

/// NDCORPAYS and those after it are Nordea's own names (brief 3); under the others nothing is ever laid out.
pub(crate) const NORDEA: &[FileType] = &[
    upload("pain.001.001.03", "Payments, version 3"),
    upload("pain.001.001.09", "Payments, version 9"),
    upload("NDCORPAYS", "Corporate payments"),
    upload("LAHLASKUT", "LAHLASKUT"),
    upload("LMP300", "LMP300"),
    upload("SV", "SV"),
    download("pain.002.001.10", "Payment status"),
    download("camt.053.001.02", "Account statement"),
    download("camt.054.001.02", "Debit notification"),
    download("NDCORPAYL", "Corporate payments, feedback"),
    download("TITO", "Account statement, reference format"),
    download("BRSWIFT", "BRSWIFT"),
    download("HAELASKUT", "HAELASKUT"),
    download("HTMBR", "HTMBR"),
    download("HTMKTL", "HTMKTL"),
    download("HTMKTO", "HTMKTO"),
    download("HTMVASTEL", "HTMVASTEL"),
    download("HYLLASKUT", "HYLLASKUT"),
    download("INFO", "INFO"),
    download("KORKO", "KORKO"),
    download("KTL", "KTL"),
    download("LMPPAL", "LMPPAL"),
    download("SVPAL", "SVPAL"),
    download("SVVAL", "SVVAL"),
    download("SW940", "SW940"),
    download("TXTKTL", "TXTKTL"),
    download("TXTKTO", "TXTKTO"),
    download("VKEUR", "VKEUR"),
];

/// OP's own names have been seen without their meaning (brief 4); nothing is ever laid out under them.
pub(crate) const OP: &[FileType] = &[
    upload("pain.001.001.03", "Payments, version 3"),
    upload("pain.001.001.09", "Payments, version 9"),
    download("pain.002.001.02", "Payment status"),
    download("camt.053.001.02", "Account statement"),
    download("camt.054.001.02", "Debit notification"),
    download("TL", "TL"),
    download("TI", "TI"),
    download("XI", "XI"),
    download("XR", "XR"),
];

/// Brief 6. XL is sent; XP and XT are what comes back; under the others nothing is ever laid out.
pub(crate) const SAMLINK: &[FileType] = &[
    upload("XL", "Payments"),
    download("XP", "Payment status"),
    download("XT", "Account statement"),
    download("TO", "TO"),
    download("RA", "RA"),
    download("OP", "OP"),
    download("VL", "VL"),
    download("VN", "VN"),
    download("VP", "VP"),
    download("XE", "XE"),
    download("XM", "XM"),
    download("VE", "VE"),
    download("VA", "VA"),
    download("VB", "VB"),
    download("WK", "WK"),
    download("0250", "0250"),
    download("0800", "0800"),
    download("0810", "0810"),
    download("0820", "0820"),
    download("0860", "0860"),
];

//! Response codes and their texts (brief 2.6).

use std::borrow::Cow;

/// A response code with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) number: Cow<'static, str>,
    pub(crate) text: Cow<'static, str>,
}

pub(crate) const fn code(number: &'static str, text: &'static str) -> Code {
    Code { number: Cow::Borrowed(number), text: Cow::Borrowed(text) }
}

pub(crate) const OK: Code = code("00", "OK.");
pub(crate) const SOAP_SIGNATURE: Code = code("02", "SOAP signature error.");
pub(crate) const CERTIFICATE_NOT_FOR_ID: Code = code("03", "SOAP signature error (certificate not valid for this id).");
pub(crate) const CERTIFICATE_NOT_VALID: Code = code("04", "SOAP signature error (certificate not valid).");
pub(crate) const OPERATION_UNKNOWN: Code = code("05", "Operation unknown.");
pub(crate) const OPERATION_RESTRICTED: Code = code("06", "Operation is restricted.");
pub(crate) const SENDER_NOT_FOUND: Code = code("07", "SenderID not found.");
pub(crate) const SENDER_LOCKED: Code = code("08", "SenderID locked.");
pub(crate) const SCHEMA: Code = code("12", "Schema validation failed.");
pub(crate) const CUSTOMER_NOT_FOUND: Code = code("13", "CustomerID not found.");
pub(crate) const CONTENT_SIGNATURE: Code = code("18", "Content digital signature not valid.");
pub(crate) const CONTENT_CERTIFICATE: Code = code("19", "Content certificate not valid.");
pub(crate) const CONTENT_TYPE: Code = code("20", "Content type not valid.");
pub(crate) const DEFLATE: Code = code("21", "Deflate error.");
pub(crate) const DECRYPT: Code = code("22", "Decrypt error.");
pub(crate) const CONTENT_PROCESSING: Code = code("23", "Content processing error. Download feedback.");
pub(crate) const CONTENT_NOT_FOUND: Code = code("24", "Content not found.");
pub(crate) const CONTENT_NOT_ALLOWED: Code = code("25", "Content not allowed.");
pub(crate) const TECHNICAL: Code = code("26", "Technical error.");
pub(crate) const CANNOT_BE_DELETED: Code = code("27", "Cannot be deleted.");
pub(crate) const COMMAND_MISMATCH: Code = code("29", "Command Mismatch");
pub(crate) const ENVIRONMENT_MISMATCH: Code = code("29", "Environment mismatch");
pub(crate) const NO_FILE_REFERENCE: Code =
    code("29", "Invalid parameters: At least one FileReference required for downloading");
pub(crate) const AUTHENTICATION: Code = code("30", "Authentication failed.");
pub(crate) const DUPLICATE: Code = code("31", "Duplicate message rejected.");
pub(crate) const REPEATED: Code = code("32", "Duplicate ApplicationRequest rejected.");
pub(crate) const GENERAL_ERROR: Code = code("32", "GENERAL ERROR");
pub(crate) const CUSTOMER_INFORMATION: Code = code("33", "Error in customer information.");
pub(crate) const CONTRACT_OR_MAC: Code = code("34", "Contract not found / error in MAC value.");

/// 29 with the parameter that is wrong.
pub(crate) const fn invalid_parameter(text: &'static str) -> Code {
    code("29", text)
}

/// Why a request is not carried out, and the form in which that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A signed answer with this code.
    Answer(Code),
    /// The same, with a status report (its file type and bytes) in Content.
    Feedback(Code, &'static str, Vec<u8>),
    /// An unsigned SOAP Fault with this code in its detail.
    SoapFault(Code),
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::Answer(code)
    }
}

//! Messages of any size, as a bank and its customer send them (bank-channel brief 2.3 and 2.5).

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};

/// An `ApplicationResponse` with this many file descriptors, in the form of the recorded
/// ones of Nordea (`resp_dfl_sepa.xml` of the reference data).
pub fn answer(files: usize) -> String {
    let mut descriptors = String::new();
    for file in 0..files {
        write!(
            descriptors,
            "<c2b:FileDescriptor><c2b:FileReference>11111111A120060303195030{file:08}</c2b:FileReference><c2b:TargetId>11111111A1</c2b:TargetId><c2b:ServiceId>NDEAFIHHXXX-FI1-EUR-19503000000010</c2b:ServiceId><c2b:FileType>TITO</c2b:FileType><c2b:FileTimestamp>2027-01-15T08:00:00.0Z</c2b:FileTimestamp><c2b:Status>NEW</c2b:Status></c2b:FileDescriptor>"
        )
        .unwrap();
    }
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><c2b:ApplicationResponse xmlns:c2b="http://bxd.fi/xmldata/"><c2b:CustomerId>162355330</c2b:CustomerId><c2b:Timestamp>2027-01-15T10:00:00.0Z</c2b:Timestamp><c2b:ResponseCode>00</c2b:ResponseCode><c2b:ResponseText>OK.</c2b:ResponseText><c2b:Encrypted>false</c2b:Encrypted><c2b:Compressed>false</c2b:Compressed><c2b:FileDescriptors>{descriptors}</c2b:FileDescriptors></c2b:ApplicationResponse>"#
    )
}

/// A file of so many bytes.
pub fn file(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| b"<Dbtr>Yritys Oy</Dbtr>\n"[at % 23]).collect()
}

/// An `ApplicationRequest` that uploads this file.
pub fn upload(file: &[u8]) -> String {
    let content = STANDARD.encode(file);
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><ApplicationRequest xmlns="http://bxd.fi/xmldata/"><CustomerId>162355330</CustomerId><Command>UploadFile</Command><Timestamp>2027-01-15T10:00:00Z</Timestamp><Environment>PRODUCTION</Environment><SoftwareId>Avain</SoftwareId><FileType>NDCORPAYS</FileType><Content>{content}</Content></ApplicationRequest>"#
    )
}

/// An envelope, not signed yet, with an application message.
pub fn envelope(operation: &str, element: &str, application: &str) -> String {
    let application = STANDARD.encode(application);
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:cor="http://bxd.fi/CorporateFileService" xmlns:mod="http://model.bxd.fi"><soapenv:Header/><soapenv:Body><cor:{operation}><mod:RequestHeader><mod:SenderId>11111111</mod:SenderId><mod:RequestId>0123456789</mod:RequestId><mod:Timestamp>2027-01-15T10:00:00Z</mod:Timestamp><mod:Language>EN</mod:Language><mod:UserAgent>Avain</mod:UserAgent><mod:ReceiverId>NDEAFIHH</mod:ReceiverId></mod:RequestHeader><mod:{element}>{application}</mod:{element}></cor:{operation}></soapenv:Body></soapenv:Envelope>"#
    )
}

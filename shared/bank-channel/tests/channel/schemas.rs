//! Answers that the banks' schemas do not have.

use avain_bank_channel::answer;
use avain_bank_channel::check::Reason;
use avain_xml_security::enveloped;

use crate::bank::{Answer, expected_of};
use crate::checks::{LIST, World};
use crate::danske::factory;

#[test]
fn what_the_schema_does_not_have_is_refused() {
    let world = World::new();
    let xsi = "xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i";
    let with = |from: &str, to: &str| LIST.replace(from, to);
    let before = |elements: &str| format!("{elements}{LIST}");
    let after = |elements: &str| format!("{LIST}{elements}");
    for (what, rest, fits) in [
        ("as it is", LIST.to_owned(), true),
        ("white space", with("><", ">\n\t<"), true),
        ("text between", with("><Target", ">x<Target"), false),
        ("text before", before("x"), false),
        ("an attribute", with("<FileDescriptors>", "<FileDescriptors a=\"1\">"), false),
        ("an attribute of a text", with("<Status>", "<Status a=\"1\">"), false),
        ("an id", with("<Status>", "<Status xml:id=\"a\">"), false),
        ("of XML Schema", with("<Status>", &format!("<Status {xsi}:type=\"x\">")), true),
        ("nil", with("<Status>", &format!("<Status {xsi}:nil=\"false\">")), false),
        ("unknown of XML Schema", with("<Status>", &format!("<Status {xsi}:a=\"1\">")), false),
        ("an element in a text", with(">NEW<", ">NEW<a/><"), false),
        ("an element in a flag", before("<Compressed>false<Compressed/></Compressed>"), false),
        ("an element in base64", after("<Content>aGVsbG8=<Content/></Content>"), false),
        ("anything in what is open", after("<CustomerExtension a=\"1\">x<a b=\"1\"/></CustomerExtension>"), true),
        ("a day that is none", with("2027-01-15", "2027-02-30"), false),
        ("the end of a day", with("00:00:00", "24:00:00"), true),
        ("a zone that is none", with("00Z", "00+15:00"), false),
        ("a number", before("<AmountTotal>-1.5E3</AmountTotal>"), true),
        ("infinite", before("<AmountTotal>INF</AmountTotal>"), true),
        ("infinite in Rust", before("<AmountTotal>infinity</AmountTotal>"), false),
        ("a list without files", "<FileDescriptors/>".to_owned(), false),
    ] {
        let answer = Answer { rest: &rest, ..Answer::default() }.signed(&world.bank);
        let reason = world.reason("nordea", &answer);
        assert_eq!(reason, (!fits).then_some(Reason::Schema), "{what}");
        let arrived = answer::file_list(&answer, &expected_of("nordea"), &world.bank.judge());
        assert_eq!(arrived.is_ok(), fits, "{what} as it arrives: {arrived:?}");
    }
    // A signature counts wherever it is, and must be last all the same.
    let answer = Answer { rest: LIST, ..Answer::default() };
    let signed = enveloped::sign(&answer.application(), &world.bank.signer, &enveloped::Form::INCLUSIVE).unwrap();
    let (before, signature) = signed.split_at(signed.find("<ds:Signature").unwrap());
    let (signature, after) = signature.split_at(signature.find("</c2b:").unwrap());
    let (start, children) = before.split_at(before.find("<CustomerId").unwrap());
    for (application, reason) in
        [(signed.clone(), None), (format!("{start}{signature}{children}{after}"), Some(Reason::Schema))]
    {
        assert_eq!(world.reason("nordea", &answer.wrapped(&world.bank, &application)), reason);
    }
}

#[test]
fn what_the_schema_of_pki_factory_does_not_have_is_refused() {
    let world = World::new();
    let status = |status: &str| {
        format!(
            "<e:CertificateStatus><e:CertificateSerialNo>1</e:CertificateSerialNo><e:CertificateType>signing\
             </e:CertificateType><e:MatchingCertificateSerialNo>2</e:MatchingCertificateSerialNo><e:Status>{status}\
             </e:Status></e:CertificateStatus>"
        )
    };
    let end = "<e:Timestamp>2027-01-15T10:00:30Z</e:Timestamp><e:RequestId/>";
    let answered = |statuses: &str| ("CertificateStatus", format!("{statuses}{end}"));
    let good = status("<e:good expiryDate=\"2027-01-15T10:00:30Z\"/>");
    let revoked = |reason: &str| {
        answered(&status(&format!("<e:revoked revocationDate=\"2027-01-15T10:00:30Z\" CRLReason=\"{reason}\"/>")))
    };
    let revocation = |environment: &str| {
        let rest = format!(
            "<e:CertificateSerialNo>1</e:CertificateSerialNo><e:RevocationTime>2027-01-15T10:00:30Z\
             </e:RevocationTime><e:RequestId/><e:Environment>{environment}</e:Environment>"
        );
        ("RevokeCertificate", rest)
    };
    for (what, (operation, rest), fits) in [
        ("as it is", answered(&good), true),
        ("ten", answered(&good.repeat(10)), true),
        ("eleven", answered(&good.repeat(11)), false),
        ("none", answered(""), false),
        ("without a date", answered(&status("<e:expired/>")), true),
        ("a status that is none", answered(&status("<e:better/>")), false),
        ("two", answered(&status("<e:good/><e:good/>")), false),
        ("a text", answered(&status("good")), false),
        ("something in it", answered(&status("<e:good>x</e:good>")), false),
        ("another's date", answered(&status("<e:good revocationDate=\"2027-01-15T10:00:30Z\"/>")), false),
        ("a date that is none", answered(&status("<e:good expiryDate=\"15.1.2027\"/>")), false),
        ("a type that is none", answered(&good.replace("signing", "ca")), false),
        ("revoked", revoked("1"), true),
        ("a reason that is none", revoked("6"), false),
        ("revocation", revocation("production"), true),
        ("an environment that is none", revocation("PRODUCTION"), false),
    ] {
        let answer = factory(&world.bank, operation, "00", &rest);
        let reason = world.reason("danskebank", &answer);
        assert_eq!(reason, (!fits).then_some(Reason::Schema), "{what}");
    }
}

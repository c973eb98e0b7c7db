//! Lists and downloads.

use std::io::Read as _;

use avain_bank_simulator::BankKey;
use flate2::read::GzDecoder;
use time::Duration;

use crate::payments::{judge, payment};
use crate::request::{Call, Customer};
use crate::world::World;

const BANK: BankKey = BankKey::Simulator;

#[tokio::test]
async fn user_info_names_the_target_and_the_file_types() {
    let world = World::start().await;
    let customer = Customer::enrol(&world, BankKey::Nordea, "11111111", "Esimerkki Oy").await;
    let answer = customer.call(&world, &Call::user_info().without("TargetId")).await;
    answer.is("00", "OK.");
    judge(&answer);
    assert_eq!(answer.operation, "getUserInfoout");
    assert!(answer.all("TargetId").iter().all(|target| target == "11111111A1"));
    let types: Vec<_> = answer.all("FileType").into_iter().zip(answer.all("Direction")).collect();
    for (name, direction) in [
        ("pain.001.001.03", "Upload"),
        ("pain.001.001.09", "Upload"),
        ("pain.002.001.10", "Download"),
        ("camt.053.001.02", "Download"),
        ("camt.054.001.02", "Download"),
    ] {
        assert!(types.contains(&(name.to_owned(), direction.to_owned())), "{types:?}");
    }
}

#[tokio::test]
async fn a_download_marks_the_file_and_repeats_its_bytes() {
    let world = World::start().await;
    let customer = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    let listed = customer.list(&world, "NEW").await;
    judge(&listed);
    assert_eq!((listed.all("FileType"), listed.all("Status")), (vec!["camt.053.001.02".into()], vec!["NEW".into()]));
    assert_eq!(listed.all("FileTimestamp"), ["2027-01-15T10:00:30Z"]);
    let reference = listed.all("FileReference").remove(0);
    assert!(reference.len() <= 32 && reference.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    customer.list(&world, "DOWNLOADED").await.is("24", "Content not found.");

    world.pass(Duration::hours(1));
    let answer = customer.call(&world, &Call::download(&reference)).await;
    judge(&answer);
    let first = answer.bytes("Content");
    let empty = customer.list(&world, "NEW").await;
    empty.is("24", "Content not found.");
    judge(&empty);
    for status in ["DOWNLOADED", "ALL"] {
        let listed = customer.list(&world, status).await;
        judge(&listed);
        assert_eq!(listed.all("Status"), ["DOWNLOADED"]);
        assert_eq!(listed.all("FileTimestamp"), ["2027-01-15T10:00:30Z"]);
        assert_eq!(listed.all("LastDownloadTimestamp"), ["2027-01-15T11:00:30Z"]);
    }
    world.pass(Duration::days(40));
    assert_eq!(customer.call(&world, &Call::download(&reference)).await.bytes("Content"), first);

    let answer = customer.call(&world, &Call::download(&reference).with("Compression", "true")).await;
    judge(&answer);
    assert_eq!((answer.all("Compressed"), answer.all("CompressionMethod")), (vec!["true".into()], vec!["GZIP".into()]));
    let mut unpacked = Vec::new();
    GzDecoder::new(&*answer.bytes("Content")).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, first);
}

#[tokio::test]
async fn a_list_is_filtered_by_type_and_date() {
    let world = World::start().await;
    let customer = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    world.pass(Duration::days(1));
    let upload = Call::upload("pain.001.001.09", payment("pain.001.001.09", "M1", &["1.00"]).as_bytes());
    customer.call(&world, &upload).await.is("00", "OK.");
    for (call, types) in [
        (Call::list("NEW"), vec!["camt.053.001.02", "pain.002.001.10", "camt.054.001.02", "camt.053.001.02"]),
        (Call::list("NEW").with("FileType", "camt.053.001.02"), vec!["camt.053.001.02", "camt.053.001.02"]),
        (Call::list("ALL").with("EndDate", "2027-01-15"), vec!["camt.053.001.02"]),
        (
            Call::list("ALL").with("StartDate", "2027-01-15").with("EndDate", "2027-01-15+02:00"),
            vec!["camt.053.001.02"],
        ),
        (
            Call::list("ALL").with("StartDate", "2027-01-16").with("FileType", "camt.054.001.02"),
            vec!["camt.054.001.02"],
        ),
        (Call::list("ALL").with("StartDate", "2027-01-17"), vec![]),
        (Call::list("ALL").with("FileType", "TITO"), vec![]),
        (Call::list("ALL").with("FileType", "pain.001.001.09"), vec![]),
    ] {
        let answer = customer.call(&world, &call).await;
        assert_eq!(answer.code, if types.is_empty() { "24" } else { "00" });
        assert_eq!(answer.all("FileType"), types);
    }
    let backwards = Call::list("ALL").with("StartDate", "2027-01-17").with("EndDate", "2027-01-16");
    customer.call(&world, &backwards).await.is("29", "Invalid parameters: StartDate is after EndDate");
}

#[tokio::test]
async fn a_download_names_one_file_of_the_customer() {
    let world = World::start().await;
    let customer = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    let answer = customer.call(&world, &Call::new("downloadFile", "DownloadFile")).await;
    answer.is("29", "Invalid parameters: At least one FileReference required for downloading");
    judge(&answer);
    customer.call(&world, &Call::download("unknown")).await.is("24", "Content not found.");
    let two = "<FileReference>a</FileReference><FileReference>b</FileReference>";
    let answer = customer.call(&world, &Call::new("downloadFile", "DownloadFile").with("FileReferences", two)).await;
    answer.is("29", "Invalid parameters: Only one FileReference at a time");
    // Nordea wants to know which kind of file, too.
    for (left_out, text) in
        [("Status", "Invalid parameters: Status is required"), ("FileType", "Invalid parameters: FileType is required")]
    {
        customer.call(&world, &Call::download("unknown").without(left_out)).await.is("29", text);
    }
}

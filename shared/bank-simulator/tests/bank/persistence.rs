//! What a folder keeps.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use avain_bank_simulator::{BankKey, Config, Error, Simulator};
use time::OffsetDateTime;

use crate::payments::payment;
use crate::request::{Call, Customer};
use crate::world::{NOW, World, texts};

const BANK: BankKey = BankKey::Simulator;

async fn open(folder: &Path) -> World {
    World::with(|config| config.folder = Some(folder.to_owned())).await
}

#[tokio::test]
async fn a_bank_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("banks");
    let world = open(&folder).await;
    let root = world.simulator.root_pem(BANK).unwrap();
    let before = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    let customer = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    let statement = customer.new_file(&world, "camt.053.001.02").await;
    let upload = Call::upload("pain.001.001.09", payment("pain.001.001.09", "M1", &["0.75"]).as_bytes());
    let sent = upload.envelope(&world, &customer);
    world.files(BANK, &sent).await.is("00", "OK.");
    let listed = customer.list(&world, "ALL").await.all("FileReference");
    drop(world);

    let world = open(&folder).await;
    assert_eq!(world.simulator.root_pem(BANK).unwrap(), root);
    world.files(BANK, &sent).await.is("31", "Duplicate message rejected.");
    before.list(&world, "ALL").await.is_fault("04");
    let again = customer.list(&world, "ALL").await;
    assert_eq!(again.all("FileReference"), listed);
    assert_eq!(again.all("Status"), ["DOWNLOADED", "NEW", "NEW", "NEW"]);
    assert_eq!(customer.download(&world, &listed[0]).await, statement);
    customer.new_file(&world, "camt.053.001.02").await;
    let next = Call::upload("pain.001.001.09", payment("pain.001.001.09", "M2", &["0.25"]).as_bytes());
    customer.call(&world, &next).await.is("00", "OK.");
    let statement = customer.new_file(&world, "camt.053.001.02").await;
    assert_eq!(texts(&statement, "Amt")[..2], ["9999999.25", "9999999.00"]);
    // Certificates issued after the restart come from the same authority, with other serial numbers.
    let renewed = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    assert_ne!(renewed.key.certificate(), customer.key.certificate());
    renewed.list(&world, "ALL").await.is("00", "OK.");

    for bank in ["simulator", "nordea"] {
        let folder = folder.join(bank);
        assert_eq!(mode(&folder), 0o700);
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            assert_ne!(path.extension().unwrap(), "new", "no leftover");
        }
    }
}

#[tokio::test]
async fn other_banks_go_on_where_they_were_too() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    let pair = crate::pki::enrol(&world).await;
    let upload = Call::upload("pain.001.001.03", payment("pain.001.001.03", "M1", &["1.00"]).as_bytes());
    let reference = pair.call(&world, &upload).await.all("FileReference").remove(0);
    for _ in 0..4 {
        crate::pki::create(&world, &pair.bank, "360818", "wrong").await.is("20", "Problem with UserId or PIN.");
    }
    let sp = crate::transfer_key::enrol(&world, BankKey::Sp, "12345678", "1234567812345670").await;
    let decrypts_with = world.decrypts_with.lock().unwrap().clone();
    let roots = [BankKey::Danskebank, BankKey::Pop].map(|bank| world.simulator.root_pem(bank).unwrap());
    drop(world);

    let world = open(folder.path()).await;
    *world.decrypts_with.lock().unwrap() = decrypts_with;
    assert_eq!([BankKey::Danskebank, BankKey::Pop].map(|bank| world.simulator.root_pem(bank).unwrap()), roots);
    crate::pki::create(&world, &pair.bank, "360818", "2345").await.is("20", "Problem with UserId or PIN.");
    crate::pki::create(&world, &pair.bank, "360817", "1234").await.is("20", "Problem with UserId or PIN.");
    crate::pki::create(&world, &pair.bank, "360819", "3456").await.is("00", "OK");
    assert!(pair.call(&world, &Call::list("ALL")).await.all("FileReference").contains(&reference));
    pair.call(&world, &Call::delete(&reference)).await.is("00", "OK");
    sp.list(&world, "NEW").await.is("00", "OK");
}

#[tokio::test]
async fn a_bank_without_a_folder_works_and_starts_anew() {
    let memory = async || World::with(|config| config.folder = None).await;
    let world = memory().await;
    let customer = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    customer.new_file(&world, "camt.053.001.02").await;
    let other = memory().await;
    assert_ne!(world.simulator.root_pem(BANK).unwrap(), other.simulator.root_pem(BANK).unwrap());
    let (status, body) =
        other.post(BANK, "CorporateFileService", &Call::list("NEW").envelope(&other, &customer)).await.unwrap();
    other.read(BANK, status, &body).is_fault("04");
}

#[tokio::test]
async fn a_damaged_folder_is_refused_and_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    drop(world);
    let ledger = folder.path().join("simulator/ledger.json");
    let text = std::fs::read_to_string(&ledger).unwrap();
    std::fs::write(&ledger, &text[..text.len() / 2]).unwrap();
    let config =
        Config::in_folder(folder.path(), std::sync::Arc::new(|| OffsetDateTime::from_unix_timestamp(NOW).unwrap()));
    assert!(matches!(Simulator::open(&config), Err(Error::Damaged { path, .. }) if path == ledger));
    assert_eq!(std::fs::read_to_string(&ledger).unwrap().len(), text.len() / 2);
}

#[tokio::test]
async fn what_cannot_be_saved_has_not_happened() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(folder.path()).await;
    let customer = Customer::enrol(&world, BANK, "kauppa", "Kauppa Oy").await;
    // A folder in the ledger's place: writable by nobody, root included.
    let ledger = folder.path().join("simulator/ledger.json");
    let kept = std::fs::read(&ledger).unwrap();
    std::fs::remove_file(&ledger).unwrap();
    std::fs::create_dir(&ledger).unwrap();
    let upload = Call::upload("pain.001.001.09", payment("pain.001.001.09", "M1", &["1.00"]).as_bytes());
    customer.call(&world, &upload).await.is("26", "Technical error.");
    std::fs::remove_dir(&ledger).unwrap();
    std::fs::write(&ledger, kept).unwrap();
    assert_eq!(customer.list(&world, "ALL").await.all("FileType"), ["camt.053.001.02"]);
    customer.call(&world, &upload).await.is("00", "OK.");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

//! What each function does at AWS's services: the one place that its role and its function's environment are made from.
//! What follows from a row's `needs` alone is derived; the rest is one line for each here.

use avain_api::{Access, Need};
#[cfg(feature = "local")]
use avain_domain::records::{Counter, Key, Shelf};
use avain_functions::tasks::Starts;

use crate::row::{self, Row, Started};

/// One permission: what may be done to what, under which condition.
pub(super) struct Grant {
    /// IAM action.
    pub(super) action: String,
    /// Resources, as written in the template.
    pub(super) resources: Vec<&'static str>,
    /// The key of a condition and its values.
    pub(super) condition: Option<Condition>,
}

/// All of the request's values must be among these.
#[derive(PartialEq, Eq)]
pub(super) enum Condition {
    /// `dynamodb:LeadingKeys`, as patterns.
    Partitions(Vec<&'static str>),
    /// `kms:EncryptionContext:kind`, and `service` with it.
    Kinds(Vec<&'static str>),
    /// `ses:FromAddress`, the address that notices come from.
    Sender,
}

/// The table's partitions (module docs of avain-adapters-aws's store).
const ACCOUNT: &str = "ACCOUNT#*";
const API_KEY: &str = "APIKEY#*";
const ATTEMPTS: &str = "ATTEMPTS#*";
const AUDIT: &str = "AUDIT#*";
const AUDIT_BATCH: &str = "AUDITBATCH#*";
const AUDIT_COUNT: &str = "AUDITCOUNT#*";
const AUDIT_HEAD: &str = "AUDITHEAD#*";
const AUDITED: &str = "AUDITED#*";
/// How many calls an organisation made.
const CALLS: &str = "CALLS#*";
const CHALLENGE: &str = "CHALLENGE#*";
const DOWNLOADS: &str = "DOWNLOADS#*";
const MEMBERS: &str = "MEMBERS#*";
const ORGANISATION: &str = "ORG#*";
const REFUSALS: &str = "REFUSALS#*";
/// How many refusals were kept.
const REFUSED: &str = "REFUSED#*";
const UPLOADS: &str = "UPLOADS#*";
/// Uploads by their ids.
const UPLOAD_IDS: &str = "UPLOADIDS#*";
/// Bank accounts seen in moved files.
const USAGE: &str = "USAGE#*";
/// An organisation's sealed keys. Its id is a UUID: the pattern leaves the service's own keys out.
const SEALED: &str = "KEY#????????-????-????-????-????????????#*";
const SERVICE: &str = "KEY#service#service";

/// The partitions of the table's index: bank certificates by the month of their end.
pub(super) const EXPIRES: &str = "EXPIRES#*";
const INDEX: &str = "!Sub \"${Table.Arn}/index/Expiry\"";

/// `kind` in the encryption context.
const BANK_KEY: &str = "bank-key";
const FILE: &str = "file";
const SERVICE_KEY: &str = "service-key";

pub(super) const ADMIN: &[&str] = &["!GetAtt AdminPool.Arn"];
pub(super) const POOLS: &[&str] = &["!GetAtt AdminPool.Arn", "!GetAtt DataPool.Arn"];

const FILES: &[&str] = &["!Sub \"${Files.Arn}/files/*\""];

/// SES asks for the identity of the sender's address, or of its domain, whichever was verified: the condition names the address.
const IDENTITIES: &str = "!Sub \"arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*\"";

/// A statement's resource at API Gateway.
macro_rules! gateway {
    ($path:literal) => {
        concat!("!Sub \"arn:${AWS::Partition}:apigateway:${AWS::Region}::/", $path, "\"")
    };
}

/// A function's name, then what it does: an action, and what it is done to.
type Lines = &'static [(&'static str, &'static [(&'static str, &'static [&'static str])])];

/// `dynamodb:` by partition. `account` is a Query, `get` of one key GetItem and of more BatchGetItem; a commit needs what its
/// writes need, also inside a transaction.
const STORE: Lines = &[
    (
        "Register",
        &[
            ("Query", &[ACCOUNT]),
            ("GetItem", &[API_KEY, ORGANISATION]),
            ("ConditionCheckItem", &[ACCOUNT, ORGANISATION]),
            ("PutItem", &[ACCOUNT, API_KEY, AUDIT, AUDITED, CHALLENGE, MEMBERS, ORGANISATION]),
        ],
    ),
    ("VerifyEmail", &[("Query", &[ACCOUNT]), ("PutItem", &[AUDIT])]),
    ("VerifyPhone", &[("Query", &[ACCOUNT]), ("PutItem", &[AUDIT])]),
    ("Login", &[("PutItem", &[ATTEMPTS, AUDIT, CHALLENGE]), ("DeleteItem", &[ATTEMPTS])]),
    (
        "LoginMFA",
        &[("BatchGetItem", &[ACCOUNT]), ("PutItem", &[ACCOUNT, ATTEMPTS, AUDIT]), ("DeleteItem", &[ATTEMPTS])],
    ),
    ("SelectMFA", &[]),
    ("VerifyTOTP", &[("Query", &[ACCOUNT]), ("ConditionCheckItem", &[ACCOUNT]), ("PutItem", &[ACCOUNT, AUDIT])]),
    ("InitPasswordReset", &[("PutItem", &[ATTEMPTS])]),
    ("PasswordReset", &[("Query", &[ACCOUNT]), ("PutItem", &[ACCOUNT, ATTEMPTS, AUDIT, CHALLENGE])]),
    ("Logout", &[("Query", &[ACCOUNT]), ("PutItem", &[ACCOUNT, AUDIT])]),
    ("ListCerts", &[("Query", &[ACCOUNT]), ("GetItem", &[ACCOUNT]), ("BatchGetItem", &[ACCOUNT])]),
    ("ConfigCerts", &[("Query", &[ACCOUNT]), ("PutItem", &[ACCOUNT, AUDIT])]),
    ("ShareCerts", &[("BatchGetItem", &[ACCOUNT]), ("ConditionCheckItem", &[ACCOUNT]), ("PutItem", &[ACCOUNT, AUDIT])]),
    ("UnshareCerts", &[("Query", &[ACCOUNT]), ("PutItem", &[ACCOUNT, AUDIT]), ("DeleteItem", &[ACCOUNT])]),
    (
        "ExportCert",
        &[
            ("Query", &[ACCOUNT]),
            ("GetItem", &[SEALED]),
            ("BatchGetItem", &[SEALED]),
            ("ConditionCheckItem", &[ACCOUNT]),
            ("PutItem", &[AUDIT]),
        ],
    ),
    (
        "EnrollCert",
        &[
            ("Query", &[ACCOUNT]),
            ("GetItem", &[ACCOUNT]),
            ("ConditionCheckItem", &[ACCOUNT]),
            ("PutItem", &[ACCOUNT, AUDIT, SEALED]),
            ("DeleteItem", &[ACCOUNT, SEALED]),
        ],
    ),
    (
        "ImportCert",
        &[
            ("Query", &[ACCOUNT]),
            ("GetItem", &[ACCOUNT]),
            ("ConditionCheckItem", &[ACCOUNT]),
            ("PutItem", &[ACCOUNT, AUDIT, SEALED]),
            ("DeleteItem", &[ACCOUNT]),
        ],
    ),
    (
        "RetireCert",
        &[
            ("Query", &[ACCOUNT]),
            ("BatchGetItem", &[ACCOUNT]),
            ("PutItem", &[ACCOUNT, AUDIT]),
            ("DeleteItem", &[ACCOUNT, SEALED]),
        ],
    ),
    (
        "ListFiles",
        &[("Query", &[ACCOUNT]), ("GetItem", &[SEALED]), ("BatchGetItem", &[ACCOUNT, SEALED]), ("PutItem", &[ACCOUNT])],
    ),
    (
        "UploadFile",
        &[
            ("Query", &[ACCOUNT]),
            ("GetItem", &[SEALED, UPLOADS]),
            ("BatchGetItem", &[ACCOUNT, SEALED]),
            ("PutItem", &[ACCOUNT, AUDIT, UPLOADS, UPLOAD_IDS, USAGE]),
            ("DeleteItem", &[UPLOAD_IDS]),
        ],
    ),
    ("ListUploads", &[("Query", &[ACCOUNT, UPLOAD_IDS]), ("GetItem", &[UPLOADS]), ("BatchGetItem", &[UPLOADS])]),
    (
        "AddSignatures",
        &[
            ("Query", &[ACCOUNT]),
            ("GetItem", &[SEALED, UPLOADS, UPLOAD_IDS]),
            ("BatchGetItem", &[ACCOUNT, SEALED]),
            ("PutItem", &[ACCOUNT, AUDIT, UPLOADS, USAGE]),
        ],
    ),
    (
        "DownloadFile",
        &[
            ("Query", &[ACCOUNT]),
            ("GetItem", &[SEALED]),
            ("BatchGetItem", &[ACCOUNT, DOWNLOADS, SEALED]),
            ("PutItem", &[ACCOUNT, AUDIT, DOWNLOADS, USAGE]),
        ],
    ),
    (
        "DeleteFile",
        &[("Query", &[ACCOUNT]), ("GetItem", &[SEALED]), ("BatchGetItem", &[ACCOUNT, SEALED]), ("PutItem", &[AUDIT])],
    ),
    ("ListKeys", &[("Query", &[ACCOUNT])]),
    ("UploadKey", &[("Query", &[ACCOUNT]), ("ConditionCheckItem", &[ACCOUNT]), ("PutItem", &[ACCOUNT, AUDIT])]),
    ("DeleteKey", &[("Query", &[ACCOUNT]), ("PutItem", &[AUDIT]), ("DeleteItem", &[ACCOUNT])]),
    ("ListAccountUsage", &[("Query", &[ACCOUNT, MEMBERS, USAGE])]),
    ("ListAuditEvents", &[("Query", &[ACCOUNT, AUDIT, REFUSALS])]),
    (
        "DeleteAccount",
        &[
            ("Query", &[ACCOUNT]),
            ("GetItem", &[ACCOUNT]),
            ("BatchGetItem", &[ACCOUNT]),
            ("ConditionCheckItem", &[ACCOUNT]),
            ("PutItem", &[ACCOUNT, AUDIT]),
            ("DeleteItem", &[ACCOUNT, ATTEMPTS, MEMBERS, SEALED]),
        ],
    ),
    ("ListAccounts", &[("Query", &[ACCOUNT, MEMBERS])]),
    ("GetPolicy", &[("Query", &[ACCOUNT])]),
    (
        "PutPolicy",
        &[
            ("Query", &[ACCOUNT, MEMBERS]),
            ("GetItem", &[ACCOUNT, ORGANISATION]),
            ("BatchGetItem", &[ACCOUNT]),
            ("PutItem", &[ACCOUNT, AUDIT, ORGANISATION]),
        ],
    ),
    ("ServiceKeys", &[("GetItem", &[SERVICE]), ("PutItem", &[SERVICE])]),
    ("Watch", &[("Query", &[EXPIRES])]),
    (
        "Renew",
        &[
            ("Query", &[EXPIRES]),
            ("GetItem", &[SEALED]),
            ("BatchGetItem", &[ACCOUNT, SEALED]),
            ("PutItem", &[ACCOUNT, AUDIT, SEALED]),
            ("DeleteItem", &[SEALED]),
        ],
    ),
    (
        "SealAudit",
        &[
            ("Query", &[AUDIT, AUDIT_BATCH, AUDITED]),
            ("GetItem", &[SERVICE]),
            ("BatchGetItem", &[AUDIT_COUNT, AUDIT_HEAD]),
            ("PutItem", &[AUDIT_BATCH, AUDIT_HEAD]),
        ],
    ),
];

/// `kms:` by what is sealed.
const SEALER: Lines = &[
    ("ExportCert", &[("Decrypt", &[BANK_KEY])]),
    ("EnrollCert", &[("GenerateDataKey", &[BANK_KEY])]),
    ("ImportCert", &[("GenerateDataKey", &[BANK_KEY])]),
    ("ListFiles", &[("Decrypt", &[BANK_KEY])]),
    ("UploadFile", &[("GenerateDataKey", &[FILE]), ("Decrypt", &[BANK_KEY])]),
    ("AddSignatures", &[("Decrypt", &[BANK_KEY, FILE])]),
    ("DownloadFile", &[("GenerateDataKey", &[FILE]), ("Decrypt", &[BANK_KEY, FILE])]),
    ("DeleteFile", &[("Decrypt", &[BANK_KEY])]),
    ("ServiceKeys", &[("GenerateDataKey", &[SERVICE_KEY]), ("Decrypt", &[SERVICE_KEY])]),
    ("SealAudit", &[("Decrypt", &[SERVICE_KEY])]),
    ("Renew", &[("GenerateDataKey", &[BANK_KEY]), ("Decrypt", &[BANK_KEY])]),
];

/// `s3:` on the sealed files.
const BLOBS: Lines = &[
    ("UploadFile", &[("PutObject", FILES)]),
    ("AddSignatures", &[("GetObject", FILES)]),
    ("DownloadFile", &[("GetObject", FILES), ("PutObject", FILES)]),
];

/// `cognito-idp:` by pool (docs/cognito.md); the calls that are not subject to IAM are not here.
const IDENTITY: Lines = &[
    (
        "Register",
        &[
            ("AdminGetUser", POOLS),
            ("AdminDeleteUser", POOLS),
            ("AdminUpdateUserAttributes", POOLS),
            ("AdminConfirmSignUp", POOLS),
        ],
    ),
    ("VerifyEmail", &[]),
    ("VerifyPhone", &[("AdminGetUser", POOLS)]),
    ("Login", &[("AdminInitiateAuth", POOLS), ("AdminSetUserMFAPreference", ADMIN)]),
    ("LoginMFA", &[("AdminRespondToAuthChallenge", ADMIN), ("AdminSetUserMFAPreference", ADMIN)]),
    ("SelectMFA", &[("AdminRespondToAuthChallenge", ADMIN)]),
    ("VerifyTOTP", &[]),
    ("InitPasswordReset", &[]),
    ("PasswordReset", &[("AdminUserGlobalSignOut", POOLS)]),
    ("Logout", &[("AdminUserGlobalSignOut", POOLS)]),
    ("DeleteAccount", &[("AdminDeleteUser", POOLS)]),
];

/// Lines that are missing, or that no row needs.
pub(super) fn faults() -> Vec<String> {
    let mut faults = Vec::new();
    for (table, lines, need) in [
        ("STORE", STORE, Need::Store),
        ("SEALER", SEALER, Need::Sealer),
        ("BLOBS", BLOBS, Need::Blobs),
        ("IDENTITY", IDENTITY, Need::Identity),
    ] {
        let lines: Vec<&str> = lines.iter().map(|(operation, _)| *operation).collect();
        let needing: Vec<&str> = row::all().filter(|it| it.needs(need)).map(|it| it.name).collect();
        let missing = needing.iter().filter(|it| !lines.contains(it));
        faults.extend(missing.map(|it| format!("template/grants.rs: {table} has no line for {it}, which needs it\n")));
        let surplus = lines.iter().filter(|it| !needing.contains(it));
        faults.extend(surplus.map(|it| format!("template/grants.rs: {table} has {it}, whose row does not need it\n")));
    }
    faults
}

/// All that the function's role allows, but for its log and its traces.
pub(super) fn of(row: &Row) -> Vec<Grant> {
    let needs = |need| row.needs(need);
    let mut grants = Vec::new();

    let mut store = lines(STORE, row);
    if store.iter().any(|(action, on)| *action == "PutItem" && on.contains(&AUDIT)) {
        // Every event is counted.
        add(&mut store, "UpdateItem", AUDIT_COUNT);
    }
    if let Started::ByCall(operation) = row.started
        && needs(Need::Store)
    {
        if needs(Need::Tokens) {
            // The calls of an organisation whose policy limits them are counted.
            add(&mut store, "UpdateItem", CALLS);
        }
        // A refusal is kept, and counted. Of whom it is, where nobody has shown a token, the account says.
        add(&mut store, "UpdateItem", REFUSED);
        add(&mut store, "PutItem", REFUSALS);
        if matches!(operation.access, Access::Anyone) {
            add(&mut store, "GetItem", ACCOUNT);
        }
    }
    let mut sealing = lines(SEALER, row);
    if needs(Need::ServiceKeys) {
        // The task ServiceKeys has made them: who is called from outside cannot.
        add(&mut store, "GetItem", SERVICE);
        add(&mut sealing, "Decrypt", SERVICE_KEY);
    }
    grants.extend(store.into_iter().map(|(action, partitions)| Grant {
        action: format!("dynamodb:{action}"),
        resources: vec![if partitions == [EXPIRES] { INDEX } else { "!GetAtt Table.Arn" }],
        condition: Some(Condition::Partitions(partitions)),
    }));
    grants.extend(sealing.into_iter().map(|(action, kinds)| Grant {
        action: format!("kms:{action}"),
        resources: vec!["!GetAtt Key.Arn"],
        condition: Some(Condition::Kinds(kinds)),
    }));
    if needs(Need::Identity) {
        // The clients' secrets are asked for at the start.
        let mut identity = lines(IDENTITY, row);
        identity.push(("DescribeUserPoolClient", POOLS.to_vec()));
        grants.extend(identity.into_iter().map(|(action, resources)| Grant {
            action: format!("cognito-idp:{action}"),
            resources,
            condition: None,
        }));
    }
    if needs(Need::Blobs) {
        grants.extend(lines(BLOBS, row).into_iter().map(|(action, resources)| Grant {
            action: format!("s3:{action}"),
            resources,
            condition: None,
        }));
    }
    if needs(Need::Gateway) {
        grants.extend([("GET", gateway!("usageplans")), ("POST", gateway!("apikeys"))].map(at_gateway));
    }
    if needs(Need::Notifier) {
        grants.push(Grant {
            action: "ses:SendEmail".to_owned(),
            resources: vec![IDENTITIES],
            condition: Some(Condition::Sender),
        });
    }
    if let Started::By(Starts::Schedule(_)) = row.started {
        // Lambda leaves there, in the function's name, what the function did not do.
        let queue = vec!["!GetAtt Undelivered.Arn"];
        grants.push(Grant { action: "sqs:SendMessage".to_owned(), resources: queue, condition: None });
    }
    grants
}

/// What the role may do to what is made after the operation's function, and so cannot be named by the role itself.
pub(super) fn later(row: &Row) -> Vec<Grant> {
    let needs = row.needs(Need::Gateway);
    needs.then(|| at_gateway(("POST", gateway!("usageplans/${UsagePlan}/keys")))).into_iter().collect()
}

fn at_gateway((method, resource): (&str, &'static str)) -> Grant {
    Grant { action: format!("apigateway:{method}"), resources: vec![resource], condition: None }
}

/// Of the environment: its name, and its value in the template.
type Variable = (&'static str, &'static str);

/// What the function is told.
pub(super) fn variables(row: &Row) -> Vec<Variable> {
    let needs = |needs: &[Need]| needs.iter().any(|need| row.needs(*need));
    let all: &[(&[Need], &[Variable])] = &[
        (&[Need::Store, Need::ServiceKeys], &[("AVAIN_TABLE", "!Ref Table")]),
        (
            &[Need::Sealer, Need::ServiceKeys],
            &[
                ("AVAIN_KMS_KEY", "!GetAtt Key.Arn"),
                ("AVAIN_KEY_VERSION", "!Ref KeyVersion"),
                ("AVAIN_MINIMUM_KEY_VERSION", "!Ref MinimumKeyVersion"),
            ],
        ),
        (&[Need::Blobs], &[("AVAIN_BUCKET", "!Ref Files")]),
        (
            &[Need::Identity, Need::Tokens],
            &[
                ("AVAIN_ADMIN_POOL", "!Ref AdminPool"),
                ("AVAIN_ADMIN_CLIENT", "!Ref AdminClient"),
                ("AVAIN_DATA_POOL", "!Ref DataPool"),
                ("AVAIN_DATA_CLIENT", "!Ref DataClient"),
            ],
        ),
        // Its name: the plan has no id yet when the function is made.
        (&[Need::Gateway], &[("AVAIN_USAGE_PLAN", "!Ref AWS::StackName")]),
        (&[Need::Notifier], &[("AVAIN_NOTICE_SENDER", "!If [HasNoticeSender, !Ref NoticeSender, !Ref AWS::NoValue]")]),
        (
            &[Need::Banks],
            &[
                ("AVAIN_ENVIRONMENT", "!Ref Environment"),
                ("AVAIN_SIMULATOR", "!If [HasSimulator, !Ref SimulatorUrl, !Ref AWS::NoValue]"),
                ("AVAIN_SIMULATOR_ROOT", "!If [HasSimulator, !Ref SimulatorRoot, !Ref AWS::NoValue]"),
            ],
        ),
    ];
    let by_needs = all.iter().filter(|(of, _)| needs(of)).flat_map(|(_, variables)| variables.iter().copied());
    // Which factor a login asks for follows the environment.
    by_needs.chain((row.name == "VerifyTOTP").then_some(("AVAIN_ENVIRONMENT", "!Ref Environment"))).collect()
}

/// The function's lines of a table.
fn lines(table: Lines, row: &Row) -> Vec<(&'static str, Vec<&'static str>)> {
    let found = table.iter().find(|(name, _)| *name == row.name);
    found.map(|(_, lines)| lines.iter().map(|(action, on)| (*action, on.to_vec())).collect()).unwrap_or_default()
}

fn add(lines: &mut Vec<(&'static str, Vec<&'static str>)>, action: &'static str, on: &'static str) {
    match lines.iter_mut().find(|(it, _)| *it == action) {
        Some((_, all)) if all.contains(&on) => {}
        Some((_, all)) => all.push(on),
        None => lines.push((action, vec![on])),
    }
}

/// The pattern of the partition that a record is in.
#[cfg(feature = "local")]
pub(super) fn partition(key: &Key) -> &'static str {
    match key {
        Key::Organisation(_) => ORGANISATION,
        Key::ApiKey(_) => API_KEY,
        Key::Account(_)
        | Key::Mode(_)
        | Key::Certificate(..)
        | Key::Share(..)
        | Key::Retired(..)
        | Key::PgpKey(..)
        | Key::RecoveryCodes(_) => ACCOUNT,
        Key::SealedKey(id) if id.organisation.0 == "service" => SERVICE,
        Key::SealedKey(id) => {
            let hyphens: Vec<usize> = id.organisation.0.match_indices('-').map(|(at, _)| at).collect();
            assert_eq!((id.organisation.0.len(), &hyphens[..]), (36, &[8, 13, 18, 23][..]), "{SEALED} does not match");
            SEALED
        }
        Key::SpentChallenge(_) => CHALLENGE,
        Key::Attempts(_) => ATTEMPTS,
        Key::Member(..) => MEMBERS,
        Key::Upload(..) => UPLOADS,
        Key::UploadEntry(..) => UPLOAD_IDS,
        Key::Observation(..) => USAGE,
        Key::Download(..) => DOWNLOADS,
        Key::AuditEvent(..) => AUDIT,
        Key::AuditBatch(..) => AUDIT_BATCH,
        Key::AuditHead(_) => AUDIT_HEAD,
        Key::Audited(_) => AUDITED,
        Key::Refusal(..) => REFUSALS,
        Key::Count(Counter::Events(..)) => AUDIT_COUNT,
        Key::Count(Counter::Refusals(..)) => REFUSED,
        Key::Count(Counter::Calls(..)) => CALLS,
    }
}

/// The pattern of the partition that a shelf is.
#[cfg(feature = "local")]
pub(super) fn shelf(shelf: &Shelf) -> &'static str {
    match shelf {
        Shelf::AuditEvents(_) => AUDIT,
        Shelf::AuditBatches(_) => AUDIT_BATCH,
        Shelf::Refusals(_) => REFUSALS,
        Shelf::Audited(_) => AUDITED,
        Shelf::UploadEntries(..) => UPLOAD_IDS,
        Shelf::Observations(..) => USAGE,
        Shelf::Members(_) => MEMBERS,
    }
}

/// Whether the operation reads records, or writes them, but for the service's own keys.
pub(super) fn reads_and_writes(row: &Row) -> (bool, bool) {
    let does = |actions: &[&str]| lines(STORE, row).iter().any(|(action, _)| actions.contains(action));
    (does(&["Query", "GetItem", "BatchGetItem"]), does(&["PutItem", "DeleteItem", "ConditionCheckItem"]))
}

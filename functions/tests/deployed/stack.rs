//! The stack on the emulator: the functions that cargo built, packed and deployed by the SAM CLI.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use avain_test_support::ministack::Ministack;
use tokio::process::Command;

use crate::account::{Account, REGION, Resource};
use crate::render::render;

/// The variable that names the SAM CLI's program.
const SAM: &str = "AVAIN_SAM";
pub(crate) const NAME: &str = "avain";
/// Whom notices come from.
pub(crate) const SENDER: &str = "notices@avain.fi";
const BUCKET: &str = "artifacts";

/// A deployed stack.
pub(crate) struct Stack {
    pub(crate) account: Account,
    pub(crate) endpoint: String,
    pub(crate) outputs: BTreeMap<String, String>,
    resources: Vec<Resource>,
    _server: Ministack,
}

impl Stack {
    /// `None`, said on standard error, where emulator or SAM CLI are missing and not required.
    pub(crate) async fn deploy(folder: &Path, simulator: &str, roots: &str) -> Option<Self> {
        let Some(sam) = std::env::var_os(SAM) else {
            assert!(!avain_test_support::required(), "{SAM} is not set");
            avain_test_support::not_run(&format!("the SAM CLI; {SAM} names no program"));
            return None;
        };
        let server = Ministack::start()?;
        let account = Account::new(&server.endpoint());

        let code = folder.join("code");
        let template = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml")).unwrap();
        let rendered = render(&template, |binary| code.join(binary));
        let mut size = 0;
        for binary in &rendered.binaries {
            size += put_code(&code.join(binary), binary).await;
        }
        tell(&format!("{} functions, {} MB without debug information", rendered.binaries.len(), size / 1_000_000));
        for what in &rendered.left_out {
            tell(&format!("left out of the template: {what}"));
        }
        std::fs::write(folder.join("template.yaml"), &rendered.template).unwrap();

        account.make_bucket(BUCKET).await;
        account.verify_sender(SENDER).await;
        let (id, secret) = account.deployer().await;
        let begin = Instant::now();
        let output = Command::new(&sam)
            .args(["deploy", "--template-file", "template.yaml", "--stack-name", NAME, "--region", REGION])
            .args(["--capabilities", "CAPABILITY_IAM", "--s3-bucket", BUCKET, "--no-progressbar"])
            .args(["--parameter-overrides", "Architecture=x86_64", &format!("SimulatorUrl={simulator}")])
            .arg(format!("NoticeSender={SENDER}"))
            .arg(format!("SimulatorRoot=\"{roots}\""))
            .current_dir(folder)
            // Nothing of the developer's own settings or credentials.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder)
            .env("SAM_CLI_TELEMETRY", "0")
            .env("AWS_ACCESS_KEY_ID", id)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .env("AWS_ENDPOINT_URL", server.endpoint())
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", sam.display()));
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "sam deploy ({}):\n{said}", output.status);
        tell(&format!("sam deploy: {:.1} s", begin.elapsed().as_secs_f64()));

        let outputs = account.outputs(NAME).await.into_iter().collect();
        let resources = account.resources(NAME).await;
        Some(Self { endpoint: server.endpoint(), account, outputs, resources, _server: server })
    }

    /// The physical id of a resource.
    pub(crate) fn id(&self, name: &str) -> &str {
        let found = self.resources.iter().find(|it| it.name == name);
        &found.unwrap_or_else(|| panic!("the stack has no {name}: {:?}", self.resources)).id
    }

    /// Logical ids of all resources of a type.
    pub(crate) fn all(&self, kind: &str) -> Vec<&str> {
        self.resources.iter().filter(|it| it.kind == kind).map(|it| it.name.as_str()).collect()
    }

    /// What the functions' logs say of errors.
    pub(crate) async fn tell_errors(&self) {
        for log in self.all("AWS::Logs::LogGroup") {
            let lines = self.account.log(self.id(log)).await;
            let errors = lines.iter().filter(|line| line.contains("ERROR") || !line.starts_with(['{', 'S', 'E', 'R']));
            errors.for_each(|line| tell(&format!("{log}: {line}")));
        }
    }

    /// Base address of the API: without a slash at its end.
    pub(crate) fn api(&self) -> String {
        format!("{}/restapis/{}/live/_user_request_", self.endpoint, self.id("Api"))
    }
}

/// Puts a binary of this package, without its symbols, where SAM packs it from; its size.
async fn put_code(folder: &Path, binary: &str) -> u64 {
    let variable = format!("CARGO_BIN_EXE_{binary}");
    let built = std::env::var_os(&variable).unwrap_or_else(|| panic!("no binary: {binary} ({variable} is not set)"));
    std::fs::create_dir_all(folder).unwrap();
    let bootstrap: PathBuf = folder.join("bootstrap");
    let strip = Command::new("strip").arg("-o").arg(&bootstrap).arg(built).status().await;
    assert!(strip.is_ok_and(|status| status.success()), "strip (of binutils) failed: {binary}");
    bootstrap.metadata().unwrap().len()
}

/// Written to standard error itself: what a passing test prints with macros, the test runner keeps to itself.
pub(crate) fn tell(what: &str) {
    let _ = writeln!(std::io::stderr(), "deployed: {what}");
}

//! Blobs in an S3 bucket: one object for each name, written once.

use async_trait::async_trait;
use avain_domain::ports::{Blobs, Unavailable};
use aws_lc_rs::digest;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::sdk::unavailable;

const PUT: &str = "S3 PutObject";
const GET: &str = "S3 GetObject";

/// Largest blob, either way: a bank's file has at most 50 MiB, and sealing adds less than a kilobyte.
pub const MAX_BYTES: usize = 51 * 1024 * 1024;

/// How often a write is tried that met another of the same name under way.
const TRIES: u32 = 4;

/// A bucket of blobs. A name is parts of `[a-z0-9-]` joined by `/`, at most 512 characters.
pub struct S3Blobs {
    client: Client,
    bucket: String,
    prefix: String,
}

impl S3Blobs {
    /// Objects are named by `prefix` (empty, or ending in `/`) and the blob's name. A role needs `s3:PutObject` and
    /// `s3:GetObject` on `BUCKET/PREFIX*`. Without `s3:ListBucket` S3 answers 403, not 404, where there is no such object: then the
    /// blob is unavailable instead of absent.
    #[must_use]
    pub fn new(client: Client, bucket: String, prefix: String) -> Self {
        Self { client, bucket, prefix }
    }

    fn key(&self, name: &str) -> Result<String, Unavailable> {
        let allowed =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if name.len() > 512 || !name.split('/').all(allowed) {
            return Err(Unavailable("a blob's name has characters that are not allowed".to_owned()));
        }
        Ok(format!("{}{name}", self.prefix))
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    /// The first write of a name stays; another is answered as kept.
    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Unavailable> {
        let key = self.key(name)?;
        if bytes.len() > MAX_BYTES {
            return Err(too_large(PUT));
        }
        // Our own: what the SDK computes depends on how its client is configured.
        let checksum = STANDARD.encode(digest::digest(&digest::SHA256, bytes));
        for attempt in 1.. {
            // A body in memory can always be sent again.
            let request =
                self.client.put_object().bucket(&self.bucket).key(&key).body(ByteStream::from(bytes.to_vec()));
            let request = request.if_none_match("*").checksum_sha256(&checksum);
            let Err(error) = request.send().await else { break };
            match error.code() {
                Some("PreconditionFailed") => break,
                Some("ConditionalRequestConflict") if attempt < TRIES => {}
                _ => return Err(unavailable(PUT, &error)),
            }
        }
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Unavailable> {
        let request = self.client.get_object().bucket(&self.bucket).key(self.key(name)?);
        // The SDK compares the bytes with the checksum that S3 kept.
        let mut answer = match request.checksum_mode(ChecksumMode::Enabled).send().await {
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(unavailable(GET, &error)),
            Ok(answer) => answer,
        };
        let mut bytes = Vec::new();
        loop {
            match answer.body.next().await {
                None => return Ok(Some(bytes)),
                Some(Ok(chunk)) if bytes.len() + chunk.len() <= MAX_BYTES => bytes.extend_from_slice(&chunk),
                Some(Ok(_)) => return Err(too_large(GET)),
                Some(Err(_)) => return Err(Unavailable(format!("{GET}: the bytes did not come whole"))),
            }
        }
    }
}

fn too_large(call: &str) -> Unavailable {
    Unavailable(format!("{call}: a blob has at most {MAX_BYTES} bytes"))
}

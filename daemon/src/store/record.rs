//! What is in a sealed cell: JSON, so that an older record can be read by a newer
//! tokend without being sealed anew.

mod label;
mod reader;
mod revocation;
mod supply;

use std::{collections::BTreeMap, io, num::NonZeroU32, path::PathBuf, time::Duration};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error},
};
use tokend_core::{Cause, Failure, InvalidName, Policy, Quota, Session, Token, TokenId, Verdict};
use tokend_provider::LimitError;
use zeroize::Zeroizing;

pub(super) use self::{label::LabelRecord, revocation::RevocationRecord};
use self::{
    reader::{ReaderRecord, restore},
    supply::SupplyRecord,
};
use super::seal::Flaw;
use crate::credential::{Credential, CredentialId, Grant, Place};

/// A credential but for its id, which is in the clear.
#[derive(Serialize, Deserialize)]
pub(super) struct CredentialRecord {
    name: String,
    provider: String,
    variables: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret>,
    #[serde(default)]
    supply: SupplyRecord,
    readers: Vec<ReaderRecord>,
    #[serde(default)]
    submitters: Vec<ReaderRecord>,
    #[serde(default)]
    refreshers: Vec<ReaderRecord>,
    #[serde(default, with = "PolicyForm")]
    policy: Policy,
    #[serde(default)]
    limits: Vec<String>,
    #[serde(default)]
    declared_in: Option<PlaceRecord>,
    revision: u64,
    created_at: Time,
    updated_at: Time,
}

#[derive(Serialize, Deserialize)]
struct PlaceRecord {
    file: PathBuf,
    line: usize,
}

/// A token.
#[derive(Serialize, Deserialize)]
pub(super) struct TokenRecord {
    id: [u8; 16],
    issued_at: Time,
    expires_at: Option<Time>,
    refresh_at: Option<Time>,
    #[serde(default)]
    refreshes: Option<u32>,
    #[serde(default)]
    session: Option<SessionRecord>,
    value: Secret,
    token_type: Option<String>,
    refresh_token: Option<Secret>,
    extras: BTreeMap<String, Secret>,
}

#[derive(Serialize, Deserialize)]
struct SessionRecord {
    idle: Duration,
    end: Option<Time>,
}

/// What is known of an issuance when it is reserved.
#[derive(Serialize, Deserialize)]
pub(super) struct RequestRecord {
    #[serde(with = "CauseForm")]
    pub(super) cause: Cause,
    /// How often the credential's secrets had been replaced; `None` if that wasn't counted yet.
    #[serde(default)]
    pub(super) replacements: Option<u64>,
}

/// What is known of an issuance once it is settled. There are many of it, so its fields have no
/// names: the cause, how often secrets had been replaced, the time it took in milliseconds, and
/// what came of it.
#[derive(Serialize, Deserialize)]
pub(super) struct SettledRecord(#[serde(with = "CauseForm")] Cause, Option<u64>, u64, Outcome);

/// The last two of these, beside a request of its own: where an earlier version settled it, or
/// where that can't be opened.
#[derive(Serialize, Deserialize)]
pub(super) struct OutcomeRecord {
    pub(super) took: Duration,
    pub(super) outcome: Outcome,
}

/// What came of an issuance.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// A token.
    Issued,
    /// None.
    Failed(#[serde(with = "FailureForm")] Failure),
}

/// What a provider told of its limits with one answer.
#[derive(Serialize, Deserialize)]
pub(super) struct QuotasRecord(Vec<QuotaRecord>);

#[derive(Serialize, Deserialize)]
struct QuotaRecord {
    limit: Option<NonZeroU32>,
    remaining: u32,
    reset_after: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Cause", rename_all = "snake_case")]
enum CauseForm {
    Absent,
    Aging,
    MinTtl,
    Rejected,
    Wanted,
    Forced,
    Login,
    KeepAlive,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Policy", rename_all = "snake_case")]
enum PolicyForm {
    Always,
    Used,
    OnDemand,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Verdict", rename_all = "snake_case")]
enum VerdictForm {
    Limited,
    Denied,
    Transient,
    Local,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Failure")]
struct FailureForm {
    #[serde(with = "VerdictForm")]
    verdict: Verdict,
    retry_after: Option<Duration>,
    message: String,
}

/// A secret, in the clear inside of a sealed cell only.
struct Secret(SecretString);

/// A point in time, exact, as RFC 3339 writes it.
#[derive(Clone, Copy)]
struct Time(Timestamp);

/// Encodes a record. What holds it is wiped.
pub(super) fn encode(record: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // A vector that grew would leave copies behind, so the size is found first.
    let mut size = Size(0);
    serde_json::to_writer(&mut size, record).expect("a record is plain data");
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.0));
    serde_json::to_writer(&mut *bytes, record).expect("a record is plain data");
    bytes
}

/// Decodes a record.
pub(super) fn decode<T: DeserializeOwned>(content: &[u8]) -> Result<T, Flaw> {
    // The error's text is dropped: it quotes what it found.
    serde_json::from_slice(content).map_err(|error| Flaw::Content(error.column()))
}

/// A text in a record isn't what it should be. Its own text is dropped: it quotes
/// what it found.
pub(super) struct Invalid;

impl From<InvalidName> for Invalid {
    fn from(_: InvalidName) -> Self {
        Self
    }
}

impl From<LimitError> for Invalid {
    fn from(_: LimitError) -> Self {
        Self
    }
}

impl From<(RequestRecord, OutcomeRecord)> for SettledRecord {
    fn from((request, OutcomeRecord { took, outcome }): (RequestRecord, OutcomeRecord)) -> Self {
        let RequestRecord { cause, replacements } = request;
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self(cause, replacements, took, outcome)
    }
}

impl From<SettledRecord> for (RequestRecord, Option<OutcomeRecord>) {
    fn from(SettledRecord(cause, replacements, took, outcome): SettledRecord) -> Self {
        let took = Duration::from_millis(took);
        (RequestRecord { cause, replacements }, Some(OutcomeRecord { took, outcome }))
    }
}

impl From<&[Quota]> for QuotasRecord {
    fn from(quotas: &[Quota]) -> Self {
        let record = |quota: &Quota| {
            let Quota { limit, remaining, reset_after } = *quota;
            QuotaRecord { limit, remaining, reset_after }
        };
        Self(quotas.iter().map(record).collect())
    }
}

impl From<QuotasRecord> for Vec<Quota> {
    fn from(record: QuotasRecord) -> Self {
        let quota = |record: QuotaRecord| {
            let QuotaRecord { limit, remaining, reset_after } = record;
            Quota { limit, remaining, reset_after }
        };
        record.0.into_iter().map(quota).collect()
    }
}

impl From<&Credential> for CredentialRecord {
    fn from(credential: &Credential) -> Self {
        Self {
            name: credential.name.to_string(),
            provider: credential.provider.clone(),
            variables: credential.variables.clone(),
            secrets: seal_all(&credential.secrets),
            supply: SupplyRecord::from(&credential.supply),
            readers: credential.readers.iter().map(Into::into).collect(),
            submitters: credential.submitters.iter().map(Into::into).collect(),
            refreshers: credential.refreshers.iter().map(Into::into).collect(),
            policy: credential.policy,
            limits: credential.limits.iter().map(ToString::to_string).collect(),
            declared_in: credential.declared_in.as_ref().map(PlaceRecord::from),
            revision: credential.revision,
            created_at: Time(credential.created_at),
            updated_at: Time(credential.updated_at),
        }
    }
}

impl CredentialRecord {
    /// Restores the credential that has the id `id`.
    pub(super) fn restore(self, id: CredentialId) -> Result<Credential, Invalid> {
        Ok(Credential {
            id,
            name: self.name.parse()?,
            provider: self.provider,
            variables: self.variables,
            secrets: open_all(self.secrets),
            supply: self.supply.into(),
            readers: restore(self.readers)?,
            submitters: restore(self.submitters)?,
            refreshers: restore(self.refreshers)?,
            policy: self.policy,
            limits: self.limits.iter().map(|limit| limit.parse()).collect::<Result<_, _>>()?,
            declared_in: self.declared_in.map(Place::from),
            revision: self.revision,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}

impl From<&Place> for PlaceRecord {
    fn from(Place { file, line }: &Place) -> Self {
        Self { file: file.clone(), line: *line }
    }
}

impl From<PlaceRecord> for Place {
    fn from(PlaceRecord { file, line }: PlaceRecord) -> Self {
        Self { file, line }
    }
}

impl From<&Token<Grant>> for TokenRecord {
    fn from(token: &Token<Grant>) -> Self {
        Self {
            id: token.id.0,
            issued_at: Time(token.issued_at),
            expires_at: token.expires_at.map(Time),
            refresh_at: token.refresh_at.map(Time),
            refreshes: token.refreshes,
            session: token
                .session
                .map(|Session { idle, end }| SessionRecord { idle, end: end.map(Time) }),
            value: Secret(token.payload.value.clone()),
            token_type: token.payload.token_type.clone(),
            refresh_token: token.payload.refresh_token.clone().map(Secret),
            extras: seal_all(&token.payload.extras),
        }
    }
}

impl From<TokenRecord> for Token<Grant> {
    fn from(record: TokenRecord) -> Self {
        Self {
            id: TokenId(record.id),
            issued_at: record.issued_at.0,
            expires_at: record.expires_at.map(|time| time.0),
            refresh_at: record.refresh_at.map(|time| time.0),
            taken_up: None,
            refreshes: record.refreshes,
            session: record
                .session
                .map(|SessionRecord { idle, end }| Session { idle, end: end.map(|time| time.0) }),
            payload: Grant {
                value: record.value.0,
                token_type: record.token_type,
                refresh_token: record.refresh_token.map(|secret| secret.0),
                secrets: BTreeMap::new(),
                proven: BTreeMap::new(),
                extras: open_all(record.extras),
            },
        }
    }
}

fn seal_all(secrets: &BTreeMap<String, SecretString>) -> BTreeMap<String, Secret> {
    secrets.iter().map(|(name, secret)| (name.clone(), Secret(secret.clone()))).collect()
}

fn open_all(secrets: BTreeMap<String, Secret>) -> BTreeMap<String, SecretString> {
    secrets.into_iter().map(|(name, secret)| (name, secret.0)).collect()
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Ok(Self(SecretString::from(text.as_str())))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// Counts what is written to it.
struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_never_outgrows_its_buffer() {
        let record: Vec<Secret> = (0..100).map(|n| Secret("\"\u{1}é".repeat(n).into())).collect();
        let bytes = encode(&record);
        assert_eq!(bytes.len(), bytes.capacity());
        let decoded: Vec<Secret> = decode(&bytes).unwrap();
        assert_eq!(decoded[99].0.expose_secret(), "\"\u{1}é".repeat(99));
    }

    #[test]
    fn what_can_not_be_decoded_is_not_quoted() {
        let content = br#"{"took":"s3cret"}"#;
        let flaw = decode::<OutcomeRecord>(content).err().unwrap();
        assert!(matches!(flaw, Flaw::Content(_)));
        assert!(!format!("{flaw} {flaw:?}").contains("s3cret"));
    }

    #[test]
    fn records_keep_their_form() {
        let failure = Failure {
            verdict: Verdict::Limited,
            retry_after: Some(Duration::from_millis(1_500)),
            message: "slow down".into(),
        };
        let record =
            OutcomeRecord { took: Duration::from_secs(2), outcome: Outcome::Failed(failure) };
        assert_eq!(
            String::from_utf8(encode(&record).to_vec()).unwrap(),
            r#"{"took":{"secs":2,"nanos":0},"outcome":{"failed":{"verdict":"limited","retry_after":{"secs":1,"nanos":500000000},"message":"slow down"}}}"#
        );
        let request = RequestRecord { cause: Cause::Aging, replacements: Some(3) };
        assert_eq!(&**encode(&request), br#"{"cause":"aging","replacements":3}"#);
        let record = OutcomeRecord { took: Duration::from_millis(120), outcome: Outcome::Issued };
        let settled = encode(&SettledRecord::from((request, record)));
        assert_eq!(&**settled, br#"["aging",3,120,"issued"]"#);
        let time = Time("2026-01-01T00:00:00.000000001Z".parse().unwrap());
        assert_eq!(&**encode(&time), br#""2026-01-01T00:00:00.000000001Z""#);
    }
}

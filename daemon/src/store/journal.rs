//! Notes which refresh tokens have been sent and not replaced: before they are, in the
//! transaction that lets them be.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use tokend_core::{
    BootId, BootTime, Doubt, DoubtReason, Fate, IssuanceId, Moment, Random, Stamp, Token,
};

use super::{
    envelope::Vault,
    error::WriteError,
    seal::{Broken, Cell, Column},
    stamp::{boot_ms, wall_ms},
    writer::Writer,
};
use crate::{
    credential::{Credential, CredentialId, Fingerprint, Grant, refresh_token},
    ports::Reservation,
};

pub(super) const SENT: Column = Column { table: "refreshes", name: "sealed" };

/// A refresh token that has been sent.
#[derive(Serialize, Deserialize)]
struct SentRecord {
    /// Which. What is said of one says nothing of another that took its place.
    fingerprint: [u8; 32],
    /// The issuance that it was sent with last; `None` if the store was restored.
    issuance: Option<[u8; 16]>,
    /// How often it was sent without its being known what came of it.
    unanswered: u32,
    /// Whether the provider refused it, or gave another that was lost.
    spent: bool,
    /// Whether it refused it.
    #[serde(default)]
    refused: bool,
    /// When it was first sent.
    wall_ms: i64,
    boot_ms: i64,
    boot_id: [u8; 16],
}

impl<R: Random> Writer<'_, R> {
    /// Notes that a refresh token is about to be sent.
    pub(super) fn note_sending(
        &mut self,
        reservation: &Reservation,
        fingerprint: Fingerprint,
    ) -> Result<(), WriteError> {
        let Reservation { credential, issuance, at, .. } = reservation;
        let before = read(self.connection, self.vault, *credential)??;
        let before = before.filter(|record| record.fingerprint == fingerprint.0);
        let mut record = before.unwrap_or_else(|| SentRecord::new(fingerprint, at));
        record.issuance = Some(issuance.0);
        record.unanswered = record.unanswered.saturating_add(1);
        self.note(*credential, &record)
    }

    /// Notes what came of an issuance that brought no token, if it sent a refresh token.
    pub(super) fn note_failure(
        &mut self,
        credential: CredentialId,
        issuance: IssuanceId,
        fate: Fate,
        (spent, refused): (bool, bool),
    ) -> Result<(), WriteError> {
        let record = read(self.connection, self.vault, credential)??;
        let Some(mut record) = record.filter(|record| record.issuance == Some(issuance.0)) else {
            return Ok(());
        };
        match fate {
            Fate::Lost | Fate::Unsure => return Ok(()),
            Fate::Unsent | Fate::Answered | Fate::Unrecognised => record.unanswered -= 1,
        }
        record.spent |= spent;
        record.refused |= refused;
        if record.spent || record.unanswered > 0 {
            self.note(credential, &record)
        } else {
            self.note_answer(credential)
        }
    }

    /// A refresh token was exchanged, and what came of it is stored.
    pub(super) fn note_answer(&mut self, credential: CredentialId) -> Result<(), WriteError> {
        self.connection
            .prepare_cached("DELETE FROM refreshes WHERE credential = ?")?
            .execute([credential.0])?;
        Ok(())
    }

    /// Notes that a refresh token may have been replaced since it was stored: the store is
    /// an older one.
    pub(super) fn note_restored(
        &mut self,
        credential: &Credential,
        token: Option<&Token<Grant>>,
    ) -> Result<(), WriteError> {
        let Some(held) = refresh_token(credential, token.map(|token| &token.payload)) else {
            return Ok(());
        };
        let never = Moment { wall: Timestamp::UNIX_EPOCH, boot: BootTime(Duration::ZERO) };
        let never = Stamp { moment: never, boot_id: BootId([0; 16]), date: None };
        self.note(credential.id, &SentRecord::new(Fingerprint::of(held), &never))
    }

    fn note(&mut self, credential: CredentialId, record: &SentRecord) -> Result<(), WriteError> {
        let cell = Cell { column: SENT, row: &credential.0 };
        let sealed = self.vault.seal(cell, record, self.random);
        self.connection
            .prepare_cached(
                "INSERT INTO refreshes (credential, sealed) VALUES (?, ?) \
                 ON CONFLICT (credential) DO UPDATE SET sealed = excluded.sealed",
            )?
            .execute(params![credential.0, sealed])?;
        Ok(())
    }
}

/// Reads what is doubtful about the refresh token of a credential as it is stored now.
pub(super) fn doubt(
    connection: &Connection,
    vault: &Vault,
    credential: &Credential,
    token: Option<&Token<Grant>>,
    now: &Stamp,
) -> rusqlite::Result<Result<Option<Doubt>, Broken>> {
    let record = match read(connection, vault, credential.id)? {
        Ok(record) => record,
        Err(broken) => return Ok(Err(broken)),
    };
    let held = refresh_token(credential, token.map(|token| &token.payload)).map(Fingerprint::of);
    let record = record.filter(|record| held == Some(Fingerprint(record.fingerprint)));
    Ok(Ok(record.map(|record| record.doubt(now))))
}

fn read(
    connection: &Connection,
    vault: &Vault,
    credential: CredentialId,
) -> rusqlite::Result<Result<Option<SentRecord>, Broken>> {
    let mut select =
        connection.prepare_cached("SELECT sealed FROM refreshes WHERE credential = ?")?;
    let sealed: Option<Vec<u8>> = select.query_row([credential.0], |row| row.get(0)).optional()?;
    let cell = Cell { column: SENT, row: &credential.0 };
    Ok(sealed.map(|sealed| vault.open_record(cell, &sealed)).transpose())
}

impl SentRecord {
    fn new(Fingerprint(fingerprint): Fingerprint, at: &Stamp) -> Self {
        Self {
            fingerprint,
            issuance: None,
            unanswered: 0,
            spent: false,
            refused: false,
            wall_ms: wall_ms(at.moment.wall),
            boot_ms: boot_ms(at.moment.boot),
            boot_id: at.boot_id.0,
        }
    }

    fn doubt(self, now: &Stamp) -> Doubt {
        let reason = if self.refused && self.unanswered == 0 {
            DoubtReason::Refused
        } else if self.spent {
            DoubtReason::Spent
        } else if self.issuance.is_none() {
            DoubtReason::Restored
        } else {
            DoubtReason::Lost { again: self.unanswered > 1 }
        };
        let boot = Duration::from_millis(u64::try_from(self.boot_ms).unwrap_or(u64::MAX));
        let wall = Timestamp::from_millisecond(self.wall_ms).unwrap_or(Timestamp::MAX);
        let moment = Moment { wall, boot: BootTime(boot) };
        let sent = Stamp { moment, boot_id: BootId(self.boot_id), date: None };
        // One from the future may have been sent at any time.
        let age = sent.elapsed(now).unwrap_or(Duration::MAX);
        Doubt { reason, age, issuance: self.issuance.map(IssuanceId) }
    }
}

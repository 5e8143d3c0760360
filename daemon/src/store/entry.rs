//! What is sealed of an issuance, as it is written now and as earlier versions wrote it.

use super::{
    envelope::Vault,
    record::{OutcomeRecord, RequestRecord, SettledRecord},
    seal::{Broken, Cell, Column, Flaw},
};

pub(super) const REQUEST: Column = Column { table: "issuances", name: "request" };
pub(super) const OUTCOME: Column = Column { table: "issuances", name: "outcome" };

/// Opens the cells of a row. One that is settled has a single cell, or two that an earlier version
/// has left there.
pub(super) fn open(
    vault: &Vault,
    row: &[u8; 32],
    request: Option<&[u8]>,
    outcome: Option<&[u8]>,
) -> Result<(RequestRecord, Option<OutcomeRecord>), Broken> {
    let cell = Cell { column: OUTCOME, row };
    let Some(request) = request else {
        let settled = outcome.ok_or_else(|| cell.broken(Flaw::Short))?;
        return Ok(vault.open_record::<SettledRecord>(cell, settled)?.into());
    };
    let request = vault.open_record(Cell { column: REQUEST, row }, request)?;
    let outcome = outcome.map(|sealed| vault.open_record(cell, sealed)).transpose()?;
    Ok((request, outcome))
}

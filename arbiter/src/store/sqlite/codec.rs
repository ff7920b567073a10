//! Between Rust's types and SQLite's: integers are 63 bits there, and what comes back is not taken on trust.

use borsh::{BorshDeserialize, BorshSerialize};
use gainsay_commitment::Digest;
use gainsay_protocol::{Amount, Key, Verdict};

use crate::store::StoreError;

/// Names what was being done when the database failed.
pub(super) fn failed(doing: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Database { doing, source }
}

fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::Damaged { what: what.into() }
}

/// A number as a column holds it.
pub(super) fn column(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::OutOfRange { what, value })
}

/// A number, or the largest that a column can hold: for indices and bounds only.
pub(super) fn column_at_most(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number from a column.
pub(super) fn number(what: &'static str, value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| damaged(format!("{what} is {value}")))
}

/// An amount from a column.
pub(super) fn amount(value: i64) -> Result<Amount, StoreError> {
    number("an amount", value).map(Amount)
}

/// A digest from a column.
pub(super) fn digest(what: &'static str, bytes: &[u8]) -> Result<Digest, StoreError> {
    let length = bytes.len();
    let bytes =
        bytes.try_into().map_err(|_| damaged(format!("{what} has {length} bytes, not 32")))?;
    Ok(Digest(bytes))
}

/// A digest as a column holds it.
pub(super) fn blob(digest: &Digest) -> Vec<u8> {
    digest.0.to_vec()
}

/// A key as a column holds it.
pub(super) fn key_blob(key: &Key) -> Vec<u8> {
    key.as_bytes().to_vec()
}

/// Canonical bytes.
pub(super) fn encode<T: BorshSerialize>(
    what: &'static str,
    value: &T,
) -> Result<Vec<u8>, StoreError> {
    borsh::to_vec(value).map_err(|error| damaged(format!("{what} cannot be encoded: {error}")))
}

/// A value from its canonical bytes.
pub(super) fn decode<T: BorshDeserialize>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, StoreError> {
    borsh::from_slice(bytes).map_err(|error| damaged(format!("{what} cannot be decoded: {error}")))
}

/// A verdict from its column, which holds its discriminant.
pub(super) fn verdict(value: i64) -> Result<Verdict, StoreError> {
    let byte = u8::try_from(value).map_err(|_| damaged(format!("a verdict is {value}")))?;
    decode("a verdict", &[byte])
}

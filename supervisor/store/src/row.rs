//! Columns of a row as the model's types, with errors that name the column.

use std::{error::Error, str::FromStr};

use orbitr_model::Timestamp;
use rusqlite::{Row, types::Type};
use serde::de::DeserializeOwned;

use crate::time::from_ms;

/// A column that holds text of a type with `FromStr`: identifiers and names.
///
/// # Errors
/// When the column is missing, is not text, or holds no such value.
pub fn parse<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    let index = row.as_ref().column_index(column)?;
    let text: String = row.get(index)?;
    text.parse().map_err(|e| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(e)))
}

/// As [`parse`], for a column that may be NULL.
///
/// # Errors
/// As [`parse`].
pub fn parse_opt<T>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    let index = row.as_ref().column_index(column)?;
    let text: Option<String> = row.get(index)?;
    text.map(|text| text.parse())
        .transpose()
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(e)))
}

/// A column that holds JSON text.
///
/// # Errors
/// When the column is missing, is not text, or holds no such value.
pub fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let index = row.as_ref().column_index(column)?;
    let text: String = row.get(index)?;
    serde_json::from_str(&text).map_err(|e| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(e)))
}

/// A column that holds one of a closed set of words, as serde writes a unit variant: states, levels, roles.
///
/// # Errors
/// When the column is missing, is not text, or holds another word.
pub fn word<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    let index = row.as_ref().column_index(column)?;
    let text: String = row.get(index)?;
    serde_json::from_value(serde_json::Value::String(text))
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(e)))
}

/// A column that holds a moment, see [`crate::time`].
///
/// # Errors
/// When the column is missing or is not an integer.
pub fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    row.get(column).map(from_ms)
}

/// As [`time`], for a column that may be NULL.
///
/// # Errors
/// As [`time`].
pub fn time_opt(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(from_ms))
}

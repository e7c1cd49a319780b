//! Time-based one-time passwords (RFC 6238): six digits, thirty seconds, SHA-1, which is what every app
//! understands. The secret is kept among the box's secrets.

use orbitr_model::{Timestamp, UserId};
use orbitr_store::{Secrets, Tx};
use rusqlite::params;
use totp_rs::{Builder, Secret as TotpSecret, Totp};

use crate::{Secret, error::Error, secret, users::UserRow};

const DIGITS: usize = 6;
const STEP_SECONDS: u64 = 30;
/// A code counts one step early and one step late: clocks are not exact and people are not quick.
const SKEW_STEPS: u16 = 1;
/// 160 bits, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;

/// Whether this can be the code of an app: six digits.
pub(crate) fn is_code(typed: &str) -> bool {
    typed.len() == DIGITS && typed.bytes().all(|b| b.is_ascii_digit())
}

/// A fresh secret, in base 32.
pub(crate) fn new_secret() -> Result<Secret, Error> {
    Ok(Secret::new(TotpSecret::new_stack(secret::random::<SECRET_BYTES>()?).to_base32()))
}

/// The address that an app reads from the picture.
pub(crate) fn uri(secret: &str, issuer: &str, account: &str) -> Result<String, Error> {
    // A colon separates issuer and account in that address, so neither can hold one.
    let issuer = issuer.replace(':', " ");
    totp(secret, Some(&issuer), account)?.to_url().map_err(|_| Error::Hashing)
}

/// The step that a code is of, within one step of now; none when it is of none.
pub(crate) fn step_of(secret: &str, code: &str, now: Timestamp) -> Result<Option<i64>, Error> {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    Ok(totp(secret, None, "")?.check(code, seconds).and_then(|step| i64::try_from(step).ok()))
}

fn totp(secret: &str, issuer: Option<&str>, account: &str) -> Result<Totp, Error> {
    let secret = TotpSecret::try_from_base32(secret).map_err(|_| Error::Hashing)?;
    Builder::new()
        .with_secret(secret)
        .with_skew(SKEW_STEPS)
        .with_step_duration(STEP_SECONDS)
        .with_issuer(issuer.map(str::to_owned))
        .with_account_name(account.to_owned())
        .build()
        .map_err(|_| Error::Hashing)
}

/// Under which name an account's secret is kept.
pub(crate) fn kept_as(user: UserId) -> String {
    format!("user/{user}/totp")
}

/// Under which name a secret waits until a first code shows that the app has it.
pub(crate) fn begun_as(user: UserId) -> String {
    format!("user/{user}/totp-begun")
}

/// Uses a code up. A step that was used, or one before it, never counts again.
pub(crate) fn use_code(
    tx: &Tx<'_>,
    secrets: &Secrets,
    row: &UserRow,
    code: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(kept) = secrets.get(tx, &kept_as(row.user.id))? else { return Ok(false) };
    match step_of(kept.reveal(), code, now)? {
        Some(step) if step > row.totp_last_step => {
            tx.execute("UPDATE user SET totp_last_step = ?2 WHERE id = ?1", params![row.user.id.to_string(), step])?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

//! Turning the second step of one's own account on and off.

use orbitr_model::{Topic, UserId, deed};
use orbitr_store::{Secrets, Tx, time::to_ms};
use qrcodegen::{QrCode, QrCodeEcc};
use rusqlite::params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Access, Permit, RecoveryCodes, Secret, action::ChangeOwnAccount, error::Error, history, recovery_codes, secret,
    totp, users,
};

/// What an app needs to know, shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SecondStepSetup {
    /// The secret in base 32, for apps without a camera.
    pub secret: Secret,
    /// The same as an `otpauth://` address.
    pub uri: Secret,
    /// The same as a picture to scan: an SVG element of its own, black on white in every theme.
    pub qr_svg: Secret,
}

/// The first code of the app shows that it has the secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmSecondStep {
    /// Six digits.
    #[schemars(length(max = 64))]
    pub code: Secret,
}

/// Turning it off asks for the password again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TurnOffSecondStep {
    /// One's password.
    #[schemars(length(max = 256))]
    pub current_password: Secret,
}

impl Access {
    /// Begins to set the second step up: a fresh secret, which counts once its first code is confirmed.
    /// `box_name` is what the app shows the code under.
    ///
    /// # Errors
    /// [`Error::TotpOn`], [`Error::NoAccount`]; otherwise as the database.
    pub async fn begin_second_step(
        &self,
        permit: &Permit<ChangeOwnAccount>,
        box_name: &str,
    ) -> Result<SecondStepSetup, Error> {
        let (user, issuer) = (permit.account()?, box_name.to_owned());
        let secrets = self.store().secrets().clone();
        self.store()
            .write(move |tx| {
                let row = users::known(tx, user)?;
                if row.user.second_step {
                    return Err(Error::TotpOn);
                }
                let secret = totp::new_secret()?;
                secrets.set(tx, &totp::begun_as(user), secret.expose())?;
                let uri = totp::uri(secret.expose(), &issuer, row.user.username.as_str())?;
                Ok(SecondStepSetup { qr_svg: Secret::new(picture(&uri)?), uri: Secret::new(uri), secret })
            })
            .await
    }

    /// Turns the second step on, with the first code of the app, and gives ten recovery codes.
    ///
    /// # Errors
    /// [`Error::WrongCode`], [`Error::TotpNotBegun`], [`Error::TotpOn`]; otherwise as the database.
    pub async fn confirm_second_step(
        &self,
        permit: &Permit<ChangeOwnAccount>,
        confirm: ConfirmSecondStep,
    ) -> Result<RecoveryCodes, Error> {
        let (permit, user, now) = (permit.clone(), permit.account()?, self.now());
        let fresh = self.fresh_recovery_codes().await?;
        let secrets = self.store().secrets().clone();
        self.store()
            .write(move |tx| {
                let row = users::known(tx, user)?;
                if row.user.second_step {
                    return Err(Error::TotpOn);
                }
                let begun = secrets.get(tx, &totp::begun_as(user))?.ok_or(Error::TotpNotBegun)?;
                let code = secret::as_typed(confirm.code.expose());
                let step = totp::step_of(begun.reveal(), &code, now)?.ok_or(Error::WrongCode)?;
                secrets.set(tx, &totp::kept_as(user), begun.reveal())?;
                secrets.remove(tx, &totp::begun_as(user))?;
                // This code is used: it does not work for a sign-in as well.
                tx.execute(
                    "UPDATE user SET totp_since = ?2, totp_last_step = ?3 WHERE id = ?1",
                    params![user.to_string(), to_ms(now), step],
                )?;
                recovery_codes::keep(tx, user, &fresh)?;
                tx.changed(Topic::People);
                let subject = history::user(user, &row.user.username);
                tx.event(history::done(&permit, deed::ACCOUNT_SECOND_STEP_ON, subject, json!({})))?;
                Ok(fresh.shown)
            })
            .await
    }

    /// Turns the second step off.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], [`Error::TooManyTries`], [`Error::TotpOff`]; otherwise as the database.
    pub async fn turn_off_second_step(
        &self,
        permit: &Permit<ChangeOwnAccount>,
        off: TurnOffSecondStep,
    ) -> Result<(), Error> {
        let (permit, user) = (permit.clone(), permit.account()?);
        self.check_own_password(&permit, off.current_password).await?;
        let secrets = self.store().secrets().clone();
        self.store()
            .write(move |tx| {
                let row = users::known(tx, user)?;
                if !row.user.second_step {
                    return Err(Error::TotpOff);
                }
                turn_off(tx, &secrets, user)?;
                let subject = history::user(user, &row.user.username);
                tx.event(history::done(&permit, deed::ACCOUNT_SECOND_STEP_OFF, subject, json!({})))?;
                Ok(())
            })
            .await
    }

    /// Fresh recovery codes in the place of those from before.
    ///
    /// # Errors
    /// [`Error::TotpOff`]; otherwise as the database.
    pub async fn new_recovery_codes(&self, permit: &Permit<ChangeOwnAccount>) -> Result<RecoveryCodes, Error> {
        let (permit, user) = (permit.clone(), permit.account()?);
        let fresh = self.fresh_recovery_codes().await?;
        self.store()
            .write(move |tx| {
                let row = users::known(tx, user)?;
                if !row.user.second_step {
                    return Err(Error::TotpOff);
                }
                recovery_codes::keep(tx, user, &fresh)?;
                tx.changed(Topic::People);
                let subject = history::user(user, &row.user.username);
                tx.event(history::done(&permit, deed::ACCOUNT_RECOVERY_CODES, subject, json!({})))?;
                Ok(fresh.shown)
            })
            .await
    }
}

/// Takes the second step off an account, with all that belongs to it.
pub(crate) fn turn_off(tx: &mut Tx<'_>, secrets: &Secrets, user: UserId) -> Result<(), Error> {
    tx.execute("UPDATE user SET totp_since = NULL, totp_last_step = 0 WHERE id = ?1", [user.to_string()])?;
    tx.execute("DELETE FROM challenge WHERE user_id = ?1", [user.to_string()])?;
    recovery_codes::forget(tx, user)?;
    secrets.remove(tx, &totp::kept_as(user))?;
    secrets.remove(tx, &totp::begun_as(user))?;
    tx.changed(Topic::People);
    Ok(())
}

/// A QR code as SVG: attributes only, so that a strict content security policy shows it.
fn picture(text: &str) -> Result<String, Error> {
    /// The white edge that scanners need (ISO/IEC 18004), in modules.
    const EDGE: i32 = 4;
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).map_err(|_| Error::Hashing)?;
    let side = code.size() + 2 * EDGE;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in 0..code.size() {
            if code.get_module(x, y) {
                path.push_str(&format!("M{} {}h1v1h-1z", x + EDGE, y + EDGE));
            }
        }
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" \
         aria-label=\"QR code for your authenticator app\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}

//! What can go wrong when somebody wants in, as types; each with its stable code.

use orbitr_model::{FieldError, InvalidName, InviteId, Problem, SessionId, TokenId, UserId, Username};

/// An operation of this crate that did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody has claimed the box yet.
    #[error("the box is not claimed yet")]
    NotClaimed,
    /// Somebody has claimed the box: the setup code is gone.
    #[error("the box is claimed already")]
    AlreadyClaimed,
    /// That is not the setup code.
    #[error("the setup code is wrong")]
    WrongSetupCode,
    /// Name, password or both are wrong; nobody is told which.
    #[error("the name or the password is wrong")]
    WrongCredentials,
    /// The password is right, but an admin has disabled the account.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The one-time password was not used in time.
    #[error("the one-time password has expired")]
    OneTimePasswordExpired,
    /// The current password, asked for again, is wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// Too many wrong tries.
    #[error("too many wrong tries")]
    TooManyTries {
        /// Seconds until the next one is looked at.
        wait: u64,
    },
    /// The code of the second step is wrong or was used before.
    #[error("the code of the second step is wrong")]
    WrongCode,
    /// The second step took too long or too many tries; the password is asked for again.
    #[error("the sign-in has expired")]
    ChallengeGone,
    /// The second step is on already.
    #[error("the second step is on already")]
    TotpOn,
    /// The second step is not on.
    #[error("the second step is not on")]
    TotpOff,
    /// There is nothing to confirm: no second step was begun.
    #[error("no second step was begun")]
    TotpNotBegun,
    /// Whoever acts has no account: somebody on the box itself.
    #[error("there is no account to do this with")]
    NoAccount,
    /// The operation is only for somebody on the box itself.
    #[error("the operation is only possible on the box itself")]
    NotOnTheBox,
    /// There is no such account.
    #[error("there is no user {0}")]
    NoUser(String),
    /// There is no such session, or it is not one's own.
    #[error("there is no session {0}")]
    NoSession(SessionId),
    /// There is no such token, or it is not one's own.
    #[error("there is no token {0}")]
    NoToken(TokenId),
    /// There is no such invite.
    #[error("there is no invite {0}")]
    NoInvite(InviteId),
    /// The invite's link was used, withdrawn, or is too old.
    #[error("the invite is no longer valid")]
    InviteGone,
    /// Another account has this name.
    #[error("the name {0} is taken")]
    NameTaken(Username),
    /// The box would be left without an admin.
    #[error("the last admin has to stay")]
    LastAdmin,
    /// More of a thing than one account may have.
    #[error("there are too many {what}")]
    TooMany {
        /// Of what, in the plural.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// Some of the input is not right.
    #[error("the input is not right")]
    Invalid(Vec<FieldError>),
    /// So many passwords are being checked that this one did not get its turn.
    #[error("too many sign-ins at once")]
    Busy,
    /// The machine gives no random numbers.
    #[error("no random numbers")]
    NoRandomness,
    /// Hashing a password failed; in practice only when memory ran out.
    #[error("hashing a password failed")]
    Hashing,
    /// The database.
    #[error("the database")]
    Store(#[from] orbitr_store::Error),
}

impl Error {
    /// One wrong field.
    pub(crate) fn field(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }

    /// A field that is not the name it has to be.
    pub(crate) fn name(field: &str, error: InvalidName) -> Self {
        let mut message = error.to_string();
        // The rule is a sentence once it begins with a capital and ends with a full stop.
        if let Some(first) = message.get(..1).map(str::to_uppercase) {
            message.replace_range(..1, &first);
        }
        Self::field(field, format!("{message}."))
    }

    pub(crate) fn no_user(id: UserId) -> Self {
        Self::NoUser(id.to_string())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotClaimed => not_claimed(),
            Error::AlreadyClaimed => Self::new(409, "already-claimed", "This box is claimed already")
                .why("The setup code works once, and somebody has used it.")
                .then("Sign in, or ask an admin of this box for an invite."),
            Error::WrongSetupCode => wrong_field("code", "wrong-setup-code", "This is not the setup code.").then(
                "Read it again from the box's screen or from the service's log. A restart of Orbitr makes a new one.",
            ),
            Error::WrongCredentials => Self::new(401, "wrong-credentials", "The name or the password is wrong")
                .then("Try again, or ask an admin of this box for a new password."),
            Error::AccountDisabled => Self::new(403, "account-disabled", "Your account is disabled")
                .why("An admin of this box has disabled it.")
                .then("Ask an admin of this box."),
            Error::OneTimePasswordExpired => {
                Self::new(403, "one-time-password-expired", "This one-time password has expired")
                    .then("Ask an admin of this box for a new one.")
            }
            Error::WrongPassword => {
                wrong_field("current_password", "wrong-password", "This is not your current password.")
            }
            Error::TooManyTries { wait } => Self::new(429, "too-many-tries", "Too many wrong tries")
                .why("After several wrong tries the box waits before it looks at the next one.")
                .then(format!("Try again in {}.", in_words(wait)))
                .retry_after(wait),
            Error::Busy => Self::new(503, "busy", "The box is busy checking passwords")
                .then("Try again in a few seconds.")
                .retry_after(5),
            Error::WrongCode => wrong_field("code", "wrong-code", "This code is wrong or was used before.")
                .then("Wait for the next code of your app, or use one of your recovery codes."),
            Error::ChallengeGone => Self::new(401, "sign-in-expired", "This sign-in has expired")
                .why("The second step took too long or too many tries.")
                .then("Sign in again."),
            error => account_problem(error),
        }
    }
}

fn account_problem(error: Error) -> Problem {
    match error {
        Error::TotpOn => Problem::new(409, "totp-on", "The second step is on already")
            .then("Turn it off first to set it up with another device."),
        Error::TotpOff => Problem::new(409, "totp-off", "The second step is not on"),
        Error::TotpNotBegun => Problem::new(409, "totp-not-begun", "There is nothing to confirm")
            .then("Start again, and scan the new picture."),
        Error::NoAccount => Problem::new(403, "no-account", "This needs an account")
            .why("You are on the box itself, and not signed in as anybody."),
        Error::NotOnTheBox => Problem::new(403, "not-on-the-box", "This works only on the box itself")
            .then("Run «orbitr user reset NAME» there."),
        Error::NoUser(id) => Problem::not_found("user", id),
        Error::NoSession(id) => Problem::not_found("session", id),
        Error::NoToken(id) => Problem::not_found("token", id),
        Error::NoInvite(id) => Problem::not_found("invite", id),
        Error::InviteGone => Problem::new(410, "invite-gone", "This invite is no longer valid")
            .why("It was used, withdrawn, or is older than seven days.")
            .then("Ask an admin of this box for a new one."),
        Error::NameTaken(name) => {
            wrong_field("username", "name-taken", &format!("Another account is called «{name}».")).with_status(409)
        }
        Error::LastAdmin => Problem::new(409, "last-admin", "This is the last admin of this box")
            .why("Without an admin nobody could change the box any more.")
            .then("Make somebody else an admin first."),
        Error::TooMany { what, most } => Problem::new(409, "too-many", format!("There are too many {what}"))
            .why(format!("There may be {most} of them.")),
        Error::Invalid(fields) => Problem::invalid(fields),
        Error::Store(error) => error.into(),
        error => {
            tracing::error!(%error, "access operation failed");
            Problem::internal()
        }
    }
}

/// 409 `not-claimed`: the answer to everything but setup, until somebody has claimed the box.
pub(crate) fn not_claimed() -> Problem {
    Problem::new(409, "not-claimed", "This box is not set up yet")
        .then("Open its address in a browser, and type the setup code from its screen or its service's log.")
}

fn wrong_field(field: &str, code: &str, message: &str) -> Problem {
    let mut problem = Problem::field(field, message);
    problem.code = code.to_owned();
    problem
}

trait WithStatus {
    fn with_status(self, status: u16) -> Self;
}

impl WithStatus for Problem {
    fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

fn in_words(seconds: u64) -> String {
    match seconds {
        1 => "a second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

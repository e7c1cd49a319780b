//! What history can say was done: the one list of names. Whoever writes an event takes its name from here, and whoever
//! shows history has a sentence for each of them.
//!
//! A refusal is written under the name of the action that was refused; those names are in access's table of actions.

macro_rules! deeds {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*

        /// Every name, in the order of this file.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

deeds! {
    /// Somebody claimed the box, or tried to with a wrong code.
    BOX_CLAIM = "box.claim";
    /// Somebody changed the box's settings.
    BOX_CHANGE = "box.change";
    /// The box brought its database to a newer form.
    BOX_DATABASE_MIGRATED = "box.database-migrated";
    /// The box repaired its database.
    BOX_DATABASE_REPAIRED = "box.database-repaired";
    /// An older Orbitr took its own copy of the database up again.
    BOX_DATABASE_WENT_BACK = "box.database-went-back";
    /// A kept copy of the database was restored.
    BOX_DATABASE_RESTORED = "box.database-restored";
    /// The box started over with an empty database.
    BOX_DATABASE_STARTED_OVER = "box.database-started-over";
    /// Sealed secrets were given up, because their key was lost.
    BOX_SECRETS_FORGOTTEN = "box.secrets-forgotten";
    /// Sealed secrets were sealed anew.
    BOX_SECRETS_RESEALED = "box.secrets-resealed";
    /// Another key took the place of one that was lost.
    BOX_KEY_REPLACED = "box.key-replaced";
    /// The key's file was readable for others and was closed.
    BOX_KEY_CLOSED = "box.key-closed";
    /// The key was changed for a fresh one.
    BOX_KEY_ROTATED = "box.key-rotated";

    /// Somebody asked the machine to reboot.
    BOX_REBOOT = "box.reboot";
    /// Somebody asked the machine to power off.
    BOX_POWER_OFF = "box.power-off";
    /// Somebody asked for everything on the box to be erased.
    BOX_FACTORY_RESET = "box.factory-reset";
    /// Somebody had a version of the system installed, or the box did by itself.
    BOX_UPDATE = "box.update";
    /// Somebody changed where updates of the system come from and what is done with them.
    BOX_UPDATE_SETTINGS = "box.update-settings";
    /// Somebody brought a version of the system as a file.
    BOX_UPDATE_UPLOAD = "box.update-upload";
    /// Somebody said which installed version is to be started.
    BOX_CHOOSE_VERSION = "box.choose-version";
    /// Somebody said that a version that came back may be tried again.
    BOX_UPDATE_LIFT = "box.update-lift";
    /// A version was tried, did not do its work, and the one before came back.
    BOX_UPDATE_RETURNED = "box.update-returned";
    /// After an update every app was healthy again that was before.
    BOX_UPDATE_PROVED = "box.update-proved";
    /// After an update apps were not healthy: somebody is asked whether to keep it.
    BOX_UPDATE_ASKED = "box.update-asked";
    /// Somebody kept an update although apps were not healthy.
    BOX_UPDATE_KEPT = "box.update-kept";
    /// Somebody, or the box after the time was over, went back from an update because apps were not healthy.
    BOX_UPDATE_LEFT = "box.update-left";
    /// Docker's store was to be set aside and another one begun, by somebody or by the box itself.
    BOX_DOCKER_STORE_REBUILD = "box.docker-store-rebuild";
    /// Docker's store was rebuilt, or could not be: which apps came back and which did not.
    BOX_DOCKER_STORE_REBUILT = "box.docker-store-rebuilt";
    /// Somebody had stores of Docker removed that were set aside.
    BOX_DOCKER_STORE_REMOVE = "box.docker-store-remove";
    /// Somebody turned safe mode on: apps stay stopped.
    BOX_SAFE_MODE_ON = "box.safe-mode-on";
    /// Somebody turned safe mode off.
    BOX_SAFE_MODE_OFF = "box.safe-mode-off";
    /// The machine's clock was set while the box ran.
    BOX_CLOCK_SET = "box.clock-set";
    /// Somebody began to try another network setting.
    NETWORK_TRY = "network.try";
    /// Somebody confirmed a network setting, so that it stays.
    NETWORK_KEEP = "network.keep";
    /// A network setting that was tried was taken back, by somebody or because nobody confirmed it.
    NETWORK_RETURN = "network.return";
    /// Somebody changed whether SSH is on, or whose keys open it.
    SSH_CHANGE = "ssh.change";
    /// Somebody had the box's certificate renewed.
    BOX_CERTIFICATE = "box.certificate";
    /// Somebody had the database copied.
    BOX_COPY = "box.copy";
    /// Somebody made a support bundle.
    BOX_SUPPORT_BUNDLE = "box.support-bundle";
    /// Somebody downloaded a part of the machine's journal.
    JOURNAL_EXPORT = "journal.export";
    /// Somebody asked for a unit of the machine to be restarted.
    UNIT_RESTART = "unit.restart";

    /// Somebody signed in, could not, or was turned away.
    ACCOUNT_SIGN_IN = "account.sign-in";
    /// Somebody signed out.
    ACCOUNT_SIGN_OUT = "account.sign-out";
    /// Somebody changed their own name.
    ACCOUNT_PROFILE = "account.profile";
    /// Somebody changed their own password.
    ACCOUNT_PASSWORD = "account.password";
    /// Somebody typed a wrong current password.
    ACCOUNT_CONFIRM_PASSWORD = "account.confirm-password";
    /// Somebody turned their second step on.
    ACCOUNT_SECOND_STEP_ON = "account.second-step-on";
    /// Somebody turned their second step off.
    ACCOUNT_SECOND_STEP_OFF = "account.second-step-off";
    /// Somebody made new recovery codes.
    ACCOUNT_RECOVERY_CODES = "account.recovery-codes";
    /// Somebody ended one of their own sign-ins.
    SESSION_END = "session.end";
    /// Somebody ended all of their own sign-ins but one.
    SESSION_END_OTHERS = "session.end-others";
    /// Somebody made an API token.
    TOKEN_CREATE = "token.create";
    /// Somebody revoked an API token.
    TOKEN_REVOKE = "token.revoke";

    /// An admin gave an account another role.
    USER_ROLE = "user.role";
    /// An admin set or took a grant.
    USER_GRANT = "user.grant";
    /// An admin disabled an account.
    USER_DISABLE = "user.disable";
    /// An admin enabled an account.
    USER_ENABLE = "user.enable";
    /// An admin deleted an account.
    USER_DELETE = "user.delete";
    /// An admin gave an account a one-time password.
    USER_RESET = "user.reset";
    /// Somebody on the box itself gave an account a one-time password.
    USER_RESET_ON_THE_BOX = "user.reset-on-the-box";
    /// An admin turned an account's second step off.
    USER_SECOND_STEP_OFF = "user.second-step-off";
    /// An admin ended one sign-in of an account.
    USER_END_SESSION = "user.end-session";
    /// An admin ended every sign-in of an account.
    USER_END_SESSIONS = "user.end-sessions";
    /// An admin invited somebody.
    INVITE_CREATE = "invite.create";
    /// An admin withdrew an invite.
    INVITE_REVOKE = "invite.revoke";
    /// Somebody made an account of an invite.
    INVITE_ACCEPT = "invite.accept";
    /// An admin exported history.
    AUDIT_EXPORT = "audit.export";

    /// Somebody began to install an app.
    APP_INSTALL = "app.install";
    /// Somebody started an app.
    APP_START = "app.start";
    /// Somebody stopped an app.
    APP_STOP = "app.stop";
    /// Somebody restarted an app.
    APP_RESTART = "app.restart";
    /// Somebody changed an app's settings.
    APP_CHANGE = "app.change";
    /// Somebody began to update an app.
    APP_UPDATE = "app.update";
    /// Somebody said what becomes of newer versions of an app.
    APP_UPDATE_POLICY = "app.update-policy";
    /// Somebody looked at what an action of an app gave.
    APP_TAKE_RESULT = "app.take-result";
    /// Somebody began to run an older release of an app again.
    APP_ROLL_BACK = "app.roll-back";
    /// Somebody ran an action of an app.
    APP_ACTION = "app.action";
    /// Somebody gave an app another password at the app that it is bound to.
    APP_ROTATE = "app.rotate";
    /// Somebody had the images of an app got again.
    APP_REPAIR = "app.repair";
    /// Somebody gave an app free ports in the place of those that others hold.
    APP_MOVE_PORTS = "app.move-ports";
    /// Somebody had a secret of an app made anew.
    APP_ROTATE_SECRET = "app.rotate-secret";
    /// Somebody called an app something else.
    APP_RENAME = "app.rename";
    /// Somebody deleted a snapshot of an app's data.
    APP_FORGET_SNAPSHOT = "app.forget-snapshot";
    /// Somebody pinned a release of an app, so that it stays.
    APP_PIN = "app.pin";
    /// Somebody let go of a pinned release of an app.
    APP_UNPIN = "app.unpin";
    /// Moved an app's data to another disk.
    APP_MOVE_DATA = "app.move-data";
    /// The box brought an app back to what its owner wants.
    APP_HEAL = "app.heal";
    /// Somebody began to clone an app.
    APP_CLONE = "app.clone";
    /// Somebody began to export an app.
    APP_EXPORT = "app.export";
    /// Somebody began to install an app from an archive.
    APP_IMPORT = "app.import";
    /// Somebody began to take over a Compose project.
    APP_ADOPT = "app.adopt";
    /// Somebody uploaded an archive.
    ARCHIVE_UPLOAD = "archive.upload";
    /// Somebody downloaded an archive.
    ARCHIVE_DOWNLOAD = "archive.download";
    /// An archive was deleted, by somebody or because its time was over.
    ARCHIVE_DELETE = "archive.delete";
    /// Somebody began to remove an app.
    APP_REMOVE = "app.remove";
    /// Somebody looked at an app's passwords.
    APP_REVEAL = "app.reveal";
    /// A container of an app ended by itself.
    APP_CONTAINER_ENDED = "app.container-ended";

    /// The box found an issue: with itself, an app, a unit or a job.
    ISSUE_FOUND = "issue.found";
    /// An issue is over.
    ISSUE_ENDED = "issue.ended";
    /// Somebody hid an issue until it ends and comes back.
    ISSUE_DISMISSED = "issue.dismissed";

    /// Somebody asked a job to stop.
    JOB_CANCEL = "job.cancel";
    /// A job ended well.
    JOB_SUCCEEDED = "job.succeeded";
    /// A job failed.
    JOB_FAILED = "job.failed";
    /// A job was cancelled and what it did was undone.
    JOB_CANCELLED = "job.cancelled";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ALL;

    #[test]
    fn every_name_is_one_of_its_own() {
        assert_eq!(ALL.iter().collect::<BTreeSet<_>>().len(), ALL.len());
        assert!(ALL.iter().all(|name| name.split_once('.').is_some()));
    }
}

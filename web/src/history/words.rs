//! History in sentences: who did what to what, in the past tense, for every name that history knows.

use maud::{Markup, html};
use orbitr_access::action;
use orbitr_model::deed;
use orbitr_store::{Outcome, events::Event};

/// What was done in two forms; `{}` stands for the thing.
struct Words {
    /// After the name of whoever did it: «stopped {}».
    done: &'static str,
    /// After «could not» and «was not allowed to»: «stop {}».
    to: &'static str,
}

const fn words(done: &'static str, to: &'static str) -> Option<Words> {
    Some(Words { done, to })
}

/// The words for one of [`deed::ALL`].
fn of(name: &str) -> Option<Words> {
    match name {
        deed::BOX_CLAIM => words("claimed the box", "claim the box"),
        deed::BOX_CHANGE => words("changed the settings of {}", "change the settings of {}"),
        deed::BOX_REBOOT => words("asked the machine to reboot", "ask the machine to reboot"),
        deed::BOX_POWER_OFF => words("asked the machine to power off", "ask the machine to power off"),
        deed::BOX_FACTORY_RESET => words("asked for a factory reset of {}", "reset {} to factory state"),
        deed::BOX_UPDATE => words("began to update the system to {}", "update the system to {}"),
        deed::BOX_UPDATE_SETTINGS => words("changed how the system is updated", "change how the system is updated"),
        deed::BOX_UPDATE_UPLOAD => words("uploaded {} of the system", "upload {} of the system"),
        deed::BOX_CHOOSE_VERSION => words("chose to start {} of the system", "choose to start {} of the system"),
        deed::BOX_UPDATE_LIFT => words("lifted the quarantine of {}", "lift the quarantine of {}"),
        deed::BOX_UPDATE_PROVED => words("saw every app healthy again on {}", "see every app healthy on {}"),
        deed::BOX_UPDATE_ASKED => words("asked whether to keep {}: not all apps are healthy", "ask whether to keep {}"),
        deed::BOX_UPDATE_KEPT => words("kept {} although not all apps are healthy", "keep {}"),
        deed::BOX_UPDATE_LEFT => words("went back from {}: not all apps were healthy", "go back from {}"),
        deed::BOX_UPDATE_RETURNED => words("saw {} come back from being tried", "see {} come back"),
        deed::BOX_DOCKER_STORE_REBUILD => words("began to rebuild Docker's store", "begin to rebuild Docker's store"),
        deed::BOX_DOCKER_STORE_REBUILT => words("rebuilt Docker's store", "rebuild Docker's store"),
        deed::BOX_DOCKER_STORE_REMOVE => words("began to remove old stores of Docker", "remove old stores of Docker"),
        deed::BOX_SAFE_MODE_ON => words("turned safe mode on", "turn safe mode on"),
        deed::BOX_SAFE_MODE_OFF => words("turned safe mode off", "turn safe mode off"),
        deed::BOX_CLOCK_SET => words("noticed that its clock was set", "notice that its clock was set"),
        deed::NETWORK_TRY => words("began to try another network setting", "try another network setting"),
        deed::NETWORK_KEEP => words("kept the new network setting", "keep the new network setting"),
        deed::NETWORK_RETURN => words("went back to the old network setting", "go back to the old network setting"),
        deed::SSH_CHANGE => words("changed who may use SSH", "change who may use SSH"),
        deed::BOX_CERTIFICATE => words("began to renew the certificate of the box", "renew the certificate of the box"),
        deed::BOX_COPY => words("began to copy the database of the box", "copy the database of the box"),
        deed::BOX_SUPPORT_BUNDLE => words("made a support bundle", "make a support bundle"),
        deed::JOURNAL_EXPORT => words("downloaded the journal", "download the journal"),
        deed::UNIT_RESTART => words("asked for {} to be restarted", "restart {}"),
        deed::BOX_DATABASE_MIGRATED => words("brought its database up to date", "bring its database up to date"),
        deed::BOX_DATABASE_REPAIRED => words("repaired its database", "repair its database"),
        deed::BOX_DATABASE_WENT_BACK => {
            words("went back to the database of an earlier version", "go back to the database of an earlier version")
        }
        deed::BOX_DATABASE_RESTORED => words("restored a kept copy of its database", "restore a copy of its database"),
        deed::BOX_DATABASE_STARTED_OVER => words("started over with an empty database", "start over"),
        deed::BOX_SECRETS_FORGOTTEN => {
            words("gave up secrets whose key was lost", "give up the secrets whose key was lost")
        }
        deed::BOX_SECRETS_RESEALED => words("sealed its secrets anew", "seal its secrets anew"),
        deed::BOX_KEY_REPLACED => words("made a new key in place of one that was lost", "make a new key"),
        deed::BOX_KEY_CLOSED => words("closed its key to other users of the machine", "close its key"),
        deed::BOX_KEY_ROTATED => words("changed its key for a fresh one", "change its key"),
        name => of_person(name).or_else(|| of_app(name)),
    }
}

fn of_person(name: &str) -> Option<Words> {
    match name {
        deed::ACCOUNT_SIGN_IN => words("signed in", "sign in as {}"),
        deed::ACCOUNT_SIGN_OUT => words("signed out", "sign out"),
        deed::ACCOUNT_PROFILE => words("changed their name", "change their name"),
        deed::ACCOUNT_PASSWORD => words("changed their password", "change their password"),
        deed::ACCOUNT_CONFIRM_PASSWORD => words("confirmed their password", "confirm their password"),
        deed::ACCOUNT_SECOND_STEP_ON => words("turned their second step on", "turn their second step on"),
        deed::ACCOUNT_SECOND_STEP_OFF => words("turned their second step off", "turn their second step off"),
        deed::ACCOUNT_RECOVERY_CODES => words("made new recovery codes", "make new recovery codes"),
        deed::SESSION_END => words("signed one of their browsers out", "sign one of their browsers out"),
        deed::SESSION_END_OTHERS => words("signed out everywhere else", "sign out everywhere else"),
        deed::TOKEN_CREATE => words("made the API token {}", "make the API token {}"),
        deed::TOKEN_REVOKE => words("revoked the API token {}", "revoke the API token {}"),
        deed::USER_ROLE => words("changed the role of {}", "change the role of {}"),
        deed::USER_GRANT => words("changed what {} may do", "change what {} may do"),
        deed::USER_DISABLE => words("disabled the account of {}", "disable the account of {}"),
        deed::USER_ENABLE => words("enabled the account of {}", "enable the account of {}"),
        deed::USER_DELETE => words("deleted the account of {}", "delete the account of {}"),
        deed::USER_RESET => words("gave {} a one-time password", "give {} a one-time password"),
        deed::USER_RESET_ON_THE_BOX => {
            words("gave {} a one-time password, on the box itself", "give {} a one-time password on the box itself")
        }
        deed::USER_SECOND_STEP_OFF => words("turned the second step of {} off", "turn the second step of {} off"),
        deed::USER_END_SESSION => words("signed one browser of {} out", "sign one browser of {} out"),
        deed::USER_END_SESSIONS => words("signed {} out everywhere", "sign {} out everywhere"),
        deed::INVITE_CREATE => words("invited {}", "invite {}"),
        deed::INVITE_REVOKE => words("withdrew the invite for {}", "withdraw the invite for {}"),
        deed::INVITE_ACCEPT => words("accepted an invite and made an account", "accept an invite"),
        deed::AUDIT_EXPORT => words("exported the history", "export the history"),
        _ => None,
    }
}

fn of_app(name: &str) -> Option<Words> {
    match name {
        deed::APP_INSTALL => words("began to install {}", "install {}"),
        deed::APP_START => words("started {}", "start {}"),
        deed::APP_STOP => words("stopped {}", "stop {}"),
        deed::APP_RESTART => words("restarted {}", "restart {}"),
        deed::APP_CHANGE => words("changed the settings of {}", "change the settings of {}"),
        deed::APP_UPDATE => words("began to update {}", "update {}"),
        deed::APP_UPDATE_POLICY => words("changed how {} is updated", "change how {} is updated"),
        deed::APP_TAKE_RESULT => words("looked at what an action of {} gave", "see what an action of {} gave"),
        deed::APP_ROLL_BACK => words("began to roll {} back", "roll {} back"),
        deed::APP_ACTION => words("ran an action of {}", "run an action of {}"),
        deed::APP_ROTATE => words("began to change a password of {}", "change a password of {}"),
        deed::APP_REPAIR => words("began to get the images of {} again", "get the images of {} again"),
        deed::APP_MOVE_PORTS => words("began to move {} to free ports", "move {} to free ports"),
        deed::APP_ROTATE_SECRET => words("began to make a secret of {} anew", "make a secret of {} anew"),
        deed::APP_RENAME => words("renamed {}", "rename {}"),
        deed::APP_PIN => words("pinned a release of {}", "pin a release of {}"),
        deed::APP_UNPIN => words("unpinned a release of {}", "unpin a release of {}"),
        deed::APP_MOVE_DATA => words("began to move the data of {}", "move the data of {}"),
        deed::APP_FORGET_SNAPSHOT => words("began to delete a snapshot of {}", "delete a snapshot of {}"),
        deed::APP_HEAL => words("began to bring {} back", "bring {} back"),
        deed::APP_CLONE => words("began to clone {}", "clone {}"),
        deed::APP_EXPORT => words("began to export {}", "export {}"),
        deed::APP_ADOPT => words("began to take over {}", "take over {}"),
        deed::APP_IMPORT => words("began to install {} from an archive", "install {} from an archive"),
        deed::ARCHIVE_UPLOAD => words("uploaded the archive {}", "upload the archive {}"),
        deed::ARCHIVE_DOWNLOAD => words("downloaded the archive {}", "download the archive {}"),
        deed::ARCHIVE_DELETE => words("deleted the archive {}", "delete the archive {}"),
        deed::APP_REMOVE => words("began to remove {}", "remove {}"),
        deed::APP_REVEAL => words("looked at the passwords of {}", "see the passwords of {}"),
        deed::APP_CONTAINER_ENDED => words("saw a container of {} end", "keep a container of {} up"),
        deed::ISSUE_FOUND => words("found an issue with {}", "look at an issue with {}"),
        deed::ISSUE_ENDED => words("saw an issue with {} end", "see an issue with {} end"),
        deed::ISSUE_DISMISSED => words("dismissed an issue with {}", "dismiss an issue with {}"),
        deed::JOB_CANCEL => words("cancelled {}", "cancel {}"),
        deed::JOB_SUCCEEDED => words("finished {}", "finish {}"),
        deed::JOB_FAILED => words("began {}, which failed", "finish {}"),
        deed::JOB_CANCELLED => words("began {}, which was cancelled", "finish {}"),
        _ => None,
    }
}

/// The words for a refusal: what was asked for stands in access's table of actions.
fn refused(name: &str) -> Option<&'static str> {
    let asked = action::ALL.iter().find(|action| action.name == name).map(|action| action.words);
    asked.or_else(|| of(name).map(|words| words.to))
}

/// What goes on after the name of whoever did it, with `{}` for the thing; none for a name that this version does not know.
fn predicate(name: &str, outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Ok => of(name).map(|words| words.done.to_owned()),
        Outcome::Failed => of(name).map(|words| format!("could not {}", words.to)),
        Outcome::Denied => refused(name).map(|to| format!("was not allowed to {to}")),
    }
}

/// The whole sentence. `thing` is what it was done to, as a link where that has a page.
pub(super) fn sentence(event: &Event, thing: &Markup) -> Markup {
    if let Some((title, end)) = job(event) {
        return html! { strong { (title) } " " (end) };
    }
    let actor = capitalised(&event.actor.to_string());
    let Some(predicate) = predicate(&event.action, event.outcome) else {
        return html! { strong { (actor) } " did " code { (event.action) } ", for which this version of Orbitr has no words" };
    };
    // Nobody knows as whom somebody wanted in whose name fits no account.
    let predicate = if event.subject.id.is_empty() { predicate.replace(" as {}", "") } else { predicate };
    // What is done to a job is told by the job's title, not by the app that it works on.
    let title = event.detail.get("title").and_then(serde_json::Value::as_str);
    let title = title.filter(|_| event.action == deed::JOB_CANCEL).map(|title| html! { "«" (title) "»" });
    let thing = title.as_ref().unwrap_or(thing);
    let mut parts = predicate.split("{}");
    html! {
        strong { (actor) } " " (parts.next().unwrap_or_default())
        @for part in parts { (thing) (part) }
    }
}

/// A job that ended: its title, and how.
fn job(event: &Event) -> Option<(&str, &'static str)> {
    let end = match event.action.as_str() {
        deed::JOB_SUCCEEDED => "is done",
        deed::JOB_FAILED => "has failed",
        deed::JOB_CANCELLED => "was cancelled, and what it did was undone",
        _ => return None,
    };
    Some((event.detail.get("title")?.as_str()?, end))
}

fn capitalised(text: &str) -> String {
    // A user name keeps its small letter.
    match text {
        "the box" => "The box".to_owned(),
        "somebody" => "Somebody".to_owned(),
        name => name.to_owned(),
    }
}

/// What else is worth knowing, in a line: texts, numbers and lists of texts.
pub(super) fn detail(event: &Event) -> String {
    let members = event.detail.as_object().into_iter().flatten();
    let told = members.filter_map(|(name, value)| {
        let text = match value {
            serde_json::Value::String(text) if text.len() < 80 => text.clone(),
            serde_json::Value::Number(number) if number.as_u64() != Some(0) => number.to_string(),
            serde_json::Value::Array(list) if !list.is_empty() => {
                list.iter().map(|one| one.as_str()).collect::<Option<Vec<_>>>()?.join(", ")
            }
            _ => return None,
        };
        match name.as_str() {
            // Names for programs, and what the sentence says already.
            "job" | "session" | "kind" | "id" | "for" | "title" | "invite" | "code" | "of" => None,
            "why" | "what" => Some(text),
            "closed_for_seconds" => Some(format!("next try in {text} s")),
            name => Some(format!("{}: {text}", name.replace('_', " "))),
        }
    });
    told.take(3).collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_well(name: &str, outcome: Outcome) {
        let said = predicate(name, outcome).unwrap_or_else(|| panic!("{name} has no words when {outcome:?}"));
        assert!(!said.contains(name) && !said.contains('.'), "{name}: {said}");
        assert!(said.matches("{}").count() <= 1, "{name}: {said}");
        assert!(said.starts_with(|c: char| c.is_ascii_lowercase()), "{name}: {said}");
    }

    #[test]
    fn everything_that_can_be_written_has_a_sentence_however_it_ended() {
        for name in deed::ALL {
            for outcome in [Outcome::Ok, Outcome::Failed, Outcome::Denied] {
                reads_well(name, outcome);
            }
        }
        for action in action::ALL {
            reads_well(action.name, Outcome::Denied);
        }
    }

    #[test]
    fn what_did_not_happen_is_not_told_as_if_it_had() {
        for name in deed::ALL {
            let done = predicate(name, Outcome::Ok).unwrap();
            for outcome in [Outcome::Failed, Outcome::Denied] {
                let not = predicate(name, outcome).unwrap();
                assert!(not.starts_with("could not ") || not.starts_with("was not allowed to "), "{not}");
                assert!(!not.contains(&done), "{name}: {not}");
            }
        }
        assert_eq!(predicate(deed::BOX_CLAIM, Outcome::Failed).as_deref(), Some("could not claim the box"));
    }
}

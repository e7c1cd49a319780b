//! What can be done: one marker type for each action, with the level it needs and the kind of thing it
//! is done to. This table is the whole list; a route or an operation names one of these and nothing else.

use orbitr_model::{AppId, JobId, Level, ProjectId};

use crate::resource::{Resource, TheBox};

/// An action that somebody may or may not do. Only the markers of this module are actions.
pub trait Action: sealed::Sealed + Clone + Copy + Send + Sync + 'static {
    /// Its stable name, as history writes it: `app.operate`.
    const NAME: &'static str;
    /// What it is in people's words, to go on after «may not»; `{}` stands for the thing that it is done to.
    const WORDS: &'static str;
    /// How deep it reaches.
    const LEVEL: Level;
    /// Only a person who has signed in may do it; a token or the box's own root may not.
    const PERSON_ONLY: bool;
    /// It is open to somebody whose password is a one-time one that must be changed first.
    const WITH_ONE_TIME_PASSWORD: bool;
    /// Somebody on the box itself may do it before anybody has claimed the box: without it there would be no way to claim it.
    const BEFORE_CLAIM: bool;
    /// What it is done to.
    type Resource: Resource;
}

/// One line of the table of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionInfo {
    /// Its stable name.
    pub name: &'static str,
    /// What it is in people's words, to go on after «may not»; `{}` stands for the thing that it is done to.
    pub words: &'static str,
    /// How deep it reaches.
    pub level: Level,
    /// The kind of thing it is done to, as path parameters call it.
    pub resource_kind: &'static str,
    /// Only a person who has signed in may do it.
    pub person_only: bool,
    /// Open to somebody whose password must be changed first.
    pub with_one_time_password: bool,
}

impl ActionInfo {
    /// The line of one action.
    #[must_use]
    pub const fn of<A: Action>() -> Self {
        Self {
            name: A::NAME,
            words: A::WORDS,
            level: A::LEVEL,
            resource_kind: <A::Resource as Resource>::KIND,
            person_only: A::PERSON_ONLY,
            with_one_time_password: A::WITH_ONE_TIME_PASSWORD,
        }
    }
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! actions {
    ($($(#[$doc:meta])* $marker:ident: $name:literal $words:literal, $level:ident on $resource:ty $(, $flag:ident)*;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $marker;

            impl sealed::Sealed for $marker {}

            impl Action for $marker {
                const NAME: &'static str = $name;
                const WORDS: &'static str = $words;
                const LEVEL: Level = Level::$level;
                const PERSON_ONLY: bool = false $(|| flag!(person_only $flag))*;
                const WITH_ONE_TIME_PASSWORD: bool = false $(|| flag!(with_one_time_password $flag))*;
                const BEFORE_CLAIM: bool = false $(|| flag!(before_claim $flag))*;
                type Resource = $resource;
            }
        )*

        /// Every action there is, in the order of this file.
        pub const ALL: &[ActionInfo] = &[$(ActionInfo::of::<$marker>()),*];
    };
}

macro_rules! flag {
    (person_only person_only) => {
        true
    };
    (with_one_time_password with_one_time_password) => {
        true
    };
    (before_claim before_claim) => {
        true
    };
    ($wanted:ident $flag:ident) => {
        false
    };
}

actions! {
    /// See the box: its name, figures, mode and settings that are no secret.
    ViewBox: "box.view" "see {}", View on TheBox;
    /// Change the box: name, time zone, power, every setting of the machine.
    ChangeBox: "box.change" "change the settings of {}", Administer on TheBox;
    /// See the machine: units, power, time, network, what is wrong with it.
    ViewMachine: "machine.view" "see the machine under {}", Administer on TheBox, before_claim;
    /// Change how the machine is in its network; it goes back unless it is confirmed.
    ChangeNetwork: "network.change" "change the network of {}", Administer on TheBox, before_claim;
    /// Say whether SSH is on, and whose keys open it.
    ChangeSsh: "ssh.change" "change who may use SSH on {}", Administer on TheBox;
    /// Reboot and power off.
    PowerBox: "box.power" "reboot {} or power it off", Administer on TheBox;
    /// Erase everything on the box.
    ResetBox: "box.reset" "reset {} to factory state", Administer on TheBox;
    /// Update the system: install a version, go back to one, say where they come from.
    UpdateBox: "box.update" "update the system of {}", Administer on TheBox;
    /// Rebuild Docker's store, look at it, remove what was set aside.
    RebuildDockerStore: "box.docker-store" "rebuild Docker's store on {}", Administer on TheBox;
    /// Restart a unit of the machine.
    RestartUnit: "unit.restart" "restart services of {}", Administer on TheBox;
    /// Read the machine's journal.
    ViewJournal: "journal.view" "read the journal of {}", Administer on TheBox;
    /// Make a support bundle.
    MakeSupportBundle: "support.make" "make a support bundle of {}", Administer on TheBox;

    /// See what one's own account, sessions and tokens are.
    OwnAccount: "account.view" "see an account of their own", View on TheBox, with_one_time_password;
    /// Change one's own profile, second step, sessions and tokens.
    ChangeOwnAccount: "account.change" "change an account of their own", View on TheBox, person_only;
    /// Change one's own password.
    ChangeOwnPassword: "account.password" "change a password of their own", View on TheBox, person_only, with_one_time_password;
    /// End one's own session.
    SignOut: "account.sign-out" "sign out", View on TheBox, person_only, with_one_time_password;

    /// See everybody: accounts, roles, grants, invites, sessions and tokens of all.
    ViewPeople: "people.view" "see who uses {}", Administer on TheBox;
    /// Change everybody: invite, roles, grants, disable, delete, reset.
    ManagePeople: "people.manage" "change who may use {}", Administer on TheBox;
    /// Read, export and verify the whole history.
    ViewAudit: "audit.view" "read the whole history of {}", Administer on TheBox;
    /// See history; the list shows what one may see.
    ListEvents: "event.list" "see what happened", View on TheBox;

    /// See the projects; the list shows what one may see.
    ListProjects: "project.list" "see the projects", View on TheBox;
    /// See one project.
    ViewProject: "project.view" "see {}", View on ProjectId;
    /// Install an app into a project.
    InstallApp: "app.install" "install apps into {}", Manage on ProjectId;

    /// See and download the archives of a project: files that hold an app with its data.
    ViewArchives: "archive.view" "see the archives of {}", Manage on ProjectId;
    /// Upload and delete archives.
    ManageArchives: "archive.manage" "upload or delete archives of {}", Manage on ProjectId;

    /// Install an extension that the store does not have, such as one that came with an archive.
    InstallUnknown: "app.install-unknown" "install what the store of {} does not have", Administer on TheBox;
    /// See the store and the extensions in it.
    ViewCatalog: "catalog.view" "see the store", View on TheBox;
    /// See the apps; the list shows what one may see.
    ListApps: "app.list" "see the apps", View on TheBox;
    /// See one app: state, logs, settings without secrets, events.
    ViewApp: "app.view" "see {}", View on AppId;
    /// Start, stop and restart an app.
    OperateApp: "app.operate" "start, stop or restart {}", Operate on AppId;
    /// Read the passwords and keys that an app was given.
    RevealAppSecrets: "app.reveal" "see the passwords of {}", Manage on AppId;
    /// Change an app's inputs.
    ChangeApp: "app.change" "change the settings of {}", Manage on AppId;
    /// Make another app of an app, with a copy of its data and its passwords.
    CloneApp: "app.clone" "clone {}", Manage on AppId;
    /// Put an app with its data into a file.
    ExportApp: "app.export" "export {}", Manage on AppId;
    /// Remove an app, with or without its data.
    RemoveApp: "app.remove" "remove {}", Manage on AppId;

    /// See what is wrong; the list shows what is about the apps that one sees, and to admins what is about the box.
    ListIssues: "issue.list" "see what is wrong", View on TheBox;
    /// Hide an issue of the box, or any other, until it ends and comes back.
    DismissIssue: "issue.dismiss" "dismiss issues of {}", Administer on TheBox;
    /// Hide an issue of one app until it ends and comes back.
    DismissAppIssue: "issue.dismiss-of-app" "dismiss issues of {}", Operate on AppId;

    /// See the jobs; the list shows what one may see.
    ListJobs: "job.list" "see the jobs", View on TheBox;
    /// See one job and its log.
    ViewJob: "job.view" "see {}", View on JobId;
    /// Cancel a job.
    CancelJob: "job.cancel" "cancel {}", Operate on JobId;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_action_has_its_own_name() {
        let names: BTreeSet<_> = ALL.iter().map(|action| action.name).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn every_action_has_words_that_go_on_after_may_not() {
        for action in ALL {
            let sentence = format!("You may not {}", action.words.replace("{}", "it"));
            assert!(action.words.starts_with(|c: char| c.is_ascii_lowercase()), "{sentence}");
            assert!(!sentence.contains(['{', '.']) && !sentence.contains(action.name), "{sentence}");
        }
    }

    #[test]
    fn what_changes_an_account_is_closed_to_tokens() {
        for action in ALL.iter().filter(|action| action.name.starts_with("account.") && action.name != "account.view") {
            assert!(action.person_only, "{}", action.name);
        }
    }

    #[test]
    fn a_one_time_password_opens_only_ones_own_account() {
        for action in ALL.iter().filter(|action| action.with_one_time_password) {
            assert!(action.name.starts_with("account."), "{}", action.name);
        }
    }
}

//! What is asked before an admin does something to an account that its owner feels.

use maud::{Markup, html};
use orbitr_access::{User, action::ManagePeople, gate::Routes};
use orbitr_model::Problem;

use super::one::One;
use crate::{
    shell::{self, PageCx, Section},
    site::Site,
    trouble::Answer,
    ui::{self, Confirm},
};

/// A question before something that is felt by somebody else; `{}` in its title stands for their name.
pub(super) struct Question {
    /// The last part of the address that asks and of the one that does it.
    path: &'static str,
    title: &'static str,
    /// Its place in the breadcrumb.
    here: &'static str,
    goes: &'static [&'static str],
    stays: &'static [&'static str],
    button: &'static str,
    /// Whether their user name has to be typed.
    typed: bool,
}

pub(super) const DISABLE: Question = Question {
    path: "disable",
    title: "Disable {}?",
    here: "Disable",
    goes: &["Every sign-in and token of theirs, at once"],
    stays: &["The account with its role and grants", "Their apps and data"],
    button: "Disable",
    typed: false,
};

pub(super) const RESET: Question = Question {
    path: "reset",
    title: "Reset the password of {}?",
    here: "Reset password",
    goes: &["Their password", "Every sign-in and token of theirs, at once"],
    stays: &["Role, grants and second step"],
    button: "Make a one-time password",
    typed: false,
};

pub(super) const SECOND_STEP_OFF: Question = Question {
    path: "second-step-off",
    title: "Turn off the second step of {}?",
    here: "Second step",
    goes: &["The link to their phone, and their recovery codes"],
    stays: &["Their password, sign-ins and tokens"],
    button: "Turn off",
    typed: false,
};

pub(super) const DELETE: Question = Question {
    path: "delete",
    title: "Delete {}?",
    here: "Delete",
    goes: &["The account with its password and second step", "Its sign-ins, tokens and grants"],
    stays: &["The apps and their data", "What the account did, in the history"],
    button: "Delete the account",
    typed: true,
};

/// All of them.
pub(super) const ALL: [&Question; 4] = [&DISABLE, &RESET, &SECOND_STEP_OFF, &DELETE];

impl Question {
    /// The route that asks it.
    pub(super) fn asked(&'static self, routes: Routes<Site>) -> Routes<Site> {
        let ask = async move |one: One| {
            let user = one.user().await?;
            Answer::<Markup>::Ok(self.page(one.cx, &user, None))
        };
        routes.get(ManagePeople, &format!("/people/{{user}}/{}", self.path), ask)
    }

    /// The page that asks it, with what the last try was refused for.
    pub(super) fn page(&self, cx: PageCx, user: &User, problem: Option<&Problem>) -> Markup {
        let at = format!("/people/{}", user.id);
        let lines = |list: &[&str]| list.iter().map(|line| (*line).to_owned()).collect();
        let confirm = Confirm {
            title: self.title.replace("{}", user.display_name.as_str()),
            goes: lines(self.goes),
            stays: lines(self.stays),
            typed: self.typed.then(|| user.username.to_string()),
            fields: None,
            action: format!("{at}/{}", self.path),
            button: self.button.to_owned(),
            back: at.clone(),
            problem,
        };
        let cx = cx.section(Section::People).crumb(user.display_name.as_str(), at).here(self.here);
        shell::page(&cx, self.here, html! { (ui::Card::plain(html! { (confirm) })) })
    }
}

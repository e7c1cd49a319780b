//! The account that somebody makes with a code: its fields, the same for the first admin and for whoever was invited.

use maud::{Markup, html};
use orbitr_access::{NewAccount, PASSWORD_MIN_CHARS, Secret};
use orbitr_model::Problem;
use serde::Deserialize;

use crate::ui::Field;

/// What was typed. The password is never shown again.
#[derive(Default, Deserialize)]
pub(super) struct AccountForm {
    /// The setup code; an invite's stands in its address.
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
}

impl AccountForm {
    /// An empty one behind a code.
    pub(super) fn with_code(code: &Secret) -> Self {
        Self { code: code.expose().to_owned(), ..Self::default() }
    }

    /// The account that it asks for.
    pub(super) fn wanted(&self, code: &str) -> NewAccount {
        let name = self.display_name.trim();
        NewAccount {
            code: Secret::new(code),
            username: self.username.trim().to_owned(),
            display_name: (!name.is_empty()).then(|| name.to_owned()),
            password: Secret::new(self.password.clone()),
        }
    }

    /// Its fields, with what was typed and what was wrong with it.
    pub(super) fn fields(&self, problem: Option<&Problem>) -> Markup {
        let least = format!("At least {PASSWORD_MIN_CHARS} characters. Long beats odd.");
        html! {
            (Field::text("display_name", "Your name").value(&self.display_name).autocomplete("name").optional().max_length(64).problem(problem))
            (Field::text("username", "Username").value(&self.username).autocomplete("username").mono().required().max_length(32)
                .help("Small letters; what you sign in with.").problem(problem).autofocus())
            (Field::password("password", "Password").autocomplete("new-password").generates().required().help(least).problem(problem))
        }
    }
}

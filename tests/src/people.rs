//! The people of a test box.

use serde_json::{Value, json};

use crate::{Client, TestBox, Who};

/// The first admin's name.
pub const ADMIN: &str = "ada";
/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery staple";

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account's id.
    pub id: String,
    /// Signed in with a browser's session.
    pub browser: Client,
}

impl TestBox {
    /// Claims the box as [`ADMIN`] over HTTPS, with the code that it printed.
    pub async fn claim(&self) -> Person {
        let code = self.setup_code().expect("a box that waits to be claimed prints a code");
        let body = json!({ "code": code, "username": ADMIN, "password": PASSWORD });
        let answer = self.anonymous().post("/api/v1/claim", &body).await;
        self.opened(&answer)
    }

    fn opened(&self, answer: &crate::Answer) -> Person {
        let id = answer.expect(201)["user"].as_str().unwrap().to_owned();
        let session = answer.session().expect("a session in a cookie");
        Person { id, browser: self.anonymous().with(Who::Session(session)) }
    }

    /// Signs somebody in.
    pub async fn sign_in(&self, name: &str, password: &str) -> Person {
        let body = json!({ "username": name, "password": password });
        self.opened(&self.anonymous().post("/api/v1/session", &body).await)
    }

    /// Invites somebody with a role and grants on apps, who accepts.
    pub async fn invite(&self, admin: &Person, name: &str, role: &str, grants: Value) -> Person {
        let invite = json!({ "role": role, "note": name, "grants": grants });
        let link = admin.browser.post("/api/v1/invites", &invite).await.expect(201);
        let accept = json!({ "code": link["code"], "username": name, "password": PASSWORD });
        self.opened(&self.anonymous().post("/api/v1/invites/accept", &accept).await)
    }
}

impl Person {
    /// Makes an API token, and a client that shows it. `only` holds it to apps.
    pub async fn token(&self, level: &str, only: Option<&[&str]>) -> Client {
        let only = only.map(|apps| json!({ "apps": apps }));
        let body = json!({ "label": format!("to {level}"), "level": level, "days": 1, "only": only });
        let made = self.browser.post("/api/v1/me/tokens", &body).await.expect(201);
        self.browser.with(Who::Token(made["secret"].as_str().unwrap().to_owned()))
    }
}

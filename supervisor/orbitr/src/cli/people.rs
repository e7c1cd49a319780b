//! Accounts: list, reset on the box, invite.

use orbitr_model::Timestamp;
use serde_json::{Value, json};

use super::{
    args::RoleArg,
    client::Client,
    failure::{Exit, Failure},
    output::{Output, list as items, text},
    time::ago,
};

pub(super) async fn list(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let users = client.get(&["users"], &[]).await?;
    if out.is_json() {
        out.json(&users)?;
        return Ok(Exit::Done);
    }
    let now = Timestamp::now();
    let rows: Vec<_> = items(&users, "")
        .iter()
        .map(|user| {
            let second = user.pointer("/second_step").and_then(Value::as_bool).unwrap_or_default();
            let disabled = user.pointer("/disabled_at").is_some_and(Value::is_string);
            vec![
                text(user, "/username"),
                text(user, "/display_name"),
                text(user, "/role"),
                if second { "on" } else { "off" }.to_owned(),
                if disabled { "disabled" } else { "active" }.to_owned(),
                ago(user, "/last_sign_in", now),
            ]
        })
        .collect();
    out.table(&["name", "called", "role", "second step", "state", "last sign-in"], &rows, "There are no accounts.")?;
    Ok(Exit::Done)
}

pub(super) async fn reset(client: &Client, out: &mut Output, name: &str) -> Result<Exit, Failure> {
    if !client.is_local() {
        return Err(Failure::Usage("user reset works only on the box itself, without --url".to_owned()));
    }
    let made = client.post(&["users", "reset-on-the-box"], Some(&json!({ "username": name }))).await?;
    if out.is_json() {
        out.json(&made)?;
        return Ok(Exit::Done);
    }
    out.pairs(&[("Name", text(&made, "/username")), ("One-time password", text(&made, "/password"))])?;
    let until = ago(&made, "/expires_at", Timestamp::now());
    out.line(&format!("It works once and expires {until}. Choose a new password right after signing in."))?;
    Ok(Exit::Done)
}

pub(super) async fn invite(client: &Client, out: &mut Output, role: RoleArg, note: &str) -> Result<Exit, Failure> {
    let made = client.post(&["invites"], Some(&json!({ "role": role.as_str(), "note": note }))).await?;
    if out.is_json() {
        out.json(&made)?;
        return Ok(Exit::Done);
    }
    let path = format!("/invite/{}", text(&made, "/code"));
    let link = client.page(&path).unwrap_or_else(|| format!("https://<the box>{path}"));
    let until = ago(&made, "/invite/expires_at", Timestamp::now());
    out.pairs(&[("Role", text(&made, "/invite/role")), ("Link", link), ("Expires", until)])?;
    out.line("Whoever opens the link first gets the account. It is not shown again.")?;
    Ok(Exit::Done)
}

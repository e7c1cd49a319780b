//! SSH: whether it is on, whose keys open it, and what that means.

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit, TheBox,
    action::{ChangeSsh, ViewMachine},
};
use orbitr_machine::{ChangeSshAccess, SshAccess, SshKey};
use orbitr_model::Problem;
use serde::Deserialize;

use super::{cx_of, head};
use crate::{
    flash::Flash,
    shell::{self, PageCx, error_status},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Column, Field, Icon, Row, Status, Tone},
};

#[derive(Deserialize)]
pub(super) struct SshForm {
    #[serde(default)]
    enabled: String,
    #[serde(default)]
    keys: String,
}

fn state(ssh: &SshAccess) -> Status {
    match (ssh.enabled, ssh.running) {
        (true, Some(true)) => Status::new(Tone::Warn, Icon::CircleCheck, "On"),
        (true, _) => Status::new(Tone::Bad, Icon::CircleX, "Turned on, and not running"),
        (false, Some(true)) => Status::new(Tone::Bad, Icon::CircleX, "Turned off, and still running"),
        (false, _) => Status::new(Tone::Neutral, Icon::CirclePause, "Off"),
    }
}

fn keys(ssh: &SshAccess) -> Markup {
    let rows = ssh.keys.iter().map(|key| {
        Row::new()
            .cell(key.comment.as_str())
            .cell(key.kind.as_str())
            .cell(html! { code class="breaks" { (key.fingerprint) } })
    });
    let columns = ["Whose", "Kind", "Fingerprint"].map(Column::new);
    html! { @if !ssh.keys.is_empty() { (ui::card("Keys", ui::table("Keys", columns).rows(rows)).flush()) } }
}

fn body(cx: PageCx, ssh: &SshAccess, form: Option<&SshForm>, problem: Option<&Problem>) -> Markup {
    let cx = cx_of(cx, "SSH");
    let lines = || ssh.keys.iter().map(SshKey::line).collect::<Vec<_>>().join("\n");
    let (on, typed) = form.map_or_else(|| (ssh.enabled, lines()), |form| (form.enabled == "on", form.keys.clone()));
    let body = html! {
        (head("SSH"))
        div class="stack narrow" {
            @if ssh.available {
                (ui::card("SSH", ui::key_values().row("State", ui::status(state(ssh))).maybe("Way in", ssh.enabled.then(|| html! { code { "ssh root@ADDRESS" } }))))
                (keys(ssh))
                (ui::card("Settings", ui::Form::post("/system/ssh").problem(problem).body(html! {
                    (ui::banner(Tone::Neutral, "Each key opens a root shell").body(html! { ul {
                        li { "Whoever has its private half is master of every app, all data, and Orbitr itself." }
                        li { "No password is ever taken. Without a key SSH stays off." }
                        li { "What is done in that shell is not in the history." }
                    } }))
                    (Field::switch("enabled", "SSH").on(on).help("Port 22, for everybody in the box\u{2019}s network.").problem(problem))
                    (Field::area("keys", "Public keys", 5).value(typed).mono().optional().problem(problem)
                        .help("One a line, as in the file that ends with .pub. These replace the keys that there are."))
                }).button(ui::button("Save").primary())))
            } @else {
                (ui::Card::plain(ui::empty(Icon::Ban, "Not from here").text(&ssh.reason)))
            }
        }
    };
    shell::page(&cx, "SSH", body)
}

pub(super) async fn page(State(site): State<Site>, permit: Permit<ViewMachine>, Cx(cx): Cx) -> Answer<Markup> {
    Ok(body(cx, &site.machine.ssh(&permit).await?, None, None))
}

pub(super) async fn save(
    State(site): State<Site>,
    permit: Permit<ChangeSsh>,
    Cx(cx): Cx,
    Form(form): Form<SshForm>,
) -> Answer<Response> {
    let change = ChangeSshAccess {
        enabled: form.enabled == "on",
        keys: form.keys.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
    };
    match site.machine.change_ssh(&permit, &change).await.map_err(Problem::from) {
        Ok(()) => Ok(Flash::good("Saved").redirect("/system/ssh")),
        Err(problem) => {
            let look = site.access.permit::<ViewMachine>(permit.caller(), TheBox).await?;
            let ssh = site.machine.ssh(&look).await?;
            Ok((error_status(&problem), body(cx, &ssh, Some(&form), Some(&problem))).into_response())
        }
    }
}

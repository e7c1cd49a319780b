//! What is done to an app from its pages: start, stop, settings, passwords, removing.

use std::collections::BTreeMap;

use axum::{
    Form,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Action, Permit,
    action::{ChangeApp, OperateApp, RemoveApp, RevealAppSecrets, ViewApp},
};
use orbitr_apps::{
    AppDetail, ChangeRequest, DataChoice, ExtensionDetail, Phase, RemoveRequest, RenameRequest, Started, Verb,
};
use orbitr_model::{AppId, Problem};
use serde::Deserialize;

use super::{
    form::{self, Purpose},
    policy,
    show::{cx_of, head},
};
use crate::{
    flash::Flash,
    shell::{self, PageCx},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Confirm, Field, Icon},
};

/// The app as its page shows it, for whoever may do more than look.
pub(super) async fn detail<A: Action<Resource = AppId>>(site: &Site, permit: &Permit<A>) -> Answer<AppDetail> {
    let look = site.access.permit::<ViewApp>(permit.caller(), permit.resource().clone()).await?;
    Ok(site.apps.get(&look).await?)
}

/// What the form before a stop asks.
#[derive(Deserialize)]
pub(super) struct StopForm {
    dependants: Option<String>,
}

async fn operate(site: &Site, permit: &Permit<OperateApp>, verb: Verb, along: bool, said: &str) -> Answer<Response> {
    let others = if along { site.apps.along(permit, verb).await? } else { Vec::new() };
    let permits = site.access.permits(permit.caller(), others).await;
    let started = site.apps.operate(permit, verb, &permits).await?;
    let flash = Flash::busy(said).link("Follow it", format!("/jobs/{}", started.job));
    Ok(flash.redirect(&format!("/apps/{}", started.app)))
}

pub(super) async fn start(State(site): State<Site>, permit: Permit<OperateApp>) -> Answer<Response> {
    operate(&site, &permit, Verb::Start, true, "It is being started").await
}

pub(super) async fn stop(
    State(site): State<Site>,
    permit: Permit<OperateApp>,
    Form(asked): Form<StopForm>,
) -> Answer<Response> {
    operate(&site, &permit, Verb::Stop, asked.dependants.is_some(), "It is being stopped").await
}

pub(super) async fn restart(State(site): State<Site>, permit: Permit<OperateApp>) -> Answer<Response> {
    operate(&site, &permit, Verb::Restart, true, "It is being restarted").await
}

/// As the store has it, or as the app brought it.
async fn extension<A: Action<Resource = AppId>>(site: &Site, permit: &Permit<A>) -> Answer<ExtensionDetail> {
    let look = site.access.permit::<ViewApp>(permit.caller(), permit.resource().clone()).await?;
    Ok(site.apps.extension_of(&look).await?)
}

pub(super) async fn settings(State(site): State<Site>, permit: Permit<ChangeApp>, Cx(cx): Cx) -> Answer<Markup> {
    let app = detail(&site, &permit).await?;
    let extension = extension(&site, &permit).await?;
    Ok(settings_page(cx, &app, &extension, &permit, None, None))
}

fn settings_page(
    cx: PageCx,
    app: &AppDetail,
    extension: &ExtensionDetail,
    permit: &Permit<ChangeApp>,
    typed: Option<&BTreeMap<String, serde_json::Value>>,
    problem: Option<&Problem>,
) -> Markup {
    let policy = policy::card(&app.app.id, &app.updates, None, None);
    settings_and(cx, app, extension, permit, (typed, problem), &policy)
}

/// The same page, when what was said of updates was refused.
pub(super) async fn settings_with_policy(
    site: &Site,
    permit: &Permit<ChangeApp>,
    cx: PageCx,
    typed: &policy::Typed,
    problem: &Problem,
) -> Answer<Markup> {
    let app = detail(site, permit).await?;
    let extension = extension(site, permit).await?;
    let policy = policy::card(&app.app.id, &app.updates, Some(typed), Some(problem));
    Ok(settings_and(cx, &app, &extension, permit, (None, None), &policy))
}

fn settings_and(
    cx: PageCx,
    app: &AppDetail,
    extension: &ExtensionDetail,
    permit: &Permit<ChangeApp>,
    (typed, problem): (Option<&BTreeMap<String, serde_json::Value>>, Option<&Problem>),
    policy: &Markup,
) -> Markup {
    let cx = cx_of(cx, app, Some("Settings"));
    let id = &app.app.id;
    let mut values = app.release.as_ref().map(|release| release.inputs.clone()).unwrap_or_default();
    values.extend(typed.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    let ready = app.app.phase == Phase::Installed && app.app.job.is_none();
    let save = ui::button("Save and restart").primary();
    let save =
        if ready { save } else { save.disabled_because("Wait until the app is installed and no job works on it") };
    let body = html! {
        (head(app, "settings", permit.caller()))
        div class="stack narrow" {
            (ui::card("Name", ui::Form::post(format!("/apps/{id}/name"))
                .body(Field::text("name", "Name").value(app.app.name.as_str()).required())
                .button(ui::button("Rename"))).hint("Its id and its addresses stay."))
            (ui::card("Settings", ui::Form::post(format!("/apps/{id}/settings")).problem(problem)
                .body(form::fields(&extension.inputs, &values, Purpose::Change, problem)).button(save))
                .hint("A change makes a new release. If it does not come up, the one before comes back."))
            (policy)
            (super::moves::card(app, permit.caller()))
            (ui::card("Remove", html! { div class="stack stack-s" {
                p { "Stops the app and removes its containers. You choose whether its data stays." }
                div class="cluster" { (ui::link_button("Remove …", format!("/apps/{id}/remove")).opens_dialog().icon(Icon::Trash2)) }
            } }).danger())
        }
    };
    shell::page(&cx, &format!("Settings of {}", app.app.name), body)
}

pub(super) async fn change(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Cx(cx): Cx,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let app = detail(&site, &permit).await?;
    let extension = extension(&site, &permit).await?;
    let inputs = form::answers(&extension.inputs, &pairs, Purpose::Change);
    match site.apps.change(&permit, ChangeRequest { inputs: inputs.clone() }).await {
        Ok(Started { job, .. }) => Ok(Flash::busy("The change is under way").redirect(&format!("/jobs/{job}"))),
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status >= 500 {
                return Err(Trouble(problem));
            }
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            let page = settings_page(cx, &app, &extension, &permit, Some(&inputs), Some(&problem));
            Ok((status, page).into_response())
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Renamed {
    #[serde(default)]
    name: String,
}

pub(super) async fn rename(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Form(renamed): Form<Renamed>,
) -> Answer<Response> {
    site.apps.rename(&permit, &RenameRequest { name: renamed.name }).await?;
    Ok(Flash::good("It is called so from now on").redirect(&format!("/apps/{}/settings", permit.resource())))
}

pub(super) async fn reveal(State(site): State<Site>, permit: Permit<RevealAppSecrets>, Cx(cx): Cx) -> Answer<Markup> {
    let values = site.apps.reveal(&permit).await?;
    let app = detail(&site, &permit).await?;
    let cx = cx_of(cx, &app, Some("Passwords"));
    let mut list = ui::key_values();
    for (name, value) in &values {
        list = list.copy(name.strip_prefix("input/").unwrap_or(name), value);
    }
    let body = html! {
        (head(&app, "overview", permit.caller()))
        div class="stack narrow" {
            (ui::card("Passwords", html! {
                @if values.is_empty() { p { "This app has no password that can be shown." } } @else { (list) }
                (ui::link_button("Done", format!("/apps/{}", app.app.id)).primary())
            }).hint("That you looked is in the history."))
        }
    };
    Ok(shell::page(&cx, &format!("Passwords of {}", app.app.name), body))
}

#[derive(Deserialize)]
pub(super) struct RemoveForm {
    #[serde(default)]
    data: String,
    #[serde(default)]
    confirm: String,
    #[serde(default)]
    passphrase: String,
}

pub(super) async fn confirm(State(site): State<Site>, permit: Permit<RemoveApp>, Cx(cx): Cx) -> Answer<Markup> {
    remove_page(&site, &permit, cx, "keep", None).await
}

async fn remove_page(
    site: &Site,
    permit: &Permit<RemoveApp>,
    cx: PageCx,
    choice: &str,
    problem: Option<&Problem>,
) -> Answer<Markup> {
    let app = detail(site, permit).await?;
    let look = site.access.permit::<ViewApp>(permit.caller(), permit.resource().clone()).await?;
    let size = site.apps.data_size(&look).await?.size;
    let cx = cx_of(cx, &app, Some("Remove"));
    let (id, name) = (&app.app.id, &app.app.name);
    let kept = app.app.phase == Phase::Kept;
    // «0 B of data» says less than «its data».
    let data = if size.0 == 0 { "its data".to_owned() } else { format!("{size} of data") };
    let fields = remove_fields(id.as_str(), kept, &data, choice, problem);
    let confirm = Confirm {
        title: if kept { format!("Delete the data of {name}?") } else { format!("Remove {name}?") },
        goes: if kept {
            vec![if size.0 == 0 {
                "Its data and its passwords".to_owned()
            } else {
                format!("{data}, with its passwords")
            }]
        } else {
            vec![
                match app.containers.len() {
                    1 => "Its container and its network".to_owned(),
                    n => format!("Its {n} containers and their network"),
                },
                "Its settings and passwords, if you delete its data".to_owned(),
            ]
        },
        stays: if kept {
            vec!["Its history".to_owned()]
        } else {
            vec![
                "Its history".to_owned(),
                if size.0 == 0 { "Its data, if you keep it".to_owned() } else { format!("{data}, if you keep it") },
            ]
        },
        typed: None,
        fields: Some(fields),
        action: format!("/apps/{id}/remove"),
        button: if kept { "Delete the data".to_owned() } else { "Remove app".to_owned() },
        back: if kept { "/apps".to_owned() } else { format!("/apps/{id}/settings") },
        problem,
    };
    let title = format!("Remove {name}");
    Ok(shell::page(&cx, &title, html! { (ui::Card::plain(html! { (confirm) })) }))
}

/// What is to become of its data.
fn remove_fields(id: &str, kept: bool, data: &str, choice: &str, problem: Option<&Problem>) -> Markup {
    html! {
        @if kept { input type="hidden" name="data" value="delete"; } @else {
            (Field::radio("data", "Its data", vec![
                Choice::new("keep", format!("Keep {data}")).help("Installing it again finds everything as it is."),
                Choice::new("archive", format!("Put {data} into an archive")).help("One file with everything, to install it again here or elsewhere."),
                Choice::new("delete", format!("Delete {data}")).help("There is no way back."),
            ]).value(choice).required())
        }
        @if !kept {
            (Field::password("passphrase", "Passphrase").optional().autocomplete("new-password").problem(problem)
                .help("For an archive of an app that has passwords: they are put in under this."))
        }
        (Field::text("confirm", "The app's id").mono().problem(problem)
            .help(html! { "To delete the data, type " code { (id) } @if !kept { "; to keep it, leave this empty" } "." }))
    }
}

pub(super) async fn remove(
    State(site): State<Site>,
    permit: Permit<RemoveApp>,
    Cx(cx): Cx,
    Form(form): Form<RemoveForm>,
) -> Answer<Response> {
    let data = match form.data.as_str() {
        "keep" => DataChoice::Keep,
        "archive" => DataChoice::Archive,
        "delete" => DataChoice::Delete,
        _ => {
            let problem = Problem::field("data", "choose what happens to the data");
            let page = remove_page(&site, &permit, cx, "keep", Some(&problem)).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let typed = form.confirm.trim();
    let passphrase = Some(form.passphrase).filter(|text| data == DataChoice::Archive && !text.is_empty());
    let request = RemoveRequest { data, confirm: (!typed.is_empty()).then(|| typed.to_owned()), passphrase };
    match site.apps.remove(&permit, request).await {
        Ok(started) => Ok(Flash::busy("It is being removed").redirect(&format!("/jobs/{}", started.job))),
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status != 422 {
                return Err(Trouble(problem));
            }
            let page = remove_page(&site, &permit, cx, &form.data, Some(&problem)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

//! What apps need from each other: the choice at an installation, who gives what to whom, another password, and what breaks
//! when an app stops.

use std::collections::BTreeMap;

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, Render, html};
use orbitr_access::{
    Caller, Permit,
    action::{ChangeApp, OperateApp},
};
use orbitr_apps::{
    AppDetail, AppView, Binding, BindingRequest, BindingSource, BindingView, Phase, RequirementField, RequirementView,
    Verb,
};
use orbitr_model::{AppId, AppState, Problem, ProjectId};

use super::{act::detail, form, show::cx_of};
use crate::{
    flash::Flash,
    shell,
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Choice, Confirm, Field, Icon},
};

/// The prefix of a requirement's fields, so that errors find them: `bindings.db.from`.
const PREFIX: &str = "bindings.";
/// What the value of a choice begins with that names an app.
const EXISTING: &str = "existing:";

/// The choices, one for each requirement.
pub(super) fn fields(
    requires: &[RequirementView],
    apps: &[AppView],
    project: Option<ProjectId>,
    chosen: &BTreeMap<String, BindingRequest>,
    problem: Option<&Problem>,
) -> Markup {
    html! {
        @for require in requires {
            @let there: Vec<&AppView> = apps.iter().filter(|app| gives(app, require, project)).collect();
            @let asked = chosen.get(&require.name);
            @let base = format!("{PREFIX}{}", require.name);
            (Field::select(format!("{base}.from"), &require.label, choices(require, &there))
                .value(asked.map_or_else(|| usual(require), value))
                .help(help(require, &there)).problem(problem))
            @if require.choices.contains(&BindingSource::External) {
                details class="advanced" open[asked.is_some_and(|asked| asked.from == BindingSource::External)] {
                    summary { (require.label) " outside this box" }
                    @for field in &require.fields { (outside(&base, field, asked, problem)) }
                }
            }
        }
    }
}

/// Whether an app can be chosen for a requirement; its version is judged when it is.
fn gives(app: &AppView, require: &RequirementView, project: Option<ProjectId>) -> bool {
    app.provides.contains(&require.capability)
        && matches!(app.phase, Phase::Installed | Phase::Installing)
        && project.is_none_or(|project| app.project == project)
}

fn choices(require: &RequirementView, there: &[&AppView]) -> Vec<Choice> {
    let mut choices = Vec::new();
    for source in &require.choices {
        match source {
            BindingSource::None => choices.push(Choice::new("none", "None")),
            BindingSource::Managed => choices.push(Choice::new("managed", "Let the box choose")),
            BindingSource::Existing => choices.extend(
                there
                    .iter()
                    .map(|app| Choice::new(format!("{EXISTING}{}", app.id), format!("{} ({})", app.name, app.id))),
            ),
            BindingSource::External => choices.push(Choice::new("external", "Outside this box")),
            BindingSource::Bundled => choices.push(Choice::new("bundled", "A copy of its own")),
        }
    }
    choices
}

fn usual(require: &RequirementView) -> String {
    require.choices.first().copied().map_or_else(String::new, |source| word(source).to_owned())
}

fn value(asked: &BindingRequest) -> String {
    match &asked.app {
        Some(app) if asked.from == BindingSource::Existing => format!("{EXISTING}{app}"),
        _ => word(asked.from).to_owned(),
    }
}

const fn word(source: BindingSource) -> &'static str {
    match source {
        BindingSource::None => "none",
        BindingSource::Managed => "managed",
        BindingSource::Existing => "existing",
        BindingSource::External => "external",
        BindingSource::Bundled => "bundled",
    }
}

fn help(require: &RequirementView, there: &[&AppView]) -> String {
    let needs = match &require.version {
        Some(version) => format!("It needs {} {version}.", require.title),
        None => format!("It needs {}.", require.title),
    };
    match (require.choices.contains(&BindingSource::Managed), there.first()) {
        (true, Some(app)) => {
            format!("{needs} The box would choose {}, and give it a place of its own there.", app.name)
        }
        (true, None) => format!("{needs} There is none yet: the box would install one for it."),
        (false, _) => needs,
    }
}

fn outside(base: &str, field: &RequirementField, asked: Option<&BindingRequest>, problem: Option<&Problem>) -> Field {
    let name = format!("{base}.{}", field.name);
    let shown = match (field.name.as_str(), field.secret) {
        (_, true) => Field::password(name, &field.label).autocomplete("new-password"),
        ("port", _) => Field::port(name, &field.label),
        _ => Field::text(name, &field.label),
    };
    let typed = asked.and_then(|asked| asked.values.get(&field.name)).or(field.usual.as_ref());
    let shown = match typed {
        Some(text) if !field.secret => shown.value(text),
        _ => shown,
    };
    shown.problem(problem)
}

/// What came back.
pub(super) fn answers(
    requires: &[RequirementView],
    pairs: &[(String, String)],
) -> Result<BTreeMap<String, BindingRequest>, Problem> {
    let mut answers = BTreeMap::new();
    for require in requires {
        let base = format!("{PREFIX}{}", require.name);
        let key = format!("{base}.from");
        let (from, app) = match form::one(pairs, &key) {
            "" => continue,
            "none" => (BindingSource::None, None),
            "managed" => (BindingSource::Managed, None),
            "external" => (BindingSource::External, None),
            "bundled" => (BindingSource::Bundled, None),
            other => {
                let app = other.strip_prefix(EXISTING).and_then(|app| app.parse::<AppId>().ok());
                (BindingSource::Existing, Some(app.ok_or_else(|| Problem::field(&key, "choose one of these"))?))
            }
        };
        let mut values = BTreeMap::new();
        if from == BindingSource::External {
            let typed =
                require.fields.iter().map(|field| (&field.name, form::one(pairs, &format!("{base}.{}", field.name))));
            values
                .extend(typed.filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.clone(), text.to_owned())));
        }
        answers.insert(require.name.clone(), BindingRequest { from, app, values });
    }
    Ok(answers)
}

/// The app is a part of the choice in the form: what is wrong with it is said there.
pub(super) fn at_their_fields(mut problem: Problem) -> Problem {
    for field in &mut problem.fields {
        if let Some(base) = field.field.strip_suffix(".app").filter(|base| base.starts_with(PREFIX)) {
            field.field = format!("{base}.from");
        }
    }
    problem
}

/// Where what an app needs comes from, and who needs it.
pub(super) fn cards(app: &AppDetail, caller: &Caller) -> Markup {
    html! {
        @if !app.bindings.is_empty() {
            (ui::card("Uses", html! { ul class="plain" { @for binding in &app.bindings { li { (uses(app, binding, caller)) } } } }))
        }
        @if !app.dependants.is_empty() {
            (ui::card("Used by", html! { ul class="plain" {
                @for dependant in &app.dependants {
                    li { a href={ "/apps/" (dependant.app) } { (dependant.name) }
                        @if !dependant.runs { " – does not run" } }
                }
            } }).hint("They do not work without this app."))
        }
    }
}

fn uses(app: &AppDetail, binding: &BindingView, caller: &Caller) -> Markup {
    let id = &app.app.id;
    let ready = app.app.job.is_none() && app.app.status.state == AppState::Running;
    html! {
        div class="cluster" {
            span { (binding.label) ": "
                @match &binding.binding {
                    Binding::Managed { app } | Binding::Existing { app } => { a href={ "/apps/" (app) } { (app) } }
                    Binding::External { values } => { (values.get("host").map_or("outside this box", String::as_str)) }
                    Binding::Bundled => { "a copy of its own" }
                }
                @if let Some(login) = &binding.login { " · " code { (login) } }
            }
            @if binding.rotates && caller.may::<ChangeApp>(id) {
                @let button = ui::button("Change the password").small().icon(Icon::RotateCw);
                @if ready { (button.post(format!("/apps/{id}/bindings/{}/password", binding.name))) }
                @else { (button.disabled_because("The app must run, and no job work on it")) }
            }
        }
    }
}

pub(super) async fn rotate(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Path((_, binding)): Path<(String, String)>,
) -> Answer<Response> {
    let started = site.apps.rotate_password(&permit, &binding).await?;
    Ok(Flash::busy("The password is being changed").redirect(&format!("/jobs/{}", started.job)))
}

/// Asks before an app is stopped that others need.
pub(super) async fn before_stop(State(site): State<Site>, permit: Permit<OperateApp>, Cx(cx): Cx) -> Answer<Markup> {
    let app = detail(&site, &permit).await?;
    let breaks = app.dependants.iter().filter(|dependant| dependant.runs).map(|dependant| dependant.name.to_string());
    let others = site.apps.along(&permit, Verb::Stop).await?;
    let may = others.iter().all(|other| permit.caller().may::<OperateApp>(other));
    let title = format!("Stop {}?", app.app.name);
    let confirm = Confirm {
        title: title.clone(),
        goes: breaks.map(|name| format!("{name} does not work until it runs again")).collect(),
        stays: vec!["All data".to_owned()],
        typed: None,
        fields: may.then(|| {
            let label = match app.dependants.first() {
                Some(only) if others.len() == 1 => format!("Stop {} first", only.name),
                _ => "Stop them first".to_owned(),
            };
            Field::checkbox("dependants", label)
                .help("What needs it ends before it, and stays stopped until somebody starts it.")
                .on(true)
                .render()
        }),
        action: format!("/apps/{}/stop", app.app.id),
        button: "Stop".to_owned(),
        back: format!("/apps/{}", app.app.id),
        problem: None,
    };
    let cx = cx_of(cx, &app, Some("Stop"));
    Ok(shell::page(&cx, &title, html! { (ui::Card::plain(html! { (confirm) })) }))
}

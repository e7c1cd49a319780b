//! Where updates come from and what is done with them, as a form.

use axum::{Form, extract::State, response::Response};
use maud::html;
use orbitr_access::{Permit, action::UpdateBox};
use orbitr_machine::{ChangeUpdateSettings, Channel, UpdatePolicy, Updates};
use orbitr_model::Problem;
use serde::Deserialize;

use super::{HERE, Refused, again};
use crate::{
    flash::Flash,
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Choice, Field},
};

/// As it was filled in.
#[derive(Clone, Default, Deserialize)]
pub(in crate::machine) struct SettingsForm {
    #[serde(default)]
    source: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    policy: String,
    #[serde(default)]
    window_from: String,
    #[serde(default)]
    window_until: String,
    #[serde(default)]
    hold: String,
    #[serde(default)]
    return_by_itself: String,
    #[serde(default)]
    answer_minutes: String,
}

impl SettingsForm {
    fn of(updates: &Updates) -> Self {
        let settings = &updates.settings;
        Self {
            source: settings.source.clone().unwrap_or_default(),
            channel: settings.channel.as_str().to_owned(),
            policy: match settings.policy {
                UpdatePolicy::ByHand => "by-hand",
                UpdatePolicy::Download => "download",
                UpdatePolicy::Automatic => "automatic",
            }
            .to_owned(),
            window_from: settings.window_from.to_string(),
            window_until: settings.window_until.to_string(),
            hold: if settings.hold { "on" } else { "" }.to_owned(),
            return_by_itself: if settings.return_by_itself { "on" } else { "" }.to_owned(),
            answer_minutes: settings.answer_minutes.to_string(),
        }
    }

    fn change(&self) -> ChangeUpdateSettings {
        ChangeUpdateSettings {
            source: Some(self.source.clone()),
            channel: Some(if self.channel == "testing" { Channel::Testing } else { Channel::Stable }),
            policy: Some(match self.policy.as_str() {
                "automatic" => UpdatePolicy::Automatic,
                "download" => UpdatePolicy::Download,
                _ => UpdatePolicy::ByHand,
            }),
            // What is no number is refused as an hour.
            window_from: Some(self.window_from.trim().parse().unwrap_or(u8::MAX)),
            window_until: Some(self.window_until.trim().parse().unwrap_or(u8::MAX)),
            hold: Some(self.hold == "on"),
            return_by_itself: Some(self.return_by_itself == "on"),
            // And what is none as minutes.
            answer_minutes: Some(self.answer_minutes.trim().parse().unwrap_or_default()),
        }
    }
}

/// The card with the form.
pub(super) fn card(updates: &Updates, refused: Option<(&Problem, &SettingsForm)>) -> ui::Card {
    let (problem, form) = match refused {
        Some((problem, form)) => (Some(problem), form.clone()),
        None => (None, SettingsForm::of(updates)),
    };
    let built_in = match &updates.built_in_source {
        Some(address) => format!("Empty: {address}, which is built in."),
        None => "None is built in: without an address, updates come as files only.".to_owned(),
    };
    let channels = vec![
        Choice::new("stable", "Stable").help("Versions for everybody."),
        Choice::new("testing", "Testing").help("Versions that are about to be."),
    ];
    let policies = vec![
        Choice::new("by-hand", "Look, and leave the rest to me"),
        Choice::new("download", "Download, and leave installing to me"),
        Choice::new("automatic", "Install and restart by itself, in the hours below"),
    ];
    ui::card(
        "Settings",
        ui::Form::post(format!("{HERE}/settings"))
            .problem(problem)
            .body(html! {
                (Field::url("source", "Source").value(form.source).optional().max_length(500).help(built_in).problem(problem))
                (Field::radio("channel", "Channel", channels).value(form.channel).problem(problem))
                (Field::radio("policy", "What the box does by itself", policies).value(form.policy).problem(problem))
                (Field::number("window_from", "From this hour").value(form.window_from).range("0", "23").narrow().required().problem(problem))
                (Field::number("window_until", "Until this hour").value(form.window_until).range("0", "23").narrow().required()
                    .help("In the time zone of the box. The same hour twice: at any time.").problem(problem))
                (Field::switch("return_by_itself", "Go back by itself").on(form.return_by_itself == "on")
                    .help("When apps that were healthy before an update are not after it, and nobody answers."))
                (Field::number("answer_minutes", "Wait for an answer").value(form.answer_minutes).range("5", "1440").unit("minutes").narrow().required().problem(problem))
                (Field::switch("hold", "Hold").on(form.hold == "on").help("Nothing happens by itself until you turn this off."))
            })
            .button(ui::button("Save").primary()),
    )
}

pub(in crate::machine) async fn save(
    State(site): State<Site>,
    permit: Permit<UpdateBox>,
    Cx(cx): Cx,
    Form(form): Form<SettingsForm>,
) -> Answer<Response> {
    match site.machine.change_updates(&permit, &form.change()).await.map_err(Problem::from) {
        Ok(_) => Ok(Flash::good("Saved").redirect(HERE)),
        Err(problem) => again(&site, &permit, cx, &Refused::Settings(&problem, &form)).await,
    }
}

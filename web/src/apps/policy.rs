//! What becomes of an app's newer versions without a person: the form under its settings.

use axum::{
    Form,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{Permit, action::ChangeApp};
use orbitr_apps::{Day, Hold, InvalidTime, TimeOfDay, UpdatePolicy, Updates, Window};
use orbitr_model::{AppId, FieldError, Problem};

use super::{act, form};
use crate::{
    flash::Flash,
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Clock, Field},
};

/// The card with the form.
pub(super) fn card(app: &AppId, updates: &Updates, typed: Option<&Typed>, problem: Option<&Problem>) -> Markup {
    let known = Typed::of(&updates.policy);
    let shown = typed.unwrap_or(&known);
    let days = Day::ALL.into_iter().map(|day| Choice::new(day.as_str(), capitalised(day.as_str()))).collect();
    let body = html! {
        (Field::switch("automatic", "Put newer versions in by itself").on(shown.automatic)
            .help("Never one that breaks something, that there is no way back from, or that asks for something new: those wait for you."))
        (Field::multi("days", "On these days", days).values(shown.days.clone()).help("None: every day.").problem(problem))
        (Field::text("from", "From").value(&shown.from).placeholder("02:00").narrow().optional().problem(problem)
            .help("On the box's own clock. Empty: at any time."))
        (Field::text("until", "Until").value(&shown.until).placeholder("05:00").narrow().optional().problem(problem)
            .help("The next day, if it is not later."))
        (Field::switch("held", "Hold this app").on(shown.held).help("It is not updated, by nobody, until you release it."))
        (Field::text("hold.reason", "Why it is held").value(&shown.reason).max_length(200).optional().problem(problem))
    };
    let form = ui::Form::post(format!("/apps/{app}/update-policy")).problem(problem).body(body);
    html! { (ui::card("Updates", form.button(ui::button("Save").primary()))) }
}

/// On the app's page: what waits for a person, or when the box comes to it.
pub(super) fn waiting(updates: &Updates, clock: &Clock) -> Markup {
    html! {
        @if !updates.waits.is_empty() {
            p { "The box does not put it in by itself:" }
            ul { @for why in &updates.waits { li { (why) } } }
        } @else if let Some(next) = updates.next {
            p { "The box puts it in by itself, " (clock.exact(next)) " or as soon after as nothing else is at work." }
        } @else if updates.due {
            p { "The box puts it in by itself, as soon as nothing else is at work." }
        }
    }
}

/// What stands in the form.
#[derive(Default)]
pub(super) struct Typed {
    automatic: bool,
    days: Vec<String>,
    from: String,
    until: String,
    held: bool,
    reason: String,
}

impl Typed {
    fn of(policy: &UpdatePolicy) -> Self {
        let window = policy.window.as_ref();
        Self {
            automatic: policy.automatic,
            days: window.map(|it| it.days.iter().map(|day| day.as_str().to_owned()).collect()).unwrap_or_default(),
            from: window.map(|it| it.from.to_string()).unwrap_or_default(),
            until: window.map(|it| it.until.to_string()).unwrap_or_default(),
            held: policy.hold.is_some(),
            reason: policy.hold.as_ref().map(|hold| hold.reason.clone()).unwrap_or_default(),
        }
    }

    fn read(pairs: &[(String, String)]) -> Self {
        let text = |name: &str| form::one(pairs, name).to_owned();
        let days = pairs.iter().filter(|(name, value)| name == "days" && !value.is_empty());
        Self {
            automatic: !text("automatic").is_empty(),
            days: days.map(|(_, value)| value.clone()).collect(),
            from: text("from"),
            until: text("until"),
            held: !text("held").is_empty(),
            reason: text("hold.reason"),
        }
    }

    fn policy(&self) -> Result<UpdatePolicy, Problem> {
        let hold = self.held.then(|| Hold { reason: self.reason.clone() });
        let mut wrong = Vec::new();
        let mut time = |field: &str, text: &str| {
            let read: Result<TimeOfDay, InvalidTime> = text.parse();
            read.map_err(|error| wrong.push(FieldError { field: field.to_owned(), message: error.to_string() })).ok()
        };
        let window = if self.from.is_empty() && self.until.is_empty() && self.days.is_empty() {
            None
        } else {
            let (from, until) = (time("from", &self.from), time("until", &self.until));
            let named = |name: &String| Day::ALL.into_iter().find(|day| day.as_str() == name);
            from.zip(until).map(|(from, until)| Window {
                days: self.days.iter().filter_map(named).collect(),
                from,
                until,
            })
        };
        if wrong.is_empty() {
            Ok(UpdatePolicy { hold, automatic: self.automatic, window })
        } else {
            Err(Problem::invalid(wrong))
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

pub(super) async fn change(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Cx(cx): Cx,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let typed = Typed::read(&pairs);
    let said = match typed.policy() {
        Ok(policy) => site.apps.set_update_policy(&permit, policy).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    let Err(problem) = said else {
        return Ok(Flash::good("It is so from now on").redirect(&format!("/apps/{}/settings", permit.resource())));
    };
    if problem.status >= 500 {
        return Err(Trouble(problem));
    }
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    let page = act::settings_with_policy(&site, &permit, cx, &typed, &problem).await?;
    Ok((status, page).into_response())
}

//! One's own account: what one is called, password, second step, sign-ins, tokens.

mod password;
mod second_step;
mod sessions;
mod tokens;

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Caller, ChangeProfile, Me, Permit, TheBox, User,
    action::{ChangeOwnAccount, OwnAccount},
    gate::Routes,
};
use orbitr_model::{DisplayName, Problem};
use serde::Deserialize;

use super::words;
use crate::{
    flash::Flash,
    shell::{self, PageCx, error_status},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Field, Tab},
};

pub(super) fn routes(routes: Routes<Site>) -> Routes<Site> {
    let routes = routes.get(OwnAccount, "/account", page).post(ChangeOwnAccount, "/account/profile", rename);
    tokens::routes(sessions::routes(second_step::routes(password::routes(routes))))
}

/// The permit to look at oneself, for whoever may change something about themselves.
async fn look(site: &Site, caller: &Caller) -> Answer<Permit<OwnAccount>> {
    Ok(site.access.permit::<OwnAccount>(caller, TheBox).await?)
}

/// Who asks, and their account: somebody on the box itself has none.
async fn myself(site: &Site, permit: &Permit<OwnAccount>) -> Answer<(Me, User)> {
    let me = site.access.me(permit).await?;
    let user = me.user.clone().ok_or(orbitr_access::Error::NoAccount)?;
    Ok((me, user))
}

/// The head that all parts of the account have.
fn head(user: &User, current: &str) -> Markup {
    let tab = |label, href: &str| Tab::new(label, href, href == current);
    html! {
        (ui::header(user.display_name.as_str()).picture(ui::avatar(user.display_name.as_str())).lead(html! {
            code { (user.username) } span { "·" } span { (words::role_word(user.role)) }
        }))
        (ui::tabs("Your account", &[
            tab("Profile", "/account"),
            tab("Sign-ins", "/account/sessions"),
            tab("Tokens", "/account/tokens"),
        ]))
    }
}

/// What goes wrong in a form belongs beside it; the rest is a page of its own.
pub(super) fn refused(error: impl Into<Problem>) -> Result<Problem, Trouble> {
    let problem = error.into();
    if problem.status < 500 && !matches!(problem.status, 401 | 404 | 410) || problem.status == 503 {
        Ok(problem)
    } else {
        Err(Trouble(problem))
    }
}

async fn page(State(site): State<Site>, permit: Permit<OwnAccount>, Cx(cx): Cx) -> Answer<Markup> {
    profile(&site, cx, &permit, None, Wrong::None).await
}

/// Which of the page's forms was refused.
enum Wrong<'a> {
    None,
    Name(&'a Problem),
    Password(&'a Problem),
    TurnOff(&'a Problem),
}

async fn profile(
    site: &Site,
    cx: PageCx,
    permit: &Permit<OwnAccount>,
    typed: Option<&str>,
    wrong: Wrong<'_>,
) -> Answer<Markup> {
    let (me, user) = myself(site, permit).await?;
    let (name, password, turn_off) = match wrong {
        Wrong::None => (None, None, None),
        Wrong::Name(problem) => (Some(problem), None, None),
        Wrong::Password(problem) => (None, Some(problem), None),
        Wrong::TurnOff(problem) => (None, None, Some(problem)),
    };
    let cx = cx.here("Your account");
    let shown = typed.unwrap_or(user.display_name.as_str());
    let body = html! {
        (head(&user, "/account"))
        div class="stack narrow" {
            (ui::card("Name", ui::Form::post("/account/profile").problem(name)
                .body(Field::text("display_name", "Your name").value(shown).autocomplete("name").required().max_length(64).problem(name))
                .button(ui::button("Save"))).hint("What others see. You sign in as ".to_owned() + user.username.as_str() + "."))
            (ui::card("Password", password::form(&user, password).button(ui::button("Change password")))
                .hint("All your other sign-ins end when it changes.").id("password"))
            (second_step::card(&me, &user, turn_off))
            p class="quiet" { "Account made " (cx.clock.ago(user.created_at)) "." }
        }
    };
    Ok(shell::page(&cx, "Your account", body))
}

#[derive(Deserialize)]
struct NameForm {
    #[serde(default)]
    display_name: String,
}

async fn rename(
    State(site): State<Site>,
    permit: Permit<ChangeOwnAccount>,
    Cx(cx): Cx,
    Form(form): Form<NameForm>,
) -> Answer<Response> {
    let problem = match display_name("display_name", &form.display_name) {
        Ok(display_name) => match site.access.change_profile(&permit, ChangeProfile { display_name }).await {
            Ok(_) => return Ok(Flash::good("Saved").redirect("/account")),
            Err(error) => refused(error)?,
        },
        Err(problem) => problem,
    };
    let look = look(&site, permit.caller()).await?;
    let page = profile(&site, cx, &look, Some(&form.display_name), Wrong::Name(&problem)).await?;
    Ok((error_status(&problem), page).into_response())
}

/// A name from a form.
pub(super) fn display_name(field: &str, text: &str) -> Result<DisplayName, Problem> {
    text.trim().parse().map_err(|_| Problem::field(field, "A name has 1 to 64 characters, without line breaks."))
}

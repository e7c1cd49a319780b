//! API tokens of one's own.

use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Caller, NewToken, NewTokenSecret, Permit, TOKEN_LONGEST_DAYS, TheBox, TokenLimits,
    action::{ChangeOwnAccount, ListApps, OwnAccount},
    gate::Routes,
};
use orbitr_model::{AppId, DisplayName, Level, Problem, TokenId};

use super::{display_name, head, look, myself, refused};
use crate::{
    access::words,
    flash::Flash,
    shell::{self, PageCx, error_status},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Field, Icon},
};

pub(super) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes.get(OwnAccount, "/account/tokens", page).post(ChangeOwnAccount, "/account/tokens", create).post(
        ChangeOwnAccount,
        "/account/tokens/{token}/revoke",
        revoke,
    )
}

/// The form as it was sent: choices of several come as several pairs of one name.
#[derive(Default)]
struct Wanted {
    label: String,
    level: String,
    days: String,
    apps: Vec<String>,
}

impl Wanted {
    fn of(pairs: Vec<(String, String)>) -> Self {
        let mut wanted = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "label" => wanted.label = value,
                "level" => wanted.level = value,
                "days" => wanted.days = value,
                "only.apps" => wanted.apps.push(value),
                _ => {}
            }
        }
        wanted
    }

    fn token(&self) -> Result<NewToken, Problem> {
        let mut fields = Vec::new();
        let mut keep = |problem: Problem| fields.extend(problem.fields);
        let label: Option<DisplayName> = display_name("label", &self.label).map_err(&mut keep).ok();
        let level: Option<Level> = words::level(&self.level)
            .ok_or_else(|| Problem::field("level", "Choose what it may do."))
            .map_err(&mut keep)
            .ok();
        let days: Option<u32> = self
            .days
            .trim()
            .parse()
            .map_err(|_| Problem::field("days", "Give a number of days."))
            .map_err(&mut keep)
            .ok();
        let apps: Option<std::collections::BTreeSet<AppId>> = self
            .apps
            .iter()
            .map(|app| app.parse())
            .collect::<Result<_, _>>()
            .map_err(|_| Problem::field("only.apps", "There is no such app."))
            .map_err(&mut keep)
            .ok();
        match (label, level, days, apps) {
            (Some(label), Some(level), Some(days), Some(apps)) => {
                let only = (!apps.is_empty()).then(|| TokenLimits { apps, ..TokenLimits::default() });
                Ok(NewToken { label, level, days, only })
            }
            _ => Err(Problem::invalid(fields)),
        }
    }
}

async fn page(State(site): State<Site>, permit: Permit<OwnAccount>, Cx(cx): Cx) -> Answer<Markup> {
    let fresh = Wanted { level: "view".to_owned(), days: "90".to_owned(), ..Wanted::default() };
    list(&site, cx, &permit, &fresh, None).await
}

async fn list(
    site: &Site,
    cx: PageCx,
    permit: &Permit<OwnAccount>,
    wanted: &Wanted,
    problem: Option<&Problem>,
) -> Answer<Markup> {
    let cx = cx.crumb("Your account", "/account").here("Tokens");
    let (_, user) = myself(site, permit).await?;
    let tokens = site.access.my_tokens(permit).await?;
    let body = html! {
        (head(&user, "/account/tokens"))
        (ui::card("Tokens", words::tokens(&tokens, &cx.clock, "/account/tokens"))
            .hint("A program shows one instead of your password. It never reaches further than you do.").flush()
            .actions(ui::link_button("The API", "/reference").small().icon(Icon::Terminal)))
        div class="narrow" {
            (ui::card("New token", form(site, permit.caller(), wanted, problem).await?).id("new"))
        }
    };
    Ok(shell::page(&cx, "Tokens", body))
}

async fn form(site: &Site, caller: &Caller, wanted: &Wanted, problem: Option<&Problem>) -> Answer<Markup> {
    let apps = site.apps.list(&site.access.permit::<ListApps>(caller, TheBox).await?).await?;
    let levels = words::LEVELS.into_iter().filter(|level| *level <= caller.cap());
    let levels = levels.map(|level| Choice::new(level.as_str(), words::level_says(level))).collect();
    let choices = apps.iter().map(|app| Choice::new(app.id.as_str(), app.name.as_str())).collect();
    let form = ui::Form::post("/account/tokens").problem(problem).body(html! {
        (Field::text("label", "What is it for?").value(&wanted.label).placeholder("Backup script").required().max_length(64).problem(problem))
        (Field::select("level", "It may", levels).value(&wanted.level).required().problem(problem))
        (Field::number("days", "It expires after").value(&wanted.days).unit("days").range("1", TOKEN_LONGEST_DAYS.to_string()).required().problem(problem))
        @if !apps.is_empty() {
            (Field::multi("only.apps", "Only these apps", choices).values(wanted.apps.iter().cloned()).optional()
                .help("None ticked: everything that you reach.")
                .error(problem.and_then(|problem| problem.message_for("only.apps").or_else(|| problem.message_for("only")))))
        }
    });
    Ok(html! { (form.button(ui::button("Make the token").primary())) })
}

async fn create(
    State(site): State<Site>,
    permit: Permit<ChangeOwnAccount>,
    Cx(cx): Cx,
    uri: Uri,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let wanted = Wanted::of(pairs);
    let problem = match wanted.token() {
        Ok(token) => match site.access.create_token(&permit, token).await {
            Ok(made) => return Ok(shown(cx, &made, &words::origin(&uri, &headers)).into_response()),
            Err(error) => refused(error)?,
        },
        Err(problem) => problem,
    };
    let look = look(&site, permit.caller()).await?;
    let page = list(&site, cx, &look, &wanted, Some(&problem)).await?;
    Ok((error_status(&problem), page).into_response())
}

fn shown(cx: PageCx, made: &NewTokenSecret, origin: &str) -> Markup {
    let cx = cx.crumb("Your account", "/account").crumb("Tokens", "/account/tokens").here("New token");
    let (token, secret) = (&made.token, made.secret.expose());
    let example = format!(
        "curl --cacert orbitr-authority.pem \\\n  -H 'Authorization: Bearer {secret}' \\\n  {origin}/api/v1/apps"
    );
    let body = html! {
        (ui::header(format!("Token «{}»", token.label)).lead(html! {
            span { "May " (words::level_word(token.level).to_lowercase()) ", expires " (cx.clock.ago(token.expires_at)) }
        }))
        div class="stack narrow" {
            (ui::card("Copy it now", html! {
                div class="stack stack-s" {
                    p { "It is shown this once. Only a hash of it is kept; whoever has it can do what it may." }
                    (ui::code_block("Token", secret))
                    div class="cluster" { (ui::link_button("Done", "/account/tokens").primary()) }
                }
            }))
            (ui::card("Try it", html! {
                div class="stack stack-s" {
                    (ui::code_block("Example", &example))
                    p class="quiet" { "It needs the box's own authority beside it, so that curl knows the box: " a href="/authority.pem" download { "orbitr-authority.pem" } "." }
                }
            }))
        }
    };
    shell::page(&cx, "New token", body)
}

async fn revoke(
    State(site): State<Site>,
    permit: Permit<ChangeOwnAccount>,
    Path(token): Path<String>,
) -> Answer<Response> {
    let id: TokenId = token.parse().map_err(|_| Trouble(Problem::not_found("token", &token)))?;
    site.access.revoke_my_token(&permit, id).await?;
    Ok(Flash::good("The token is revoked").redirect("/account/tokens"))
}

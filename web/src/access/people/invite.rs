//! Invites: a link for somebody, with what they may do from the start.

use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{Caller, Invite, NewInvite, NewInviteLink, Permit, action::ManagePeople, gate::Routes};
use orbitr_model::{InviteId, Problem};

use super::grants;
use crate::{
    access::{account, words},
    flash::Flash,
    shell::{self, PageCx, Section, error_status},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Clock, Column, Field, Icon, Row},
};

pub(super) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes.get(ManagePeople, "/people/invite", page).post(ManagePeople, "/people/invite", create).post(
        ManagePeople,
        "/people/invites/{invite}/withdraw",
        withdraw,
    )
}

/// The open ones.
pub(super) fn table(invites: &[Invite], clock: &Clock) -> Markup {
    let rows = invites.iter().map(|invite| {
        Row::new()
            .cell(html! { strong { (invite.note) } })
            .cell(words::role_word(invite.role).to_owned())
            .cell(html! { (invite.created_by) ", " (clock.ago(invite.created_at)) })
            .cell(clock.ago(invite.expires_at))
            .cell(ui::button("Withdraw").small().post(format!("/people/invites/{}/withdraw", invite.id)))
    });
    let mut columns = ["For", "Role", "Made by", "Expires"].map(Column::new).to_vec();
    columns.push(Column::actions());
    let empty = ui::empty(Icon::Mail, "Nobody is invited").text("An invite is a link that works once, for seven days.");
    html! { (ui::table("Open invites", columns).rows(rows).empty(empty)) }
}

async fn page(State(site): State<Site>, permit: Permit<ManagePeople>, Cx(cx): Cx) -> Answer<Markup> {
    form(&site, cx, permit.caller(), &[], None).await
}

fn sent<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

async fn form(
    site: &Site,
    cx: PageCx,
    caller: &Caller,
    pairs: &[(String, String)],
    problem: Option<&Problem>,
) -> Answer<Markup> {
    let cx = cx.section(Section::People).here("Invite");
    let things = grants::grantable(site, caller).await?;
    let chosen = grants::from_form(&things, pairs);
    let form = ui::Form::post("/people/invite").problem(problem).body(html! {
        (Field::text("note", "Who is it for?").value(sent(pairs, "note").unwrap_or_default()).placeholder("Erik").required()
            .max_length(64).autofocus().help("For your list only.").problem(problem))
        (Field::radio("role", "Role", words::roles()).value(sent(pairs, "role").unwrap_or("user")).required().problem(problem))
        @if !things.is_empty() {
            details class="advanced" open[problem.is_some_and(|p| p.message_for("grants").is_some())] {
                summary { "What they may do from the start" }
                p class="quiet" { "It can be changed at any time. An admin needs no grants." }
                (grants::fields(&things, &chosen))
            }
        }
    });
    let form = form.button(ui::link_button("Cancel", "/people").quiet()).button(ui::button("Make the link").primary());
    let body = html! {
        (ui::header("Invite somebody").lead("You get a link; whoever opens it makes an account of their own."))
        div class="narrow" { (ui::Card::plain(form)) }
    };
    Ok(shell::page(&cx, "Invite", body))
}

async fn create(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    uri: Uri,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let problem = match wanted(&site, permit.caller(), &pairs).await? {
        Ok(new) => match site.access.create_invite(&permit, new).await {
            Ok(made) => return Ok(link(cx, &made, &words::origin(&uri, &headers)).into_response()),
            Err(error) => account::refused(error)?,
        },
        Err(problem) => problem,
    };
    let page = form(&site, cx, permit.caller(), &pairs, Some(&problem)).await?;
    Ok((error_status(&problem), page).into_response())
}

async fn wanted(site: &Site, caller: &Caller, pairs: &[(String, String)]) -> Answer<Result<NewInvite, Problem>> {
    let note = match account::display_name("note", sent(pairs, "note").unwrap_or_default()) {
        Ok(note) => note,
        Err(problem) => return Ok(Err(problem)),
    };
    let Some(role) = sent(pairs, "role").and_then(words::role) else {
        return Ok(Err(Problem::field("role", "Choose a role.")));
    };
    let things = grants::grantable(site, caller).await?;
    let grants = grants::wanted(&things, &grants::from_form(&things, pairs));
    Ok(Ok(NewInvite { role, note, grants }))
}

fn link(cx: PageCx, made: &NewInviteLink, origin: &str) -> Markup {
    let cx = cx.section(Section::People).crumb("Invite", "/people/invite").here("Link");
    let address = format!("{origin}/invite/{}", made.code.expose());
    let body = html! {
        (ui::header(format!("An invite for {}", made.invite.note)).lead(html! {
            span { (words::role_word(made.invite.role)) ", works once, until " (cx.clock.moment(made.invite.expires_at)) }
        }))
        div class="stack narrow" {
            (ui::card("Send them this link", html! {
                div class="stack stack-s" {
                    (ui::code_block("Link", &address))
                    p class="quiet" { "It is shown this once. Whoever has it can make the account, so send it in private. They must be able to reach this box." }
                    div class="cluster" { (ui::link_button("Done", "/people").primary()) }
                }
            }))
        }
    };
    shell::page(&cx, "Invite", body)
}

async fn withdraw(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Path(invite): Path<String>,
) -> Answer<Response> {
    let id: InviteId = invite.parse().map_err(|_| Trouble(Problem::not_found("invite", &invite)))?;
    site.access.revoke_invite(&permit, id).await?;
    Ok(Flash::good("The invite is withdrawn").redirect("/people"))
}

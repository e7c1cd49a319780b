//! Where one is signed in.

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use orbitr_access::{
    Permit,
    action::{ChangeOwnAccount, OwnAccount},
    gate::Routes,
};
use orbitr_model::{Problem, SessionId};

use super::{head, myself};
use crate::{
    access::words,
    flash::Flash,
    shell,
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui,
};

pub(super) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes
        .get(OwnAccount, "/account/sessions", page)
        .post(ChangeOwnAccount, "/account/sessions/end-others", end_others)
        .post(ChangeOwnAccount, "/account/sessions/{session}/end", end)
}

async fn page(State(site): State<Site>, permit: Permit<OwnAccount>, Cx(cx): Cx) -> Answer<Markup> {
    let cx = cx.crumb("Your account", "/account").here("Sign-ins");
    let (_, user) = myself(&site, &permit).await?;
    let sessions = site.access.my_sessions(&permit).await?;
    let others = sessions.iter().any(|session| !session.current);
    let mut card = ui::card("Sign-ins", words::sessions(&sessions, &cx.clock, "/account/sessions"))
        .hint("One for each browser. It ends after a week without use, and after 30 days at the latest.")
        .flush();
    if others {
        card = card.actions(ui::button("End all others").small().post("/account/sessions/end-others"));
    }
    let body = html! { (head(&user, "/account/sessions")) (card) };
    Ok(shell::page(&cx, "Sign-ins", body))
}

async fn end(
    State(site): State<Site>,
    permit: Permit<ChangeOwnAccount>,
    Path(session): Path<String>,
) -> Answer<Response> {
    let id: SessionId = session.parse().map_err(|_| Trouble(Problem::not_found("session", &session)))?;
    site.access.end_my_session(&permit, id).await?;
    Ok(Flash::good("That browser is signed out").redirect("/account/sessions"))
}

async fn end_others(State(site): State<Site>, permit: Permit<ChangeOwnAccount>) -> Answer<Response> {
    let ended = site.access.end_my_other_sessions(&permit).await?;
    let said = match ended {
        0 => "There were no others".to_owned(),
        1 => "One other browser is signed out".to_owned(),
        ended => format!("{ended} other browsers are signed out"),
    };
    Ok(Flash::good(said).redirect("/account/sessions"))
}

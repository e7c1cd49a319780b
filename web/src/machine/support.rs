//! Support: the bundle.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit, TheBox,
    action::{ListApps, MakeSupportBundle, ViewMachine},
};
use serde_json::json;

use super::{cx_of, head};
use crate::{
    shell,
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Icon},
};

pub(super) async fn page(State(_): State<Site>, _: Permit<ViewMachine>, Cx(cx): Cx) -> Answer<Markup> {
    let cx = cx_of(cx, "Support");
    let body = html! {
        (head("Support"))
        div class="stack narrow" {
            (ui::card("Support bundle", html! { div class="stack stack-s" {
                p { "One file with what somebody who helps needs to see." }
                ul {
                    li { "In it: versions, figures, units, network, time, the last jobs with their logs, the end of the machine's journal, the states of the apps." }
                    li { "Not in it: passwords, keys, apps' data, apps' settings, apps' logs. Secrets that the box knows are replaced wherever they turn up." }
                }
                p { "Look into it before you send it: names and addresses of your network are in it." }
                div class="cluster" {
                    (ui::link_button("Download the bundle", "/system/support/bundle.tar.gz").primary().icon(Icon::Download).download())
                }
            } }).hint("That it was made is in the history."))
            (ui::card("On the command line", ui::code_block("command", "orbitr support")))
        }
    };
    Ok(shell::page(&cx, "Support", body))
}

pub(super) async fn bundle(State(site): State<Site>, permit: Permit<MakeSupportBundle>) -> Answer<Response> {
    let may_list = site.access.permit::<ListApps>(permit.caller(), TheBox).await?;
    let docker = json!({ "answers": site.apps.docker_answers(), "apps": site.apps.list(&may_list).await? });
    let bundle = site.machine.support_bundle(&permit, &site.jobs, docker).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/gzip".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", bundle.file_name)),
    ];
    Ok((headers, bundle.bytes).into_response())
}

//! Error pages: what happened, why, what to do, a code to search for. Never a bare number.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};
use orbitr_model::Problem;

use super::{PageCx, bare_page, page};
use crate::ui::{self, Icon};

/// A refusal or failure as a whole page: inside the shell for those who are signed in, bare for others.
#[must_use]
pub fn error_page(cx: &PageCx, problem: &Problem) -> Response {
    let body = body(cx, problem);
    let markup = if cx.viewer.is_some() { page(cx, &problem.title, body) } else { bare_page(cx, &problem.title, body) };
    let mut response = (error_status(problem), markup).into_response();
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The problem's status, or 500 where it names none that exists.
#[must_use]
pub fn error_status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status)
        .ok()
        .filter(|status| status.is_client_error() || status.is_server_error())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn body(cx: &PageCx, problem: &Problem) -> Markup {
    let icon = match problem.status {
        401 | 403 => Icon::Lock,
        404 | 405 | 410 => Icon::Unplug,
        413 | 415 | 422 | 400 => Icon::TriangleAlert,
        429 => Icon::Timer,
        _ => Icon::Wrench,
    };
    html! {
        section class="error-page" {
            div class="error-picture" { (icon) }
            h1 { (problem.title) }
            @if !problem.detail.is_empty() { p { (problem.detail) } }
            @if !problem.next.is_empty() { p class="error-next" { (problem.next) } }
            @if let Some(seconds) = problem.retry_after { p class="error-next" { "Try again in " (seconds) " seconds." } }
            @if !problem.fields.is_empty() {
                ul { @for wrong in &problem.fields { li { code { (wrong.field) } ": " (wrong.message) } } }
            }
            div class="error-actions" {
                @if cx.viewer.is_some() { (ui::link_button("Home", "/").primary().icon(Icon::House)) }
                @else { (ui::link_button("Start page", "/").primary().icon(Icon::House)) }
                (ui::link_button("Try again", &cx.path).quiet().icon(Icon::RotateCw))
            }
            p class="error-code" { (problem.status) " · " (ui::copyable(&problem.code)) " · " time datetime=(cx.clock.now()) { (cx.clock.exact(cx.clock.now())) } }
        }
    }
}

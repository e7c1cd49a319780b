//! What the components write.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use maud::{Render, html};
use orbitr_model::{AppState, JobState, Problem, Role, StepState, Timestamp, Topic};
use orbitr_web::{
    csp::Nonce,
    flash::Flash,
    shell::{self, PageCx, Section, TrayJob, Viewer},
    ui::{self, Choice, Clock, Column, Confirm, Field, Form, Icon, JobView, LogChunk, LogView, Row, StepRow, Tone},
};

fn cx(role: Role) -> PageCx {
    let mut cx = PageCx::new(Nonce::fixed("n0nce"), "/", Timestamp::UNIX_EPOCH).section(Section::Home).here("Here");
    cx.viewer = Some(Viewer { name: "Anna".into(), username: "anna".into(), role });
    cx.flash = Some(Flash::good("Done").undo("/undo"));
    cx.jobs = vec![TrayJob {
        id: "0198c0de-0000-7000-8000-000000000001".parse().unwrap(),
        title: "Install".into(),
        state: JobState::Running,
        progress: Some(0.5),
        message: "Pulling".into(),
    }];
    cx
}

fn job() -> JobView {
    JobView {
        id: "0198c0de-0000-7000-8000-000000000001".parse().unwrap(),
        title: "Install PostgreSQL".into(),
        state: JobState::Running,
        progress: None,
        message: "Pulling".into(),
        problem: Some(Problem::internal()),
        steps: vec![StepRow {
            title: "Pull".into(),
            state: StepState::Running,
            started: Some(Timestamp::UNIX_EPOCH),
            ended: None,
            attempts: 2,
        }],
        actor: "anna".into(),
        app: None,
        queued: Timestamp::UNIX_EPOCH,
        started: Some(Timestamp::UNIX_EPOCH),
        ended: None,
        resumed: 1,
        cancel: Some("/cancel".into()),
    }
}

/// A page with nearly everything on it, and hostile text wherever text goes.
fn crowded() -> String {
    let evil = r#"<script>alert("x")</script>" onload="alert(1)"#;
    let clock = Clock::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
    let log = LogView::new("log", evil, LogChunk { text: format!("{evil}\n"), next: 1, ended: false })
        .follows("/log", &[Topic::Jobs])
        .search("/log", evil);
    let body = html! {
        (ui::header(evil).lead(evil))
        (ui::problem(&Problem::field("name", evil)))
        (ui::job_panel(&job(), &log, "/state", &clock))
        (ui::table(evil, [Column::new(evil).sortable(), Column::actions()]).filter(evil)
            .rows([Row::new().href("/x").cell(evil).cell(ui::button(evil).post("/x").hidden("a", evil))]))
        (Form::post("/x").body(html! {
            (Field::text("name", evil).value(evil).help(evil).error(Some(evil)).placeholder(evil).pattern("a+", evil))
            (Field::select("s", evil, vec![Choice::new(evil, evil)]).value(evil))
            (Field::radio("r", evil, vec![Choice::new(evil, evil).help(evil)]))
            (Field::area("t", evil, 3).value(evil)) (Field::switch("w", evil)) (Field::password("p", evil).generates())
        }))
        (ui::Meter::new(evil, 0.5, evil)) (ui::sparkline(evil, [Some(1.0), None, Some(2.0)]))
        (ui::qr(evil, 21, |x, y| (x + y) % 2 == 0)) (ui::copyable(evil)) (ui::code_block(evil, evil))
        (ui::banner(Tone::Warn, evil)) (ui::empty(Icon::Box, evil).text(evil)) (ui::status(AppState::Running))
        (ui::tiles(&[ui::Tile::new(evil, "/x").summary(evil)])) (ui::avatar(evil))
    };
    shell::page(&cx(Role::Admin), evil, body).into_string()
}

#[test]
fn nothing_is_inline_and_no_text_becomes_markup() {
    let page = crowded();
    assert_eq!(page.matches("<script").count(), 1, "only the script of the head");
    for never in [" style=", "<style", "javascript:", "hx-on", "js:", "http://", "https://", " onload=\"", " onclick"] {
        assert!(!page.contains(never), "{never}");
    }
}

#[test]
fn every_id_is_there_once_and_every_reference_leads_to_one() {
    let page = crowded();
    let values = |attribute: &str| -> Vec<String> {
        page.split(&format!(" {attribute}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let ids = values("id");
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    for attribute in ["for", "aria-describedby", "aria-labelledby", "popovertarget", "data-reveal", "data-generate"] {
        for id in values(attribute).iter().flat_map(|list| list.split(' ')) {
            assert!(unique.contains(&id.to_owned()), "{attribute} names {id}");
        }
    }
}

#[test]
fn a_viewer_is_not_shown_what_admins_do() {
    let page = shell::page(&cx(Role::Viewer), "x", "").into_string();
    assert!(page.contains(r#"href="/apps""#) && !page.contains(r#"href="/people""#));
    assert!(shell::page(&cx(Role::Admin), "x", "").into_string().contains(r#"href="/people""#));
}

#[test]
fn a_page_before_sign_in_follows_nothing_and_is_not_boosted() {
    let mut cx = cx(Role::Admin);
    cx.viewer = None;
    let page = shell::bare_page(&cx, "Sign in", "").into_string();
    assert!(!page.contains("data-events") && !page.contains("hx-boost"));
}

#[test]
fn a_confirmation_says_what_goes_and_wants_the_name() {
    let confirm = Confirm {
        title: "Remove it?".into(),
        goes: vec!["2 containers".into()],
        stays: vec!["Its snapshots".into()],
        typed: Some("my-app".into()),
        fields: None,
        action: "/apps/my-app/remove".into(),
        button: "Remove app".into(),
        back: "/apps/my-app".into(),
        problem: None,
    };
    let html = confirm.render().into_string();
    for part in ["2 containers", "Its snapshots", r#"pattern="my\u{2d}app""#, "required", "Type my-app to confirm"] {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[test]
fn a_figure_that_is_no_number_draws_nothing_strange() {
    let html = ui::Meter::new("Memory", f64::NAN, "?").render().into_string();
    assert!(html.contains(r#"width="0%""#));
    let html = ui::sparkline("x", [Some(f64::NAN), Some(f64::INFINITY), None]).render().into_string();
    assert!(!html.contains("NaN") && !html.contains("inf"));
    assert!(ui::sparkline("x", []).render().into_string().contains("sparkline"));
}

#[test]
fn the_tray_counts_what_runs() {
    insta::assert_snapshot!(
        shell::tray(&[]).into_string().split("</button>").next().unwrap().rsplit("<span").next().unwrap(),
        @r#" class="sr-only">No job runs</span>"#
    );
}

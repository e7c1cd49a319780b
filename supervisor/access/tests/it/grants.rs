//! Grants, projects, and what lists show.

use orbitr_access::{
    Error, GrantOn, SetGrant, TheBox, Visible,
    action::{
        CancelJob, ChangeApp, InstallApp, ListProjects, ManagePeople, OperateApp, ViewApp, ViewJob, ViewPeople,
        ViewProject,
    },
};
use orbitr_model::{Actor, JobId, Level, ProjectId, Role};

use crate::testbox::{TestBox, app};

#[tokio::test]
async fn a_project_grant_reaches_every_app_in_it_now_and_later() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    let other = boxed.project("Other").await;
    boxed.install("notes", boxed.home()).await;
    boxed.install("mail", other).await;
    boxed.grant_project(&ada, &ben, boxed.home(), Some(Level::Operate)).await;
    let caller = boxed.caller(&ben).await.unwrap();
    assert_eq!(boxed.status::<OperateApp>(&caller, app("notes")).await, 200);
    assert_eq!(boxed.status::<ChangeApp>(&caller, app("notes")).await, 403);
    assert_eq!(boxed.status::<ViewApp>(&caller, app("mail")).await, 404);
    assert_eq!(boxed.status::<ViewProject>(&caller, boxed.home()).await, 200);
    assert_eq!(boxed.status::<InstallApp>(&caller, boxed.home()).await, 403);
    assert_eq!(boxed.status::<ViewProject>(&caller, other).await, 404);
    boxed.install("later", boxed.home()).await;
    let caller = boxed.caller(&ben).await.unwrap();
    assert_eq!(boxed.status::<OperateApp>(&caller, app("later")).await, 200);
}

#[tokio::test]
async fn of_two_grants_the_greater_counts_and_the_role_caps_both() {
    let (boxed, ada) = TestBox::claimed().await;
    let (ben, vic) = (boxed.person(&ada, "ben", Role::User).await, boxed.person(&ada, "vic", Role::Viewer).await);
    boxed.install("notes", boxed.home()).await;
    for person in [&ben, &vic] {
        boxed.grant_project(&ada, person, boxed.home(), Some(Level::View)).await;
        boxed.grant_app(&ada, person, "notes", Some(Level::Manage)).await;
    }
    let (ben, vic) = (boxed.caller(&ben).await.unwrap(), boxed.caller(&vic).await.unwrap());
    assert_eq!(ben.level_on_app(&app("notes")), Some(Level::Manage));
    assert_eq!(vic.level_on_app(&app("notes")), Some(Level::View));
    assert_eq!(boxed.status::<OperateApp>(&vic, app("notes")).await, 403);
}

#[tokio::test]
async fn an_app_that_comes_back_under_its_old_name_comes_without_its_old_grants() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    boxed.install("notes", boxed.home()).await;
    boxed.grant_app(&ada, &ben, "notes", Some(Level::Manage)).await;
    boxed.uninstall("notes").await;
    boxed.install("notes", boxed.home()).await;
    let caller = boxed.caller(&ben).await.unwrap();
    assert_eq!(boxed.status::<ViewApp>(&caller, app("notes")).await, 404);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_by_an_admin_either() {
    let (boxed, ada) = TestBox::claimed().await;
    let caller = boxed.caller(&ada).await.unwrap();
    assert_eq!(boxed.status::<ViewApp>(&caller, app("nothing")).await, 404);
    assert_eq!(boxed.status::<InstallApp>(&caller, ProjectId::new()).await, 404);
    assert_eq!(boxed.status::<ViewJob>(&caller, JobId::new()).await, 404);
}

#[tokio::test]
async fn a_job_belongs_to_its_app_and_to_whoever_started_it() {
    let (boxed, ada) = TestBox::claimed().await;
    let (ben, cid) = (boxed.person(&ada, "ben", Role::User).await, boxed.person(&ada, "cid", Role::User).await);
    boxed.install("notes", boxed.home()).await;
    boxed.grant_app(&ada, &ben, "notes", Some(Level::Operate)).await;
    let (by_ada, by_ben) = (boxed.caller(&ada).await.unwrap(), boxed.caller(&ben).await.unwrap());
    let on_notes = boxed.job(by_ada.actor().clone(), Some("notes")).await;
    let of_the_box = boxed.job(Actor::Box, None).await;
    let bens = boxed.job(by_ben.actor().clone(), None).await;
    let bens_on_gone = boxed.job(by_ben.actor().clone(), Some("gone")).await;
    let cid = boxed.caller(&cid).await.unwrap();
    for (job, view, cancel) in
        [(on_notes, 200, 200), (of_the_box, 404, 404), (bens, 200, 200), (bens_on_gone, 200, 403)]
    {
        assert_eq!(boxed.status::<ViewJob>(&by_ben, job).await, view);
        assert_eq!(boxed.status::<CancelJob>(&by_ben, job).await, cancel);
        assert_eq!(boxed.status::<ViewJob>(&by_ada, job).await, 200);
        assert_eq!(boxed.status::<CancelJob>(&by_ada, job).await, 200);
        assert_eq!(boxed.status::<ViewJob>(&cid, job).await, 404);
    }
    let visible = by_ben.visible_jobs().unwrap();
    assert_eq!((visible.apps, visible.owner), (vec![app("notes")], Some(ben.id)));
    assert_eq!(by_ada.visible_jobs(), None);
}

#[tokio::test]
async fn lists_show_what_may_be_seen() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    let other = boxed.project("Other").await;
    for (id, project) in [("notes", boxed.home()), ("mail", other), ("wiki", other)] {
        boxed.install(id, project).await;
    }
    boxed.grant_app(&ada, &ben, "notes", Some(Level::View)).await;
    boxed.grant_project(&ada, &ben, other, Some(Level::View)).await;
    let permit = boxed.permit::<ListProjects>(&ben, TheBox).await;
    let apps = [app("mail"), app("notes"), app("wiki")];
    assert_eq!(permit.visible(), Visible::Only { apps: apps.into(), projects: [other].into() });
    let names: Vec<_> = boxed.access.projects(&permit).await.unwrap().into_iter().map(|project| project.name).collect();
    assert_eq!(names, ["Other"]);
    let permit = boxed.permit::<ListProjects>(&ada, TheBox).await;
    assert_eq!(permit.visible(), Visible::All);
    assert_eq!(boxed.access.projects(&permit).await.unwrap().len(), 2);
}

#[tokio::test]
async fn grants_are_set_changed_taken_away_and_listed_from_both_sides() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    boxed.install("notes", boxed.home()).await;
    let manage = boxed.permit::<ManagePeople>(&ada, TheBox).await;
    let view = boxed.permit::<ViewPeople>(&ada, TheBox).await;
    let on = GrantOn::App { app: app("notes") };
    let set = async |level| {
        boxed.access.set_grant(&manage, ben.id, SetGrant { on: on.clone(), level }).await.map(|grants| grants.len())
    };
    assert_eq!(set(Some(Level::View)).await.unwrap(), 1);
    assert_eq!(set(Some(Level::Manage)).await.unwrap(), 1);
    let who = boxed.access.grants_on(&view, on.clone()).await.unwrap();
    assert_eq!((who.len(), who[0].user, who[0].level), (1, ben.id, Level::Manage));
    assert_eq!(set(None).await.unwrap(), 0);
    assert!(matches!(set(Some(Level::Administer)).await, Err(Error::Invalid(_))));
    let missing = SetGrant { on: GrantOn::App { app: app("none") }, level: Some(Level::View) };
    assert!(matches!(boxed.access.set_grant(&manage, ben.id, missing).await, Err(Error::Invalid(_))));
    assert_eq!(boxed.said("user.grant").await.len(), 3);
}

#[tokio::test]
async fn a_refusal_is_in_history_once_a_minute() {
    let (boxed, ada) = TestBox::claimed().await;
    let ben = boxed.person(&ada, "ben", Role::User).await;
    boxed.install("notes", boxed.home()).await;
    let caller = boxed.caller(&ben).await.unwrap();
    for _ in 0..10 {
        assert_eq!(boxed.status::<ChangeApp>(&caller, app("notes")).await, 404);
    }
    assert_eq!(boxed.said("app.change").await, ["denied by ben to notes"]);
}

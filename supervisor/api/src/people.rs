//! People: accounts, roles, grants, invites, and what belongs to them.

use axum::{
    Json,
    extract::State,
    http::{Method, StatusCode},
};
use orbitr_access::{
    Grant, Invite, NewInvite, NewInviteLink, OneTimePassword, Permit, Project, SessionView, SetGrant, TokenView, User,
    action::{ListProjects, ManagePeople, ViewPeople},
};
use orbitr_model::{InvalidName, Problem, Role, Username};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Rooms,
    builder::Builder,
    etag::Tagged,
    input::{Body, Path},
    openapi::Operation,
    problem::{Answer, Refused},
};

const TAG: &str = "People";

pub(crate) fn routes(api: Builder) -> Builder {
    let op = |method, path, id, summary| Operation::new(method, path, id, summary).tag(TAG);
    let api = api
        .on(
            ViewPeople,
            op(Method::GET, "/users", "listUsers", "Every account").answers::<Vec<User>>(200, "The accounts"),
            users,
        )
        .on(
            ViewPeople,
            op(Method::GET, "/users/{user}", "getUser", "One account").answers::<User>(200, "The account"),
            user,
        )
        .on(
            ManagePeople,
            op(Method::PATCH, "/users/{user}", "changeUser", "Change a role, disable or enable an account")
                .body::<ChangeUser>()
                .answers::<User>(200, "The account as it is now"),
            change,
        )
        .on(
            ManagePeople,
            op(Method::DELETE, "/users/{user}", "deleteUser", "Delete an account").answers_nothing(204, "It is gone"),
            delete,
        )
        .on(
            ManagePeople,
            op(
                Method::POST,
                "/users/{user}/reset-password",
                "resetPassword",
                "Give an account a one-time password; ends its sessions",
            )
            .answers::<OneTimePassword>(200, "The password, shown this once"),
            reset,
        )
        .on(
            ManagePeople,
            op(
                Method::POST,
                "/users/reset-on-the-box",
                "resetOnTheBox",
                "For an owner who cannot get in, over the Unix socket only: a one-time password, no second step, enabled",
            )
            .body::<WhoCannotGetIn>()
            .answers::<OneTimePassword>(200, "The password, shown this once"),
            reset_on_the_box,
        )
        .on(
            ManagePeople,
            op(Method::DELETE, "/users/{user}/second-step", "turnOffSecondStepOf", "Turn an account's second step off")
                .answers::<User>(200, "The account as it is now"),
            no_second_step,
        )
        .on(
            ViewPeople,
            op(Method::GET, "/users/{user}/grants", "listGrants", "What an account may reach")
                .answers::<Vec<Grant>>(200, "Its grants"),
            grants,
        )
        .on(
            ManagePeople,
            op(Method::PUT, "/users/{user}/grants", "setGrant", "Set or take away one grant")
                .body::<SetGrant>()
                .answers::<Vec<Grant>>(200, "Its grants as they are now"),
            set_grant,
        );
    api.on(
        ViewPeople,
        op(Method::GET, "/users/{user}/sessions", "listSessionsOf", "Where an account is signed in")
            .answers::<Vec<SessionView>>(200, "Its sessions"),
        sessions,
    )
    .on(
        ManagePeople,
        op(Method::DELETE, "/users/{user}/sessions", "endSessionsOf", "Sign an account out everywhere")
            .answers::<Ended>(200, "How many sessions ended"),
        end_sessions,
    )
    .on(
        ManagePeople,
        op(Method::DELETE, "/users/{user}/sessions/{session}", "endSessionOf", "End one of an account's sessions")
            .answers_nothing(204, "It has ended"),
        end_session,
    )
    .on(
        ViewPeople,
        op(Method::GET, "/users/{user}/tokens", "listTokensOf", "An account's API tokens")
            .answers::<Vec<TokenView>>(200, "Its tokens"),
        tokens,
    )
    .on(
        ManagePeople,
        op(Method::DELETE, "/users/{user}/tokens/{token}", "revokeTokenOf", "Revoke an account's API token")
            .answers_nothing(204, "It is gone"),
        revoke_token,
    )
    .on(
        ViewPeople,
        op(Method::GET, "/invites", "listInvites", "Open invites").answers::<Vec<Invite>>(200, "The invites"),
        invites,
    )
    .on(
        ManagePeople,
        op(Method::POST, "/invites", "createInvite", "Invite somebody")
            .body::<NewInvite>()
            .answers::<NewInviteLink>(201, "The invite with its code, shown this once"),
        invite,
    )
    .on(
        ManagePeople,
        op(Method::DELETE, "/invites/{invite}", "revokeInvite", "Revoke an invite").answers_nothing(204, "It is gone"),
        revoke_invite,
    )
    .on(
        ListProjects,
        op(Method::GET, "/projects", "listProjects", "The projects that the caller may see")
            .answers::<Vec<Project>>(200, "The projects"),
        projects,
    )
}

/// What changes about an account: one of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChangeUser {
    /// Its role.
    #[serde(default)]
    role: Option<Role>,
    /// Whether it is disabled: its sessions and tokens end at once.
    #[serde(default)]
    disabled: Option<bool>,
}

/// Whose account it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhoCannotGetIn {
    /// The name that they sign in with.
    username: Username,
}

/// How many sessions ended.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Ended {
    /// The number.
    pub(crate) ended: usize,
}

/// A path parameter as an id; one that cannot be an id names nothing.
pub(crate) fn id<T: std::str::FromStr<Err = InvalidName>>(what: &str, text: &str) -> Result<T, Refused> {
    text.parse().map_err(|_| Refused(Problem::not_found(what, text)))
}

async fn users(State(rooms): State<Rooms>, permit: Permit<ViewPeople>) -> Answer<Json<Vec<User>>> {
    Ok(Json(rooms.access.users(&permit).await?))
}

async fn user(
    State(rooms): State<Rooms>,
    permit: Permit<ViewPeople>,
    Path(user): Path<String>,
) -> Answer<Tagged<User>> {
    Ok(Tagged(rooms.access.user(&permit, id("user", &user)?).await?))
}

async fn change(
    State(rooms): State<Rooms>,
    permit: Permit<ManagePeople>,
    Path(user): Path<String>,
    Body(change): Body<ChangeUser>,
) -> Answer<Json<User>> {
    let user = id("user", &user)?;
    let changed = match (change.role, change.disabled) {
        (Some(role), None) => rooms.access.set_role(&permit, user, role).await?,
        (None, Some(true)) => rooms.access.disable_user(&permit, user).await?,
        (None, Some(false)) => rooms.access.enable_user(&permit, user).await?,
        // One change is one transaction; two would not be.
        _ => return Err(Refused(Problem::field("body", "change one thing at a time: role or disabled"))),
    };
    Ok(Json(changed))
}

async fn delete(
    State(rooms): State<Rooms>,
    permit: Permit<ManagePeople>,
    Path(user): Path<String>,
) -> Answer<StatusCode> {
    rooms.access.delete_user(&permit, id("user", &user)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn reset(
    State(rooms): State<Rooms>,
    permit: Permit<ManagePeople>,
    Path(user): Path<String>,
) -> Answer<Json<OneTimePassword>> {
    Ok(Json(rooms.access.reset_password(&permit, id("user", &user)?).await?))
}

async fn reset_on_the_box(
    State(rooms): State<Rooms>,
    permit: Permit<ManagePeople>,
    Body(who): Body<WhoCannotGetIn>,
) -> Answer<Json<OneTimePassword>> {
    Ok(Json(rooms.access.reset_local(&permit, &who.username).await?))
}

async fn no_second_step(
    State(rooms): State<Rooms>,
    permit: Permit<ManagePeople>,
    Path(user): Path<String>,
) -> Answer<Json<User>> {
    Ok(Json(rooms.access.turn_off_second_step_of(&permit, id("user", &user)?).await?))
}

async fn grants(
    State(rooms): State<Rooms>,
    permit: Permit<ViewPeople>,
    Path(user): Path<String>,
) -> Answer<Json<Vec<Grant>>> {
    Ok(Json(rooms.access.grants_of(&permit, id("user", &user)?).await?))
}

async fn set_grant(
    State(rooms): State<Rooms>,
    permit: Permit<ManagePeople>,
    Path(user): Path<String>,
    Body(grant): Body<SetGrant>,
) -> Answer<Json<Vec<Grant>>> {
    Ok(Json(rooms.access.set_grant(&permit, id("user", &user)?, grant).await?))
}

async fn sessions(
    State(rooms): State<Rooms>,
    permit: Permit<ViewPeople>,
    Path(user): Path<String>,
) -> Answer<Json<Vec<SessionView>>> {
    Ok(Json(rooms.access.sessions_of(&permit, id("user", &user)?).await?))
}

async fn end_sessions(
    State(rooms): State<Rooms>,
    permit: Permit<ManagePeople>,
    Path(user): Path<String>,
) -> Answer<Json<Ended>> {
    Ok(Json(Ended { ended: rooms.access.end_sessions_of(&permit, id("user", &user)?).await? }))
}

async fn end_session(
    State(rooms): State<Rooms>,
    permit: Permit<ManagePeople>,
    Path((user, session)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.access.end_session_of(&permit, id("user", &user)?, id("session", &session)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tokens(
    State(rooms): State<Rooms>,
    permit: Permit<ViewPeople>,
    Path(user): Path<String>,
) -> Answer<Json<Vec<TokenView>>> {
    Ok(Json(rooms.access.tokens_of(&permit, id("user", &user)?).await?))
}

async fn revoke_token(
    State(rooms): State<Rooms>,
    permit: Permit<ManagePeople>,
    Path((user, token)): Path<(String, String)>,
) -> Answer<StatusCode> {
    rooms.access.revoke_token_of(&permit, id("user", &user)?, id("token", &token)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn invites(State(rooms): State<Rooms>, permit: Permit<ViewPeople>) -> Answer<Json<Vec<Invite>>> {
    Ok(Json(rooms.access.invites(&permit).await?))
}

async fn invite(
    State(rooms): State<Rooms>,
    permit: Permit<ManagePeople>,
    Body(new): Body<NewInvite>,
) -> Answer<(StatusCode, Json<NewInviteLink>)> {
    Ok((StatusCode::CREATED, Json(rooms.access.create_invite(&permit, new).await?)))
}

async fn revoke_invite(
    State(rooms): State<Rooms>,
    permit: Permit<ManagePeople>,
    Path(invite): Path<String>,
) -> Answer<StatusCode> {
    rooms.access.revoke_invite(&permit, id("invite", &invite)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn projects(State(rooms): State<Rooms>, permit: Permit<ListProjects>) -> Answer<Json<Vec<Project>>> {
    Ok(Json(rooms.access.projects(&permit).await?))
}

//! One's own account, and the doors to it: claim, sign-in, invites.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use orbitr_access::{
    Challenge, ChangePassword, ChangeProfile, ConfirmSecondStep, Me, NewAccount, NewSession, NewToken, NewTokenSecret,
    OpenInvite, Permit, RecoveryCodes, SecondStep, SecondStepSetup, Secret, SessionView, SignIn, SignedIn, TokenView,
    TurnOffSecondStep, User,
    action::{ChangeOwnAccount, ChangeOwnPassword, OwnAccount, SignOut},
    gate::{Client, no_session_cookie, session_cookie},
};
use orbitr_model::{Timestamp, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Rooms,
    builder::Builder,
    input::{Body, Path},
    openapi::Operation,
    people::{Ended, id},
    problem::Answer,
};

const TAG: &str = "Account";

pub(crate) fn routes(api: Builder) -> Builder {
    own(doors(api))
}

fn op(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new(method, path, id, summary).tag(TAG)
}

fn doors(api: Builder) -> Builder {
    api.always(
        "nobody has an account before it",
        op(Method::POST, "/claim", "claimBox", "Claim the box with the code from its console")
            .body::<NewAccount>()
            .answers::<Opened>(201, "Signed in; the cookie is set"),
        claim,
    )
    .public(
        "it is how one signs in",
        op(Method::POST, "/session", "signIn", "Sign in")
            .body::<SignIn>()
            .answers::<Opened>(201, "Signed in; the cookie is set")
            .answers::<Challenge>(202, "A second step is needed"),
        sign_in,
    )
    .public(
        "it is how one signs in",
        op(Method::POST, "/session/second-step", "signInSecondStep", "Finish a sign-in with a code")
            .body::<SecondStep>()
            .answers::<Opened>(201, "Signed in; the cookie is set"),
        second_step,
    )
    .on(SignOut, op(Method::DELETE, "/session", "signOut", "Sign out").answers_nothing(204, "Signed out"), sign_out)
    .public(
        "whoever has the code was invited",
        op(Method::POST, "/invites/open", "openInvite", "What an invite's code is for")
            .body::<InviteCode>()
            .answers::<OpenInvite>(200, "The invite"),
        open_invite,
    )
    .public(
        "whoever has the code was invited",
        op(Method::POST, "/invites/accept", "acceptInvite", "Make an account with an invite's code")
            .body::<NewAccount>()
            .answers::<Opened>(201, "Signed in; the cookie is set"),
        accept_invite,
    )
}

fn own(api: Builder) -> Builder {
    api.on(OwnAccount, op(Method::GET, "/me", "getMe", "Who the caller is").answers::<Me>(200, "The caller"), me)
        .on(
            ChangeOwnAccount,
            op(Method::PATCH, "/me", "changeMe", "Change one's own profile")
                .body::<ChangeProfile>()
                .answers::<User>(200, "The account as it is now"),
            change_me,
        )
        .on(
            ChangeOwnPassword,
            op(Method::PUT, "/me/password", "changeMyPassword", "Change one's own password; ends all other sessions")
                .body::<ChangePassword>()
                .answers_nothing(204, "It is changed"),
            change_password,
        )
        .on(
            ChangeOwnAccount,
            op(Method::POST, "/me/second-step", "beginSecondStep", "Begin to turn the second step on")
                .answers::<SecondStepSetup>(200, "The secret for an authenticator app"),
            begin_second_step,
        )
        .on(
            ChangeOwnAccount,
            op(Method::PUT, "/me/second-step", "confirmSecondStep", "Turn the second step on with a first code")
                .body::<ConfirmSecondStep>()
                .answers::<RecoveryCodes>(200, "Recovery codes, shown this once"),
            confirm_second_step,
        )
        .on(
            ChangeOwnAccount,
            op(Method::DELETE, "/me/second-step", "turnOffSecondStep", "Turn the second step off")
                .body::<TurnOffSecondStep>()
                .answers_nothing(204, "It is off"),
            turn_off_second_step,
        )
        .on(
            ChangeOwnAccount,
            op(Method::POST, "/me/recovery-codes", "newRecoveryCodes", "New recovery codes in place of the old ones")
                .answers::<RecoveryCodes>(200, "Recovery codes, shown this once"),
            new_recovery_codes,
        )
        .on(
            OwnAccount,
            op(Method::GET, "/me/sessions", "listMySessions", "Where one is signed in")
                .answers::<Vec<SessionView>>(200, "The sessions"),
            sessions,
        )
        .on(
            ChangeOwnAccount,
            op(Method::DELETE, "/me/sessions", "endMyOtherSessions", "Sign out everywhere else")
                .answers::<Ended>(200, "How many sessions ended"),
            end_others,
        )
        .on(
            ChangeOwnAccount,
            op(Method::DELETE, "/me/sessions/{session}", "endMySession", "End one of one's own sessions")
                .answers_nothing(204, "It has ended"),
            end_session,
        )
        .on(
            OwnAccount,
            op(Method::GET, "/me/tokens", "listMyTokens", "One's own API tokens")
                .answers::<Vec<TokenView>>(200, "The tokens"),
            tokens,
        )
        .on(
            ChangeOwnAccount,
            op(Method::POST, "/me/tokens", "createToken", "Make an API token")
                .body::<NewToken>()
                .answers::<NewTokenSecret>(201, "The token, shown this once"),
            create_token,
        )
        .on(
            ChangeOwnAccount,
            op(Method::DELETE, "/me/tokens/{token}", "revokeMyToken", "Revoke one of one's own API tokens")
                .answers_nothing(204, "It is gone"),
            revoke_token,
        )
}

/// A session that was just opened. The session itself is in the cookie only.
#[derive(Serialize, JsonSchema)]
struct Opened {
    /// The account.
    user: UserId,
    /// When the session ends at the latest.
    ends_at: Timestamp,
    /// Whether the password is a one-time one that must be changed before anything else.
    must_change_password: bool,
}

/// An invite's code.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InviteCode {
    /// The code at the end of the link.
    #[schemars(length(max = 64))]
    code: Secret,
}

fn opened(session: &NewSession) -> Response {
    let body =
        Opened { user: session.user, ends_at: session.ends_at, must_change_password: session.must_change_password };
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    response.headers_mut().insert(header::SET_COOKIE, session_cookie(session));
    response
}

async fn claim(State(rooms): State<Rooms>, client: Client, Body(claim): Body<NewAccount>) -> Answer<Response> {
    Ok(opened(&rooms.access.claim(claim, &client).await?))
}

async fn sign_in(State(rooms): State<Rooms>, client: Client, Body(sign_in): Body<SignIn>) -> Answer<Response> {
    Ok(match rooms.access.sign_in(sign_in, &client).await? {
        SignedIn::Done(session) => opened(&session),
        SignedIn::NeedsSecondStep(challenge) => (StatusCode::ACCEPTED, Json(challenge)).into_response(),
    })
}

async fn second_step(State(rooms): State<Rooms>, client: Client, Body(step): Body<SecondStep>) -> Answer<Response> {
    Ok(opened(&rooms.access.second_step(step, &client).await?))
}

async fn sign_out(State(rooms): State<Rooms>, permit: Permit<SignOut>) -> Answer<(StatusCode, HeaderMap)> {
    rooms.access.sign_out(&permit).await?;
    let cookie: HeaderValue = no_session_cookie();
    Ok((StatusCode::NO_CONTENT, HeaderMap::from_iter([(header::SET_COOKIE, cookie)])))
}

async fn open_invite(State(rooms): State<Rooms>, Body(code): Body<InviteCode>) -> Answer<Json<OpenInvite>> {
    Ok(Json(rooms.access.open_invite(&code.code).await?))
}

async fn accept_invite(State(rooms): State<Rooms>, client: Client, Body(accept): Body<NewAccount>) -> Answer<Response> {
    Ok(opened(&rooms.access.accept_invite(accept, &client).await?))
}

async fn me(State(rooms): State<Rooms>, permit: Permit<OwnAccount>) -> Answer<Json<Me>> {
    Ok(Json(rooms.access.me(&permit).await?))
}

async fn change_me(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeOwnAccount>,
    Body(change): Body<ChangeProfile>,
) -> Answer<Json<User>> {
    Ok(Json(rooms.access.change_profile(&permit, change).await?))
}

async fn change_password(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeOwnPassword>,
    Body(change): Body<ChangePassword>,
) -> Answer<StatusCode> {
    rooms.access.change_password(&permit, change).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn begin_second_step(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeOwnAccount>,
) -> Answer<Json<SecondStepSetup>> {
    let name = rooms.machine.name();
    Ok(Json(rooms.access.begin_second_step(&permit, name.as_str()).await?))
}

async fn confirm_second_step(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeOwnAccount>,
    Body(confirm): Body<ConfirmSecondStep>,
) -> Answer<Json<RecoveryCodes>> {
    Ok(Json(rooms.access.confirm_second_step(&permit, confirm).await?))
}

async fn turn_off_second_step(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeOwnAccount>,
    Body(off): Body<TurnOffSecondStep>,
) -> Answer<StatusCode> {
    rooms.access.turn_off_second_step(&permit, off).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn new_recovery_codes(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeOwnAccount>,
) -> Answer<Json<RecoveryCodes>> {
    Ok(Json(rooms.access.new_recovery_codes(&permit).await?))
}

async fn sessions(State(rooms): State<Rooms>, permit: Permit<OwnAccount>) -> Answer<Json<Vec<SessionView>>> {
    Ok(Json(rooms.access.my_sessions(&permit).await?))
}

async fn end_others(State(rooms): State<Rooms>, permit: Permit<ChangeOwnAccount>) -> Answer<Json<Ended>> {
    Ok(Json(Ended { ended: rooms.access.end_my_other_sessions(&permit).await? }))
}

async fn end_session(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeOwnAccount>,
    Path(session): Path<String>,
) -> Answer<StatusCode> {
    rooms.access.end_my_session(&permit, id("session", &session)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tokens(State(rooms): State<Rooms>, permit: Permit<OwnAccount>) -> Answer<Json<Vec<TokenView>>> {
    Ok(Json(rooms.access.my_tokens(&permit).await?))
}

async fn create_token(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeOwnAccount>,
    Body(new): Body<NewToken>,
) -> Answer<(StatusCode, Json<NewTokenSecret>)> {
    Ok((StatusCode::CREATED, Json(rooms.access.create_token(&permit, new).await?)))
}

async fn revoke_token(
    State(rooms): State<Rooms>,
    permit: Permit<ChangeOwnAccount>,
    Path(token): Path<String>,
) -> Answer<StatusCode> {
    rooms.access.revoke_my_token(&permit, id("token", &token)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! From a verb to what does it.

use super::{
    about, apps,
    args::{AppVerb, Common, JobVerb, NetworkVerb, SshVerb, UnitVerb, UserVerb, Verb},
    client::Client,
    failure::{Exit, Failure},
    install, jobs, machine, network,
    output::Output,
    people, releases, rescue, ssh,
};

/// Does it; how it ended.
pub(super) async fn run(common: &Common, verb: Verb, out: &mut Output) -> Result<Exit, Failure> {
    let client = &Client::new(common)?;
    match verb {
        Verb::Status => about::status(client, out).await,
        Verb::Box => about::the_box(client, out).await,
        Verb::RotateKey => about::rotate_key(client, out).await,
        Verb::Audit(args) => about::audit(client, out, &args).await,
        Verb::Issues => machine::issues(client, out).await,
        Verb::Units(args) => machine::units(client, out, &args).await,
        Verb::Unit { verb: UnitVerb::Show { name } } => machine::unit(client, out, &name).await,
        Verb::Unit { verb: UnitVerb::Restart { name, wait } } => machine::restart(client, out, &name, wait).await,
        Verb::Journal(args) => machine::journal(client, out, &args).await,
        Verb::Time => machine::time(client, out).await,
        Verb::Network { verb: None } => network::show(client, out).await,
        Verb::Network { verb: Some(NetworkVerb::Set(args)) } => network::set(client, out, &args).await,
        Verb::Network { verb: Some(NetworkVerb::Confirm) } => network::confirm(client, out).await,
        Verb::Network { verb: Some(NetworkVerb::Revert) } => network::revert(client, out).await,
        Verb::Ssh { verb: None } => ssh::show(client, out).await,
        Verb::Ssh { verb: Some(SshVerb::On { keys }) } => ssh::on(client, out, keys.as_deref()).await,
        Verb::Ssh { verb: Some(SshVerb::Off) } => ssh::off(client, out).await,
        Verb::Reboot(args) => machine::power(client, out, "reboot", &args).await,
        Verb::PowerOff(args) => machine::power(client, out, "power-off", &args).await,
        Verb::SafeMode { to, wait } => rescue::safe_mode(client, out, to, wait).await,
        Verb::FactoryReset(args) => rescue::factory_reset(client, out, &args).await,
        Verb::Support(args) => machine::support(client, out, &args).await,
        Verb::Apps => apps::list(client, out).await,
        Verb::App { verb: AppVerb::Show { id } } => apps::show(client, out, &id).await,
        Verb::App { verb: AppVerb::Update(args) } => releases::update(client, out, args).await,
        Verb::App { verb: AppVerb::Releases { id } } => releases::list(client, out, &id).await,
        Verb::App { verb: AppVerb::RollBack(args) } => releases::roll_back(client, out, &args).await,
        Verb::Extensions => install::extensions(client, out).await,
        Verb::Install(args) => install::install(client, out, args).await,
        Verb::Start(args) => apps::operate(client, out, "start", &args).await,
        Verb::Stop(args) => apps::operate(client, out, "stop", &args).await,
        Verb::Restart(args) => apps::operate(client, out, "restart", &args).await,
        Verb::Remove(args) => apps::remove(client, out, &args).await,
        Verb::Logs(args) => apps::logs(client, out, &args).await,
        Verb::Jobs(args) => jobs::list(client, out, &args).await,
        Verb::Job { verb: JobVerb::Show { id } } => jobs::show(client, out, &id).await,
        Verb::Job { verb: JobVerb::Log { id, follow } } => jobs::log(client, out, &id, follow).await,
        Verb::Job { verb: JobVerb::Cancel { id } } => jobs::cancel(client, out, &id).await,
        Verb::Users => people::list(client, out).await,
        Verb::User { verb: UserVerb::Reset { name } } => people::reset(client, out, &name).await,
        Verb::User { verb: UserVerb::Invite { role, note } } => people::invite(client, out, role, &note).await,
    }
}

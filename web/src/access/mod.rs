//! The pages about people: the wizard, the doors, one's own account, everybody's accounts.

mod account;
mod newcomer;
mod people;
pub(crate) mod setup;
mod sign_in;
mod words;

use orbitr_access::gate::Routes;

use crate::site::Site;

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    people::routes(account::routes(sign_in::routes(setup::routes(routes))))
}

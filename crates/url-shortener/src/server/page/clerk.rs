//! The front end, as the page knows it.

use axum::http::request::Parts;
use axum::response::Response;

use super::Clerk;
use crate::server::front::{Front, respond};
use crate::server::now;
use crate::site::Site;
use crate::wire::{Changes, Wanted, Wrong};
use crate::{Answer, Ask, Edit, LinkId, NewLink};

impl Clerk for Front {
    fn greet(&self, parts: &Parts) -> Result<(), Box<Response>> {
        self.is_ours(parts).map_err(|reply| Box::new(respond(reply)))
    }

    async fn ask(&self, parts: &Parts, ask: Ask) -> Answer {
        let created = matches!(ask, Ask::Create(_));
        let answer = Front::ask(self, self.address(parts), ask).await;
        if created && matches!(answer, Answer::Link(..)) {
            self.counts.created();
        }
        answer
    }

    async fn clicks(&self, link: LinkId) -> u64 {
        let stats = self.counted(link).await.flatten();
        stats.map_or(0, |stats| stats.of_people())
    }

    fn site(&self) -> &Site {
        &self.site
    }

    fn check(&self, wanted: Wanted) -> Result<NewLink, Wrong> {
        wanted.check(&self.site, &self.targets, now())
    }

    fn check_changes(&self, changes: Changes) -> Result<Edit, Wrong> {
        changes.check(&self.targets)
    }

    fn client(&self, parts: &Parts) -> u64 {
        self.salt.client(self.address(parts))
    }

    fn asks_for_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    fn is_key(&self, shown: &str) -> bool {
        self.keys.has(shown.as_bytes())
    }
}

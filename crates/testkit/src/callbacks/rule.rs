//! Which answer a callback gets.

use super::{Action, Answer, Callback};

/// Which callbacks a rule fits.
#[derive(Clone, Debug, Default)]
pub struct When {
    action: Option<Action>,
    url: Option<String>,
    target: Option<String>,
    once: bool,
}

impl When {
    /// Every request.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Connect callbacks.
    #[must_use]
    pub fn connect() -> Self {
        Self { action: Some(Action::Connect), ..Self::default() }
    }

    /// Disconnect callbacks.
    #[must_use]
    pub fn disconnect() -> Self {
        Self { action: Some(Action::Disconnect), ..Self::default() }
    }

    /// Only those whose client asked for this target.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }

    /// Only requests for this path and query of the backend.
    #[must_use]
    pub fn target(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    /// Only the first one; then the rule is forgotten.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    fn fits(&self, callback: &Callback) -> bool {
        self.action.is_none_or(|action| action == callback.action)
            && self.url.as_ref().is_none_or(|url| *url == callback.url)
            && self.target.as_ref().is_none_or(|target| target == callback.target())
    }
}

/// The rules of one backend, the newest last.
#[derive(Default)]
pub(super) struct Rules(Vec<(When, Answer)>);

impl Rules {
    pub(super) fn push(&mut self, when: When, answer: Answer) {
        self.0.push((when, answer));
    }

    pub(super) fn answer(&mut self, callback: &Callback) -> Answer {
        match self.0.iter().rposition(|(when, _)| when.fits(callback)) {
            Some(index) if self.0[index].0.once => self.0.remove(index).1,
            Some(index) => self.0[index].1.clone(),
            None => Answer::ok(),
        }
    }
}

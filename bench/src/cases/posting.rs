//! Requests on keep-alive connections: as many as the server takes, or at a rate.

use std::time::Duration;

use crate::Outcome;
use crate::load::Senders;
use crate::stage::{ARRIVAL_TIMEOUT, Stage};

/// Events that may be accepted and not delivered.
pub(super) const UNDER_WAY_MAX: u64 = 1000;

/// What is posted, one request after the other.
pub(super) trait Posts {
    /// Posts the next on a connection; it counts as sent at this time.
    fn post(&mut self, stage: &mut Stage, connection: u32, sent_at: u64) -> Outcome<()>;

    /// Whether too much is under way: some servers accept at once and deliver when they come to it.
    fn must_wait(&self, stage: &Stage) -> bool;
}

/// Each connection posts again when its answer has come.
pub(super) fn flat_out(stage: &mut Stage, posts: &mut impl Posts, time: Duration) -> Outcome<()> {
    let end = stage.load.now() + time.as_nanos() as u64;
    while stage.load.now() < end {
        while !posts.must_wait(stage)
            && let Some(connection) = stage.take_idle()
        {
            let now = stage.load.now();
            posts.post(stage, connection, now)?;
        }
        stage.load.turn(Duration::from_millis(50))?;
    }
    Ok(())
}

/// Posts at a rate whatever the answers do: a send that has to wait for a connection counts as sent when it
/// was due, so that a server that stalls cannot hide it.
pub(super) fn paced(stage: &mut Stage, posts: &mut impl Posts, time: Duration, rate: f64) -> Outcome<()> {
    let begin = stage.load.now();
    let end = begin + time.as_nanos() as u64;
    let gap = 1e9 / rate;
    let mut posted = 0_u64;
    loop {
        let due = begin + (posted as f64 * gap) as u64;
        let now = stage.load.now();
        if now >= end {
            return Ok(());
        }
        if due > now {
            stage.load.turn(Duration::from_nanos(due.min(end) - now))?;
        } else if let Some(connection) = stage.take_idle() {
            posts.post(stage, connection, due)?;
            posted += 1;
            if posted.is_multiple_of(16) {
                // What is late is caught up on, but not without reading.
                stage.load.turn(Duration::ZERO)?;
            }
        } else {
            stage.load.turn(Duration::from_millis(50))?;
        }
    }
}

/// Waits for the answers and the events under way; gives how many events do not come, besides those that were
/// accepted when nobody listened.
pub(super) fn settle(stage: &mut Stage, unheard: u64) -> Outcome<u64> {
    wait_for_answers(stage)?;
    let wanted = stage.accepted() - unheard;
    stage.wait_for_events(wanted)
}

/// Waits for the answers under way.
pub(super) fn wait_for_answers(stage: &mut Stage) -> Outcome<()> {
    stage.load.run_until(ARRIVAL_TIMEOUT, |load| Ok(load.senders.as_ref().is_none_or(Senders::is_quiet)))?;
    Ok(())
}

//! A log on a disk that crashes and fails on demand.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use sse_gateway_engine::Key;
use sse_gateway_engine::log::{Listened, Listener, Log, LogLimits, Offer, Published, Refused};
use sse_gateway_protocol::callback::TopicWish;
use sse_gateway_protocol::publish::Publish;
use sse_gateway_protocol::sse::Draft;
use sse_gateway_protocol::{Epoch, TopicName};
use sse_gateway_store::{Fresh, Options, Recovery, SimDisk, SimFault, SyncMode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{JOBS_WAITING_MAX, Ledger, Scribe, Unavailable, records};
use crate::clock::Clock;
use crate::shard::Command;

const LIMITS: LogLimits = LogLimits {
    topic_events_max: 100,
    topic_bytes_max: 1 << 20,
    topic_age_max: Duration::from_secs(600),
    log_bytes_max: 1 << 20,
    topics_max: 100,
    publish_bytes_max: 1 << 20,
};

/// A log, its scribe, and the inbox of its only shard.
struct Desk {
    ledger: Arc<Ledger>,
    inbox: mpsc::Receiver<Command>,
    ended: CancellationToken,
    scribe: JoinHandle<()>,
}

impl Desk {
    /// Begins a life of the log with what the disk has.
    fn open(disk: &SimDisk) -> Self {
        let options = Options::new(SyncMode::Always, LIMITS.log_bytes_max as u64, LIMITS.topic_age_max);
        let fresh = Fresh { epoch: Epoch::parse("fresh").expect("an epoch"), secret: 7 };
        let recovery = Recovery::open(disk.clone(), options, fresh).expect("it opens");
        let (clock, next) = (Clock::start(), recovery.next);
        let mut log = Log::new(LIMITS, recovery.epoch.clone(), 1).written_down();
        let replayed = recovery.replay(|record| records::restore(&mut log, &record, clock.now()));
        let (journal, _) = replayed.expect("it is read");
        log.restored(next, 0, clock.now());
        let (sender, inbox) = mpsc::channel(100);
        let (jobs, waiting) = mpsc::channel(JOBS_WAITING_MAX);
        let ledger = Arc::new(Ledger::of(log, [sender].into(), clock, Some(jobs)));
        let ended = CancellationToken::new();
        let scribe = std::thread::spawn({
            let (scribe, ended) = (Scribe::new(Arc::clone(&ledger), waiting, journal), ended.clone());
            move || scribe.run(None, &ended).expect("it has a runtime")
        });
        Self { ledger, inbox, ended, scribe }
    }

    async fn publish(&self, text: &'static str) -> Result<Result<Published, Refused>, Unavailable> {
        let name = TopicName::parse("t").expect("a name");
        let publish = Publish::new(name, vec![Draft::new(None, text)], Some(text.into()), None);
        self.ledger.publish(move |log, now| log.publish(&publish, now)).await
    }

    async fn listen(&self) {
        let wish = TopicWish::to(TopicName::parse("t").expect("a name"));
        let listener = Listener { shard: 0, key: Key::from_bits(1) };
        let turn = self.ledger.turn().await.expect("numbers");
        let listened = turn.execute(|log, now| log.listen(&[wish], None, listener, now));
        assert!(matches!(listened, Ok(Ok(Listened::Listening(_)))), "{listened:?}");
    }

    /// Gives the numbers of the events that the shard was offered so far.
    fn offered(&mut self) -> Vec<u64> {
        let commands = std::iter::from_fn(|| self.inbox.try_recv().ok());
        let offers = commands.flat_map(|command| match command {
            Command::Offers(offers) => offers,
            other => panic!("{other:?}"),
        });
        let numbers = offers.filter_map(|offer| match offer {
            Offer::Published(entry) => entry.events.first().map(|(seq, _)| *seq),
            _ => None,
        });
        numbers.collect()
    }

    fn events(&self) -> usize {
        self.ledger.describe("t").map_or(0, |described| described.events)
    }

    fn end(self) {
        self.ended.cancel();
        self.scribe.join().expect("the scribe does not panic");
    }
}

#[tokio::test]
async fn what_is_answered_outlives_the_machine() {
    for seed in 0..20 {
        let disk = SimDisk::new();
        let desk = Desk::open(&disk);
        let first = desk.publish("a").await.expect("the disk works").expect("published");
        desk.publish("b").await.expect("the disk works").expect("published");
        disk.crash(seed);
        desk.end();
        disk.crash(seed);
        let desk = Desk::open(&disk);
        assert_eq!(desk.events(), 2, "seed {seed}");
        assert_eq!(desk.publish("a").await, Ok(Ok(first)), "its key is known");
        desk.end();
    }
}

#[tokio::test]
async fn what_the_disk_does_not_take_is_refused_and_offered_to_nobody() {
    for fault in [SimFault::Full, SimFault::Broken] {
        let disk = SimDisk::new();
        let mut desk = Desk::open(&disk);
        desk.listen().await;
        desk.publish("a").await.expect("the disk works").expect("published");
        let kept = desk.offered();
        assert_eq!(kept.len(), 1);
        let calls = disk.calls();
        (1..200).for_each(|ahead| disk.fail_at(calls + ahead, fault));
        for _ in 0..3 {
            assert_eq!(desk.publish("lost").await, Err(Unavailable::NotWritten), "{fault:?}");
        }
        assert_eq!((desk.offered().len(), desk.events()), (0, 1), "{fault:?}");
        disk.heal();
        let again = desk.publish("lost").await.expect("the disk works again").expect("not a known key");
        assert_eq!((again.receivers, desk.offered()), (1, vec![again.position]), "the stream was not harmed");
        desk.end();
    }
}

#[tokio::test]
async fn a_sealed_log_takes_nothing_more() {
    let disk = SimDisk::new();
    let desk = Desk::open(&disk);
    desk.ledger.seal();
    assert_eq!(desk.publish("late").await, Err(Unavailable::ShuttingDown));
    desk.end();
}

//! Publishes, listens and reads at one log, in few words.

use std::time::Duration;

use sse_gateway_engine::log::{
    Item, Listened, Listener, Log, LogLimits, Offer, Page, PageSize, Published, Reading, Refused, Start,
};
use sse_gateway_engine::{Key, Time};
use sse_gateway_protocol::callback::{From, TopicWish};
use sse_gateway_protocol::publish::Publish;
use sse_gateway_protocol::sse::Draft;
use sse_gateway_protocol::{Epoch, Seq, TopicName};

pub(crate) const EPOCH: &str = "life1";

pub(crate) fn limits() -> LogLimits {
    LogLimits {
        topic_events_max: 5,
        topic_bytes_max: 1_000,
        topic_age_max: Duration::from_secs(600),
        log_bytes_max: 1_000_000,
        topics_max: 10,
        publish_bytes_max: 2_000,
    }
}

/// A log that commits each command at once.
pub(crate) struct Desk {
    pub(crate) log: Log,
    pub(crate) now: Time,
    slots: u64,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(limits())
    }

    pub(crate) fn with(limits: LogLimits) -> Self {
        let epoch = Epoch::parse(EPOCH).expect("an epoch");
        Self { log: Log::new(limits, epoch, 1), now: Time::after_origin(Duration::from_secs(9)), slots: 0 }
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.log.tick(self.now);
    }

    pub(crate) fn try_publish(&mut self, publish: &Publish) -> Result<Published, Refused> {
        let published = self.log.publish(publish, self.now);
        self.log.commit(self.now);
        published
    }

    /// Publishes one event of this text; gives its number.
    pub(crate) fn publish(&mut self, topic: &str, text: &str) -> Seq {
        self.try_publish(&publish(topic, &[text])).expect("published").position
    }

    pub(crate) fn complete(&mut self, topic: &str) -> Seq {
        self.try_publish(&completing(topic, &[])).expect("completed").position
    }

    pub(crate) fn receivers(&self, topic: &str) -> usize {
        self.log.describe(topic).map_or(0, |described| described.receivers)
    }

    pub(crate) fn listener(&mut self) -> Listener {
        self.slots += 1;
        Listener { shard: (self.slots % 2) as usize, key: Key::from_bits(self.slots) }
    }

    pub(crate) fn try_listen(
        &mut self,
        wishes: &[TopicWish],
        cursor: Option<&str>,
    ) -> (Listener, Result<Listened, Refused>) {
        let listener = self.listener();
        let listened = self.log.listen(wishes, cursor.map(str::as_bytes), listener, self.now);
        self.log.commit(self.now);
        (listener, listened)
    }

    pub(crate) fn listen(&mut self, wishes: &[TopicWish], cursor: Option<&str>) -> Stream {
        match self.try_listen(wishes, cursor) {
            (listener, Ok(Listened::Listening(start))) => Stream { listener, cursor: start.cursor, start },
            (_, other) => panic!("it does not listen: {other:?}"),
        }
    }

    pub(crate) fn read_page(&mut self, stream: &mut Stream, items_max: usize) -> Page {
        let Start { since, topics, .. } = &mut stream.start;
        let reading = Reading { since: *since, cursor: stream.cursor, topics };
        let page = self.log.read(stream.listener, reading, PageSize { items_max, bytes_max: usize::MAX });
        for (dropped, through) in &page.dropped {
            topics
                .iter_mut()
                .filter(|topic| topic.topic == *dropped)
                .for_each(|topic| topic.after = *through);
        }
        stream.cursor = page.live_from.or(page.items.last().map(number)).unwrap_or(stream.cursor);
        page
    }

    /// Reads what is left, one item a page; gives the texts, and `end:<reason>` for ends.
    pub(crate) fn read(&mut self, stream: &mut Stream) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let page = self.read_page(stream, 1);
            texts.extend(page.items.iter().map(text));
            if page.live_from.is_some() {
                return texts;
            }
        }
    }

    pub(crate) fn leave(&mut self, stream: &Stream, live: bool) {
        let topics: Vec<_> = stream.start.topics.iter().map(|topic| topic.topic).collect();
        self.log.leave(stream.listener, stream.start.since, &topics, live, self.now);
    }

    pub(crate) fn offers(&mut self) -> Vec<(usize, Offer)> {
        std::iter::from_fn(|| self.log.next_offer()).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) listener: Listener,
    pub(crate) start: Start,
    pub(crate) cursor: Seq,
}

pub(crate) fn position(seq: Seq) -> String {
    format!("{EPOCH}-{seq}")
}

pub(crate) fn name(topic: &str) -> TopicName {
    TopicName::parse(topic).expect("a topic name")
}

pub(crate) fn publish(topic: &str, texts: &[&str]) -> Publish {
    Publish::new(name(topic), texts.iter().map(|text| Draft::new(None, text)).collect(), None, None)
}

pub(crate) fn completing(topic: &str, texts: &[&str]) -> Publish {
    let events = texts.iter().map(|text| Draft::new(None, text)).collect();
    Publish::new(name(topic), events, None, Some("done".into()))
}

pub(crate) fn keyed(publish: Publish, key: &str) -> Publish {
    Publish { key: Some(key.into()), ..publish }
}

pub(crate) fn from(topic: &str, from: From) -> TopicWish {
    TopicWish { name: name(topic), from, exclusive: false, if_missing: None }
}

pub(crate) fn exclusive(topic: &str, at: From) -> TopicWish {
    TopicWish { exclusive: true, ..from(topic, at) }
}

pub(crate) fn number(item: &Item) -> Seq {
    match item {
        Item::Event { seq, .. } => *seq,
        Item::Completed { completion, .. } => completion.seq,
    }
}

/// Gives the data of an event, or how its topic ended.
pub(crate) fn text(item: &Item) -> String {
    match item {
        Item::Event { frame, .. } => {
            let payload = std::str::from_utf8(frame.payload()).expect("UTF-8");
            let data = payload.lines().find_map(|line| line.strip_prefix("data: "));
            data.expect("an event has data").to_owned()
        }
        Item::Completed { completion, .. } => format!("end:{}", completion.reason),
    }
}

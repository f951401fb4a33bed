//! What a delivery and an idle stream cost, counted in allocations and bytes, so that no change
//! makes them dearer unseen. Counts do not depend on the machine's mood; times would.
//!
//! One test, because the counters belong to the process.

#![expect(clippy::print_stdout, reason = "the figures are for whoever runs it")]

use std::time::Duration;

use sse_gateway_engine::log::{Listened, Listener, Log, LogLimits, Offer, Page, PageSize, Start};
use sse_gateway_engine::{Accepted, Answer, Attempt, Effect, Key, Limits, Sent, Shard, Then, Time};
use sse_gateway_protocol::callback::TopicWish;
use sse_gateway_protocol::publish::Publish;
use sse_gateway_protocol::send::Send;
use sse_gateway_protocol::sse::{Draft, Encoder, Frame, Framing};
use sse_gateway_protocol::{Epoch, Token, TopicName};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const STREAMS: usize = 10_000;
const REQUEST_BYTES: usize = 250;
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Beside the stored request: the stream's slot, its place in the table of tokens and on the wheel,
/// each with the spare room of a growing table.
const IDLE_STREAM_BYTES_MAX: usize = 160;
/// The outbox of a stream that was idle, with its first frame; the frame's bytes are shared.
const DELIVERY_ALLOCATIONS_MAX: u64 = 1;
const DELIVERY_BYTES_MAX: u64 = 96;
/// Besides, the flushes of all listeners wait at once.
const OFFER_BYTES_MAX: u64 = DELIVERY_BYTES_MAX + 40;
/// What a stream with one topic costs beside an idle one: where it stands, its one topic, and its seat
/// among the topic's listeners with the spare room of a growing list.
const LISTENING_STREAM_BYTES_MAX: usize = 108;
/// Each further topic: its place in the stream's list, and such a seat.
const FURTHER_TOPIC_BYTES_MAX: usize = 32;
/// The buffer that the frame is written to and the bytes that are shared, the list of events, and what
/// undoes the escapes in the data: a buffer that grows three times, and the string.
const SEND_ALLOCATIONS_MAX: u64 = 7;

#[test]
fn a_delivery_and_an_idle_stream_cost_what_they_are_allowed_to() {
    let _counting = dhat::Profiler::builder().testing().build();
    let mut shard = Shard::new(limits(), comment("heartbeat"), Epoch::from_random(1), 1);
    let empty = dhat::HeapStats::get().curr_bytes;
    let streams = open_all(&mut shard, || Then::Stay);
    let idle = idle_bytes(empty, &streams);
    println!("an idle stream: {idle} bytes beside its request");
    assert!(idle <= IDLE_STREAM_BYTES_MAX, "an idle stream costs {idle} bytes beside its request");

    let body = send_body(&streams[0].0);
    let (blocks, frame) = count_blocks(|| read_send(&body));
    println!("reading and encoding a send: {} allocations", blocks.0);
    assert!(blocks.0 <= SEND_ALLOCATIONS_MAX, "reading a send makes {} allocations", blocks.0);

    check_delivery("a delivery", DELIVERY_BYTES_MAX, || fan_out(&mut shard, &streams, &frame));
    let (blocks, beats) = count_blocks(|| beat(&mut shard));
    assert_eq!(beats, STREAMS, "each stream hears one heartbeat an interval");
    println!("a heartbeat: {} allocations", per_stream(blocks.0));
    assert!(per_stream(blocks.0) <= DELIVERY_ALLOCATIONS_MAX, "a heartbeat costs more than a delivery");

    let after = idle_bytes(empty, &streams);
    assert!(after <= IDLE_STREAM_BYTES_MAX, "after traffic an idle stream costs {after} bytes");
    check_nothing_stays(&mut shard, empty, streams);
    check_topics(&mut shard, empty, idle);
}

/// The same for streams that listen, beside what they cost without topics.
fn check_topics(shard: &mut Shard, empty: usize, idle: usize) {
    let (start, offer) = listen_and_publish(1);
    let streams = open_all(shard, || Then::Listen(start.clone()));
    let listening = idle_bytes(empty, &streams) - idle;
    println!("listening to a topic: {listening} bytes");
    assert!(listening <= LISTENING_STREAM_BYTES_MAX, "listening costs {listening} bytes");
    check_delivery("a delivery of a topic", OFFER_BYTES_MAX, || {
        shard.apply(&offer);
        assert_eq!(write_all(shard, Time::default()), STREAMS);
    });
    check_nothing_stays(shard, empty, streams);
    drop((start, offer));

    let (start, _) = listen_and_publish(11);
    let streams = open_all(shard, || Then::Listen(start.clone()));
    let further = (idle_bytes(empty, &streams) - idle - listening) / 10;
    println!("each further topic: {further} bytes");
    assert!(further <= FURTHER_TOPIC_BYTES_MAX, "a further topic costs {further} bytes");
    drop(start);
    check_nothing_stays(shard, empty, streams);
}

fn check_delivery(what: &str, bytes_max: u64, deliver: impl FnOnce()) {
    let (blocks, ()) = count_blocks(deliver);
    let (allocations, bytes) = (per_stream(blocks.0), per_stream(blocks.1));
    println!("{what}: {allocations} allocations, {bytes} bytes");
    assert!(allocations <= DELIVERY_ALLOCATIONS_MAX, "{what} makes {allocations} allocations");
    assert!(bytes <= bytes_max, "{what} allocates {bytes} bytes");
}

fn check_nothing_stays(shard: &mut Shard, empty: usize, streams: Vec<(Token, Key)>) {
    streams.iter().for_each(|(_, key)| shard.client_left(*key));
    drop(streams);
    while shard.next_effect().is_some() {}
    let left = dhat::HeapStats::get().curr_bytes - empty;
    assert!(left <= STREAMS, "{left} bytes stay when every stream has gone");
}

/// Gives the bytes of each stream beside its request.
fn idle_bytes(empty: usize, streams: &Vec<(Token, Key)>) -> usize {
    let list_bytes = streams.capacity() * size_of::<(Token, Key)>();
    (dhat::HeapStats::get().curr_bytes - empty - list_bytes) / STREAMS - REQUEST_BYTES
}

/// Gives what a stream starts with that listens to this many topics, and an offer of the first.
fn listen_and_publish(topics: usize) -> (Start, Offer) {
    let limits = LogLimits {
        topic_events_max: 1,
        topic_bytes_max: 1_000,
        topic_age_max: HEARTBEAT,
        log_bytes_max: 100_000,
        topics_max: topics,
        publish_bytes_max: 1_000,
    };
    let mut log = Log::new(limits, Epoch::from_random(1), 1);
    let name = |number| TopicName::parse(&format!("topic {number}")).expect("a name");
    let wishes: Vec<TopicWish> = (0..topics).map(|number| TopicWish::to(name(number))).collect();
    let listener = Listener { shard: 0, key: Key::from_bits(0) };
    let Ok(Listened::Listening(start)) = log.listen(&wishes, None, listener, Time::default()) else {
        panic!("there is room");
    };
    let events = vec![Draft::new(Some("progress"), "0.5")];
    log.publish(&Publish::new(name(0), events, None, None), Time::default()).expect("there is room");
    log.commit(Time::default());
    (start, log.next_offer().expect("somebody listens").1)
}

fn limits() -> Limits {
    Limits {
        outbox_bytes_max: 1 << 20,
        outbox_bytes_total_max: 256 << 20,
        heartbeat_interval: HEARTBEAT,
        write_timeout: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(5),
        replaced_retry: Duration::from_secs(30),
        page: PageSize { items_max: 256, bytes_max: 64 << 10 },
    }
}

fn comment(text: &str) -> Frame {
    let mut encoder = Encoder::for_payload(16);
    encoder.comment(text);
    encoder.finish()
}

fn open_all(shard: &mut Shard, then: impl Fn() -> Then) -> Vec<(Token, Key)> {
    (0..STREAMS).map(|number| open(shard, number, then())).collect()
}

fn open(shard: &mut Shard, number: usize, then: Then) -> (Token, Key) {
    let mut random = [0; 16];
    random[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    random[8..].copy_from_slice(&(number as u64).to_be_bytes());
    let token = Token::from_random_bytes(random);
    let key = shard.connect(token, "x".repeat(REQUEST_BYTES).into());
    let accepted = Accepted {
        head: comment("ok"),
        first: None,
        framing: Framing::Chunked,
        then,
        retry_ms: None,
        subject: None,
    };
    shard.answered(key, Answer::Accepted(accepted), Time::default()).expect("it opens");
    write_all(shard, Time::default());
    (token, key)
}

fn send_body(token: &Token) -> String {
    format!(
        r#"{{"token":"{}","event":{{"name":"progress","data":"{{\"text\":\"working\",\"value\":0.5}}"}}}}"#,
        token.expose()
    )
}

fn read_send(body: &str) -> Frame {
    Send::read(body.as_bytes()).expect("a good send").frame.expect("it has an event")
}

fn fan_out(shard: &mut Shard, streams: &[(Token, Key)], frame: &Frame) {
    for (token, _) in streams {
        assert_eq!(shard.send(token, Some(frame), false, Attempt::First), Sent::Ok);
        write_all(shard, Time::default());
    }
}

fn beat(shard: &mut Shard) -> usize {
    let mut beats = 0;
    let end = Time::after_origin(HEARTBEAT + HEARTBEAT / 20);
    while let Some(deadline) = shard.next_deadline().filter(|deadline| *deadline <= end) {
        shard.tick(deadline);
        beats += write_all(shard, deadline);
    }
    beats
}

/// Writes everything that is due, for a log that holds nothing yet; counts the writes.
fn write_all(shard: &mut Shard, now: Time) -> usize {
    let mut writes = 0;
    while let Some(effect) = shard.next_effect() {
        match effect {
            Effect::Flush(key) => {
                let bytes = shard.pending(key).map_or(0, |slices| slices.map(<[u8]>::len).sum());
                shard.wrote(key, bytes, false, now);
                writes += 1;
            }
            Effect::Read(key) => shard.replay(key, Page { live_from: Some(0), ..Page::default() }),
            other => panic!("nothing ends here: {other:?}"),
        }
    }
    writes
}

/// Counts the blocks and bytes that a piece of work allocates.
fn count_blocks<T>(work: impl FnOnce() -> T) -> ((u64, u64), T) {
    let before = dhat::HeapStats::get();
    let result = work();
    let after = dhat::HeapStats::get();
    ((after.total_blocks - before.total_blocks, after.total_bytes - before.total_bytes), result)
}

/// Rounded, because lists that serve all streams grow now and then.
fn per_stream(total: u64) -> u64 {
    (total + STREAMS as u64 / 2) / STREAMS as u64
}

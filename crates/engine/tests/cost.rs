//! What a delivery and an idle stream cost, counted in allocations and bytes, so that no change
//! makes them dearer unseen. Counts do not depend on the machine's mood; times would.
//!
//! One test, because the counters belong to the process.

use std::time::Duration;

use sse_gateway_engine::log::PageSize;
use sse_gateway_engine::{Accepted, Answer, Attempt, Effect, Key, Limits, Sent, Shard, Then, Time};
use sse_gateway_protocol::send::Send;
use sse_gateway_protocol::sse::{Encoder, Frame, Framing};
use sse_gateway_protocol::{Epoch, Token};

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
/// The buffer that the frame is written to and the bytes that are shared, the list of events, and what
/// undoes the escapes in the data: a buffer that grows three times, and the string.
const SEND_ALLOCATIONS_MAX: u64 = 7;

#[test]
fn a_delivery_and_an_idle_stream_cost_what_they_are_allowed_to() {
    let _counting = dhat::Profiler::builder().testing().build();
    let mut shard = Shard::new(limits(), comment("heartbeat"), Epoch::from_random(1), 1);

    let before = dhat::HeapStats::get().curr_bytes;
    let streams: Vec<(Token, Key)> = (0..STREAMS).map(|number| open(&mut shard, number)).collect();
    let list_bytes = streams.capacity() * size_of::<(Token, Key)>();
    let each = (dhat::HeapStats::get().curr_bytes - before - list_bytes) / STREAMS - REQUEST_BYTES;
    println!("an idle stream: {each} bytes beside its request");
    assert!(each <= IDLE_STREAM_BYTES_MAX, "an idle stream costs {each} bytes beside its request");

    let body = send_body(&streams[0].0);
    let (blocks, frame) = count_blocks(|| read_send(&body));
    println!("reading and encoding a send: {} allocations", blocks.0);
    assert!(blocks.0 <= SEND_ALLOCATIONS_MAX, "reading a send makes {} allocations", blocks.0);

    let (blocks, ()) = count_blocks(|| fan_out(&mut shard, &streams, &frame));
    let (allocations, bytes) = (per_stream(blocks.0), per_stream(blocks.1));
    println!("a delivery: {allocations} allocations, {bytes} bytes");
    assert!(allocations <= DELIVERY_ALLOCATIONS_MAX, "a delivery makes {allocations} allocations");
    assert!(bytes <= DELIVERY_BYTES_MAX, "a delivery allocates {bytes} bytes");

    let (blocks, beats) = count_blocks(|| beat(&mut shard));
    assert_eq!(beats, STREAMS, "each stream hears one heartbeat an interval");
    println!("a heartbeat: {} allocations", per_stream(blocks.0));
    assert!(per_stream(blocks.0) <= DELIVERY_ALLOCATIONS_MAX, "a heartbeat costs more than a delivery");

    let after = (dhat::HeapStats::get().curr_bytes - before - list_bytes) / STREAMS - REQUEST_BYTES;
    assert!(after <= IDLE_STREAM_BYTES_MAX, "after traffic an idle stream costs {after} bytes");
    streams.iter().for_each(|(_, key)| shard.client_left(*key));
    while shard.next_effect().is_some() {}
    let left = dhat::HeapStats::get().curr_bytes - before - list_bytes;
    assert!(left <= STREAMS, "{left} bytes stay when every stream has gone");
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

fn open(shard: &mut Shard, number: usize) -> (Token, Key) {
    let mut random = [0; 16];
    random[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    random[8..].copy_from_slice(&(number as u64).to_be_bytes());
    let token = Token::from_random_bytes(random);
    let key = shard.connect(token, "x".repeat(REQUEST_BYTES).into());
    let accepted = Accepted {
        head: comment("ok"),
        first: None,
        framing: Framing::Chunked,
        then: Then::Stay,
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

/// Writes everything that is due; counts the writes.
fn write_all(shard: &mut Shard, now: Time) -> usize {
    let mut writes = 0;
    while let Some(effect) = shard.next_effect() {
        let Effect::Flush(key) = effect else { panic!("nothing ends here: {effect:?}") };
        let bytes = shard.pending(key).map_or(0, |slices| slices.map(<[u8]>::len).sum());
        shard.wrote(key, bytes, false, now);
        writes += 1;
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

// One stream: the browser's own EventSource, and the state that the page shows for it.
//
//   connecting --> open --> closed     the story is over, or the page closed it
//     ^             |  '--> replaced   connection_close {"reason":"replaced"}: another tab took over
//     '-------------'                  the connection was lost: EventSource comes back by itself,
//                                      with the id of the last event that it got
//
// A stream whose only event is `unavailable` says why there is none now; its end makes EventSource
// come back after the delay that it was told.
//
// `connection_close` must make the page close the EventSource. It takes the end of a response for
// a lost connection, and would come back for more. With the reason `deleted` it should: what it
// listened to begins anew.

/** The event names that come; EventSource delivers only names one asks for, and `cursor` is its own affair. */
const NAMES = ["message", "connection_open", "task_event", "version", "error", "gap", "connection_close", "unavailable"];
/** How long connecting may last before the page says why it may take longer. */
const SLOW_CONNECT_MS = 3000;
const SLOW_CONNECT =
  "Waiting. A browser opens at most six connections to one host over HTTP/1.1, all tabs together; this stream opens when another one ends.";

const open = new Set();
const listeners = new Set();

/** Tells how many streams this page has open. */
export function openCount() {
  return open.size;
}

/** Calls back now and whenever the number of open streams may have changed. */
export function whenStreamsChange(listener) {
  listeners.add(listener);
  listener();
}

export class Stream {
  #url;
  #onEvent;
  #onState;
  #onBegin;
  #source = null;
  #slow = null;
  #trouble = "";
  state = "closed";

  /**
   * `onEvent(name, data)` gets each event, `onState(state, detail)` each change of the connection;
   * `onBegin()` is called before events that do not go on from those before, but begin anew.
   */
  constructor(url, { onEvent, onState, onBegin = () => {} }) {
    this.#url = url;
    this.#onEvent = onEvent;
    this.#onState = onState;
    this.#onBegin = onBegin;
  }

  /** Opens the stream; one that is open already is left alone. */
  open() {
    if (this.#source) return;
    this.#source = new EventSource(this.#url);
    for (const name of NAMES) {
      this.#source.addEventListener(name, (event) => {
        // The browser's own trouble event is called `error` too, but carries no message.
        if (event instanceof MessageEvent) this.#dispatch(name, event.data, event.lastEventId);
      });
    }
    this.#source.addEventListener("open", () => this.#enter("open"));
    this.#source.addEventListener("error", (event) => {
      if (!(event instanceof MessageEvent)) this.#lostConnection();
    });
    this.#enter("connecting");
  }

  /** Closes the stream for good, until it is opened again. */
  close(state = "closed", detail = "") {
    this.#source?.close();
    this.#source = null;
    this.#enter(state, detail);
  }

  #dispatch(name, data, lastEventId) {
    const reason = name === "connection_close" ? (readJson(data)?.reason ?? "") : "";
    const resumes = name === "connection_open" && lastEventId !== "";
    if ((name === "connection_open" && !resumes) || name === "gap" || reason === "deleted") this.#onBegin();
    this.#onEvent(name, data);
    this.#trouble = name === "unavailable" ? (readJson(data)?.reason ?? "") : "";
    if (name === "connection_close" && reason !== "deleted") {
      this.close(reason === "replaced" ? "replaced" : "closed", reason);
    }
  }

  #lostConnection() {
    if (this.#source?.readyState === EventSource.CLOSED) {
      this.close("closed", "The gateway refused the stream; EventSource does not try again after that.");
    } else if (this.#source) {
      const cause = this.#trouble ? `The gateway is not available (${this.#trouble})` : "The connection was lost";
      this.#trouble = "";
      this.#enter("connecting", `${cause}; the browser is trying again.`);
    }
  }

  #enter(state, detail = "") {
    clearTimeout(this.#slow);
    if (state === "connecting" && !detail) {
      this.#slow = setTimeout(() => this.#onState("connecting", SLOW_CONNECT), SLOW_CONNECT_MS);
    }
    this.state = state;
    if (state === "open") open.add(this);
    else open.delete(this);
    this.#onState(state, detail);
    for (const listener of listeners) listener();
  }
}

/** Reads JSON that came from outside; anything else is null. */
export function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// The live view of raw events: the newest first, bounded.

/** How many events stay visible; the oldest go. */
const EVENTS_MAX = 200;

export class EventLog {
  #rows;
  #count;
  #empty;
  #paused = false;
  #seen = 0;

  constructor(rows, count, empty) {
    this.#rows = rows;
    this.#count = count;
    this.#empty = empty;
  }

  /** Shows an event, unless the view is paused; it counts all the same. */
  add(stream, name, data) {
    this.#seen += 1;
    if (!this.#paused) {
      const row = document.createElement("tr");
      row.dataset.name = name;
      for (const text of [clock(new Date()), stream, name, data]) row.insertCell().textContent = text;
      this.#rows.prepend(row);
      while (this.#rows.rows.length > EVENTS_MAX) this.#rows.lastElementChild.remove();
    }
    this.#show();
  }

  /** Stops or resumes the view and tells whether it is paused. */
  togglePause() {
    this.#paused = !this.#paused;
    return this.#paused;
  }

  clear() {
    this.#seen = 0;
    this.#rows.replaceChildren();
    this.#show();
  }

  #show() {
    const shown = this.#rows.rows.length;
    this.#count.textContent = this.#seen > shown ? `${shown} of ${this.#seen} shown` : `${this.#seen}`;
    this.#empty.hidden = shown > 0;
  }
}

function clock(time) {
  const pad = (number, digits) => String(number).padStart(digits, "0");
  const parts = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => pad(part, 2));
  return `${parts.join(":")}.${pad(time.getMilliseconds(), 3)}`;
}

// One task: its card, and the stream that tells its story.

import { request } from "./api.js";
import { readJson, Stream } from "./stream.js";

const ENDED = ["completed", "failed", "cancelled", "unknown"];
const WORDS = { unknown: "not found" };

export class TaskCard {
  #stream;
  #log;
  #announce;
  #onChange;
  #status = "pending";

  constructor(template, task, { gatewayUrl, log, announce, onChange, onRemove }) {
    this.task = task;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.#log = log;
    this.#announce = announce;
    this.#onChange = onChange;
    this.#stream = new Stream(`${gatewayUrl}/api/sse/tasks?task_id=${encodeURIComponent(task.id)}`, {
      onEvent: (name, data) => this.#take(name, data),
      onState: (state, detail) => this.#showState(state, detail),
      onBegin: () => this.#clear(),
    });

    this.#part(".task-type").textContent = task.type;
    this.#part(".task-id").textContent = this.#shortId;
    this.#part(".task-id").title = task.id;
    this.#part("progress").setAttribute("aria-label", `Progress of ${this.#name}`);
    this.#action("remove").setAttribute("aria-label", `Remove ${this.#name} from this page`);
    this.#action("second-tab").href = `/?watch=${encodeURIComponent(task.id)}`;
    this.#action("watch").addEventListener("click", () => this.watch());
    this.#action("again").addEventListener("click", () => this.watch());
    this.#action("cancel").addEventListener("click", () => this.#cancel());
    this.#action("remove").addEventListener("click", onRemove);
    this.#show("pending", "Nothing heard of it yet");
  }

  /** Opens the task's stream, also to take it back from another tab. */
  watch() {
    this.#stream.open();
  }

  close() {
    this.#stream.close();
  }

  /** Tells whether the task is over, as far as this page has seen. */
  get ended() {
    return ENDED.includes(this.#status);
  }

  #take(name, data) {
    this.#log.add(this.#shortId, name, data);
    const content = readJson(data) ?? {};
    if (name === "task_event") this.#takeTaskEvent(content);
    else if (name === "error") this.#show("unknown", String(content.error ?? "The backend reports an error"));
  }

  #takeTaskEvent({ event_type: type, data }) {
    switch (type) {
      case "task_started":
        return this.#show("running", "Started");
      case "progress_update":
        this.#showProgress(Number(data?.value) || 0);
        return this.#show("running", String(data?.text ?? ""));
      case "task_completed":
        this.#showProgress(1);
        this.#showResult(data);
        return this.#end("completed", "Done");
      case "task_failed":
        this.#showResult(data?.error_id ? { error_id: data.error_id } : null);
        return this.#end("failed", String(data?.error ?? "Failed"));
      case "task_cancelled":
        return this.#end("cancelled", "Cancelled before its end");
    }
  }

  #clear() {
    this.#showProgress(0);
    this.#showResult(null);
    this.#show("pending", "Waiting for its turn");
  }

  #end(status, text) {
    this.#show(status, text);
    this.#announce(`${this.#name}: ${status}`);
  }

  #show(status, text) {
    this.#status = status;
    this.element.dataset.status = status;
    this.#part(".status").textContent = WORDS[status] ?? status;
    this.#part(".task-text").textContent = text;
    this.#showActions();
  }

  #showProgress(value) {
    this.#part("progress").value = value;
    this.#part("output").textContent = `${Math.round(value * 100)} %`;
  }

  #showResult(result) {
    const box = this.#part(".task-result");
    box.hidden = result === null || result === undefined;
    box.textContent = box.hidden ? "" : JSON.stringify(result);
  }

  #showState(state, detail) {
    this.element.dataset.stream = state;
    this.#part(".state").dataset.state = state;
    this.#part(".state").textContent = state;
    this.#part(".task-replaced").hidden = state !== "replaced";
    const hint = this.#part(".task-hint");
    // How the stream ended is worth a line only when the task did not end with it.
    hint.hidden = !detail || state === "replaced" || this.ended;
    hint.textContent = detail;
    if (state === "replaced") this.#announce(`${this.#name} is watched in another tab`);
    this.#showActions();
  }

  #showActions() {
    this.#action("cancel").hidden = this.ended;
    const known = this.#status !== "unknown";
    this.#action("again").hidden = !known || this.#stream.state !== "closed";
    this.#action("second-tab").hidden = !known;
    this.#onChange();
  }

  async #cancel() {
    const button = this.#action("cancel");
    button.disabled = true;
    try {
      await request("POST", `/api/tasks/${encodeURIComponent(this.task.id)}/cancel`);
    } catch (error) {
      this.#part(".task-hint").hidden = false;
      this.#part(".task-hint").textContent = error.message;
    } finally {
      button.disabled = false;
    }
  }

  get #shortId() {
    return this.task.id.slice(0, 8);
  }

  get #name() {
    return `${this.task.type} ${this.#shortId}`;
  }

  #part(selector) {
    return this.element.querySelector(selector);
  }

  #action(name) {
    return this.element.querySelector(`[data-action="${name}"]`);
  }
}

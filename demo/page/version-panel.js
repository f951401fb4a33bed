// Versions: this page's own version stream, the banner, and the form that announces one.

import { request } from "./api.js";
import { say } from "./form-answer.js";
import { readJson, Stream } from "./stream.js";

const STORED = "request-id";
const byId = (id) => document.getElementById(id);

export class VersionPanel {
  #requestId = requestId();
  #stream;

  constructor({ gatewayUrl, log, announce, testing }) {
    this.#stream = new Stream(`${gatewayUrl}/api/sse/utils/version?request_id=${this.#requestId}`, {
      onEvent: (name, data) => {
        log.add("version", name, data);
        if (name === "version") this.#showVersion(readJson(data) ?? {}, announce);
      },
      onState: (state) => this.#showState(state),
    });
    byId("banner-dismiss").addEventListener("click", () => (byId("banner").hidden = true));
    byId("version-toggle").addEventListener("click", () => {
      const off = ["closed", "replaced"].includes(this.#stream.state);
      if (off) this.#stream.open();
      else this.#stream.close();
    });
    byId("version-form").addEventListener("submit", (submit) => {
      submit.preventDefault();
      this.#send(submit.target.elements);
    });
    if (!testing) {
      byId("version-form").querySelector("button[type=submit]").disabled = true;
      say(byId("version-answer"), "The backend runs with APP_ENV=production, which has no testing endpoints.");
    }
  }

  /** Opens the version stream. */
  connect() {
    this.#stream.open();
  }

  async #send(fields) {
    const body = { request_id: this.#requestId, version: fields.version.value };
    if (fields.changelog.value) body.changelog = fields.changelog.value;
    const answer = byId("version-answer");
    try {
      const { status } = await request("POST", "/api/testing/deployments/version", body);
      const waits = `${body.version} is queued until this page connects.`;
      say(answer, status === "delivered" ? `${body.version} was delivered.` : waits);
      fields.version.value = next(body.version);
    } catch (error) {
      say(answer, error.message, "bad");
    }
  }

  #showVersion({ version, changelog }, announce) {
    byId("banner-version").textContent = `Version ${version}`;
    byId("banner-changelog").textContent = changelog ?? "";
    byId("banner").hidden = false;
    announce(`Version ${version} is available`);
  }

  #showState(state) {
    byId("version-state").dataset.state = state;
    byId("version-state").textContent = state;
    byId("version-replaced").hidden = state !== "replaced";
    const words = { closed: "Connect", replaced: "Take it back" };
    byId("version-toggle").textContent = words[state] ?? "Disconnect";
  }
}

/** Names this tab to the backend, over reloads too: what is announced meanwhile waits for it. */
function requestId() {
  const stored = sessionStorage.getItem(STORED);
  if (stored) return stored;
  // Not crypto.randomUUID: it is missing on plain http from another machine.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const made = `page-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  sessionStorage.setItem(STORED, made);
  return made;
}

/** Suggests the version after this one. */
function next(version) {
  return version.replace(/\d+(?=\D*$)/, (last) => String(Number(last) + 1));
}

// A chat: the question, and the model's answer as it comes, word by word.
//
// The gateway keeps the answer. A reload hears it again from its start; a connection that is lost
// goes on where it was, because the browser says the id of the last word.

import { request } from "./api.js";
import { say } from "./form-answer.js";
import { readJson, Stream } from "./stream.js";

const STORED = "chat";
const WORDS = { chat_completed: "complete", chat_failed: "broken off", chat_not_found: "not found" };
const byId = (id) => document.getElementById(id);

export class ChatPanel {
  #surroundings;
  #stream = null;

  constructor(surroundings) {
    this.#surroundings = surroundings;
    byId("chat-form").addEventListener("submit", (submit) => {
      submit.preventDefault();
      this.#ask(submit.target.elements);
    });
  }

  /** Listens to a chat, whoever asked; what another one said is cleared. */
  watch(chat) {
    sessionStorage.setItem(STORED, JSON.stringify(chat));
    this.#stream?.close();
    byId("chat").hidden = false;
    byId("chat").dataset.id = chat.id;
    byId("chat-question").hidden = !chat.prompt;
    byId("chat-question").textContent = chat.prompt ?? "";
    byId("chat-viewer").href = `/?chat=${encodeURIComponent(chat.id)}`;
    const { gatewayUrl, log } = this.#surroundings;
    this.#stream = new Stream(`${gatewayUrl}/api/sse/chats?chat_id=${encodeURIComponent(chat.id)}`, {
      onEvent: (name, data) => {
        log.add("chat", name, data);
        this.#take(name, readJson(data));
      },
      onState: (state) => this.#showState(state),
      onBegin: () => this.#begin(),
    });
    this.#begin();
    this.#stream.open();
  }

  /** Listens again to what this tab listened to before it was reloaded. */
  restore() {
    const chat = readJson(sessionStorage.getItem(STORED));
    if (chat) this.watch(chat);
  }

  async #ask(fields) {
    const button = byId("chat-form").querySelector("button");
    button.disabled = true;
    say(byId("chat-error"), "");
    const prompt = fields.prompt.value;
    try {
      const body = { prompt, token_delay: Number(fields.token_delay.value) };
      const { chat_id: id } = await request("POST", "/api/chats", body);
      this.watch({ id, prompt });
    } catch (error) {
      say(byId("chat-error"), error.message, "bad");
    } finally {
      button.disabled = false;
    }
  }

  #begin() {
    byId("chat-answer").textContent = "";
    this.#show("answering");
  }

  #take(name, data) {
    // What follows the last word, `[DONE]`, is no JSON.
    if (name === "message") byId("chat-answer").append(data?.choices?.[0]?.delta?.content ?? "");
    else if (name === "error") byId("chat-answer").append(` \u2013 ${data?.error ?? "broken off"}`);
    else if (name === "connection_close" && data?.reason in WORDS) this.#end(WORDS[data.reason]);
  }

  #end(status) {
    this.#show(status);
    this.#surroundings.announce(`The answer is ${status}`);
  }

  #show(status) {
    byId("chat").dataset.status = status;
    byId("chat-status").textContent = status;
  }

  #showState(state) {
    byId("chat").dataset.stream = state;
    byId("chat-state").dataset.state = state;
    byId("chat-state").textContent = state;
  }
}

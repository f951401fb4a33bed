// The tasks that this page watches. A reload keeps them: each gets its story again from the start.

import { readJson } from "./stream.js";
import { TaskCard } from "./task-card.js";

const STORED = "watched-tasks";
/** How many cards the page keeps; past it the oldest ended one goes. */
const CARDS_MAX = 100;

export class TaskList {
  #list;
  #template;
  #surroundings;
  #cards = new Map();

  constructor(list, template, surroundings) {
    this.#list = list;
    this.#template = template;
    this.#surroundings = surroundings;
    document.getElementById("tasks-clear").addEventListener("click", () => {
      for (const card of this.#cards.values()) if (card.ended) this.#remove(card);
    });
  }

  /** Watches a task in a card of its own; one that has a card already is watched there. */
  watch(task) {
    const known = this.#cards.get(task.id);
    if (known) return known.watch();
    this.#makeRoom();
    const card = new TaskCard(this.#template, task, {
      ...this.#surroundings,
      onChange: () => this.#show(),
      onRemove: () => this.#remove(card),
    });
    this.#cards.set(task.id, card);
    this.#list.prepend(card.element);
    card.watch();
    this.#store();
  }

  /** Watches again what this tab watched before it was reloaded. */
  restore() {
    for (const task of readJson(sessionStorage.getItem(STORED)) ?? []) this.watch(task);
  }

  #makeRoom() {
    if (this.#cards.size < CARDS_MAX) return;
    const oldest = [...this.#cards.values()];
    this.#remove(oldest.find((card) => card.ended) ?? oldest[0]);
  }

  #remove(card) {
    card.close();
    card.element.remove();
    this.#cards.delete(card.task.id);
    this.#store();
  }

  #store() {
    sessionStorage.setItem(STORED, JSON.stringify([...this.#cards.values()].map((card) => card.task)));
    this.#show();
  }

  #show() {
    document.getElementById("tasks-empty").hidden = this.#cards.size > 0;
    document.getElementById("tasks-clear").hidden = ![...this.#cards.values()].some((card) => card.ended);
  }
}

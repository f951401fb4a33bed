// Puts the page together: settings from the backend, the forms, and what the panels show.

import { request } from "./api.js";
import { ChatPanel } from "./chat-panel.js";
import { EventLog } from "./event-log.js";
import { say } from "./form-answer.js";
import { openCount, whenStreamsChange } from "./stream.js";
import { TaskList } from "./task-list.js";
import { VersionPanel } from "./version-panel.js";

const byId = (id) => document.getElementById(id);

async function start() {
  const { gateway_url: gatewayUrl, testing } = await request("GET", "/page/settings.json");
  const log = new EventLog(byId("events"), byId("events-count"), byId("events-empty"));
  const tasks = new TaskList(byId("tasks"), byId("task-template"), { gatewayUrl, log, announce });
  const chat = new ChatPanel({ gatewayUrl, log, announce });
  const version = new VersionPanel({ gatewayUrl, log, announce, testing });

  byId("route-backend").textContent = location.host;
  byId("route-gateway").textContent = new URL(gatewayUrl).host;
  whenStreamsChange(() => {
    const count = openCount();
    byId("route-streams").textContent = count === 1 ? "1 stream open" : `${count} streams open`;
  });

  byId("events-clear").addEventListener("click", () => log.clear());
  byId("events-pause").addEventListener("click", (click) => {
    const paused = log.togglePause();
    click.currentTarget.setAttribute("aria-pressed", String(paused));
    click.currentTarget.textContent = paused ? "Paused" : "Pause";
  });
  connectStartForm(byId("start-form"), byId("start-answer"), tasks);
  byId("watch-form").addEventListener("submit", (submit) => {
    submit.preventDefault();
    tasks.watch({ id: submit.target.elements.task_id.value.trim(), type: "task" });
    submit.target.reset();
  });

  tasks.restore();
  const asked = new URLSearchParams(location.search);
  if (asked.has("watch")) tasks.watch({ id: asked.get("watch"), type: "task" });
  if (asked.has("chat")) chat.watch({ id: asked.get("chat") });
  else chat.restore();
  if (location.search) history.replaceState(null, "", "/");
  version.connect();
}

function connectStartForm(form, answer, tasks) {
  const fields = form.elements;
  const showFieldsOfKind = () => {
    for (const part of form.querySelectorAll("[data-for]")) {
      const shown = part.dataset.for === fields.task_type.value;
      part.hidden = !shown;
      // A hidden field must not stop the form with an invalid value that nobody sees.
      for (const input of part.querySelectorAll("input")) input.disabled = !shown;
    }
  };
  form.addEventListener("change", showFieldsOfKind);
  showFieldsOfKind();

  form.addEventListener("submit", async (submit) => {
    submit.preventDefault();
    const button = form.querySelector("button[type=submit]");
    button.disabled = true;
    say(answer, "");
    const type = fields.task_type.value;
    try {
      for (let started = 0; started < Number(fields.count.value); started += 1) {
        const body = { task_type: type, params: paramsOf(type, fields) };
        const task = await request("POST", "/api/tasks", body);
        tasks.watch({ id: task.task_id, type });
      }
    } catch (error) {
      say(answer, error.message, "bad");
    } finally {
      button.disabled = false;
    }
  });
}

function paramsOf(type, fields) {
  if (type === "failing_task") {
    const params = { delay: Number(fields.fail_delay.value) };
    if (fields.error_message.value) params.error_message = fields.error_message.value;
    return params;
  }
  const params = { steps: Number(fields.steps.value), delay: Number(fields.step_delay.value) };
  if (fields.message.value) params.message = fields.message.value;
  return params;
}

/** Tells a screen reader what happened, without moving the focus. */
function announce(text) {
  byId("announcer").textContent = text;
}

start().catch((error) => {
  const trouble = byId("trouble");
  trouble.hidden = false;
  trouble.textContent = `The page could not start: ${error.message}`;
});

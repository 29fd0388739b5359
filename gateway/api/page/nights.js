// The nights with their steps, how far they are and why they failed.

import { get } from "./client.js";
import { day, duration, element, emptyState, exerciseName, percent, time } from "./dom.js";

const NIGHTS_SHOWN = 5;
const LOOKS = { running: "exercising", succeeded: "done", failed: "failed" };

const list = document.getElementById("night-runs");

/** Reads the nights again; true if one of them runs or waits. */
export async function refresh() {
  const { items } = await get(`v1/nights?limit=${NIGHTS_SHOWN}`);
  const open = new Set([...list.querySelectorAll("details[open]")].map((node) => node.dataset.run));
  list.replaceChildren(...items.map((night) => nightBox(night, open)));
  if (!items.length) {
    list.append(emptyState(
      "There was no night yet",
      "At night, windows are cut from the day's recordings, then models are trained and evaluated. `muvr jobs run` asks for one now.",
    ));
  }
  return items.some((night) => night.state === "running" || night.state === "waiting");
}

function nightBox(night, open) {
  const sinceMs = night.started_ms ?? night.due_ms;
  return element(
    "article",
    { class: "box run", "aria-label": `Night of ${day(sinceMs)}, ${time(sinceMs)}` },
    element(
      "div", { class: "line" },
      element("h4", {}, `${day(sinceMs)}, ${time(sinceMs)}`),
      stateTag(night.state),
      element("span", { class: "muted facts" }, [night.asked ? "asked for" : "", took(night)].filter(Boolean).join(" · ")),
    ),
    element("ol", { class: "steps" }, ...night.steps.map((step) => stepItem(step, open.has(step.run_id)))),
  );
}

function stepItem(step, open) {
  const attempt = step.attempt > 1 ? `attempt ${step.attempt}` : "";
  const again = step.retry_ms ? `again at ${time(step.retry_ms)}` : "";
  return element(
    "li", {},
    element(
      "div", { class: "line" },
      element("h5", {}, exerciseName(step.name)),
      stateTag(step.state),
      element("span", { class: "muted facts" }, [attempt, again, took(step)].filter(Boolean).join(" · ")),
    ),
    step.state === "running"
      ? element("progress", { max: 1, value: step.progress, "aria-label": `${step.name}: ${percent(step.progress)}` })
      : null,
    step.message ? element("p", { class: "muted small" }, step.message) : null,
    step.log_tail && (step.state === "failed" || again)
      ? element(
          "details", { "data-run": step.run_id, open },
          element("summary", {}, "Last output"),
          element("pre", { tabindex: 0 }, step.log_tail),
        )
      : null,
  );
}

function stateTag(state) {
  return element("span", { class: `state ${LOOKS[state] ?? ""}` }, state);
}

/** How long it took, or takes until now; empty if it has not begun. */
function took(what) {
  return what.started_ms ? duration((what.finished_ms ?? Date.now()) - what.started_ms) : "";
}

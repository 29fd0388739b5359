// The night's job runs with their progress.

import { get } from "./client.js";
import { day, duration, element, emptyState, exerciseName, percent, time } from "./dom.js";

const RUNS_SHOWN = 8;
const LOOKS = { running: "exercising", succeeded: "done", failed: "failed" };

const list = document.getElementById("night-runs");

/** Reads the runs again; true if one of them is running. */
export async function refreshJobs() {
  try {
    const { items } = await get(`v1/jobs?limit=${RUNS_SHOWN}`);
    const open = new Set([...list.querySelectorAll("details[open]")].map((node) => node.dataset.run));
    list.replaceChildren(...items.map((run) => runBox(run, open.has(run.run_id))));
    if (!items.length) {
      list.append(emptyState(
        "No job has run yet",
        "At night, windows are cut from the day's recordings, then models are trained and evaluated.",
      ));
    }
    return items.some((run) => run.state === "running");
  } catch (problem) {
    if (problem.status !== 403) throw problem;
    for (const id of ["night", "night-link"]) document.getElementById(id).hidden = true; // for operators only
    return false;
  }
}

function runBox(run, open) {
  const endMs = run.finished_ms ?? Date.now();
  return element(
    "article",
    { class: "box run" },
    element(
      "div", { class: "line" },
      element("h3", {}, exerciseName(run.job)),
      element("span", { class: `state ${LOOKS[run.state] ?? ""}` }, run.state),
      element("span", { class: "muted facts" }, `${day(run.started_ms)}, ${time(run.started_ms)} · ${duration(endMs - run.started_ms)}`),
    ),
    run.state === "running"
      ? element("progress", { max: 1, value: run.progress, "aria-label": `${run.job}: ${percent(run.progress)}` })
      : null,
    run.message ? element("p", { class: "muted" }, run.message) : null,
    run.state === "failed" && run.log_tail
      ? element(
          "details", { "data-run": run.run_id, open },
          element("summary", {}, "Last output"),
          element("pre", { tabindex: 0 }, run.log_tail),
        )
      : null,
  );
}

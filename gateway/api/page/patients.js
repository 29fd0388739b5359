// A physiotherapist's view: who let them look after them, what is prescribed, what was done of it, and how well.

import { claims } from "./account.js";
import { chart } from "./charts.js";
import { get } from "./client.js";
import { day, element, emptyState, exerciseName, percent } from "./dom.js";
import { planWeek } from "./planning.js";
import { prescribe } from "./prescribing.js";
import { choose } from "./training.js";
import { planBox, programmeBox } from "./week.js";

const WEEKS_SHOWN = 6;
const KEPT_SHARE = 0.8; // of the prescribed sets: a week that was kept

const place = document.getElementById("patients-view");

let chosen = null;
let shown = "";

/** Reads the patients again, and the one who is open. */
export async function refresh() {
  const { items } = await get(`v1/coaches/${encodeURIComponent(claims().user)}/patients?limit=200`);
  const names = items.map((item) => item.user);
  if (!names.length) {
    place.replaceChildren(emptyState("No patients yet", "A patient appears here when they let you look after them."));
    return;
  }
  if (!names.includes(chosen)) chosen = names[0];
  const path = `v1/users/${encodeURIComponent(chosen)}`;
  const [programme, plan, { weeks }] = await Promise.all(
    ["programme", "plan", "adherence"].map((name) => get(`${path}/${name}`)),
  );
  const text = JSON.stringify([names, chosen, programme, plan, weeks]);
  if (text === shown) return; // keeps what is open, and the focus
  shown = text;
  place.replaceChildren(element(
    "div", { class: "patients" }, patientList(names), patientView(programme, plan, weeks),
  ));
}

function patientList(names) {
  return element("ul", { class: "plain picks", "aria-label": "Patients" }, ...names.map((name) => {
    const button = element("button", { type: "button", "aria-pressed": String(name === chosen) }, name);
    button.addEventListener("click", async () => {
      chosen = name;
      await refresh();
      place.querySelector("[aria-pressed=true]").focus();
    });
    return element("li", {}, button);
  }));
}

function patientView(programme, plan, weeks) {
  const exercises = [...new Set(weeks.map((week) => week.exercise))];
  return element(
    "section", { "aria-labelledby": "patient-title" },
    element(
      "div", { class: "title" },
      element("h3", { id: "patient-title" }, chosen),
      writeButton("patient-programme", programme.prescriptions.length ? "Change the programme" : "Prescribe", prescribe),
      writeButton("patient-plan", "Plan the week", planWeek),
      trainingLink(),
    ),
    programme.prescriptions.length ? programmeBox(programme) : emptyState("Nothing is prescribed", "A programme says which exercises to do, how often and within which bounds."),
    plan.sessions.length ? element("h4", {}, "Planned for the week") : null,
    plan.sessions.length ? planBox(plan) : null,
    weeks.length ? element("h4", {}, "What was done") : null,
    weeks.length ? adherenceTable(exercises, weeks) : null,
    ...exercises.map((exercise) => qualityChart(exercise, weeks.filter((week) => week.exercise === exercise))),
  );
}

/** To the patient's sessions, records and progress. */
function trainingLink() {
  const link = element("a", { class: "button", href: "#training" }, "Sessions and progress");
  link.addEventListener("click", () => choose(chosen));
  return link;
}

/** Opens what `write` writes for the patient who is open; the focus comes back to the button. */
function writeButton(id, words, write) {
  const button = element("button", { id, type: "button" }, words);
  button.addEventListener("click", () => write(chosen, async () => {
    await refresh();
    document.getElementById(id).focus();
  }));
  return button;
}

/** Sets done of those prescribed, by exercise and week. */
function adherenceTable(exercises, weeks) {
  const starts = [...new Set(weeks.map((week) => week.week_ms))].sort((one, other) => one - other).slice(-WEEKS_SHOWN);
  const cell = (exercise, start) => weeks.find((week) => week.exercise === exercise && week.week_ms === start);
  return element(
    "div", { class: "wide box", tabindex: 0, role: "region", "aria-label": "Adherence" },
    element(
      "table", { class: "adherence" },
      element("caption", { class: "unseen" }, "Sets done of sets prescribed, by week"),
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Week of"), ...starts.map((start) => element("th", { scope: "col" }, day(start))))),
      element("tbody", {}, ...exercises.map((exercise) => element(
        "tr", {}, element("th", { scope: "row" }, exerciseName(exercise)), ...starts.map((start) => adherenceCell(cell(exercise, start))),
      ))),
    ),
  );
}

function adherenceCell(week) {
  if (!week) return element("td", { class: "muted" }, "—");
  const kept = week.prescribed && week.done >= KEPT_SHARE * week.prescribed;
  return element(
    "td", { class: kept ? "kept" : "" },
    element("b", {}, `${week.done} of ${week.prescribed}`),
    element("small", {}, week.measured ? `${percent(week.within / week.measured)} within bounds` : "not measured"),
  );
}

function qualityChart(exercise, weeks) {
  return chart({
    title: `${exerciseName(exercise)}: repetitions within the bounds, and how far they went beside the reference`,
    names: ["Within bounds", "Reach"], words: percent,
    points: weeks.filter((week) => week.measured || week.reach_share != null).map((week) => [
      week.week_ms, week.measured ? week.within / week.measured : null, week.reach_share,
    ]),
  });
}

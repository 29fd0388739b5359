// What a user has before them: the plan by day of the week, and what a physiotherapist prescribes.

import { get } from "./client.js";
import { counted, element, emptyState, exerciseName, kilograms, percent } from "./dom.js";

const MONDAY_MS = Date.UTC(2024, 0, 1); // some Monday
const DAY_MS = 86_400_000;

const place = document.querySelector("#week > .title + div");

export async function refreshWeek(user) {
  const path = `v1/users/${encodeURIComponent(user)}`;
  const [plan, programme] = await Promise.all([get(`${path}/plan`), get(`${path}/programme`)]);
  const parts = [];
  if (programme.prescriptions.length) parts.push(programmeBox(programme));
  if (plan.sessions.length) parts.push(planBox(plan));
  if (!parts.length) {
    parts.push(emptyState(
      "Nothing is planned",
      "muvr suggests each session as you train. You or a coach can plan the week.",
    ));
  }
  place.replaceChildren(...parts);
}

/** What is prescribed: sets, repetitions, days, and the bounds that a repetition shall keep. */
export function programmeBox(programme) {
  return element(
    "article", { class: "box", "aria-label": "Programme" },
    element("h4", {}, "Prescribed"),
    element("ul", { class: "plain" }, ...programme.prescriptions.map((each) => element(
      "li", {},
      element("b", {}, exerciseName(each.exercise)),
      ` ${each.set_count} × ${each.repetitions}, ${each.days_per_week === 7 ? "every day" : counted(each.days_per_week, "day", "days") + " a week"}`,
      element("span", { class: "muted small block" }, bounds(each)),
    ))),
    programme.heart_rate_limit ? element("p", { class: "muted" }, `Stop above ${programme.heart_rate_limit} beats a minute.`) : null,
  );
}

function bounds(each) {
  return [
    span("a repetition in", each.tempo_s, (value) => `${value}\u00a0s`),
    span("reach", each.reach, percent),
    each.repetitions_limit ? `never more than ${each.repetitions_limit}` : "",
  ].filter(Boolean).join(", ");
}

function span(name, { least, most }, words) {
  if (least == null && most == null) return "";
  if (most == null) return `${name} at least ${words(least)}`;
  return least == null ? `${name} at most ${words(most)}` : `${name} ${words(least)} to ${words(most)}`;
}

/** The sessions of a week by their day. */
export function planBox(plan) {
  const today = (new Date().getDay() + 6) % 7;
  const days = plan.sessions.toSorted((one, other) => (one.weekday ?? 7) - (other.weekday ?? 7));
  return element(
    "ol", { class: "week", "aria-label": "Plan of the week" },
    ...days.map((session) => element(
      "li", { class: session.weekday === today ? "box today" : "box", "aria-current": session.weekday === today ? "date" : null },
      element(
        "div", { class: "line" },
        element("h4", {}, session.weekday === null ? "Then" : weekday(session.weekday)),
        element("span", { class: "muted" }, session.name),
        session.weekday === today ? element("span", { class: "state exercising" }, "today") : null,
      ),
      element("ul", { class: "plain" }, ...session.exercises.map((each) => element(
        "li", {}, element("b", {}, exerciseName(each.exercise)), ` ${each.set_count} × ${each.repetitions}${load(each)}`,
      ))),
    )),
  );
}

function load(each) {
  if (each.weight_kg != null) return ` at ${kilograms(each.weight_kg)}`;
  return each.share == null ? "" : ` at ${percent(each.share)} of the maximum`;
}

export function weekday(number) {
  return new Date(MONDAY_MS + number * DAY_MS).toLocaleDateString(undefined, { weekday: "long", timeZone: "UTC" });
}

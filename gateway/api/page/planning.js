// Planning a user's week: sessions by day, with their exercises, sets and weights.

import { element, identifier } from "./dom.js";
import { edit, exerciseField, field, numberField, offerExercises, rows } from "./editing.js";
import { weekday } from "./week.js";

const SESSIONS_MAX = 14;
const EXERCISES_MAX = 16; // of a session
const DAYS = [0, 1, 2, 3, 4, 5, 6];

const dialog = document.getElementById("planning");

/** Opens the plan of `user`; `onSaved` is called when it was changed. */
export function planWeek(user, onSaved) {
  offerExercises().catch(() => null); // names can be typed, too
  return edit({ dialog, name: "Plan the week", path: `v1/users/${encodeURIComponent(user)}/plan`, make, onSaved });
}

function make(plan) {
  const sessions = rows({
    name: "session", items: plan.sessions, row: sessionRow, most: SESSIONS_MAX,
    blank: () => ({ name: "", weekday: 0, exercises: [blankExercise()] }),
  });
  const hint = element("p", { class: "muted" }, "Each session repeats every week on its day, or follows the one before it. Without sessions muvr suggests each one as you train.");
  return { nodes: [hint, ...sessions.nodes], value: () => ({ sessions: sessions.value() }) };
}

function blankExercise() {
  return { exercise: null, set_count: 3, repetitions: 10, weight_kg: null, share: null, rest_s: null };
}

function sessionRow(session) {
  const name = field("Name", session.name.replaceAll("_", " "), { required: true, maxlength: 64 });
  const day = element(
    "select", {},
    ...DAYS.map((number) => element("option", { value: number, selected: number === session.weekday }, weekday(number))),
    element("option", { value: "", selected: session.weekday === null }, "After the one before"),
  );
  const exercises = rows({ name: "exercise", items: session.exercises, blank: blankExercise, row: exerciseRow, most: EXERCISES_MAX });
  return {
    nodes: [
      element("div", { class: "fields" }, name.node, element("label", {}, element("span", {}, "Day"), day)),
      ...exercises.nodes,
    ],
    value: () => ({
      name: identifier(name.value()), weekday: day.value === "" ? null : Number(day.value), exercises: exercises.value(),
    }),
  };
}

/** A share of the maximum, where one is planned, stays unless a weight is entered. */
function exerciseRow(planned) {
  const exercise = exerciseField(planned.exercise);
  const sets = numberField("Sets", planned.set_count, { least: 1, most: 20 });
  const repetitions = numberField("Repetitions", planned.repetitions, { least: 1, most: 1000 });
  const weight = numberField("Weight in kg", planned.weight_kg, { least: 0, most: 1000, step: "any", required: false });
  const rest = numberField("Rest in s", planned.rest_s, { least: 0, most: 3600, required: false });
  return {
    nodes: [exercise.node, element("div", { class: "fields" }, sets.node, repetitions.node, weight.node, rest.node)],
    value: () => ({
      exercise: exercise.value(), set_count: sets.value(), repetitions: repetitions.value(), weight_kg: weight.value(),
      share: weight.value() === null ? planned.share : null, rest_s: rest.value(),
    }),
  };
}

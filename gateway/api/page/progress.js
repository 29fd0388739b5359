// How an exercise goes over weeks: what could be lifted once, and how much was moved on each day.

import { chart } from "./charts.js";
import { get } from "./client.js";
import { element, emptyState, exerciseName, kilograms } from "./dom.js";

const chooser = document.getElementById("progress-exercise");
const place = document.getElementById("progress-charts");

let exercises = [];
let shown = "";

chooser.addEventListener("change", () => draw());

export async function refreshProgress(user) {
  const { items } = await get(`v1/users/${encodeURIComponent(user)}/progress`);
  const text = `${user} ${JSON.stringify(items)}`;
  if (text === shown) return;
  shown = text;
  exercises = items.toSorted((one, other) => other.days.length - one.days.length);
  const names = exercises.map((each) => each.exercise);
  const chosen = names.includes(chooser.value) ? chooser.value : names[0];
  chooser.hidden = !names.length;
  chooser.replaceChildren(...names.map((name) => element("option", { value: name }, exerciseName(name))));
  if (names.length) chooser.value = chosen;
  draw();
}

function draw() {
  const chosen = exercises.find((each) => each.exercise === chooser.value);
  if (!chosen) {
    place.replaceChildren(emptyState("Nothing to show yet", "Confirm a set, and its exercise appears here."));
    return;
  }
  const weighted = chosen.days.some((each) => each.weight_kg);
  const count = (value) => String(Math.round(value));
  const whole = (value) => kilograms(Math.round(value));
  place.replaceChildren(...(weighted ? [
    chart({
      title: "Strength: the heaviest weight, and the estimated maximum for one repetition",
      names: ["Heaviest", "Maximum"], words: whole,
      points: chosen.days.map((each) => [each.day_ms, each.weight_kg, each.maximum_kg]),
    }),
    chart({
      title: "Volume: weight times repetitions", names: ["Volume"], words: whole, bars: true,
      points: chosen.days.map((each) => [each.day_ms, each.volume_kg]),
    }),
  ] : [
    chart({
      title: "Repetitions", names: ["Repetitions"], words: count, bars: true,
      points: chosen.days.map((each) => [each.day_ms, each.repetitions]),
    }),
  ]));
}

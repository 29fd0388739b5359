// What is the user's own to say and to have: how they train, what they agree to, their data, and the end of it.

import { signOut } from "./account.js";
import { ask, get, inWords, send } from "./client.js";
import { showDialog } from "./correcting.js";
import { day, element, exerciseName, identifier, time } from "./dom.js";
import { edit, exercisesField, field, numberField, numbersField, offerExercises } from "./editing.js";

const GOALS = ["strength", "muscle", "endurance", "weight-loss", "rehabilitation"];
const PURPOSES = {
  recognition: ["Name my exercises", "Without it movements are stored and nothing is recognised."],
  statistics: ["Count me in statistics of groups", "Of at least 20 people, from the next night on."],
  training: ["Let models learn from my sessions", "Mine and everyone's, from the next night on."],
};
const NAMELESS = "gym"; // a place that has things and was not called anything
const ACCESSES_SHOWN = 20;

const section = document.getElementById("mine");
const place = section.querySelector("div");
const news = document.getElementById("mine-news");
const wishesDialog = document.getElementById("wishes");
const consentDialog = document.getElementById("consent");
const erasingDialog = document.getElementById("erasing");

let shownFor = null;

/** Shows it for `user`, who is signed in. */
export function showMine(user) {
  section.hidden = false;
  if (user === shownFor) return;
  shownFor = user;
  const path = `v1/users/${encodeURIComponent(user)}`;
  place.replaceChildren(
    element(
      "div", { class: "deeds" },
      deed("How I train", () => trainAs(path)),
      deed("What I agree to", () => edit({ dialog: consentDialog, name: "What I agree to", path: `${path}/consent`, make: consents, onSaved: saved })),
      deed("Take all my data along", () => takeAlong(path, user)),
      deed("Erase everything", () => askToErase(path, user), "quiet danger"),
    ),
    weighing(path),
    accesses(path),
  );
}

function deed(words, act, look = "") {
  const button = element("button", { type: "button", class: look }, words);
  button.addEventListener("click", act);
  return button;
}

function saved() {
  tell("Saved");
}

function trainAs(path) {
  offerExercises().catch(() => null); // names can be typed, too
  return edit({ dialog: wishesDialog, name: "How I train", path: `${path}/training`, make: wishes, onSaved: saved });
}

/** Goal, exclusions and what there is to load; what the form does not show stays as it is. */
function wishes(training) {
  const goal = element(
    "select", {},
    element("option", { value: "", selected: training.goal === null }, "No particular one"),
    ...GOALS.map((value) => element("option", { value, selected: value === training.goal }, exerciseName(value))),
  );
  const excluded = exercisesField("Exercises never to suggest", training.excluded_exercises);
  const name = field("Where I train", training.place?.name.replaceAll("_", " "), { maxlength: 64 });
  const bar = numberField("The bar, in kg", training.place?.bar_kg ?? 20, { least: 0, most: 100, step: "any" });
  const plates = numbersField("Plates in kg", training.place?.plates_kg ?? []);
  const dumbbells = numbersField("Dumbbells in kg", training.place?.dumbbells_kg ?? []);
  const placed = () => {
    const loads = { plates_kg: plates.value(), dumbbells_kg: dumbbells.value() };
    const called = identifier(name.value()) || (loads.plates_kg.length || loads.dumbbells_kg.length ? NAMELESS : "");
    return called ? { ...training.place, ...loads, name: called, bar_kg: bar.value() } : null;
  };
  return {
    nodes: [
      element("label", {}, element("span", {}, "Goal"), goal), excluded.node, name.node,
      element("div", { class: "fields" }, bar.node), plates.node, dumbbells.node,
    ],
    value: () => ({
      ...training, at_ms: null, goal: goal.value || null, excluded_exercises: excluded.value(),
      utc_offset_min: -new Date().getTimezoneOffset(),
      place: placed(),
    }),
  };
}

function consents(held) {
  const boxes = Object.entries(PURPOSES).map(([purpose, [words, detail]]) => {
    const box = element("input", { type: "checkbox", name: purpose, checked: held[purpose] });
    const node = element("label", { class: "agreed" }, box, element("span", {}, words, element("small", {}, detail)));
    return { purpose, box, node };
  });
  return {
    nodes: boxes.map(({ node }) => node),
    value: () => Object.fromEntries(boxes.map(({ purpose, box }) => [purpose, box.checked])),
  };
}

function weighing(path) {
  const weight = numberField("Body weight in kg", null, { least: 20, most: 500, step: "any" });
  const form = element("form", { class: "pair giving" }, weight.node, element("button", {}, "Note it"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(async () => {
      await send("POST", `${path}/measurements`, { quantity: "body_weight_kg", value: weight.value() });
      form.reset();
      tell("Body weight noted");
    });
  });
  return form;
}

/** Who else looked at the user's data, read when it is opened. */
function accesses(path) {
  const list = element("ul", { class: "plain" });
  const details = element("details", {}, element("summary", { class: "muted" }, "Who looked at my data"), list);
  details.addEventListener("toggle", () => details.open && attempt(async () => {
    const { items } = await get(`${path}/accesses?limit=${ACCESSES_SHOWN}`);
    const words = (each) => `${day(each.at_ms)}, ${time(each.at_ms)}: ${each.who} (${each.scope})${each.why ? `, because: ${each.why}` : ""}`;
    list.replaceChildren(...(items.length ? items.map((each) => element("li", {}, words(each))) : [element("li", {}, "Nobody else so far.")]));
  }));
  return details;
}

async function takeAlong(path, user) {
  tell("Your data are being put together");
  await attempt(async () => {
    const answer = await ask("GET", `${path}/export`);
    save(await answer.blob(), `${user}.zip`);
    tell("Your data are in your downloads");
  });
}

/** Asks for the name, as nothing brings anything back. */
function askToErase(path, user) {
  const problem = element("p", { class: "problem", role: "alert" });
  const name = field(`Type ${user} to confirm`, "", { required: true, autocapitalize: "off", spellcheck: "false" });
  const yes = element("button", { class: "main danger" }, "Erase everything");
  const form = element("form", { class: "editor" }, name.node, problem, yes);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (name.value() !== user) {
      problem.textContent = `That is not ${user}.`;
      return;
    }
    yes.disabled = true;
    try {
      const receipt = await send("DELETE", path);
      save(new Blob([JSON.stringify(receipt)], { type: "application/json" }), `receipt-${user}.json`);
      await signOut();
      location.reload();
    } catch (failure) {
      problem.textContent = inWords(failure);
      yes.disabled = false;
    }
  });
  showDialog(erasingDialog, "Erase everything?", [
    element("p", {}, "All that muvr knows about you is deleted, everywhere and for good, and nobody can use your name again. What is left is a receipt, which you get as a file."),
    form,
  ]);
}

async function attempt(act) {
  try {
    await act();
  } catch (problem) {
    tell(inWords(problem), "problem");
  }
}

function tell(words, look = "muted") {
  news.className = look;
  news.textContent = words;
}

/** Lets the browser keep `content` as a file. */
function save(content, name) {
  const address = URL.createObjectURL(content);
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

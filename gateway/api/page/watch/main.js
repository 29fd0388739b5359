// The phone as a sensor: from a tap on Start to the last acknowledgement.

import { claims, freshToken, signIn, signOut } from "../account.js";
import { UNKNOWN, title } from "../correcting.js";
import { counted, exerciseName, kilograms } from "../dom.js";
import { Delivery } from "./delivery.js";
import { Link } from "./link.js";
import { evolve, initial } from "./live.js";
import { RATE_HZ, Motion, askForMotion, findSensors } from "./motion.js";
import { Recorder } from "./recorder.js";
import * as screen from "./screen.js";
import { openStore } from "./store.js";
import { keepAwake, letSleep, lockScreen, onlyHere } from "./phone.js";

const KNOWN_KEY = "muvr-exercises"; // what this user did with this phone, with the weight of the last time
const DEVICE_KEY = "muvr-device";
const TICK_MS = 500;
const SECOND_TAP_MS = 3_000;
const RECORDS = { weight: "heaviest weight", repetitions: "most repetitions", maximum: "estimated maximum" };

const part = (id) => document.getElementById(id);
const addresses = document.querySelector("meta[name=muvr-gateways]").content.split(" ");
const delivery = new Delivery();

let link = null;
let recorder = null;
let session = null; // its state in the recorder
let motion = null;
let live = initial();
let connection = "connecting";
let edited = null; // the set that is shown to be confirmed or corrected

async function main() {
  listen();
  if (!isSecureContext) return fail("Browsers give motion to secure pages only. Open this page by https, or on this machine.");
  if (!(await onlyHere())) return fail("muvr already records in another tab of this browser. Close that one, and reload.");
  const who = claims();
  if (!who || who.user === "*") return screen.showStage("sign-in");
  recorder = new Recorder(await openStore(), delivery, who.user, () => link.send());
  session = await recorder.load();
  link = new Link({ addresses, token: freshToken, device: deviceName(), delivery, on: {
    state: onConnection,
    acknowledged: async (name, keys) => { await recorder.acknowledged(name, keys); showConnection(); },
    lost: onLost,
    message: onMessage,
  } });
  link.start();
  showReady();
  setInterval(tick, TICK_MS);
}

function listen() {
  part("sign-in").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await signIn(part("token").value, deviceName());
      location.reload();
    } catch (problem) {
      part("sign-in-problem").textContent = problem.message;
    }
  });
  part("sign-out").addEventListener("click", leave);
  part("start").addEventListener("click", () => begin().catch((problem) => fail(problem.message)));
  part("finish-old").addEventListener("click", () => finish());
  part("finish").addEventListener("click", onSecondTap(finish));
  part("again").addEventListener("click", () => location.reload());
  part("lock").addEventListener("click", lockScreen);
}

/** Wet fingers slip: asks for a second tap soon after the first. */
function onSecondTap(act) {
  let timer = null;
  return (event) => {
    const words = event.currentTarget.firstChild;
    if (timer) return act();
    const before = words.textContent;
    words.textContent = "Tap again";
    timer = setTimeout(() => {
      words.textContent = before;
      timer = null;
    }, SECOND_TAP_MS);
  };
}

function showReady() {
  part("finish-old").hidden = !session;
  part("start").textContent = session ? "Go on with the session" : "Start";
  if (session) document.querySelector(`input[name=location][value="${session.location}"]`).checked = true;
  for (const input of document.querySelectorAll("input[name=location]")) input.disabled = Boolean(session);
  screen.showStage("ready");
}

async function begin() {
  part("problem").textContent = "";
  await askForMotion();
  await keepAwake();
  const letters = await findSensors();
  session ??= await recorder.begin(letters, document.querySelector("input[name=location]:checked").value);
  session.sets ??= [];
  motion = new Motion(session.letters, (frames) => record(() => recorder.frames(session.session, frames)));
  motion.start();
  edited = session.sets.findLast((set) => !set.said) ?? null;
  screen.showStage("running");
  show();
}

/** Ends the recording at once, the session when everything has arrived. */
async function finish() {
  motion?.stop();
  motion = null;
  letSleep();
  await record(() => recorder.close(session.session));
  showConnection();
  screen.showStage("ended");
}

function onMessage(message) {
  if (message.session !== session?.session) return;
  if (message.type === "summary") return showSummary(message);
  live = evolve(live, message);
  if (message.type === "set") addSet(message);
  if (message.type === "recognised") edited = null; // the next set has begun: the last one waits in the list
  tell(message);
  if (motion) show();
}

function addSet(found) {
  session.sets = session.sets.filter((set) => set.start_ms !== found.start_ms);
  const { start_ms, end_ms, exercise, repetitions } = found;
  const expected = live.before?.exercise === exercise ? live.before.weight_kg : null;
  edited = { start_ms, end_ms, exercise, repetitions, weight_kg: expected ?? known()[exercise] ?? null, said: false };
  session.sets.push(edited);
}

function show() {
  screen.showNow(live);
  screen.showTip(live.tip);
  screen.showNext(live.suggestion, refuse);
  screen.showConfirm(edited, { confirm: () => say(edited.exercise), choose, withdraw });
  screen.showSets(session.sets, (set) => { edited = set; show(); });
}

function choose() {
  const planned = [live.suggestion, ...live.planned].filter(Boolean).map((each) => each.exercise);
  const names = [edited.exercise, ...session.sets.map((set) => set.exercise), ...planned, ...Object.keys(known())];
  screen.chooseExercise([...new Set(names)].filter((name) => name !== UNKNOWN), say);
}

/** The user says what the shown set was. */
function say(exercise) {
  const set = Object.assign(edited, { exercise, said: true, withdrawn: false });
  edited = session.sets.findLast((each) => !each.said) ?? null;
  localStorage.setItem(KNOWN_KEY, JSON.stringify({ ...known(), [exercise]: set.weight_kg }));
  const { start_ms, end_ms, repetitions, weight_kg } = set;
  command({ type: "label", start_ms, end_ms, exercise, repetitions, weight_kg: weight_kg || null, said_ms: Date.now() });
  screen.announce(`${set.repetitions} × ${title(exercise)} confirmed.`);
  show();
}

function withdraw() {
  const { start_ms, end_ms } = Object.assign(edited, { said: true, withdrawn: true });
  edited = null;
  command({ type: "withdraw", start_ms, end_ms, said_ms: Date.now() });
  show();
}

function refuse(suggestion) {
  live = { ...live, suggestion: null };
  command({ type: "refuse", at_ms: Date.now(), exercise: suggestion.exercise });
  show();
}

function command(message) {
  return record(() => recorder.command(session.session, message));
}

/** Writes to the outbox; if that cannot be, stops recording rather than leave holes. */
async function record(write) {
  try {
    await write();
  } catch (problem) {
    motion?.stop();
    motion = null;
    part("halt").textContent = `Recording has stopped: ${problem.message}`;
  }
}

function tell(message) {
  if (message.type === "set") screen.announce(`${message.repetitions} × ${title(message.exercise)}.`);
  else if (message.type === "tip") screen.announce(message.text);
  else if (message.type === "suggestion") screen.announce(`Next: ${title(message.exercise)}, ${screen.load(message)}.`);
  else if (message.type === "record") screen.announce(`A record: ${RECORDS[message.kind] ?? message.kind} of ${exerciseName(message.exercise)}.`);
}

function showSummary(summary) {
  const volume = summary.volume_kg ? `, ${kilograms(Math.round(summary.volume_kg))} moved` : "";
  const streak = summary.streak_weeks > 1 ? ` ${summary.streak_weeks} weeks running.` : "";
  part("summary").textContent = `${counted(summary.set_count, "confirmed set", "confirmed sets")}${volume}.${streak}`;
}

function onConnection(state) {
  connection = state;
  showConnection();
}

function showConnection() {
  const left = delivery.size;
  const waits = left ? `, ${counted(left, "message waits", "messages wait")}` : "";
  const words = {
    connecting: `connecting${waits}`,
    online: left > 40 ? `sending${waits}` : "connected",
    offline: `no connection${waits}`,
    refused: "sign in again",
    moved: "moved: reload this page",
  };
  part("connection").textContent = words[connection];
  part("connection").dataset.state = { online: "live", refused: "refused", moved: "failed" }[connection] ?? "lost";
  part("waiting").textContent = left
    ? `${counted(left, "message is", "messages are")} still to be sent. You may leave: this phone keeps them and sends them when you open this page again.`
    : "Everything has arrived.";
  if (connection === "refused") part("problem").textContent = "The token is not valid any more. Sign out, then sign in with a new one; what was recorded is kept.";
  if (connection === "moved") part("halt").textContent = "Another machine serves you now. Reload this page: what was recorded is kept.";
}

async function onLost(name, keys, error) {
  await recorder.lost(name, keys);
  if (name !== session?.session) return;
  motion?.stop();
  motion = session = null;
  fail(`The server does not take this session any more: ${error.wrong}. Start a new one.`);
  showReady();
}

function tick() {
  if (!motion) return;
  screen.showNow(live);
  const sensors = session.letters.length > 1 ? "accelerometer and gyroscope" : "accelerometer";
  part("sensors").textContent = `${sensors}, ${Math.round(motion.measuredHz)} samples a second measured, sent at ${RATE_HZ}`;
  if (live.phase === "resting" && live.suggestion?.rest_s) remindOnce(live.sinceMs + live.suggestion.rest_s * 1000);
}

let reminded = 0;

/** The rest is over: told once, by a short vibration where the phone can. */
function remindOnce(atMs) {
  if (Date.now() < atMs || reminded === atMs) return;
  reminded = atMs;
  navigator.vibrate?.([200, 100, 200]);
  screen.announce("The rest is over.");
}

function fail(text) {
  part("problem").textContent = text;
  if (part("ready").hidden) screen.showStage("ready");
}

async function leave() {
  await signOut();
  localStorage.removeItem(KNOWN_KEY);
  location.reload();
}

function known() {
  return JSON.parse(localStorage.getItem(KNOWN_KEY) ?? "{}");
}

function deviceName() {
  const name = localStorage.getItem(DEVICE_KEY) ?? `phone-${crypto.randomUUID().slice(0, 8)}`;
  localStorage.setItem(DEVICE_KEY, name);
  return name;
}

main().catch((problem) => fail(problem.message));

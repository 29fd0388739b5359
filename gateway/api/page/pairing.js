// A short code that lets a device of the user in.

import { inWords, send } from "./client.js";
import { showDialog } from "./correcting.js";
import { element, time } from "./dom.js";

const dialog = document.getElementById("pairing");

/** Asks for a code for `user` and shows it until the dialog is closed. */
export async function pairDevice(user) {
  const path = `v1/users/${encodeURIComponent(user)}/pairings`;
  let parts;
  try {
    const { code, expires_ms: expiresMs } = await send("POST", path, { scope: "device" });
    parts = [
      element("p", { class: "code" }, code),
      element("p", {}, `Enter it on ${user}'s device until ${time(expiresMs)}. It is good once.`),
      element("p", { class: "muted" }, "A phone is a device, too: open ", element("code", {}, `${location.origin}/watch`), " on it."),
    ];
  } catch (problem) {
    parts = [element("p", { class: "problem", role: "alert" }, inWords(problem))];
  }
  showDialog(dialog, "Pair a device", parts);
}

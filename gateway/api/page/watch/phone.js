// What a phone is asked for: to stay awake, to leave touches alone in a pocket, to record in one tab only.

const UNLOCK_MS = 600; // between the two taps
const OTHER_TAB_MS = 2_000; // the same tab, reloaded, may not have let go yet

let wakeLock = null;
let wanted = false;

document.addEventListener("visibilitychange", () => {
  if (wanted && !document.hidden) keepAwake(); // a browser takes the lock back when the page is hidden
});

/** Keeps the screen on, without which phones stop their sensors; where that cannot be, recording goes on without. */
export async function keepAwake() {
  wanted = true;
  wakeLock = await navigator.wakeLock?.request("screen").catch(() => null);
}

export function letSleep() {
  wanted = false;
  wakeLock?.release();
}

/** A black screen, which spares the battery and takes no touch but two quick taps. */
export function lockScreen() {
  const cover = document.getElementById("locked");
  let lastMs = 0;
  cover.hidden = false;
  cover.focus();
  cover.onclick = (event) => {
    if (event.timeStamp - lastMs < UNLOCK_MS) {
      cover.hidden = true;
      document.getElementById("lock").focus();
    }
    lastMs = event.timeStamp;
  };
}

/** True if no other tab records; holds that place until this page is left. */
export function onlyHere() {
  return new Promise((answer) => {
    const holding = navigator.locks.request("muvr-watch", { signal: AbortSignal.timeout(OTHER_TAB_MS) }, () => {
      answer(true);
      return new Promise(() => {});
    });
    holding.catch(() => answer(false));
  });
}

// The outbox on this phone's disk (IndexedDB): what a reload, a crash or a day without a network must not lose.

const NAME = "muvr-watch";
const VERSION = 1;

export async function openStore() {
  const request = indexedDB.open(NAME, VERSION);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("sessions", { keyPath: "session" });
    request.result.createObjectStore("messages", { autoIncrement: true }).createIndex("session", "session");
  };
  return new Store(await answer(request));
}

class Store {
  #database;

  constructor(database) {
    this.#database = database;
  }

  /** Sessions of which something is left, each as it was recorded last. */
  async sessions() {
    return answer(this.#database.transaction("sessions").objectStore("sessions").getAll());
  }

  /** Unacknowledged messages of a session, with their keys, in the order of recording. */
  async messages(session) {
    const found = [];
    const index = this.#database.transaction("messages").objectStore("messages").index("session");
    const request = index.openCursor(IDBKeyRange.only(session));
    await new Promise((done, failed) => {
      request.onerror = () => failed(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor) return done();
        found.push({ ...cursor.value, key: cursor.primaryKey });
        cursor.continue();
      };
    });
    return found;
  }

  /** Writes the session's state and messages at once; gives the messages with their keys when that is durable. */
  async record(state, messages) {
    const transaction = this.#database.transaction(["sessions", "messages"], "readwrite");
    transaction.objectStore("sessions").put(state);
    const requests = messages.map((message) => transaction.objectStore("messages").add(message));
    await ended(transaction);
    return messages.map((message, index) => ({ ...message, key: requests[index].result }));
  }

  async forget(keys) {
    const transaction = this.#database.transaction("messages", "readwrite");
    for (const key of keys) transaction.objectStore("messages").delete(key);
    await ended(transaction);
  }

  async forgetSession(session) {
    const transaction = this.#database.transaction("sessions", "readwrite");
    transaction.objectStore("sessions").delete(session);
    await ended(transaction);
  }
}

function answer(request) {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

function ended(transaction) {
  return new Promise((done, failed) => {
    transaction.oncomplete = () => done();
    transaction.onerror = () => failed(transaction.error);
    transaction.onabort = () => failed(transaction.error);
  });
}

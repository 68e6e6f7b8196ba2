// The live stream: an EventSource that is opened again for as long as the page is.

/** Counts come once a second, so this much silence means that the connection is dead. */
const SILENCE_MS = 8000;
/** We wait this long, doubling up to the last: browsers wait longer, and give up on a 503. */
const RETRY_MS = [500, 1000, 2000, 4000];

export class LiveStream {
  /**
   * @param {string} url
   * @param {{reading: Function, status: Function, health: Function,
   *   state: (state: "connecting"|"live"|"reconnecting") => void}} handlers
   */
  constructor(url, handlers) {
    this._url = url;
    this._handlers = handlers;
    this._failures = 0;
    this._state = "";
    this._timer = 0;
    this._lastEvent = 0;
    this._source = null;
  }

  start() {
    this._tell("connecting");
    this._open();
    setInterval(() => this._watch(), 1000);
    addEventListener("online", () => this._state !== "live" && this._again(0));
    addEventListener("pagehide", () => this._source?.close());
    addEventListener("pageshow", (event) => event.persisted && this._again(0));
  }

  _open() {
    this._lastEvent = performance.now();
    const source = new EventSource(this._url);
    this._source = source;
    source.onopen = () => this._heard("live");
    source.onerror = () => this._failed(source);
    source.addEventListener("overflow", () => this._again(0));
    for (const name of ["reading", "status", "health"]) {
      source.addEventListener(name, (event) => {
        this._heard("live");
        this._handlers[name](JSON.parse(event.data));
      });
    }
  }

  _heard(state) {
    this._lastEvent = performance.now();
    this._failures = 0;
    this._tell(state);
  }

  _failed(source) {
    if (source !== this._source) return;
    this._again(RETRY_MS[Math.min(this._failures, RETRY_MS.length - 1)]);
    this._failures += 1;
  }

  _watch() {
    if (this._timer || performance.now() - this._lastEvent < SILENCE_MS) return;
    this._again(0);
  }

  _again(delayMs) {
    this._source?.close();
    clearTimeout(this._timer);
    this._tell("reconnecting");
    this._timer = setTimeout(() => {
      this._timer = 0;
      this._open();
    }, delayMs);
  }

  _tell(state) {
    if (state === this._state) return;
    this._state = state;
    this._handlers.state(state);
  }
}

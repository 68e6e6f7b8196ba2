// Requests to the gateway's API, and the gateway's clock.

/**
 * @typedef {{name: string, label: string, unit: string, last_us: number|null}} Metric
 * @typedef {{stream: string, class: string, rate_hz: number, metrics: Metric[]}} Stream
 * @typedef {{device: string, edge: string, pilot: string, model: string, kind: string,
 *   person: string|null, link: string, rssi_dbm: number|null, battery_pct: number|null,
 *   streams: Stream[], labels: string[], last_us: number|null}} Device
 * @typedef {{id: string, name: string, city: string, kind: string, edges: string[],
 *   people: string[], devices: number}} Pilot
 * @typedef {{t_us: number[], value: number[], quality: number[], unit: string}} Series
 */

const BASE = "/api/v1";
/** A request that hangs longer than this is given up; the caller tries again. */
const TIMEOUT_MS = 10_000;

let skewS = 0;

/** Unix time by the gateway's clock, so that a viewer's wrong clock ages nothing. */
export const serverNow = () => Date.now() / 1000 + skewS;

export class ApiError extends Error {
  /** @param {number} status 0 when there was no answer */
  constructor(status) {
    super(`the gateway answered ${status}`);
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {Record<string, string>} [query]
 * @returns {Promise<any>}
 */
async function get(path, query = {}) {
  const url = `${BASE}${path}?${new URLSearchParams(query)}`;
  let response;
  try {
    response = await fetch(url, {
      headers: { Accept: "application/json" }, signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new ApiError(0);
  }
  if (!response.ok) throw new ApiError(response.status);
  const date = Date.parse(response.headers.get("Date") ?? "");
  // The header has whole seconds: only a larger difference says that a clock is wrong.
  if (date && Math.abs(date - Date.now()) > 2000) skewS = (date - Date.now()) / 1000;
  return response.json();
}

/** @returns {Promise<Pilot[]>} */
export const pilots = () => get("/pilots");

/** @param {string|null} pilot @returns {Promise<Device[]>} */
export const devices = (pilot) => get("/devices", pilot ? { pilot } : {});

/** @returns {Promise<{counts: Record<string, number>}>} of the edges that one may see */
export const health = () => get("/health");

/**
 * Raw history of the last `spanS` seconds; a shorter span when the gateway finds it too long.
 * @param {string} device
 * @param {string} metric
 * @param {number} spanS
 * @returns {Promise<Series>}
 */
export async function series(device, metric, spanS) {
  for (let span = spanS; ; span /= 6) {
    try {
      return await get("/series", { device, metric, from: `-${Math.ceil(span)}s` });
    } catch (error) {
      if (error.status !== 422 || span < 10) throw error;
    }
  }
}

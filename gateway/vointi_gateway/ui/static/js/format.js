// Numbers, units, times and ages in words. Pure, but for the language of the page.

import { has, lang, t } from "./messages.js";

/** UCUM code → what people read. @type {Record<string, string>} */
const UNITS = {
  "1": "", "/min": "/min", Cel: "°C", "mm[Hg]": "mmHg", "[ppm]": "ppm", "[ppb]": "ppb",
  "ug/m3": "µg/m³", uV: "µV", lx: "lx", "kg/m2": "kg/m²", "Bq/m3": "Bq/m³", "dB[SPL]": "dB",
  Ohm: "Ω", "deg/s": "°/s",
};

/** Digits after the point; the devices give no more than this. @type {Record<string, number>} */
const DIGITS = {
  body_temperature: 1, body_weight: 1, room_temperature: 1, perfusion_index: 1, pm2_5: 1,
  body_fat: 1, body_mass_index: 1, body_water: 1, muscle_mass: 1, blood_glucose: 1, pm1: 1, pm4: 1,
  pm10: 1, dew_point: 1,
};

/** @type {Map<number, Intl.NumberFormat>} */
const formats = new Map();

/**
 * A number with a fixed count of decimals, in the language of the page; "–" for none.
 * @param {number|null|undefined} value
 * @param {number} [digits]
 * @returns {string}
 */
export function number(value, digits = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (!formats.has(digits)) {
    formats.set(digits, new Intl.NumberFormat(lang, {
      minimumFractionDigits: digits, maximumFractionDigits: digits,
    }));
  }
  return formats.get(digits).format(value).replace("-", "\u2212");
}

/** @param {string} metric @returns {number} */
export const digitsOf = (metric) => DIGITS[metric] ?? 0;

/**
 * The unit to show beside a value of a metric.
 * @param {string} metric
 * @param {string} ucum
 * @returns {string}
 */
export function unitOf(metric, ucum) {
  const own = `unit.${metric}`;
  return has(own) ? t(own) : UNITS[ucum] ?? ucum;
}

/**
 * A value with its unit, e.g. "36.6 °C".
 * @param {string} metric
 * @param {number} value
 * @param {string} ucum
 * @returns {string}
 */
export function quantity(metric, value, ucum) {
  const unit = unitOf(metric, ucum);
  const text = number(value, digitsOf(metric));
  return unit ? `${text} ${unit}` : text;
}

/**
 * How long ago, in words.
 * @param {number} seconds
 * @returns {string}
 */
export function age(seconds) {
  if (seconds < 5) return t("age.now");
  if (seconds < 100) return t("age.seconds", { n: Math.round(seconds) });
  if (seconds < 5400) return t("age.minutes", { n: Math.round(seconds / 60) });
  if (seconds < 129600) return t("age.hours", { n: Math.round(seconds / 3600) });
  return t("age.days", { n: Math.round(seconds / 86400) });
}

/** The 24-hour clock everywhere, whatever the language prefers. */
const CLOCK = new Intl.DateTimeFormat(lang, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const SHORT = new Intl.DateTimeFormat(lang, {
  hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

/** @param {number} seconds Unix time @returns {string} HH:MM:SS, local */
export const clock = (seconds) => CLOCK.format(seconds * 1000);

/** @param {number} seconds Unix time @returns {string} HH:MM, local */
export const hourMinute = (seconds) => SHORT.format(seconds * 1000);

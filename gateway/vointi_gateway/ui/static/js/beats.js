// Marks on the ECG: a drop above each beat that was found, and the moving head of the trace.

import { color } from "./theme.js";

/** Two beats cannot be closer than this: 250 /min. Also what tells a repeated beat from a new one. */
export const BEAT_HOLD_S = 0.24;
const MARK_PX = 4;
const HEAD_PX = 3;

/**
 * @param {any} chart uPlot
 * @param {number[]} times of beats, Unix s
 */
export function drawBeats(chart, times) {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  const { min, max } = chart.scales.x;
  ctx.save();
  ctx.fillStyle = color("--beat");
  ctx.strokeStyle = color("--beat-line");
  ctx.lineWidth = ratio;
  for (const time of times) {
    if (time < min || time > max) continue;
    const x = chart.valToPos(time, "x", true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top + 2 * MARK_PX * ratio);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x - MARK_PX * ratio, bbox.top - MARK_PX * ratio);
    ctx.lineTo(x + MARK_PX * ratio, bbox.top - MARK_PX * ratio);
    ctx.lineTo(x, bbox.top + 1.5 * MARK_PX * ratio);
    ctx.closePath();
    ctx.fill();
  }
  ctx.restore();
}

/**
 * A dot where the trace is being written, if there is a sample at the right edge.
 * @param {any} chart uPlot
 * @param {import("./samples.js").SampleBuffer} trace
 */
export function drawHead(chart, trace) {
  const { ctx } = chart;
  const { max } = chart.scales.x;
  let index = trace.t.length - 1;
  while (index >= 0 && trace.t[index] > max) index -= 1;
  if (index < 0 || max - trace.t[index] > 3 * trace.periodS) return;
  ctx.save();
  ctx.fillStyle = color("--trace");
  ctx.beginPath();
  const x = chart.valToPos(max, "x", true) - HEAD_PX * devicePixelRatio;
  ctx.arc(x, chart.valToPos(trace.v[index], "y", true), HEAD_PX * devicePixelRatio, 0, 2 * Math.PI);
  ctx.fill();
  ctx.restore();
}

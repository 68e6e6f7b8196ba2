// The body of the function node: one point for each moment, its channels the point's fields.
const said = msg.payload;
const tags = { edge: said.edge, device: said.device };
const step_us = said.hz ? 1e6 / said.hz : 0;
const names = Object.keys(said.channels);
const most = Math.max(...names.map((name) => said.channels[name].length));
const points = [];
for (let i = 0; i < most; i++) {
  const fields = { time: Math.round(said.t_us + i * step_us) };
  for (const name of names) {
    const value = said.channels[name][i];
    if (value !== undefined) fields[name] = value;
  }
  points.push([fields, tags]);
}
msg.measurement = said.stream;
msg.payload = points;
return msg;

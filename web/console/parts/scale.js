/**
 * From values to places on a plot, and the round numbers beside it.
 *
 * @module
 */

/**
 * @param {number} max
 * @param {number} count of steps that are wanted
 * @returns {number[]} round numbers from 0 to at least `max`
 */
export function ticksUpTo(max, count) {
  if (max <= 0) return [0, 1];
  const rough = max / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const ticks = [0];
  while (ticks[ticks.length - 1] < max) ticks.push(Number((ticks.length * step).toPrecision(12)));
  return ticks;
}

/**
 * @param {number} fromMs
 * @param {number} toMs
 * @param {number} count at most
 * @returns {number[]} full minutes or hours within
 */
export function timesWithin(fromMs, toMs, count) {
  const minute = 60_000;
  const step = [5, 10, 15, 30, 60, 120, 180, 240, 360, 720].map((minutes) => minutes * minute).find((size) => (toMs - fromMs) / size <= count) ?? 720 * minute;
  const offset = new Date(fromMs).getTimezoneOffset() * minute;
  const times = [];
  for (let time = Math.ceil((fromMs - offset) / step) * step + offset; time <= toMs; time += step) times.push(time);
  return times;
}

/**
 * A line through the points that are known; one that has no known neighbours becomes a dot.
 * @param {(number | null)[]} values
 * @param {(at: number) => number} x
 * @param {(value: number) => number} y
 * @returns {string} for `d`
 */
export function pathOf(values, x, y) {
  let path = "";
  values.forEach((value, at) => {
    if (value === null) return;
    const place = `${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    const starts = at === 0 || values[at - 1] === null;
    const alone = starts && (at === values.length - 1 || values[at + 1] === null);
    path += starts ? `M${place}` : `L${place}`;
    if (alone) path += "h0.01";
  });
  return path;
}

/**
 * What lies between such a line and nothing.
 * @param {(number | null)[]} values
 * @param {(at: number) => number} x
 * @param {(value: number) => number} y
 * @returns {string} for `d`
 */
export function areaOf(values, x, y) {
  let path = "";
  values.forEach((value, at) => {
    if (value === null) return;
    const isFirst = at === 0 || values[at - 1] === null;
    const isLast = at === values.length - 1 || values[at + 1] === null;
    if (isFirst) path += `M${x(at).toFixed(1)} ${y(0).toFixed(1)}`;
    path += `L${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    if (isLast) path += `V${y(0).toFixed(1)}Z`;
  });
  return path;
}

/**
 * A plot in words, and its figures as short as they may be.
 *
 * @module
 */

/** @import {Data} from "./chart.js" */

/**
 * @param {Data} data
 * @param {(value: number) => string} format
 */
export function summaryOf({ lines }, format) {
  const words = lines.map(({ name, values }) => {
    const known = values.filter((value) => value !== null);
    if (known.length === 0) return `${name}: nothing measured.`;
    return `${name}: now ${format(known[known.length - 1])}, highest ${format(Math.max(...known))}, lowest ${format(Math.min(...known))}.`;
  });
  return words.join(" ");
}

/** @param {string} figure without the zeros that a round one ends with */
export function roundOf(figure) {
  return figure.replace(/\.0+(?=\D|$)/, "");
}

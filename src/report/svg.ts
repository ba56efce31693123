/** What a drawn SVG still needs before it is a file. */
import { validXml } from "./text.ts";

/**
 * Makes equal charts equal files, and all of them valid and small: ids are numbered from 0 (Vega counts on from chart
 * to chart), characters that XML forbids become U+FFFD, coordinates keep two digits after the point. Spaces within labels
 * stay.
 */
export function tidySvg(svg: string): string {
  const spaced = validXml(svg).replace(/^<svg /, '<svg xml:space="preserve" ');
  return roundCoordinates(renameIds(spaced, (n) => `id${n}`));
}

/**
 * Puts a prefix before every id, so that several SVGs fit into one page.
 */
export function prefixIds(svg: string, prefix: string): string {
  return renameIds(svg, (n) => `${prefix}${n}`);
}

function renameIds(svg: string, nameOf: (n: number) => string): string {
  const names = new Map<string, string>();
  const renamed = (id: string) => {
    if (!names.has(id)) names.set(id, nameOf(names.size));
    return names.get(id)!;
  };
  return mapAttributes(svg, (name, value) => {
    if (name === "id") return renamed(value);
    if (name.endsWith("href")) return value.replace(/^#(.+)/, (_, id: string) => `#${renamed(id)}`);
    // What is said of a mark is a text, whatever it looks like.
    return name.startsWith("aria-") ? value : value.replace(/^url\(#([^)]+)\)/, (_, id) => `url(#${renamed(id)})`);
  });
}

const GEOMETRY = new Set(["d", "transform", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height"]);
const LONG_NUMBER = /-?\d+\.\d{3,}(?:e[-+]?\d+)?/g;

function roundCoordinates(svg: string): string {
  const rounded = (value: string) => value.replace(LONG_NUMBER, (number) => `${+(+number).toFixed(2)}`);
  return mapAttributes(svg, (name, value) => GEOMETRY.has(name) ? rounded(value) : value);
}

const TAG = /<[A-Za-z](?:[^<>"]|"[^"]*")*>/g;
const ATTRIBUTE = / ([\w:-]+)="([^"]*)"/g;

/** Changes values of attributes only: labels between tags stay what they are, even those that look like an attribute. */
function mapAttributes(svg: string, change: (name: string, value: string) => string): string {
  const inTag = (tag: string) =>
    tag.replace(ATTRIBUTE, (_, name: string, value: string) => ` ${name}="${change(name, value)}"`);
  return svg.replace(TAG, inTag);
}

/** What a drawn SVG still needs before it is a file. */
import { validXml } from "./text.ts";

/**
 * Makes equal charts equal files, and all of them valid and small: ids are numbered from 0 (Vega counts on from chart
 * to chart), characters that XML forbids become U+FFFD, coordinates keep two digits after the point.
 */
export function tidySvg(svg: string): string {
  return roundCoordinates(renameIds(validXml(svg), (n) => `id${n}`));
}

/**
 * Puts a prefix before every id, so that several SVGs fit into one page.
 */
export function prefixIds(svg: string, prefix: string): string {
  return renameIds(svg, (n) => `${prefix}${n}`);
}

function renameIds(svg: string, nameOf: (n: number) => string): string {
  const names = new Map<string, string>();
  return svg.replace(/(<[^>]*?\sid="|url\(#|href="#)([^")]+)/g, (_all, before: string, id: string) => {
    if (!names.has(id)) names.set(id, nameOf(names.size));
    return before + names.get(id);
  });
}

const GEOMETRY = / (?:d|transform|x|y|x1|x2|y1|y2|cx|cy|r|width|height)="[^"]*"/g;
const LONG_NUMBER = /-?\d+\.\d{3,}(?:e[-+]?\d+)?/g;

function roundCoordinates(svg: string): string {
  return svg.replace(GEOMETRY, (attribute) => attribute.replace(LONG_NUMBER, (number) => `${+(+number).toFixed(2)}`));
}

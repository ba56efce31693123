/** Contexts as a column: `List<Struct<distance, prompt, position, start, before, token, after>>`, a row a region. */
import {
  type Column,
  fieldOf,
  float32Of,
  int32Of,
  listColumn,
  listsOf,
  numberColumn,
  stringColumn,
  structColumn,
  textsOf,
  type Vector,
} from "../files/arrow.ts";
import type { Context } from "./contexts.ts";

/** The column of the given lists. */
export function contextColumn(lists: readonly (readonly Context[])[]): Column {
  const flat = lists.flat();
  return listColumn(
    offsetsOf(lists.map((list) => list.length)),
    structColumn({
      distance: numberColumn(Float32Array.from(flat, (context) => context.distance)),
      prompt: stringColumn(flat.map((context) => context.prompt)),
      position: numberColumn(Int32Array.from(flat, (context) => context.position)),
      start: numberColumn(Int32Array.from(flat, ({ start = 0 }) => start)),
      before: stringColumn(flat.map((context) => context.excerpt.before)),
      token: stringColumn(flat.map((context) => context.excerpt.token)),
      after: stringColumn(flat.map((context) => context.excerpt.after)),
    }),
  );
}

/** Bytes that a list's texts take at most: a UTF-16 unit is at most three bytes of UTF-8. */
export function contextBytes(list: readonly Context[]): number {
  return list.reduce((sum, { prompt, excerpt: { before, token, after } }) => {
    return sum + 3 * (prompt.length + before.length + token.length + after.length);
  }, 0);
}

/**
 * The lists of such a column, by row; texts are decoded for the row that is asked for. A row that it has not got is
 * empty.
 *
 * @throws {Error} If it is another column.
 */
export function contextsByRow(column: Vector): (row: number) => Context[] {
  const { offsets, child } = listsOf(column);
  const distances = float32Of(fieldOf(child, "distance"));
  const positions = int32Of(fieldOf(child, "position"));
  // Files from before there were windows have none.
  const starts = child.getChild("start") ? int32Of(fieldOf(child, "start")) : undefined;
  const [prompt, before, token, after] = ["prompt", "before", "token", "after"].map((name) =>
    textsOf(fieldOf(child, name))
  );
  return (row) => {
    const contexts: Context[] = [];
    for (let i = offsets[row]; i < offsets[row + 1]; i++) {
      const excerpt = { before: before(i), token: token(i), after: after(i) };
      const place = { prompt: prompt(i), position: positions[i], ...(starts?.[i] && { start: starts[i] }) };
      contexts.push({ distance: distances[i], ...place, excerpt });
    }
    return contexts;
  };
}

/** Offsets of lists of the given lengths, for `listColumn`. */
export function offsetsOf(lengths: readonly number[]): Int32Array<ArrayBuffer> {
  const offsets = new Int32Array(lengths.length + 1);
  lengths.forEach((length, i) => offsets[i + 1] = offsets[i] + length);
  return offsets;
}

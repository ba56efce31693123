/**
 * Where the blocks and ribbons of an alluvial chart stand: columns of categories, joined by what goes from one to the
 * next.
 */
import { largest } from "../compute/long_lists.ts";

/** A category of a column. */
export interface AlluvialBlock {
  /** Its column, counted from 0. */
  readonly column: number;
  /** The category that it stands for. */
  readonly category: number;
  /** Members. */
  readonly count: number;
  /** Its upper side: from the top of the chart, in members, with gaps between blocks. */
  readonly top: number;
}

/** What goes from a block to one of the next column. */
export interface AlluvialRibbon {
  /** Column that it starts in. */
  readonly column: number;
  /** Category of that column. */
  readonly from: number;
  /** Category of the next column. */
  readonly to: number;
  /** Members, which are its width. */
  readonly count: number;
  /** Its upper side in the first column, in members from the top of the chart. */
  readonly topFrom: number;
  /** Its upper side in the next column. */
  readonly topTo: number;
}

/** An alluvial chart's geometry. */
export interface Alluvial {
  /** Categories of every column, from the top. */
  readonly blocks: readonly AlluvialBlock[];
  /** What joins them, between each two columns. */
  readonly ribbons: readonly AlluvialRibbon[];
  /** Of the tallest column. */
  readonly height: number;
}

/**
 * Lays out an alluvial chart. The first column's blocks stand in order of their first members, each later column's in
 * order of the mean height that their members come from, so that few ribbons cross; columns are centred on each other.
 *
 * @param columns For each column, each member's category; all of one length.
 * @param gap Between the blocks of a column, in members.
 * @returns Blocks and ribbons, placed from the top in members.
 *
 * @example
 * ```ts
 * const { blocks, ribbons, height } = layAlluvial([[7, 7, 8], [1, 1, 1]], 1);
 * if (blocks.length !== 3 || ribbons.length !== 2 || height !== 4) throw new Error(`${blocks.length} ${height}`);
 * if (ribbons[1].from !== 8 || ribbons[1].topTo !== 2.5) throw new Error("below the two that come from 7");
 * ```
 */
export function layAlluvial(columns: readonly ArrayLike<number>[], gap: number): Alluvial {
  const sorted: { category: number; members: number[] }[][] = [];
  let heights: number[] = Array.from(columns[0] ?? [], (_, member) => member);
  for (const column of columns) {
    const groups = Map.groupBy(heights.keys(), (member) => column[member]);
    const mean = (members: readonly number[]) => members.reduce((sum, m) => sum + heights[m], 0) / members.length;
    const order = [...groups].map(([category, members]) => ({ category, members, height: mean(members) }))
      .sort((a, b) => a.height - b.height || a.category - b.category);
    sorted.push(order.map(({ category, members }) => ({ category, members })));
    heights = positions(order, 0, gap);
  }
  const total = columns[0]?.length ?? 0;
  const height = total + gap * Math.max(0, largest(sorted.map((order) => order.length - 1)));
  const tops = sorted.map((order) => (height - total - gap * (order.length - 1)) / 2);

  const blocks = sorted.flatMap((order, column) => {
    let top = tops[column];
    return order.map(({ category, members: { length: count } }) => {
      const block = { column, category, count, top };
      top += count + gap;
      return block;
    });
  });
  const blockOf = new Map(blocks.map((block) => [`${block.column} ${block.category}`, block]));
  const ribbons = sorted.slice(1).flatMap((next, column): AlluvialRibbon[] => {
    const filledTo = new Map<number, number>();
    return sorted[column].flatMap(({ category: from, members }) => {
      let topFrom = blockOf.get(`${column} ${from}`)!.top;
      return next.flatMap(({ category: to }) => {
        const count = members.filter((member) => columns[column + 1][member] === to).length;
        if (count === 0) return [];
        const filled = filledTo.get(to) ?? 0;
        const topTo = blockOf.get(`${column + 1} ${to}`)!.top + filled;
        const ribbon = { column, from, to, count, topFrom, topTo };
        topFrom += count;
        filledTo.set(to, filled + count);
        return [ribbon];
      });
    });
  });
  return { blocks, ribbons, height };
}

/** Where each member stands: blocks below each other, members in order within. */
function positions(order: readonly { members: readonly number[] }[], from: number, gap: number): number[] {
  const heights: number[] = [];
  for (const { members } of order) {
    members.forEach((member, i) => heights[member] = from + i);
    from += members.length + gap;
  }
  return heights;
}

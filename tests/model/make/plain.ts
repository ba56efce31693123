/** A decoder's arithmetic in plain loops and doubles: what the graphs must give. */
import type { Net } from "./net.ts";

/** One row of numbers a position. */
export type Rows = number[][];

/** What one block does. */
export interface BlockRun {
  /** What attention, or what stands in its place, adds to the stream. */
  readonly attnOut?: Rows;
  readonly residMid?: Rows;
  /** What the feed-forward part adds to the stream. */
  readonly mlpOut?: Rows;
  /** The stream after the block. */
  readonly stream: Rows;
}

/** What a model gives for one prompt: `[layer][position][dim]`, and logits `[position][vocab]`. */
export interface Forward {
  readonly streams: Rows[];
  readonly attnOut: (Rows | undefined)[];
  readonly residMid: (Rows | undefined)[];
  readonly mlpOut: (Rows | undefined)[];
  readonly logits: Rows;
}

/** A change of the stream after a block, at one position. */
export type Edit = (layer: number, x: number[]) => number[];

/** Right values of a model. */
export interface Expected {
  forward(tokens: ArrayLike<number>, edit?: Edit): Forward;
}

/** A decoder's parts as functions. */
export interface PlainDecoder {
  embed(token: number, position: number): number[];
  readonly blocks: readonly ((x: Rows, tokens: readonly number[]) => BlockRun)[];
  head(x: number[]): number[];
}

/** Runs the parts one after the other. */
export function expectedOf({ embed, blocks, head }: PlainDecoder): Expected {
  return {
    forward(tokens, edit) {
      const ids = Array.from(tokens);
      let x = ids.map(embed);
      const runs = blocks.map((block, layer) => {
        const run = block(x, ids);
        x = edit ? run.stream.map((row) => edit(layer, row)) : run.stream;
        return { ...run, stream: x };
      });
      return {
        streams: runs.map(({ stream }) => stream),
        attnOut: runs.map(({ attnOut }) => attnOut),
        residMid: runs.map(({ residMid }) => residMid),
        mlpOut: runs.map(({ mlpOut }) => mlpOut),
        logits: x.map(head),
      };
    },
  };
}

/** The block of most decoders: two sums. */
export function twoSums(x: Rows, attention: (x: Rows) => Rows, mlp: (x: Rows) => Rows): BlockRun {
  const attnOut = attention(x);
  const residMid = plus(x, attnOut);
  const mlpOut = mlp(residMid);
  return { attnOut, residMid, mlpOut, stream: plus(residMid, mlpOut) };
}

export function plus(a: Rows, b: Rows): Rows {
  return a.map((row, p) => row.map((value, i) => value + b[p][i]));
}

export function times(a: Rows, b: Rows): Rows {
  return a.map((row, p) => row.map((value, i) => value * b[p][i]));
}

export function scaled(a: Rows, factor: number): Rows {
  return a.map((row) => row.map((value) => value * factor));
}

export const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
export const silu = (x: number) => x * sigmoid(x);
export const softplus = (x: number) => Math.log1p(Math.exp(x));
export const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);

export function softmax(x: readonly number[]): number[] {
  const top = Math.max(...x);
  const powers = x.map((value) => Math.exp(value - top));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((value) => value / sum);
}

/** `x W [+ bias]`, with the weights of the module at `path`. */
export function linearOf(net: Net, path: string, x: Rows): Rows {
  const { dims: [rows, columns], values } = net.values(`${path}.weight`);
  const bias = net.has(`${path}.bias`) ? net.values(`${path}.bias`).values : undefined;
  return x.map((row) =>
    Array.from({ length: columns }, (_, j) => {
      let sum = bias?.[j] ?? 0;
      for (let i = 0; i < rows; i++) sum += row[i] * values[i * columns + j];
      return sum;
    })
  );
}

/** Root-mean-square norm of one row by numbers `weight`. */
export function rmsNormRow(row: readonly number[], weight: ArrayLike<number>, epsilon: number): number[] {
  const scale = 1 / Math.sqrt(dot(row, row) / row.length + epsilon);
  return row.map((value, i) => value * scale * weight[i]);
}

/** Root-mean-square norm with the weights of the module at `path`. */
export function rmsNormOf(net: Net, path: string, x: Rows, epsilon: number): Rows {
  const { values } = net.values(`${path}.weight`);
  return x.map((row) => rmsNormRow(row, values, epsilon));
}

/** Layer norm with weight and bias. */
export function layerNormOf(net: Net, path: string, x: Rows, epsilon: number): Rows {
  const [weight, bias] = [net.values(`${path}.weight`).values, net.values(`${path}.bias`).values];
  return x.map((row) => {
    const mean = row.reduce((a, b) => a + b, 0) / row.length;
    const moved = row.map((value) => value - mean);
    const scale = 1 / Math.sqrt(dot(moved, moved) / row.length + epsilon);
    return moved.map((value, i) => value * scale * weight[i] + bias[i]);
  });
}

/** Shape of an attention. */
export interface Heads {
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
  /** Number of positions seen, the own included; default all. */
  readonly window?: number;
  /** One logit a head that takes probability and gives no value. */
  readonly sinks?: ArrayLike<number>;
}

/** Causal attention of queries, keys and values, all heads side by side. */
export function attend(q: Rows, k: Rows, v: Rows, shape: Heads): Rows {
  const { heads, keyHeads, headDim, window = Infinity, sinks } = shape;
  const part = (row: number[], head: number) => row.slice(head * headDim, (head + 1) * headDim);
  return q.map((row, p) =>
    Array.from({ length: heads }, (_, head) => {
      const from = Math.max(0, p - window + 1);
      const group = Math.floor(head * keyHeads / heads);
      const scores: number[] = [];
      for (let s = from; s <= p; s++) scores.push(dot(part(row, head), part(k[s], group)) / Math.sqrt(headDim));
      if (sinks) scores.push(sinks[head]);
      const weights = softmax(scores);
      return Array.from({ length: headDim }, (_, i) => {
        let sum = 0;
        for (let s = from; s <= p; s++) sum += weights[s - from] * part(v[s], group)[i];
        return sum;
      });
    }).flat()
  );
}

/** Largest difference, relative to the row's root mean square. */
export function distance(actual: Rows, expected: Rows): number {
  return Math.max(...expected.map((row, p) => {
    const length = Math.hypot(...row) / Math.sqrt(row.length);
    return Math.max(...row.map((value, i) => Math.abs(actual[p][i] - value) / length));
  }));
}

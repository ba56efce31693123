/**
 * Mamba 2's mixer as it is exported for transformers.js: all positions at once from the state before them,
 * `past_conv.N` and `past_ssm.N`, with padding multiplied away.
 */
import { causalConv, causalConvOf } from "./conv.ts";
import { DIM, linear, moduleName, siluNode } from "./layers.ts";
import type { Net } from "./net.ts";
import { dot, linearOf, type Rows, silu, softplus } from "./plain.ts";

export const MAMBA = { heads: 2, headDim: 4, states: 4 } as const;
const WIDTH = MAMBA.heads * MAMBA.headDim;
const CHANNELS = WIDTH + 2 * MAMBA.states;

/** The fields of config.json that say so. */
export const MAMBA_FIELDS = {
  mamba_n_heads: MAMBA.heads,
  mamba_d_head: MAMBA.headDim,
  mamba_d_state: MAMBA.states,
  mamba_n_groups: 1,
  mamba_d_conv: 3,
};

/** `fed`: 1 at the tokens fed, 0 at padding. */
export function mamba(net: Net, path: string, x: string, layer: number, fed: string): string {
  const masked = net.op("Mul", path, [x, fed]);
  const projected = linear(net, `${path}/in_proj`, masked, WIDTH + CHANNELS + MAMBA.heads);
  const split = (of: string, widths: number[]) =>
    net.ops("Split", path, [of, net.ints(path, widths)], { attributes: { axis: -1n }, count: widths.length });
  const [gate, mixed, step] = split(projected, [WIDTH, CHANNELS, MAMBA.heads]);
  const convolved = net.op("Mul", path, [causalConv(net, path, mixed, layer, CHANNELS, true), fed]);
  const [values, b, c] = split(convolved, [WIDTH, MAMBA.states, MAMBA.states]);
  const heads = net.op("Reshape", path, [values, net.ints(path, [0, 0, MAMBA.heads, MAMBA.headDim])]);
  const read = scan(net, path, turned(net, path, heads, [0n, 2n, 1n, 3n]), steps(net, path, step), [b, c], layer);
  const flat = net.op("Reshape", path, [turned(net, path, read, [0n, 2n, 1n, 3n]), net.ints(path, [0, 0, WIDTH])]);
  return linear(net, `${path}/out_proj`, net.op("Mul", path, [flat, siluNode(net, path, gate)]), DIM, WIDTH);
}

function turned(net: Net, path: string, x: string, perm: bigint[]): string {
  return net.op("Transpose", path, [x], { attributes: { perm } });
}

function unsqueezed(net: Net, path: string, x: string, axis: number): string {
  return net.op("Unsqueeze", path, [x, net.ints(path, [axis])]);
}

/** A number a head. */
function perHead(net: Net, path: string, name: string, scale: number, mean: number, dims: number[]): string {
  return net.weight(`${path}/${name}`, dims, scale, mean, moduleName(`${path}/${name}`));
}

/** `[batch, heads, length]`: lengths of the steps. */
function steps(net: Net, path: string, step: string): string {
  const shifted = net.op("Add", path, [step, perHead(net, path, "dt_bias", 0.4, 0, [MAMBA.heads])]);
  return turned(net, path, net.op("Softplus", path, [shifted]), [0n, 2n, 1n]);
}

/** The recurrence in closed form: what earlier positions give, what the state gives, and what passes by. */
function scan(net: Net, path: string, x: string, dt: string, [b, c]: readonly string[], layer: number): string {
  const { heads, headDim, states } = MAMBA;
  const [past, present] = [`past_ssm.${layer}`, `present_ssm.${layer}`];
  net.cache(past, present, ["batch_size", heads, headDim, states]);
  const mul = (...inputs: string[]) => net.op("Mul", path, inputs);
  const matmul = (...inputs: string[]) => net.op("MatMul", path, inputs);
  const [keys, queries] = [b, c].map((part) => unsqueezed(net, path, part, 1));
  const logs = net.op("CumSum", path, [mul(dt, perHead(net, path, "A", 0.3, -0.6, [heads, 1])), net.int(path, 2)]);
  const products = matmul(queries, turned(net, path, keys, [0n, 1n, 3n, 2n]));
  const weights = mul(mul(products, decays(net, path, logs)), unsqueezed(net, path, dt, 2));
  const remembered = matmul(queries, turned(net, path, past, [0n, 1n, 3n, 2n]));
  const before = mul(remembered, unsqueezed(net, path, net.op("Exp", path, [logs]), 3));
  const beside = mul(perHead(net, path, "D", 0.5, 1, [heads, 1, 1]), x);
  nextState(net, path, x, dt, keys, logs, past, present);
  return net.op("Add", path, [net.op("Add", path, [matmul(weights, x), before]), beside]);
}

/** `[batch, heads, length, length]`: what is left at a position of an earlier one. */
function decays(net: Net, path: string, logs: string): string {
  const between = net.op("Sub", path, [unsqueezed(net, path, logs, 3), unsqueezed(net, path, logs, 2)]);
  const lower = net.op("Trilu", path, [net.op("Exp", path, [net.op("Min", path, [between, net.number(path, 0)])])], {
    attributes: { upper: 0n },
  });
  return lower;
}

/** The state after the last position. */
function nextState(
  net: Net,
  path: string,
  x: string,
  dt: string,
  keys: string,
  logs: string,
  past: string,
  present: string,
): void {
  const last = net.op("Slice", path, [logs, ...[[-1], [2 ** 31], [2]].map((list) => net.ints(path, list))]);
  const left = net.op("Exp", path, [net.op("Sub", path, [last, logs])]);
  const weighted = net.op("Mul", path, [x, unsqueezed(net, path, net.op("Mul", path, [left, dt]), 3)]);
  const added = net.op("MatMul", path, [turned(net, path, weighted, [0n, 1n, 3n, 2n]), keys]);
  const kept = net.op("Mul", path, [past, unsqueezed(net, path, net.op("Exp", path, [last]), 3)]);
  net.op("Add", path, [kept, added], { outputs: [present] });
}

/** The same in loops, step by step. */
export function mambaOf(net: Net, path: string, x: Rows): Rows {
  const projected = linearOf(net, `${path}/in_proj`, x);
  const mixed = causalConvOf(net, `${path}/conv1d`, projected.map((row) => row.slice(WIDTH, WIDTH + CHANNELS)));
  const heads = Array.from({ length: MAMBA.heads }, (_, head) => headOf(net, path, head, projected, mixed));
  const gated = projected.map((row, p) => heads.flatMap((rows) => rows[p]).map((value, i) => value * silu(row[i])));
  return linearOf(net, `${path}/out_proj`, gated);
}

function headOf(net: Net, path: string, head: number, projected: Rows, mixed: Rows): Rows {
  const { headDim, states } = MAMBA;
  const [shift, rate, beside] = ["dt_bias", "A", "D"].map((name) => net.values(`${path}/${name}`).values[head]);
  const state: Rows = Array.from({ length: headDim }, () => Array<number>(states).fill(0));
  return mixed.map((row, p) => {
    const dt = softplus(projected[p][WIDTH + CHANNELS + head] + shift);
    const [b, c] = [0, 1].map((part) => row.slice(WIDTH + part * states, WIDTH + (part + 1) * states));
    return row.slice(head * headDim, (head + 1) * headDim).map((value, i) => {
      state[i] = state[i].map((kept, n) => kept * Math.exp(dt * rate) + dt * value * b[n]);
      return dot(state[i], c) + beside * value;
    });
  });
}

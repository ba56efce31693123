/** Feed-forward parts. */
import { ModelError } from "../error.ts";
import type { Net } from "./net.ts";
import { linear, matrixProduct, rowsOf, textsOf } from "./parts.ts";
import type { Activation, Mlp } from "./spec.ts";

/** Where a feed-forward part is in the graph. */
export interface MlpPlace {
  readonly path: string;
  readonly dim: number;
  /** Name of what it gives. */
  readonly output: string;
}

/** Activation functions as nodes. */
export const activate = {
  silu: (net: Net, x: string, name: string) => net.op("Mul", name, [x, net.op("Sigmoid", `${name}/sigmoid`, [x])]),
  relu: (net: Net, x: string, name: string) => net.op("Relu", name, [x]),
  relu2(net: Net, x: string, name: string) {
    const positive = net.op("Relu", `${name}/relu`, [x]);
    return net.op("Mul", name, [positive, positive]);
  },
  quick_gelu(net: Net, x: string, name: string) {
    const scaled = net.op("Mul", `${name}/scaled`, [x, net.number(1.702)]);
    return net.op("Mul", name, [x, net.op("Sigmoid", `${name}/sigmoid`, [scaled])]);
  },
  /** `x (1 + erf(x / sqrt(2))) / 2`; this and the next as one node, since each of their steps would read and write all. */
  gelu: (net: Net, x: string, name: string) => net.op("Gelu", name, [x], {}, "com.microsoft"),
  /** `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`. */
  gelu_tanh: (net: Net, x: string, name: string) => net.op("FastGelu", name, [x], {}, "com.microsoft"),
  /** `cap tanh(x / cap)`. */
  softcap(net: Net, x: string, cap: number, name: string) {
    const bent = net.op("Tanh", `${name}/tanh`, [net.op("Div", `${name}/scaled`, [x, net.number(cap)])]);
    return net.op("Mul", name, [bent, net.number(cap)]);
  },
};

/** What a feed-forward part makes of a stream, and where its router is if it has one. */
export function mlp(net: Net, part: Mlp, x: string, place: MlpPlace): { output: string; router?: string } {
  if (part.kind === "experts") return experts(net, part, x, place);
  const { path, dim, output } = place;
  return { output: linear(net, hidden(net, part, x, `${path}.mlp`, dim, linear), part.down, part.width, dim, output) };
}

/** What the last product of a part reads; `product` is one of texts, or of their positions below each other. */
function hidden(
  net: Net,
  part: Exclude<Mlp, { kind: "experts" }>,
  x: string,
  path: string,
  dim: number,
  product: typeof linear,
): string {
  const { width } = part;
  const act = (a: Activation, x: string, name: string) => activate[a](net, x, name);
  if (part.kind === "plain") {
    return act(part.act, product(net, x, part.up, dim, width, `${path}.hook_pre`), `${path}.hook_post`);
  }
  let gate: string, up: string;
  const names = [`${path}.hook_pre`, `${path}.hook_pre_linear`] as const;
  if (part.kind === "packed") {
    const both = product(net, x, part.gateUp, dim, 2 * width, `${path}.both`);
    [gate, up] = part.inTurn
      ? names.map((name, first) => everySecond(net, both, first, 2 * width, name))
      : net.ops("Split", names, [both, net.ints([width, width])], { axis: -1n });
    if (part.limit !== undefined) [gate, up] = limited(net, gate, up, part.limit, path);
  } else {
    gate = product(net, x, part.gate, dim, width, names[0]);
    up = product(net, x, part.up, dim, width, names[1]);
  }
  return net.op("Mul", `${path}.hook_post`, [act(part.act, gate, `${path}.activated`), up]);
}

/** Every second column, from the first or the second on. */
function everySecond(net: Net, x: string, first: number, width: number, name: string): string {
  return net.op("Slice", name, [x, net.ints([first]), net.ints([width]), net.ints([-1]), net.ints([2])]);
}

/** Gate and up cut at a size, and one added to up. */
function limited(net: Net, gate: string, up: string, limit: number, path: string): [string, string] {
  const [low, high] = [net.number(-limit), net.number(limit)];
  const cut = net.op("Clip", `${path}.pre_linear_cut`, [up, low, high]);
  return [
    net.op("Clip", `${path}.pre_cut`, [gate, "", high]),
    net.op("Add", `${path}.pre_linear_plus_one`, [cut, net.number(1)]),
  ];
}

/**
 * Every expert computes every token, and its result counts by its weight, which is zero for all but the best few: right
 * whatever the batch, and as much work as there are experts.
 */
function experts(
  net: Net,
  { router, experts, perToken, normed }: Extract<Mlp, { kind: "experts" }>,
  x: string,
  place: MlpPlace,
) {
  const { path, dim, output } = place;
  const count = experts.length;
  if (perToken > count) {
    throw new ModelError(
      `Expected no more experts a token than there are but config.json says ${perToken} of ${count}`,
    );
  }
  const rows = rowsOf(net, x, dim, `${path}.mlp.rows`);
  // Which experts compute hangs on few numbers: these are exact, whatever other products are in.
  const logits = matrixProduct(net, rows, router, dim, count, `${path}.mlp.router_logits`, "fp32");
  const probabilities = net.op("Softmax", `${path}.mlp.hook_expert_weights`, [logits], { axis: -1n });
  const [best, which] = net.ops("TopK", [`${path}.mlp.best`, `${path}.mlp.hook_expert_indices`], [
    probabilities,
    net.ints([perToken]),
  ], { axis: -1n });
  // All experts' weights, zero but where the best few are put in.
  const zeros = net.op("Mul", `${path}.mlp.zeros`, [probabilities, net.number(0)]);
  let sum = best;
  if (normed) {
    sum = net.op("Div", `${path}.mlp.best_normed`, [
      best,
      net.op("ReduceSum", `${path}.mlp.best_sum`, [best, net.ints([-1])], { keepdims: 1n }),
    ]);
  }
  const weights = net.op("ScatterElements", `${path}.mlp.weights`, [zeros, which, sum], { axis: -1n });
  const columns = net.ops("Split", experts.map((_, i) => `${path}.mlp.weights.${i}`), [
    weights,
    net.ints(experts.map(() => 1)),
  ], { axis: -1n });
  const parts = experts.map((expert, i) => {
    const inside = `${path}.mlp.experts.${i}`;
    const read = hidden(net, expert, rows, inside, dim, matrixProduct);
    const own = matrixProduct(net, read, expert.down, expert.width, dim, `${inside}.out`);
    return net.op("Mul", `${inside}.weighted`, [own, columns[i]]);
  });
  return { output: textsOf(net, net.op("Sum", `${path}.mlp.sum`, parts), dim, output), router: probabilities };
}

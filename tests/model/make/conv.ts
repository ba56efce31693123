/** The causal convolution of recurrent blocks: one filter a channel, over the last few positions, and SiLU. */
import { moduleName, siluNode } from "./layers.ts";
import type { Net } from "./net.ts";
import { type Rows, silu } from "./plain.ts";

/** Number of positions that the filter reads, the own included. */
export const KERNEL = 3;

/** Adds the filter's weights (and a bias) and gives their names. */
export function convWeights(net: Net, path: string, channels: number, bias: boolean): string[] {
  const names = [net.weight(`${path}.weight`, [channels, 1, KERNEL], 0.7, 0, `${moduleName(path)}.weight`)];
  if (bias) names.push(net.weight(`${path}.bias`, [channels], 0.3, 0, `${moduleName(path)}.bias`));
  return names;
}

/**
 * The convolution of `[batch, length, channels]`, as torch exports it: transposed, after the columns of the cache. The
 * cache `past_conv.N` holds the last {@link KERNEL} columns, one more than is read.
 */
export function causalConv(net: Net, path: string, x: string, layer: number, channels: number, bias: boolean): string {
  net.cache(`past_conv.${layer}`, `present_conv.${layer}`, ["batch_size", channels, KERNEL]);
  const slice = (of: string, start: number, outputs?: string[]) =>
    net.op("Slice", path, [of, ...[[start], [2 ** 31], [2]].map((list) => net.ints(path, list))], { outputs });
  const columns = net.op("Transpose", path, [x], { attributes: { perm: [0n, 2n, 1n] } });
  const all = net.op("Concat", path, [slice(`past_conv.${layer}`, 1), columns], { attributes: { axis: 2n } });
  slice(all, -KERNEL, [`present_conv.${layer}`]);
  const filtered = net.op("Conv", `${path}/conv1d`, [all, ...convWeights(net, `${path}/conv1d`, channels, bias)], {
    attributes: { group: BigInt(channels), kernel_shape: [BigInt(KERNEL)] },
  });
  const active = siluNode(net, `${path}/act`, filtered);
  return net.op("Transpose", path, [active], { attributes: { perm: [0n, 2n, 1n] } });
}

/** The same in loops. */
export function causalConvOf(net: Net, path: string, x: Rows): Rows {
  const { values } = net.values(`${path}.weight`);
  const bias = net.has(`${path}.bias`) ? net.values(`${path}.bias`).values : undefined;
  return x.map((row, p) =>
    row.map((_, channel) => {
      let sum = bias?.[channel] ?? 0;
      for (let k = 0; k < KERNEL; k++) {
        const from = p - KERNEL + 1 + k;
        if (from >= 0) sum += values[channel * KERNEL + k] * x[from][channel];
      }
      return silu(sum);
    })
  );
}

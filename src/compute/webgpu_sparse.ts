/** Sparse rows: the active features of dense ones, and the sums of their vectors. */
import { ActiveFeatures } from "./cpu_sparse.ts";
import type { ActivationRule, SparseFeatures } from "./sparse.ts";
import { Commands, type GpuContext } from "./webgpu_commands.ts";
import { WebGpuMatrix } from "./webgpu_matrix.ts";
import { blocks, similarities } from "./webgpu_products.ts";
import { moments } from "./webgpu_vectors.ts";

// Workgroups in one dimension of a dispatch, by WebGPU's default limit.
const MOST_WORKGROUPS = 65535;

/** The active features of each row of `x`. */
export async function activate(
  context: GpuContext,
  x: WebGpuMatrix,
  encoder: WebGpuMatrix,
  bias: Float32Array<ArrayBuffer>,
  rule: ActivationRule,
): Promise<SparseFeatures> {
  const [pre] = await Promise.all([similarities(context, x, encoder), moments(context, x)]);
  pre.forEach((value, i) => pre[i] = value + bias[i % bias.length]);
  const active = new ActiveFeatures(encoder.rows, rule);
  active.add(pre);
  return active.finish(x.rows);
}

/** The bias plus the vectors of each row's features, times their values. */
export function combine(
  context: GpuContext,
  features: SparseFeatures,
  vectors: WebGpuMatrix,
  bias: Float32Array<ArrayBuffer>,
): WebGpuMatrix {
  const result = new WebGpuMatrix(context, vectors.dim, features.rows);
  result.grow(features.rows);
  const { stride } = vectors;
  const padded = new Float32Array(stride * 4);
  padded.set(bias);
  for (const block of blocks(result, 1, MOST_WORKGROUPS)) {
    const { first, rows } = block;
    const offsets = features.offsets.slice(first, first + rows + 1);
    const [start, end] = [offsets[0], offsets[rows]];
    const commands = new Commands(context);
    const inputs = [
      commands.upload(offsets.map((offset) => offset - start)),
      commands.upload(features.features.slice(start, end)),
      commands.upload(features.values.slice(start, end)),
      commands.upload(padded),
    ];
    for (const chunk of vectors.chunks()) {
      commands.dispatch(
        "combine",
        [chunk, ...inputs, block],
        [rows, stride, chunk.first, chunk.first + chunk.rows],
        [Math.ceil(stride / 64), rows],
        (end - start) * stride * 4,
      );
    }
    commands.submit();
  }
  return result;
}

/** A checkpoint as it is published, as a graph over its files. */
import { type Config, flattened } from "../config.ts";
import { ModelError } from "../error.ts";
import { buildDecoder, type Built } from "./build.ts";
import { FAMILIES } from "./families/mod.ts";
import { Net } from "./net.ts";
import { CheckpointReader } from "./reader.ts";
import { type StoredTensors, storedTensors } from "./tensors.ts";

/** Tensors that files hold beside the weights: masks, and tables that are computed. */
const BUFFERS =
  /(^|\.)(rotary_emb\.inv_freq|rotary_emb\.(cos|sin)_cached|attn\.(bias|masked_bias)|attn\.attention\.(bias|masked_bias)|attention\.(bias|masked_bias)|embed_positions)$/;

/**
 * Builds the graph of a checkpoint.
 *
 * @param config Its config.json.
 * @param paths Its files of weights.
 * @throws {ModelError} if its family is not known, if config.json says what the family's table does not know, or if tensors
 * are missing, left over or of another shape.
 */
export async function buildCheckpoint(config: Config, paths: readonly string[]): Promise<Built> {
  const flat = flattened(config);
  const family = FAMILIES[String(flat.model_type)];
  if (!family) {
    throw new ModelError(
      `Expected a checkpoint of a family that is known here (${
        Object.keys(FAMILIES).join(", ")
      }) but config.json says ` +
        `"${flat.model_type}": take an ONNX export`,
    );
  }
  assertPlainWeights(config);
  const tensors = await storedTensors(paths);
  const reader = new CheckpointReader(flat, tensors);
  const spec = family(reader);
  reader.assertUnderstood();
  const net = new Net(tensors);
  const built = buildDecoder(net, spec);
  assertAllUsed(net.used, tensors);
  return built;
}

/** Throws for weights that are stored in another form than numbers. */
function assertPlainWeights(config: Config): void {
  const quantised = (config.quantization_config ?? config.compression_config) as
    | Record<string, unknown>
    | undefined
    | null;
  if (!quantised) return;
  const method = String(quantised.quant_method ?? quantised.quant_type ?? "an unknown method");
  throw new ModelError(
    `Expected weights in float32, float16 or bfloat16 but config.json says that they are quantised by ${method}: take the ` +
      "original checkpoint",
  );
}

/** Throws if the checkpoint has weights that the graph does not read: it would not be the whole model. */
function assertAllUsed(used: ReadonlySet<string>, tensors: StoredTensors): void {
  const left = [...tensors.keys()].filter((name) => !used.has(name) && !BUFFERS.test(name) && !isTiedHead(name, used));
  if (left.length === 0) return;
  const named = left.slice(0, 3).map((name) => `"${name}"`).join(", ");
  throw new ModelError(
    `Expected to know what each tensor of the checkpoint is for but nothing reads ${named}` +
      `${
        left.length > 3 ? ` and ${left.length - 3} more` : ""
      }: the model is not what its config.json says, or take an ONNX export`,
  );
}

/** A tied head may be stored all the same. */
function isTiedHead(name: string, used: ReadonlySet<string>): boolean {
  return /^(lm_head|embed_out)\.weight$/.test(name) && !used.has(name);
}

import {
  activeFeatures,
  type Fields,
  fieldsOf,
  flag,
  length,
  numberOf,
  parsedConfig,
  refused,
  textOf,
} from "./json_config.ts";
import { readsWithoutMean } from "./model_kwargs.ts";
import type { Normalization } from "./normalization.ts";
import { placeNamed, placesOf } from "./places.ts";
import type { SaeRecipe } from "./recipe.ts";
import { releasedFields } from "./releases.ts";
import type { SaeArchitecture, SaePlace, SaeSource } from "./weights.ts";

/** What a SAELens `cfg.json` says that changes the numbers, and where the autoencoder comes from. */
export type SaeLensConfig = Omit<SaeRecipe, "source"> & { readonly source: Omit<SaeSource, "path" | "format"> };

/** Architectures by SAELens's names for them, those of transcoders without that. */
const ARCHITECTURES: ReadonlyMap<string, SaeArchitecture> = new Map([
  ["standard", "standard"],
  ["gated", "gated"],
  ["jumprelu", "jumprelu"],
  ["topk", "topk"],
  ["abstopk", "abstopk"],
  ["batchtopk", "batchtopk"],
  // Its groups matter in training only: all of them are active afterwards.
  ["matryoshka_batchtopk", "batchtopk"],
]);

/** What says that another place is predicted than is read: with it come `jumprelu_skip_transcoder` and the others. */
const TRANSCODER = /^(?:(.+?)_)??(skip_)?transcoder$/;

/**
 * Reads the configuration of any SAELens generation:
 *
 * - up to 2: flat, with `hook_point` (in which `{layer}` may stand for `hook_point_layer`) and `activation_fn`;
 *   `architecture` may be missing (standard);
 * - 3 to 5: flat, with `hook_name`, `hook_layer`, `activation_fn_str` and `activation_fn_kwargs`;
 * - 6: the architecture's own fields (`k`), the model's in `metadata` (in early releases `meta`).
 *
 * Defaults are SAELens's: `apply_b_dec_to_input` true, everything else off.
 *
 * @param text Content of `cfg.json`.
 * @param path Its path, for messages.
 * @throws {SaeError} A sentence if it asks for something that would change the numbers and is not built here.
 */
export function parseSaeLensConfig(text: string, path: string): SaeLensConfig {
  const fields = { ...parsedConfig(text, path), ...releasedFields(path) };
  const architecture = architectureOf(fields, path);
  const source = originOf(fields);
  const isFirst = fields.is_transcoder === true;
  const takesBias = flag(fields, "apply_b_dec_to_input", !source.output || isFirst, path);
  if (takesBias && TRANSCODER.test(String(fields.architecture))) {
    throw refused(
      path,
      "it takes b_dec, of what it predicts, from what it reads",
      "Set apply_b_dec_to_input to false.",
    );
  }
  const rescaled = flag(fields, "rescale_acts_by_decoder_norm", false, path);
  if (rescaled && !/topk$/.test(architecture)) {
    throw refused(path, "it sets rescale_acts_by_decoder_norm", "Expected that of a kind of top-k only.");
  }
  assertShaped(fields, source, path);
  const normalization = normalizationOf(fields.normalize_activations, path);
  const { model_from_pretrained_kwargs, model_kwargs } = metadataOf(fields);
  const isCentred = readsWithoutMean(
    { ...fieldsOf(model_kwargs), ...fieldsOf(model_from_pretrained_kwargs) },
    source.model,
    [source, ...source.output ? [source.output] : []],
    path,
  );
  const [dim, size, outputDim] = ["d_in", "d_sae", "d_out"].map((name) => length(fields, name, path));
  return {
    architecture,
    ...(/topk$/.test(architecture) ? { k: topK(fields, architecture, path) } : {}),
    ...(dim === undefined ? {} : { dim }),
    ...(size === undefined ? {} : { size }),
    ...(outputDim === undefined ? {} : { outputDim }),
    takesBias,
    rescaled,
    finetuned: flag(fields, "finetuning_scaling_factor", false, path),
    ...(normalization ? { normalization } : {}),
    // The first transcoders have a bias of what they read, and one of what they predict.
    hasOutputBias: isFirst,
    hasSkip: TRANSCODER.exec(String(fields.architecture))?.[2] !== undefined,
    source: isCentred ? { ...source, isCentred } : source,
  };
}

/** What a configuration says of itself, whether it can be run here or not. */
export function describedLensConfig(text: string, path: string) {
  const fields = { ...parsedConfig(text, path), ...releasedFields(path) };
  const k = numberOf(fieldsOf(fields.activation_fn_kwargs)?.k ?? fields.k);
  return {
    architecture: textOf(fields.architecture) ?? "standard",
    ...(k === undefined ? {} : { k }),
    source: originOf(fields),
  };
}

function architectureOf(fields: Fields, path: string): SaeArchitecture {
  const named = fields.architecture ?? "standard";
  const activation = fields.activation_fn_str ?? fields.activation_fn ?? "relu";
  const [transcoder, kind = "standard"] = TRANSCODER.exec(String(named)) ?? [];
  const architecture = ARCHITECTURES.get(transcoder ? kind : String(named));
  if (architecture === undefined) {
    throw refused(
      path,
      `its architecture is ${JSON.stringify(named)}`,
      "Expected standard, gated, jumprelu, topk, abstopk, batchtopk, matryoshka_batchtopk or a transcoder of one of them.",
    );
  }
  if (activation !== "relu" && activation !== "topk") {
    throw refused(path, `its activation function is ${JSON.stringify(activation)}`, "Expected relu or topk.");
  }
  if (activation === "relu") return architecture;
  if (architecture === "jumprelu" || architecture === "gated") {
    throw refused(path, `it asks for ${architecture} and top-k at once`, "Expected one of them.");
  }
  // Before there was an architecture of that name, top-k was an activation function of the standard one.
  return architecture === "standard" ? "topk" : architecture;
}

function assertShaped(fields: Fields, source: SaeLensConfig["source"], path: string): void {
  const reshaping = fields.reshape_activations ?? "none";
  // Its hook_z lays the heads side by side, which is how z is read here.
  const isReadSo = reshaping === "hook_z" && source.hookPoint?.at === "z";
  if (reshaping === "none" || isReadSo) return;
  throw refused(
    path,
    `its activations are reshaped (${JSON.stringify(reshaping)})`,
    "Expected none, or hook_z of a hook point z.",
  );
}

/** Earlier versions had a boolean; null and absence mean none. */
function normalizationOf(value: unknown, path: string): Normalization | undefined {
  switch (value) {
    case undefined:
    case null:
    case false:
    case "none":
      return undefined;
    case "layer_norm":
    case "constant_norm_rescale":
      return value;
    case true:
    case "expected_average_only_in":
      throw refused(
        path,
        "its activations are scaled to an expected norm (expected_average_only_in), by a factor that the files do not hold",
        "Fold the factor into the weights with SAELens (fold_activation_norm_scaling_factor) and save it again.",
      );
    default:
      throw refused(
        path,
        `its activations are normalised otherwise (normalize_activations ${JSON.stringify(value)})`,
        "Expected none, layer_norm or constant_norm_rescale.",
      );
  }
}

function topK(fields: Fields, architecture: SaeArchitecture, path: string): number {
  const k = fieldsOf(fields.activation_fn_kwargs)?.k ?? fields.k;
  // An average need not be whole.
  if (architecture === "batchtopk" && typeof k === "number" && Number.isFinite(k) && k > 0) return k;
  return activeFeatures(k, path);
}

/** The newest place comes last and wins. */
function metadataOf(fields: Fields): Fields {
  return { ...fields, ...fieldsOf(fields.meta), ...fieldsOf(fields.metadata) };
}

function originOf(fields: Fields): SaeLensConfig["source"] {
  const metadata = metadataOf(fields);
  const place = (hook: unknown, layer: unknown, head: unknown): SaePlace =>
    placeNamed(textOf(hook), {
      layer: numberOf(layer),
      ofOneHead: typeof head === "number",
    });
  const reads = place(
    metadata.hook_name ?? metadata.hook_point,
    metadata.hook_layer ?? metadata.hook_point_layer,
    metadata.hook_head_index ?? metadata.hook_point_head_index,
  );
  const [outName, outLayer] = [
    metadata.hook_name_out ?? metadata.out_hook_point,
    metadata.hook_layer_out ?? metadata.out_hook_point_layer,
  ];
  const isTranscoder = TRANSCODER.test(String(fields.architecture)) || metadata.is_transcoder === true ||
    typeof outName === "string";
  const predicts = isTranscoder ? place(outName, outLayer, metadata.hook_head_index_out) : undefined;
  const model = textOf(metadata.model_name);
  return { ...(model === undefined ? {} : { model }), ...placesOf(reads, predicts) };
}

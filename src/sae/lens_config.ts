import { findHookPoint, normalHookPoint } from "../model/hook_names.ts";
import { type SaeArchitecture, SaeError, type SaeSource } from "./weights.ts";

/** What a SAELens `cfg.json` says that changes the numbers, and where the autoencoder comes from. */
export interface SaeLensConfig {
  /** How the features activate. */
  readonly architecture: SaeArchitecture;
  /** The k of top-k. */
  readonly k?: number;
  /** Length of an activation, if it is told. */
  readonly dim?: number;
  /** Number of features, if it is told. */
  readonly size?: number;
  /** Whether `b_dec` is taken from the activations before they are encoded. */
  readonly centred: boolean;
  /** Whether features compete in top-k by what they add to the output, not by their value alone. */
  readonly rescaled: boolean;
  /** Whether the weights bring a factor for every feature's value, found by finetuning. */
  readonly finetuned: boolean;
  /** Model and hook point, if they are told. */
  readonly source: Omit<SaeSource, "path" | "format">;
}

type Fields = Readonly<Record<string, unknown>>;

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
  const fields = jsonObject(text, path);
  const refuse = (what: string, advice: string) =>
    new SaeError(`Cannot run the autoencoder of ${path}: ${what}. ${advice}`);

  const named = fields.architecture ?? "standard";
  const activation = fields.activation_fn_str ?? fields.activation_fn ?? "relu";
  if (named !== "standard" && named !== "jumprelu" && named !== "topk") {
    throw refuse(`its architecture is ${JSON.stringify(named)}`, "Expected standard, jumprelu or topk.");
  }
  if (activation !== "relu" && activation !== "topk") {
    throw refuse(`its activation function is ${JSON.stringify(activation)}`, "Expected relu or topk.");
  }
  if (activation === "topk" && named === "jumprelu") {
    throw refuse("it asks for jumprelu and top-k at once", "Expected one of them.");
  }
  // Before there was an architecture of that name, top-k was an activation function of the standard one.
  const architecture = activation === "topk" ? "topk" : named;

  const normalization = normalizationOf(fields.normalize_activations);
  if (normalization === "expected_average_only_in") {
    throw refuse(
      "its activations are scaled to an expected norm (expected_average_only_in), by a factor that the files do not hold",
      "Fold the factor into the weights with SAELens (fold_activation_norm_scaling_factor) and save it again.",
    );
  }
  if (normalization !== "none") {
    throw refuse(
      `its activations are normalised one by one (normalize_activations ${JSON.stringify(normalization)})`,
      "Expected none.",
    );
  }
  const source = sourceOf(fields);
  const reshaping = fields.reshape_activations ?? "none";
  // Its hook_z lays the heads side by side, which is how z is read here.
  const isReadSo = reshaping === "hook_z" && source.hookPoint?.at === "z";
  if (reshaping !== "none" && !isReadSo) {
    throw refuse(
      `its activations are reshaped (${JSON.stringify(reshaping)})`,
      "Expected none, or hook_z of a hook point z.",
    );
  }
  const rescaled = flag(fields, "rescale_acts_by_decoder_norm", false, path);
  if (rescaled && architecture !== "topk") {
    throw refuse("it sets rescale_acts_by_decoder_norm", "Expected that of topk only.");
  }
  return {
    architecture,
    ...(architecture === "topk" ? { k: topK(fields, path) } : {}),
    ...length(fields, "d_in", "dim", path),
    ...length(fields, "d_sae", "size", path),
    centred: flag(fields, "apply_b_dec_to_input", true, path),
    rescaled,
    finetuned: flag(fields, "finetuning_scaling_factor", false, path),
    source,
  };
}

function jsonObject(text: string, path: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SaeError(`Cannot read ${path}: it is not JSON (${(cause as Error).message}). Get it anew.`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new SaeError(`Cannot read ${path}: expected a JSON object but it is something else. Get it anew.`);
  }
  return value as Fields;
}

/** Earlier versions had a boolean; null and absence mean none. */
function normalizationOf(value: unknown): unknown {
  if (value === true) return "expected_average_only_in";
  return value === false || value === undefined || value === null ? "none" : value;
}

function topK(fields: Fields, path: string): number {
  const k = (fields.activation_fn_kwargs as Fields | null | undefined)?.k ?? fields.k;
  if (Number.isInteger(k) && (k as number) >= 1) return k as number;
  throw new SaeError(
    `Expected k of ${path}, the active features of a row, to be at least 1 but found ${JSON.stringify(k)}.`,
  );
}

function flag(fields: Fields, name: string, otherwise: boolean, path: string): boolean {
  const value = fields[name] ?? otherwise;
  if (typeof value === "boolean") return value;
  throw new SaeError(`Expected ${name} of ${path} to be true or false but found ${JSON.stringify(value)}.`);
}

function length<K extends string>(fields: Fields, name: string, as: K, path: string): { [key in K]?: number } {
  const value = fields[name] ?? undefined;
  if (value === undefined) return {};
  if (Number.isInteger(value) && (value as number) >= 1) return { [as]: value } as { [key in K]: number };
  throw new SaeError(`Expected ${name} of ${path} to be a length but found ${JSON.stringify(value)}.`);
}

function sourceOf(fields: Fields): SaeLensConfig["source"] {
  // The newest place comes last and wins.
  const metadata = { ...fields, ...(fields.meta as Fields | undefined), ...(fields.metadata as Fields | undefined) };
  const model = metadata.model_name;
  const hook = metadata.hook_name ?? metadata.hook_point;
  const layer = metadata.hook_layer ?? metadata.hook_point_layer;
  const ofOneHead = typeof (metadata.hook_head_index ?? metadata.hook_point_head_index) === "number";
  const point = typeof hook !== "string" || ofOneHead
    ? undefined
    : findHookPoint(hook, typeof layer === "number" ? layer : undefined);
  return {
    ...(typeof model === "string" ? { model } : {}),
    ...(typeof hook === "string" ? { hook } : {}),
    ...(point ? { hookPoint: normalHookPoint(point) } : {}),
  };
}

/**
 * Angles of rotary positions as config.json tells them. The formulas are those of transformers'
 * `modeling_rope_utils.py`; both of its spellings are read, `rope_theta` and `rope_scaling` at the top (4) and
 * `rope_parameters` (5).
 */
import { ModelError } from "../error.ts";
import type { CheckpointReader } from "./reader.ts";
import type { Rope, RopeFrequencies } from "./spec.ts";

/** What a family says where its config is silent. */
export interface RopeDefaults {
  readonly theta?: number;
  /** Share of a head that is rotated. */
  readonly partial?: number;
  readonly interleaved?: boolean;
  /** What is done to the angles, as `rope_scaling` would say it. */
  readonly scaling?: Settings;
  /** Other names of the base, and of the share. */
  readonly thetaNames?: readonly string[];
  readonly partialNames?: readonly string[];
}

type Settings = Readonly<Record<string, unknown>>;

/** The rotation of heads of a width; of a kind of block where config.json tells them apart. */
export function ropeOf(
  c: CheckpointReader,
  headDim: number,
  defaults: RopeDefaults = {},
  kind?: string,
): Rope {
  const { theta = 10_000, partial = 1, interleaved } = defaults;
  const { thetaNames = ["rope_theta"], partialNames = ["partial_rotary_factor"] } = defaults;
  const nested = c.record("rope_parameters");
  const scaling = nested ? undefined : c.record("rope_scaling");
  const told = kind !== undefined && nested ? ofKind(nested, kind) : nested ?? scaling;
  const settings = told as Settings | undefined ?? defaults.scaling ?? {};
  const base = numberIn(settings, "rope_theta") ?? c.agreed(thetaNames, theta);
  if (!(base > 0)) {
    throw new ModelError(`Expected ${thetaNames[0]} in config.json to be a number above zero but it is ${base}`);
  }
  const share = numberIn(settings, "partial_rotary_factor") ?? c.agreed(partialNames, partial);
  if (defaults.partial === undefined && share !== 1) {
    throw new ModelError(
      `Expected heads of a ${c.type} model to be rotated whole but config.json says partial_rotary_factor ${share}, which ` +
        "transformers does not heed for them: take an ONNX export",
    );
  }
  c.ignore("original_max_position_embeddings", ...thetaNames, ...partialNames);
  const dims = Math.floor(headDim * share);
  if (dims < 2 || dims % 2 !== 0) {
    throw new ModelError(
      `Expected rotary positions of an even number of dimensions but config.json makes ${dims} of ${headDim}`,
    );
  }
  return { dims, interleaved, ...anglesOf(c, settings, base, dims) };
}

/** What is said of one kind of block. */
function ofKind(nested: Settings, kind: string): Settings {
  const own = nested[kind] as Settings | null | undefined;
  if (typeof own === "object" && own !== null && typeof own.rope_theta === "number") return own;
  throw new ModelError(
    `Expected "rope_parameters" in config.json to tell the rotation of ${kind} with its rope_theta but it says ` +
      `${JSON.stringify(own) ?? "nothing"} of it`,
  );
}

/** Angles by the kind that a setting names. */
export function anglesOf(
  c: CheckpointReader,
  settings: Settings,
  base: number,
  dims: number,
): Pick<Rope, "frequencies" | "factor"> {
  const type = String(settings.rope_type ?? settings.type ?? "default");
  const plain = Array.from({ length: dims / 2 }, (_, i) => base ** (-2 * i / dims));
  const longest = () => c.count(["max_position_embeddings", "n_positions"]);
  const original = () =>
    numberIn(settings, "original_max_position_embeddings") ?? c.maybeNumber("original_max_position_embeddings");
  const factor = () => needed(c, settings, "factor");
  switch (type) {
    case "default":
      return fixed(plain);
    case "linear":
      return fixed(plain.map((angle) => angle / factor()));
    case "dynamic":
      // Hunyuan's kind of it is the same at every length; no other class heeds it.
      if (c.type.startsWith("hunyuan") && numberIn(settings, "alpha") !== undefined) {
        const grown = base * numberIn(settings, "alpha")! ** (dims / (dims - 2));
        return fixed(plain.map((_, i) => grown ** (-2 * i / dims)));
      }
      return { frequencies: { kind: "dynamic", theta: base, factor: factor(), original: longest() } };
    case "llama3":
      return fixed(llama3(c, settings, plain));
    case "yarn": {
      const from = original() ?? longest();
      return yarn(settings, {
        base,
        dims,
        plain,
        factor: numberIn(settings, "factor") ?? longest() / from,
        original: from,
      });
    }
    case "longrope":
    case "su":
      return longrope(c, settings, plain, longest());
    default:
      throw new ModelError(
        `Expected rotary positions of a kind that is known (default, linear, dynamic, llama3, yarn, longrope) but config.json ` +
          `says "${type}": take an ONNX export`,
      );
  }
}

function fixed(values: readonly number[], factor?: number): { frequencies: RopeFrequencies; factor?: number } {
  return {
    frequencies: { kind: "fixed", values: Float32Array.from(values) },
    ...(factor === undefined ? {} : { factor }),
  };
}

function llama3(c: CheckpointReader, settings: Settings, plain: readonly number[]): number[] {
  const [factor, low, high, original] = [
    "factor",
    "low_freq_factor",
    "high_freq_factor",
    "original_max_position_embeddings",
  ]
    .map((name) => needed(c, settings, name));
  return plain.map((angle) => {
    const wavelength = 2 * Math.PI / angle;
    // Short waves stay, long ones are stretched by the factor, those between in part.
    if (wavelength < original / high) return angle;
    if (wavelength > original / low) return angle / factor;
    const smooth = (original / wavelength - low) / (high - low);
    return (1 - smooth) * angle / factor + smooth * angle;
  });
}

/** https://arxiv.org/abs/2309.00071 */
function yarn(
  settings: Settings,
  { base, dims, plain, factor, original }: {
    base: number;
    dims: number;
    plain: readonly number[];
    factor: number;
    original: number;
  },
) {
  const scaleOf = (by: number, scale = 1) => by <= 1 ? 1 : 0.1 * scale * Math.log(by) + 1;
  const [one, all] = [numberIn(settings, "mscale"), numberIn(settings, "mscale_all_dim")];
  const told = numberIn(settings, "attention_factor");
  const attention = told ?? (one && all ? scaleOf(factor, one) / scaleOf(factor, all) : scaleOf(factor));
  /** The dimension that turns so often within the original length. */
  const dimOf = (turns: number) => dims * Math.log(original / (turns * 2 * Math.PI)) / (2 * Math.log(base));
  const isWhole = settings.truncate !== false;
  const [from, to] = [dimOf(numberIn(settings, "beta_fast") ?? 32), dimOf(numberIn(settings, "beta_slow") ?? 1)];
  const low = Math.max(isWhole ? Math.floor(from) : from, 0);
  let high = Math.min(isWhole ? Math.ceil(to) : to, dims - 1);
  // As transformers does: the ramp below divides by their difference.
  if (low === high) high += 0.001;
  const values = plain.map((angle, i) => {
    const ramp = Math.min(Math.max((i - low) / (high - low), 0), 1);
    return angle / factor * ramp + angle * (1 - ramp);
  });
  return fixed(values, attention);
}

function longrope(c: CheckpointReader, settings: Settings, plain: readonly number[], longest: number) {
  const lists = (["short_factor", "long_factor"] as const).map((name) => {
    const list = settings[name];
    const isList = Array.isArray(list) && list.length === plain.length &&
      list.every((value) => typeof value === "number");
    if (isList) return list;
    throw new ModelError(
      `Expected "${name}" of the rotary positions to be a list of ${plain.length} numbers: check config.json`,
    );
  });
  const original = originalOf(c, settings);
  const factor = numberIn(settings, "factor") ?? longest / original;
  const attention = numberIn(settings, "attention_factor") ??
    (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original)));
  const [short, long] = lists.map((list) => Float32Array.from(plain, (angle, i) => angle / list[i]));
  return { frequencies: { kind: "by length" as const, short, long, original }, factor: attention };
}

/** Tokens up to which the short factors hold. Phi 3 has it at the top, other families among the settings. */
function originalOf(c: CheckpointReader, settings: Settings): number {
  const name = "original_max_position_embeddings";
  const [above, inside] = [c.maybeNumber(name), numberIn(settings, name)];
  const told = above ?? (c.type === "phi3" ? undefined : inside);
  if (told !== undefined && (inside ?? told) === told) return told;
  throw new ModelError(
    `Expected "${name}" of this ${c.type} model to be told once, or twice the same, but config.json says ${above} and ${inside}`,
  );
}

function numberIn(settings: Settings, name: string): number | undefined {
  const value = settings[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new ModelError(`Expected "${name}" of the rotary positions to be a number but it is ${JSON.stringify(value)}`);
}

function needed(c: CheckpointReader, settings: Settings, name: string): number {
  const value = numberIn(settings, name);
  if (value !== undefined) return value;
  throw new ModelError(
    `Expected "${name}" among the rotary positions' settings of this ${c.type} model but it has none`,
  );
}

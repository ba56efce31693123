/** What decides, besides the stream, what a discovery ends with: a checkpoint is gone on with under the same only. */
import { bosOf, type StreamSource } from "../activations/source.ts";
import type { GrowthRules } from "./growth.ts";

/** How much of a stream is read; `null` for all of it. */
export interface Budget {
  readonly maxTokens: number | null;
  readonly maxPrompts: number | null;
  /** Whether it is read on when all dictionaries are saturated; absent in checkpoints of before there was a choice. */
  readonly readAll?: boolean;
}

/** Settings that all dictionaries of a run share. */
export interface RunSettings {
  readonly rules: GrowthRules;
  /** Absent in checkpoints of version 1. */
  readonly budget?: Budget;
}

/** Settings of one dictionary. */
export interface GrowthSettings {
  readonly layer: number;
  readonly percentile: number;
  readonly threshold: number;
  readonly seed: number;
  readonly source: StreamSource | null;
}

/** A value of a setting, as JSON has it: an infinite window is `null`. */
export type SettingValue = number | string | boolean | null | readonly number[] | undefined;

/** A setting in which a run and its checkpoint differ. */
export interface CheckpointDifference {
  /**
   * `layers`, `percentiles`, `seed`, `saturationWindow`, `merge`, `maxTokens`, `maxPrompts`, `readAll`, `threshold`, `hook`, or a
   * field of {@linkcode StreamSource}.
   */
  readonly name: string;
  /** What the run has. */
  readonly expected: SettingValue;
  /** What the checkpoint has. */
  readonly found: SettingValue;
}

/**
 * Thrown when a run is to go on from a checkpoint of other settings.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { calibrate, CheckpointMismatchError, discover } from "./mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * const batch = { data: Float32Array.of(1, 0, 0, 1, 1, 1, -1, 2), rows: 4, dim: 2 };
 * const calibration = await calibrate([batch], { percentiles: [50], backend: "cpu" });
 * const grown = (seed: number, resume: boolean) =>
 *   discover([batch, batch], calibration, { backend: "cpu", seed, checkpoint: { folder, every: 1, resume } });
 *
 * (await grown(0, false)).dispose();
 * await assertRejects(() => grown(1, true), CheckpointMismatchError, "seed 1 instead of 0");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class CheckpointMismatchError extends Error {
  /** Tells it from other errors. */
  override name = "CheckpointMismatchError";

  /** Says all differences in one sentence. */
  constructor(
    /** The checkpoint's folder. */
    readonly folder: string,
    /** All settings that differ, at least one. */
    readonly differences: readonly CheckpointDifference[],
  ) {
    const text = (value: SettingValue) => Array.isArray(value) ? value.join(", ") : `${value ?? "none"}`;
    const each = differences.map(({ name, expected, found }) => `${name} ${text(expected)} instead of ${text(found)}`);
    const differing = each.join(", ");
    super(
      `Expected the checkpoint ${folder} to be of this run but this run has ${differing}: go on with the settings it was ` +
        "started with (only its budget may grow), or remove the checkpoint",
    );
  }
}

/** Settings of a run, or of the one that wrote a checkpoint. */
interface Settings {
  readonly settings: RunSettings;
  readonly growths: readonly GrowthSettings[];
}

/**
 * Throws unless a run may go on from a checkpoint. All settings must be the same, but the budget may be larger: with a
 * smaller one the run might have ended before the checkpoint, with other dictionaries.
 *
 * @throws {CheckpointMismatchError} that names what differs.
 */
export function assertSameRun(folder: string, run: Settings, checkpoint: Settings): void {
  const [expected, found] = [fieldsOf(run), fieldsOf(checkpoint)];
  const shared = Math.min(run.growths.length, checkpoint.growths.length);
  const differences: CheckpointDifference[] = [];
  for (const name of new Set([...expected.keys(), ...found.keys()])) {
    // Dictionaries that only one of the two has show in the lists of layers and percentiles.
    const [mine, its] = [expected.get(name) ?? [], found.get(name) ?? []];
    for (let i = 0; i < shared; i++) {
      if (JSON.stringify(mine[i]) === JSON.stringify(its[i])) continue;
      differences.push({ name, expected: mine[i], found: its[i] });
      break;
    }
  }
  for (const name of ["maxTokens", "maxPrompts"] as const) {
    const [mine, its] = [run, checkpoint].map(({ settings }) => settings.budget?.[name]);
    // A checkpoint of version 1 does not tell.
    if (its === undefined || (mine ?? Infinity) >= (its ?? Infinity)) continue;
    differences.push({ name, expected: mine, found: its });
  }
  // Without it the run might have ended before, too.
  const [mine, its] = [run, checkpoint].map(({ settings }) => settings.budget?.readAll ?? false);
  if (its && !mine) differences.push({ name: "readAll", expected: mine, found: its });
  if (differences.length > 0) throw new CheckpointMismatchError(folder, differences);
}

/** Settings by name, a value a dictionary. */
function fieldsOf({ settings: { rules }, growths }: Settings): Map<string, readonly SettingValue[]> {
  const [layers, percentiles] = [growths.map(({ layer }) => layer), growths.map(({ percentile }) => percentile)];
  const [ownLayers, ownPercentiles] = [[...new Set(layers)], [...new Set(percentiles)]];
  // Short lists say all where each layer has the same percentiles, which is the rule.
  const isGrid = growths.length === ownLayers.length * ownPercentiles.length;
  const sources = growths.map(({ source }) => flat(source));
  const keys = new Set(sources.flatMap(Object.keys));
  const forAll = (value: SettingValue) => growths.map(() => value);
  return new Map([
    ["layers", forAll(isGrid ? ownLayers : layers)],
    ["percentiles", forAll(isGrid ? ownPercentiles : percentiles)],
    ["seed", growths.map(({ seed }) => seed)],
    ...Array.from(keys, (key) => [key, sources.map((source) => source[key])] as const),
    ["saturationWindow", forAll(rules.saturationWindow)],
    ["merge", forAll(rules.merge)],
    ["threshold", growths.map(({ threshold }) => threshold)],
  ]);
}

/** A source's fields as a checkpoint keeps them; that of the layer stands with the dictionary. */
function flat(source: StreamSource | null): Readonly<Record<string, SettingValue>> {
  if (source === null) return {};
  const { hook, ...reading } = source;
  const { excludePositions: positions, ...rest } = reading;
  return {
    ...rest,
    ...(positions !== undefined && { excludePositions: typeof positions === "number" ? positions : "template" }),
    // Chats of before there was a choice gave every activation each time.
    ...(source.chat && { repeats: source.repeats ?? "each" }),
    bos: bosOf(source),
    hook: hook.at,
  };
}

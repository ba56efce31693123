import { join } from "node:path";
import type { StreamSource } from "../activations/source.ts";
import type { BackendName } from "../compute/backend.ts";
import { assertKind } from "../compute/kinds.ts";
import {
  arrowTable,
  columnOf,
  fixedSizeListColumn,
  fixedSizeListsOf,
  float64Of,
  metadataOf,
  nullableColumn,
  numberColumn,
  readArrow,
  writeArrow,
} from "../files/arrow.ts";
import { exists } from "../files/exists.ts";
import { assertCalibration } from "./calibration_values.ts";
import type { Pairs, TakenPairs } from "./calibration_pairs.ts";
import type { CalibrationSample } from "./calibration_sample.ts";
import { Calibration, type CalibrationValues } from "./calibrator.ts";

/** Everything that a calibration's numbers depend on. */
export interface CalibrationKey {
  /** Model, hook, extractor, context, corpus. */
  readonly source: StreamSource;
  /** Percentiles measured. */
  readonly percentiles: readonly number[];
  /** Activations asked for. */
  readonly activations: number;
  /** Pairs asked for; absent where the batches decided. */
  readonly pairs?: Pairs;
  /** Seed of the stream's order, and of the deal of a sample into blocks. */
  readonly seed: number;
  /** The backend that measured: others differ in the last bits. */
  readonly backend: BackendName;
  /** Tells versions of the model's and the corpus' files apart, e.g. their sizes and times. */
  readonly files: string;
}

const FORMAT = "exemplar calibration 2";
/** Of before checksums. */
const FIRST_FORMAT = "exemplar calibration 1";

/**
 * Writes a calibration as an Arrow file, a row a percentile: its threshold, and the spread of that over batches or blocks.
 * Activations, which pairs were taken, and source are in the schema's metadata.
 *
 * @param path File to write; of that name an earlier one is replaced.
 * @param key What its numbers depend on, for whoever looks for a calibration of the same; default nothing.
 * @throws {Error} if the file cannot be written.
 *
 * @example
 * ```ts
 * import { Calibration, loadCalibration, saveCalibration } from "./mod.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".arrow" });
 * const levels = [{ percentile: 10, threshold: 0.6 }];
 * await saveCalibration(path, new Calibration({ center: Float32Array.of(1, 2), levels, activations: 1000 }));
 * const { threshold, center } = (await loadCalibration(path)).at(10);
 * if (threshold !== 0.6 || center.join() !== "1,2") throw new Error(`${threshold} ${center}`);
 * await Deno.remove(path);
 * ```
 */
export async function saveCalibration(
  path: string,
  calibration: CalibrationValues,
  key: CalibrationKey | null = null,
): Promise<void> {
  assertKind("the path of saveCalibration", path, "string");
  assertCalibration(calibration);
  const { center, levels, activations, pairs, sample, normLimit, source } = calibration;
  const centers = new Float32Array(levels.length * center.length);
  // A table has one length for all columns: the center stands in every row.
  levels.forEach((_, i) => centers.set(center, i * center.length));
  const table = arrowTable({
    percentile: numberColumn(Float64Array.from(levels, ({ percentile }) => percentile)),
    threshold: numberColumn(Float64Array.from(levels, ({ threshold }) => threshold)),
    spread: nullableColumn(
      numberColumn(Float64Array.from(levels, ({ spread = 0 }) => spread)),
      levels.map(({ spread }) => spread !== undefined),
    ),
    center: fixedSizeListColumn(centers, center.length),
  }, {
    metadata: {
      format: FORMAT,
      activations: String(activations),
      ...(pairs && { pairs: JSON.stringify(pairs) }),
      ...(sample && { sample: JSON.stringify(sample) }),
      ...(normLimit !== undefined && { normLimit: String(normLimit) }),
      source: JSON.stringify(source ?? null),
      key: JSON.stringify(key),
    },
  });
  await writeArrow(path, table);
}

/**
 * Reads a saved calibration.
 *
 * @param path What {@linkcode saveCalibration} wrote.
 * @param onWarning Gets a sentence about a file from before checksums; default `console.warn`.
 * @throws {Error} A sentence if the file is missing, damaged or of another kind.
 *
 * @example What no calibration was written to is refused
 * ```ts
 * import { assertRejects } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".arrow" });
 * await assertRejects(() => loadCalibration(path), Error, path);
 * await Deno.remove(path);
 * ```
 */
export async function loadCalibration(
  path: string,
  onWarning?: (sentence: string) => void,
): Promise<Calibration> {
  assertKind("the path of loadCalibration", path, "string");
  return (await readCalibration(path, onWarning)).calibration;
}

/** A saved calibration, and the key that it was kept under. */
async function readCalibration(path: string, onWarning?: (sentence: string) => void) {
  const table = await readArrow(path, { onWarning });
  const metadata = metadataOf(table);
  if ((metadata.format !== FORMAT && metadata.format !== FIRST_FORMAT) || table.numRows === 0) {
    throw new Error(`Expected ${path} to be a calibration that saveCalibration wrote but it is another Arrow file`);
  }
  const centers = fixedSizeListsOf(columnOf(table, "center"));
  const { source, key, pairs, sample } = recordsOf(path, metadata);
  const thresholds = float64Of(columnOf(table, "threshold"));
  // Absent from files of before it was looked at.
  const spreads = table.getChild("spread");
  const calibration = new Calibration({
    center: centers.values.slice(0, centers.dim),
    levels: Array.from(float64Of(columnOf(table, "percentile")), (percentile, i) => {
      const spread: number | null = spreads?.get(i) ?? null;
      return { percentile, threshold: thresholds[i], ...(spread !== null && { spread }) };
    }),
    activations: Number(metadata.activations),
    pairs,
    sample,
    normLimit: metadata.normLimit === undefined ? undefined : Number(metadata.normLimit),
    source: source ?? undefined,
  });
  return { calibration, key };
}

function recordsOf(path: string, { source, key, pairs, sample }: Record<string, string>) {
  try {
    return {
      source: JSON.parse(source) as StreamSource | null,
      key: JSON.parse(key) as CalibrationKey | null,
      pairs: pairs === undefined ? undefined : JSON.parse(pairs) as TakenPairs,
      sample: sample === undefined ? undefined : JSON.parse(sample) as CalibrationSample,
    };
  } catch (cause) {
    throw new Error(`Cannot read ${path}: what it was measured on is no JSON. Calibrate again.`, { cause });
  }
}

/**
 * The calibration of a key, if the folder has it.
 *
 * @param onDamage Gets a sentence about a file that cannot be read, or cannot prove itself, which is as if there were
 * none; default `console.warn`.
 */
export async function cachedCalibration(
  folder: string,
  key: CalibrationKey,
  onDamage: (sentence: string) => void = console.warn,
): Promise<Calibration | undefined> {
  const path = await cachePath(folder, key);
  if (!await exists(path)) return undefined;
  try {
    const { key: keptKey, calibration } = await readCalibration(path, (sentence) => {
      // A file without checksums cannot prove itself: measuring anew is cheaper than a wrong threshold.
      throw new Error(sentence);
    });
    // The name is a part of the digest only; the key in the file decides.
    return JSON.stringify(keptKey) === JSON.stringify(key) ? calibration : undefined;
  } catch (error) {
    onDamage(`The cached calibration is measured anew. ${(error as Error).message}`);
    return undefined;
  }
}

/** Keeps a calibration for later runs of the same key. */
export async function cacheCalibration(folder: string, key: CalibrationKey, calibration: Calibration): Promise<void> {
  await saveCalibration(await cachePath(folder, key), calibration, key);
}

async function cachePath(folder: string, key: CalibrationKey): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(key)));
  return join(folder, `${new Uint8Array(digest).toHex().slice(0, 24)}.arrow`);
}

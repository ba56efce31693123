import { balancedAccuracy, splitByLabel } from "../regions/label_split.ts";

/** Final tokens that a region must hold before it says anything. */
const MEMBERS = 5;

/** How a dictionary tells refusal. */
export interface RefusalHandle {
  /** Regions of five instructions or more in which refused ones are over-represented. */
  readonly regions: ReadonlySet<number>;
  /** Regions that hold the final token of an instruction. */
  readonly occupied: number;
  /** Balanced accuracy on the instructions that it was made from; 0.5 is chance. Null if all or none are refused. */
  readonly accuracy: number | null;
}

/**
 * Finds the regions that tell refused instructions: what a `Monitor` watches for.
 *
 * @param regions The region in which each instruction ends, see `finalRegions`.
 * @param refused Whether the model refuses each.
 *
 * @example
 * ```ts
 * const refused = [true, true, true, true, true, false, false, false, false, false];
 * const { regions, accuracy } = refusalHandle([4, 4, 4, 4, 4, 2, 2, 2, 2, 2], refused);
 * if ([...regions].join() !== "4" || accuracy !== 1) throw new Error(`${[...regions]} ${accuracy}`);
 * ```
 */
export function refusalHandle(regions: readonly number[], refused: readonly boolean[]): RefusalHandle {
  const split = splitByLabel(regions, refused);
  const count = refused.filter(Boolean).length;
  const rate = count / refused.length;
  const telling = split.filter(({ members, share }) => members >= MEMBERS && share > rate);
  return {
    regions: new Set(telling.map(({ region }) => region)),
    occupied: split.length,
    accuracy: count === 0 || count === refused.length ? null : balancedAccuracy(split, rate, regions, refused),
  };
}

/** What a handle does on instructions that it was not made from. */
export interface HandleRates {
  /** Instructions that the model refuses. */
  readonly refused: number;
  /** Share of these that raise the alarm; null of none. */
  readonly sensitivity: number | null;
  /** Instructions that the model answers. */
  readonly answered: number;
  /** Share of these that raise the alarm; null of none. */
  readonly falseAlarms: number | null;
}

/**
 * Measures a handle on instructions that it was not made from.
 *
 * @param regions The region in which each instruction ends.
 * @param refused Whether the model refuses each.
 *
 * @example
 * ```ts
 * const rates = handleRates({ regions: new Set([4]) }, [4, 2, 4], [true, true, false]);
 * if (rates.sensitivity !== 0.5 || rates.falseAlarms !== 1) throw new Error(JSON.stringify(rates));
 * ```
 */
export function handleRates(
  handle: Pick<RefusalHandle, "regions">,
  regions: readonly number[],
  refused: readonly boolean[],
): HandleRates {
  const share = (label: boolean) => {
    const own = regions.filter((_, i) => refused[i] === label);
    const alarmed = own.filter((region) => handle.regions.has(region)).length;
    return { count: own.length, alarmed: own.length === 0 ? null : alarmed / own.length };
  };
  const [yes, no] = [share(true), share(false)];
  return { refused: yes.count, sensitivity: yes.alarmed, answered: no.count, falseAlarms: no.alarmed };
}

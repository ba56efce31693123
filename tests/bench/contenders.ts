/** The ways in which this module does a thing on the CPU, to be measured side by side. */
import * as exemplar from "../../mod.ts";
import { CpuBackend } from "../../src/compute/cpu.ts";
import type { BenchSettings } from "./settings.ts";

/** This module or an older version of it, and its backend. */
export interface Contender {
  /** What stands for it in tables. */
  readonly name: string;
  readonly module: typeof exemplar;
  readonly backend: exemplar.Backend;
  /** Whether it must give the same bytes as all others of which this is so. */
  readonly isExact: boolean;
}

/** What stands for this module as users have it. */
export const OURS = "exemplar";
/** What stands for an older version of it. */
export const BEFORE = "before";
/** What stands for a product of matrices that looks at nothing. */
export const LIMIT = "onnxruntime's product alone";

/** The CPU backend as users have it first, then that of an older version, if one is to be measured beside. */
export async function cpuContenders({ before }: BenchSettings): Promise<Contender[]> {
  const older = before && { name: BEFORE, module: before, backend: await before.openBackend("cpu"), isExact: false };
  return [
    { name: OURS, module: exemplar, backend: await exemplar.openBackend("cpu"), isExact: true },
    ...older ? [older] : [],
  ];
}

/** The same, and between them what the backend would do if it searched in one way always. */
export async function cpuSearches(settings: BenchSettings): Promise<Contender[]> {
  const [ours, ...older] = await cpuContenders(settings);
  const forced = (["integers", "float"] as const).map((way) => ({
    ...{ name: `${OURS}, ${way}`, module: exemplar, backend: new CpuBackend({ way }), isExact: true },
  }));
  return [ours, ...forced, ...older];
}

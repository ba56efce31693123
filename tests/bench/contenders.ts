/** The ways in which this module does a thing on the CPU, to be measured side by side. */
import * as exemplar from "../../mod.ts";
import type { BenchSettings } from "./settings.ts";

/** This module or an older version of it, and its backend. */
export interface Contender {
  /** What stands for it in tables. */
  readonly name: string;
  readonly module: typeof exemplar;
  readonly backend: exemplar.Backend;
}

/** What stands for this module as users have it. */
export const OURS = "exemplar";

/** The CPU backend as users have it first, then that of an older version, if one is to be measured beside. */
export async function cpuContenders({ before }: BenchSettings): Promise<Contender[]> {
  return [
    { name: OURS, module: exemplar, backend: await exemplar.openBackend("cpu") },
    ...before ? [{ name: "before", module: before, backend: await before.openBackend("cpu") }] : [],
  ];
}

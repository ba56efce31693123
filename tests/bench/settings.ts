/** What all benchmarks are told. */
import type * as Exemplar from "../../mod.ts";
import type { CurvePoint } from "./growth.ts";
import type { Peer } from "./peer.ts";

/** What all benchmarks are told. */
export interface BenchSettings {
  /** Small sizes, to see that everything runs. */
  readonly quick: boolean;
  /** Runs of each way. */
  readonly repeats: number;
  /** Folder for files that the peer reads and writes; it goes at the end. */
  readonly folder: string;
  /** NumPy, if there is one. */
  readonly peer?: Peer;
  /** An older version of this module to measure beside. */
  readonly before?: typeof Exemplar;
  /** Folder of the model whose activations are read. */
  readonly model: string;
  /** Tells the user, and the report, of what is left out, and of what takes minutes. */
  note(sentence: string): void;
  /** Keeps a point of a growth curve, for the charts. */
  record(point: CurvePoint): unknown;
}

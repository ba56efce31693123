import { basename } from "node:path";
import type { Dtype } from "./types.ts";

/** How the graph file of a storage type is called. */
export const suffixes: Record<Dtype, string> = {
  fp32: "",
  fp16: "_fp16",
  q8: "_quantized",
  q4: "_q4",
  q4f16: "_q4f16",
  int8: "_int8",
  uint8: "_uint8",
  bnb4: "_bnb4",
  q2: "_q2",
  q2f16: "_q2f16",
  q1: "_q1",
  q1f16: "_q1f16",
};

/** The storage type that a graph file's name tells: `model_q4f16.onnx` is q4f16. */
export function dtypeOfFile(name: string): Dtype | undefined {
  const stem = basename(name, ".onnx");
  const known = Object.entries(suffixes).filter(([, suffix]) => suffix !== "" && stem.endsWith(suffix));
  const [longest] = known.sort(([, a], [, b]) => b.length - a.length);
  return longest?.[0] as Dtype | undefined ?? (/^(model|decoder_model_merged)$/.test(stem) ? "fp32" : undefined);
}

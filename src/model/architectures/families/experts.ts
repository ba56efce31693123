import type { CheckpointReader } from "../reader.ts";
import type { Mlp } from "../spec.ts";
import { activationOf, matrix } from "./common.ts";

/** A mixture of gated experts, each with matrices of its own. */
export function mixtureOf(
  c: CheckpointReader,
  { path, count, perToken, width, normed, names = ["gate_proj", "up_proj", "down_proj"] }: {
    path: string;
    count: number;
    perToken: number;
    width: number;
    normed: boolean;
    /** Of gate, up and down. */
    names?: readonly [string, string, string];
  },
): Mlp {
  const act = activationOf(c, "hidden_act", "silu");
  const [gate, up, down] = names;
  const experts = Array.from({ length: count }, (_, i) => {
    const prefix = `${path}.experts.${i}`;
    return {
      kind: "gated" as const,
      act,
      gate: matrix(`${prefix}.${gate}`),
      up: matrix(`${prefix}.${up}`),
      down: matrix(`${prefix}.${down}`),
      width,
    };
  });
  return { kind: "experts", router: matrix(`${path}.gate`), experts, perToken, normed };
}

/** The best ablation of `refusal` on prompts that had no part in choosing it. */
import type { Ablation, LabelledFinals, RefusalLab, RefusalSetting } from "../../../src/analysis/mod.ts";
import type { Flags, Run } from "../../../src/run/mod.ts";
import type { BestAblation } from "./findings.ts";

/** Tries an ablation on the other prompts, and steers harmless ones with its region. */
export async function triedElsewhere<F extends Flags>(
  { progress }: Run<F>,
  lab: RefusalLab,
  ablation: Ablation,
  setting: RefusalSetting,
  finalsAt: (layer: number) => LabelledFinals,
  alphas: readonly number[],
): Promise<BestAblation> {
  const { layer, basis, k } = ablation;
  const end = progress.step("confirm");
  const confirmation = await lab.confirm(setting, basis, k);
  end();
  const stage = progress.stage("steer", alphas.length * (setting.matched ? 3 : 2), "strengths");
  const steered = await lab.steer(setting, basis, finalsAt(layer), alphas, () => stage.advance());
  stage.end();
  return { ablation, setting, confirmation, steered };
}
